"""The peer, and the programs that do one piece of work against it."""

import os
import socket
import subprocess
import time


class Peer:
    """The server of all works, in a process of its own."""

    def __init__(self, programs, pki):
        self.process = subprocess.Popen(
            [f"{programs}/peer", f"{pki}/ecdsa.pem", f"{pki}/ecdsa.key"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.arguments = [f"{pki}/ca.pem", *self.process.stdout.readline().split()]

    def order(self, text):
        """What common.c's order() does."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            control.settimeout(10)
            control.sendto(text.encode(), ("127.0.0.1", int(self.arguments[2])))
            control.recv(128)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Runner:
    """A program with the backend that it shall use."""

    def __init__(self, name, program, variables):
        self.name = name
        self.program = program
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("GIO_", "SSL_", "OPENSSL_", "G_TLS_"))
        }
        self.environment = (
            clean | {"GIO_USE_VFS": "local", "GSETTINGS_BACKEND": "memory"} | variables
        )

    def run(self, peer, work):
        """The figures of one run: a list of values for each name. None: this backend cannot do the work."""
        command = [self.program, *peer.arguments, *map(str, work)]
        reader, writer = os.pipe()
        begin = time.monotonic()
        child = os.posix_spawn(
            command[0], command, self.environment, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)]
        )
        os.close(writer)
        with os.fdopen(reader) as output:
            lines = output.read().splitlines()
        _, status, usage = os.wait4(child, 0)
        wall = time.monotonic() - begin
        if status != 0:
            peer.order("echo")
            peer.order("tickets 0")
            return None
        figures = {"process": [wall], "process-cpu": [usage.ru_utime + usage.ru_stime]}
        for line in lines:
            name, value = line.split()
            figures.setdefault(name, []).append(float(value))
        return figures


def runners(programs, ours, theirs):
    """gio-ossl, Debian's glib-networking, and the floor, by itself and with GIO, which finds no backend."""
    return [
        Runner("ossl", f"{programs}/client", {"GIO_USE_TLS": "ossl", "GIO_MODULE_DIR": ours}),
        Runner("gnutls", f"{programs}/client", {"GIO_USE_TLS": "gnutls", "GIO_MODULE_DIR": theirs}),
        Runner("floor", f"{programs}/floor", {}),
        Runner("floor-gio", f"{programs}/floor-gio", {"GIO_MODULE_DIR": programs}),
    ]
