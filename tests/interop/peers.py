#!/usr/bin/python3
"""Independent DTLS servers as test peers: start one, wait until it listens, make it echo.

From Python:    with Peer("openssl", certificate, key) as peer: ... peer.port, peer.wait_for_log("...")
From elsewhere: peers.py serve NAME --certificate FILE --key FILE [-- EXTRA SERVER OPTIONS]
                prints "ready PORT LOGFILE" and serves until its standard input ends.

Peers:
  openssl  `openssl s_server -dtls1_2`. It refuses -rev with DTLS, so the echo is made outside: one
           SOCK_SEQPACKET pair is its standard output and its standard input. s_server writes each
           received message with one write(2) and sends what one read(2) returns as one record, so
           message boundaries survive. -quiet is what makes that clean: no banner on stdout, and no
           command letters (Q, q, R, ...) taken from the echoed bytes. -state reports alerts on
           stderr ("SSL3 alert read:fatal:unknown CA"), which is the log.
  openssl-dtls1  the same, but it speaks DTLS 1.0 only.
  gnutls   `gnutls-serv --udp --echo`. It reads into 254 bytes, so that the echo of a longer message
           comes back as several of at most 254 bytes.
  garbage  a plain UDP socket that answers every datagram with junk, an empty datagram and plain
           text: a server that is not DTLS.
  silent   a plain UDP socket that never answers.

s_server and gnutls-serv say nothing on UDP that could be waited for
(-quiet; buffered), so readiness is the port's appearance in /proc/net/udp as a socket of theirs.
"""

import argparse
import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

POLL = 0.005
START_LIMIT = 20.0
JUNK = (b"\xa5" * 48, b"", b"220 mail.example.com ESMTP\r\n", b"\x16\xfe\xfd" + b"\0" * 40)


class PeerError(Exception):
    """A peer did not start or did not log what was waited for; the text carries its log."""


def free_udp_port():
    """A UDP port of 127.0.0.1 that is free now, and that the kernel does not give to somebody else by itself."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as limits:
        lowest = int(limits.read().split()[0])
    while True:
        port = random.randrange(lowest // 2, lowest)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", port))
            return port


def udp_port_is_bound(port, process):
    """Whether the process of this number has bound `port`; somebody else may have been faster."""
    try:
        descriptors = [entry.path for entry in os.scandir(f"/proc/{process}/fd")]
    except OSError:
        return False
    held = set()
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            held.add(os.readlink(descriptor))
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        with contextlib.suppress(FileNotFoundError), open(table, encoding="ascii") as lines:
            for line in lines:
                fields = line.split()
                if fields[1].endswith(f":{port:04X}") and f"socket:[{fields[9]}]" in held:
                    return True
    return False


class Peer:
    """One running server on 127.0.0.1; a context manager."""

    def __init__(self, name, certificate=None, key=None, options=()):
        self.name = name
        self.certificate = certificate
        self.key = key
        self.options = list(options)
        self.port = None
        self.log_path = None
        self._process = None
        self._socket = None
        self._stopping = threading.Event()

    def __enter__(self):
        try:
            self.start()
        except PeerError:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Starts the server; returns when it listens."""
        descriptor, self.log_path = tempfile.mkstemp(prefix=f"peer-{self.name}-", suffix=".log")
        with os.fdopen(descriptor, "wb") as log:
            if self.name == "openssl":
                self._start_openssl(log, "-dtls1_2")
            elif self.name == "openssl-dtls1":
                self._start_openssl(log, "-dtls1", "-cipher", "ALL:@SECLEVEL=0")
            elif self.name == "gnutls":
                self._start_gnutls(log)
            elif self.name in ("garbage", "silent"):
                self._start_plain()
            else:
                raise PeerError(f"no peer is called {self.name!r}")

    def stop(self):
        """Ends the server and removes its log."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self.log_path is not None:
            os.unlink(self.log_path)
            self.log_path = None

    def log(self):
        """What the server has said so far."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for_log(self, pattern, limit=10.0):
        """The first match of the regular expression in the log, waiting for it."""
        deadline = time.monotonic() + limit
        while True:
            text = self.log()
            match = re.search(pattern, text)
            if match:
                return match
            if time.monotonic() > deadline:
                raise PeerError(f"{self.name} never logged {pattern!r}; its log:\n{text}")
            time.sleep(POLL)

    def _start_openssl(self, log, version, *ciphers):
        outer, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with outer, inner:
            self._spawn(
                lambda port: ["openssl", "s_server", version, *ciphers, "-quiet", "-state",
                              "-accept", f"127.0.0.1:{port}",
                              "-cert", self.certificate, "-key", self.key, *self.options],
                stdin=inner, stdout=outer, stderr=log)

    def _start_gnutls(self, log):
        self._spawn(
            lambda port: ["stdbuf", "-oL", "gnutls-serv", "--udp", "--echo", "-d", "2",
                          "--port", str(port),
                          "--x509certfile", self.certificate, "--x509keyfile", self.key,
                          *(self.options or ["--disable-client-cert"])],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _spawn(self, command, **streams):
        """Runs the command on a free port; again on another one if somebody was faster."""
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            self.port = free_udp_port()
            self._process = subprocess.Popen(command(self.port), **streams)
            while self._process.poll() is None:
                if udp_port_is_bound(self.port, self._process.pid):
                    return
                if time.monotonic() > deadline:
                    self._process.kill()
                    break
                time.sleep(POLL)
            self._process.wait()
            if "in use" not in self.log():
                break
        raise PeerError(f"{self.name} ended with {self._process.returncode} before it listened; its log:\n{self.log()}")

    def _start_plain(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        if self.name == "garbage":
            threading.Thread(target=self._answer_with_junk, args=(self._socket.dup(),), daemon=True).start()

    def _answer_with_junk(self, sock):
        sock.settimeout(0.1)
        with sock:
            while not self._stopping.is_set():
                try:
                    _, sender = sock.recvfrom(65536)
                    for junk in JUNK:
                        sock.sendto(junk, sender)
                except socket.timeout:
                    continue


def main():
    """The `serve` command for test programs in other languages."""
    parser = argparse.ArgumentParser(description="Serves one DTLS test peer until stdin ends.")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("name", choices=["openssl", "openssl-dtls1", "gnutls", "garbage", "silent"])
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.epilog = "Options of the server itself may follow after --."
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:split])
    with Peer(arguments.name, arguments.certificate, arguments.key, words[split + 1:]) as peer:
        print("ready", peer.port, peer.log_path, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
