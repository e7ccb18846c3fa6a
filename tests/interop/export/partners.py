"""The programs that print what they derive from a session, and our ends beside them."""

import os
import re
import select
import socket
import subprocess
import tempfile
import time

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl  # noqa: E402,F401 # The methods of GioOssl are there then.

from support import gio_client, pki  # noqa: E402
from peers import POLL, Peer  # noqa: E402

LIMIT = 20.0


class TalkingServer(Peer):
    """`openssl s_server` that prints the session and what it receives, and sends what it reads from
    its standard input."""

    def __init__(self, *options):
        super().__init__("openssl", pki("ecdsa.pem"), pki("ecdsa.key"), options)

    def _start_openssl(self, log, version, *ciphers):
        self._spawn(
            lambda port: ["openssl", "s_server", version, "-accept", f"127.0.0.1:{port}",
                          "-cert", self.certificate, "-key", self.key, *self.options],
            stdin=subprocess.PIPE, stdout=log, stderr=log)

    def stop(self):
        """Ends the server."""
        if self._process is not None:
            self._process.stdin.close()
        super().stop()

    def say(self, line):
        """Sends a line to the client."""
        self._process.stdin.write(line)
        self._process.stdin.flush()


class Program:
    """A client program with its output; a context manager."""

    def __init__(self, *command):
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self._log,
                                         stderr=self._log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._log.close()

    def wait_for(self, pattern):
        """The first match of the regular expression in the output, waiting for it."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            text = os.pread(self._log.fileno(), 1 << 20, 0).decode(errors="replace")
            found = re.search(pattern, text)
            if found:
                return found
            time.sleep(POLL)
        raise AssertionError(f"{pattern!r} was never printed:\n{text}")


def openssl_client(port, *options):
    """`openssl s_client` that prints the session."""
    return Program("openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", *options)


def gnutls_client(port, *options):
    """`gnutls-cli` that prints the session."""
    return Program("stdbuf", "-oL", "gnutls-cli", "--udp", "--x509cafile", pki("ca.pem"),
                   "--verify-hostname", "server.example.com", "--port", str(port), *options,
                   "127.0.0.1")


class Listener:
    """A UDP socket that waits for the first client."""

    def __init__(self):
        self._socket = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM,
                                      Gio.SocketProtocol.UDP)
        self._socket.bind(Gio.InetSocketAddress.new_from_string("127.0.0.1", 0), False)
        self.port = self._socket.get_local_address().get_port()

    def accept(self):
        """Our server for whoever has sent the first datagram."""
        with socket.socket(fileno=os.dup(self._socket.get_fd())) as plain:
            if not select.select([plain], [], [], LIMIT)[0]:
                raise AssertionError("no client came")
            _, (_, port) = plain.recvfrom(1, socket.MSG_PEEK)
        return self.serve(port)

    def serve(self, port):
        """Our server for the client at this port of 127.0.0.1."""
        self._socket.connect(Gio.InetSocketAddress.new_from_string("127.0.0.1", port), None)
        certificate = Gio.TlsCertificate.new_from_files(pki("ecdsa.pem"), pki("ecdsa.key"))
        return Gio.DtlsServerConnection.new(self._socket, certificate)


def client_of(port, **properties):
    """Our client."""
    client = gio_client(port)
    for name, value in properties.items():
        client.set_property(name, value)
    return client
