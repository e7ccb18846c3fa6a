#!/usr/bin/python3
"""Pre-shared keys with other implementations: check.py WORK PYTHON_WITH_MBEDTLS

Each case is a handshake and a message each way, which must arrive.
"""

import os
import socket
import subprocess
import sys
import threading

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from peers import Peer  # noqa: E402

WORK, MBEDTLS = sys.argv[1:]
IDENTITY = "sensor"
KEY = "aKeyOfBothSides"
HEX = KEY.encode().hex()
HINT = "sensors"
SECOND = 1_000_000
LIMIT = 20

OPENSSL_SUITES = (
    "ECDHE-PSK-CHACHA20-POLY1305", "DHE-PSK-AES256-GCM-SHA384", "DHE-PSK-CHACHA20-POLY1305",
    "DHE-PSK-AES128-GCM-SHA256", "DHE-PSK-AES256-CCM", "DHE-PSK-AES128-CCM",
    "PSK-AES256-GCM-SHA384", "PSK-CHACHA20-POLY1305", "PSK-AES128-GCM-SHA256",
    "PSK-AES256-CCM", "PSK-AES128-CCM", "DHE-PSK-AES256-CCM8", "DHE-PSK-AES128-CCM8",
    "PSK-AES256-CCM8", "PSK-AES128-CCM8",
)
# Key exchange and cipher in GnuTLS's words, and the suite in OpenSSL's.
GNUTLS_SUITES = (
    ("PSK", "AES-128-CCM-8", "PSK-AES128-CCM8"),
    ("PSK", "AES-256-GCM", "PSK-AES256-GCM-SHA384"),
    ("DHE-PSK", "AES-128-CCM", "DHE-PSK-AES128-CCM"),
    ("DHE-PSK", "AES-128-GCM", "DHE-PSK-AES128-GCM-SHA256"),
    ("ECDHE-PSK", "CHACHA20-POLY1305", "ECDHE-PSK-CHACHA20-POLY1305"),
)

# CoAP (RFC 7252): a confirmable GET of the root, and Content with the payload "marker".
COAP_GET = bytes.fromhex("4101123401")
COAP_CONTENT, COAP_PAYLOAD = 0x45, b"\xffmarker"


class PskPeer(Peer):
    """Servers with a key, and those that speak CoAP."""

    def __init__(self, name, *options):
        super().__init__(name, options=options)

    def start(self):
        """Starts the server; returns when it listens."""
        self.log_path = os.path.join(WORK, "peer.log")
        with open(self.log_path, "wb") as log:
            if self.name == "openssl":
                outer, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with outer, inner:
                    self._spawn(lambda port: [
                        "openssl", "s_server", "-dtls1_2", "-quiet", "-state", "-nocert",
                        "-accept", f"127.0.0.1:{port}", "-psk", HEX, "-psk_identity", IDENTITY,
                        *self.options], stdin=inner, stdout=outer, stderr=log)
            elif self.name == "gnutls":
                passwords = os.path.join(WORK, "psk.txt")
                with open(passwords, "w", encoding="ascii") as file:
                    file.write(f"{IDENTITY}:{HEX}\n")
                self._spawn(lambda port: [
                    "gnutls-serv", "--udp", "--echo", "--port", str(port),
                    "--pskpasswd", passwords, "--pskhint", HINT, *self.options],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            else:
                # DTLS has the port after the one that is named.
                self._spawn(lambda port: [
                    self.name, "-A", "127.0.0.1", "-p", str(port - 1), "-k", KEY, "-h", HINT],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def our_client(port, on_request, key=KEY, limit=LIMIT):
    """Our client after its handshake, and the hints that it was told."""
    secret = GLib.Bytes.new(key.encode())
    base = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
    base.connect(Gio.InetSocketAddress.new_from_string("127.0.0.1", port), None)
    client = GioOssl.DtlsClientConnection.new(base, None)
    client.set_database(None)
    hints = []
    if on_request:
        def request(connection, hint):
            hints.append(hint)
            return connection.set_psk(IDENTITY, secret)
        client.connect("psk-request", request)
    else:
        client.set_psk(IDENTITY, secret)
    cancellable = Gio.Cancellable()
    timer = threading.Timer(limit, cancellable.cancel)
    timer.start()
    try:
        client.handshake(cancellable)
    finally:
        timer.cancel()
    return client, hints


def expect(what, found):
    if what != found:
        raise AssertionError(f"{found!r} instead of {what!r}")


def echo_with(peer, suite, hint, on_request=False):
    with peer:
        client, hints = our_client(peer.port, on_request)
        expect(suite, client.get_ciphersuite_name())
        expect([hint] if on_request else [], hints)
        client.send(b"marker", LIMIT * SECOND, None)
        received = client.receive_bytes(100, LIMIT * SECOND, None).get_data()
        expect(b"marker", received)
        client.close(None)


def wrong_key_with(peer):
    """Nothing comes of it: an alert, or nothing at all."""
    with peer:
        try:
            our_client(peer.port, False, "another", 1.5)
        except GLib.Error:
            return
        raise AssertionError("established with a wrong key")


def coap_get_from(peer):
    with peer:
        client, hints = our_client(peer.port, True)
        expect([HINT], hints)
        client.send(COAP_GET, LIMIT * SECOND, None)
        answer = client.receive_bytes(2000, LIMIT * SECOND, None).get_data()
        expect(COAP_CONTENT, answer[1])
        client.close(None)


class OurServer(threading.Thread):
    """Our server for one client, which answers one message."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(LIMIT)
        self.port = self.socket.getsockname()[1]
        self.suite = None
        self.failure = None

    def run(self):
        try:
            self.serve()
        except (GLib.Error, OSError, AttributeError) as error:
            self.failure = error

    def serve(self):
        _, sender = self.socket.recvfrom(65536, socket.MSG_PEEK)
        self.socket.connect(sender)
        base = Gio.Socket.new_from_fd(self.socket.detach())
        server = GioOssl.DtlsServerConnection.new(base, None)
        server.props.psk_identity_hint = HINT
        key = GLib.Bytes.new(KEY.encode())
        server.connect("psk-lookup", lambda _, name: key if name == IDENTITY else None)
        message = server.receive_bytes(2000, LIMIT * SECOND, None).get_data()
        self.suite = server.get_ciphersuite_name()
        server.send(self.answer(message), LIMIT * SECOND, None)
        # Until the client is satisfied.
        server.receive_bytes(2000, LIMIT * SECOND, None)


def served(command, suite=None, answer=lambda message: message, says=b"marker\n"):
    """A foreign client with our server; `marker` must come back to it."""
    server = OurServer(answer)
    server.start()
    process = subprocess.Popen(command(server.port), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    timer = threading.Timer(LIMIT, process.kill)
    timer.start()
    output = b""
    try:
        if says:
            process.stdin.write(says)
            process.stdin.flush()
        while b"marker" not in output:
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            output += chunk
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    if b"marker" not in output:
        raise AssertionError(f"{output.decode(errors='replace')}; our end: {server.failure}")
    if suite:
        expect(suite, server.suite)


def coap_answer(request):
    """Content with the request's message ID and token (RFC 7252, section 3)."""
    token = request[4:4 + (request[0] & 0x0f)]
    return bytes([0x60 | len(token), COAP_CONTENT]) + request[2:4] + token + COAP_PAYLOAD


def mbedtls_server():
    process = subprocess.Popen(
        [MBEDTLS, os.path.join(HERE, "mbedtls_end.py"), "server", "0", IDENTITY, KEY],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    timer = threading.Timer(LIMIT, process.kill)
    timer.start()
    try:
        words = process.stdout.readline().split()
        client, _ = our_client(int(words[1]), False)
        expect("PSK-AES128-CCM8", client.get_ciphersuite_name())
        client.send(b"marker", LIMIT * SECOND, None)
        expect(b"marker", client.receive_bytes(100, LIMIT * SECOND, None).get_data())
    finally:
        timer.cancel()
        process.kill()
        process.wait()


def priority(exchange, cipher):
    return f"NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+{exchange}:-CIPHER-ALL:+{cipher}"


def cases():
    """Yields each case's name and what it does."""
    for suite in OPENSSL_SUITES:
        options = ("-cipher", suite)
        yield f"openssl s_server, {suite}", lambda suite=suite, options=options: echo_with(
            PskPeer("openssl", *options), suite, None)
        yield f"openssl s_client, {suite}", lambda suite=suite, options=options: served(
            lambda port: ["openssl", "s_client", "-dtls1_2", "-quiet", "-psk", HEX,
                          "-psk_identity", IDENTITY, *options,
                          "-connect", f"127.0.0.1:{port}"], suite)
    suite = "PSK-AES128-CCM8"
    for hint in (HINT, None):
        options = ("-cipher", suite, *(("-psk_hint", hint) if hint else ()))
        yield f"openssl s_server asks for the key, hint {hint}", lambda options=options, hint=hint: (
            echo_with(PskPeer("openssl", *options), "PSK-AES128-CCM8", hint, True))
    yield "openssl s_server, wrong key", lambda: wrong_key_with(PskPeer("openssl"))
    for exchange, cipher, suite in GNUTLS_SUITES:
        options = ("--priority", priority(exchange, cipher))
        yield f"gnutls-serv, {exchange} {cipher}", lambda suite=suite, options=options: echo_with(
            PskPeer("gnutls", *options), suite, HINT, True)
        if exchange != "PSK":
            # Debian 12's gnutls-cli crashes after such a handshake, with gnutls-serv as its peer as well.
            continue
        yield f"gnutls-cli, {exchange} {cipher}", lambda suite=suite, options=options: served(
            lambda port: ["gnutls-cli", "--udp", "--port", str(port), "--pskusername", IDENTITY,
                          "--pskkey", HEX, *options, "127.0.0.1"], suite)
    yield "gnutls-serv, wrong key", lambda: wrong_key_with(
        PskPeer("gnutls", "--priority", priority("PSK", "AES-128-CCM-8")))
    for library in ("openssl", "gnutls"):
        yield f"coap-server-{library}", lambda library=library: coap_get_from(
            PskPeer(f"coap-server-{library}"))
        yield f"coap-client-{library}", lambda library=library: served(
            lambda port: [f"coap-client-{library}", "-B", "10", "-u", IDENTITY, "-k", KEY,
                          f"coaps://127.0.0.1:{port}/hello"], None, coap_answer, b"")
    yield "python-mbedtls server, PSK CCM-8", mbedtls_server
    yield "python-mbedtls client, PSK CCM-8", lambda: served(
        lambda port: [MBEDTLS, os.path.join(HERE, "mbedtls_end.py"), "client", str(port),
                      IDENTITY, KEY], "PSK-AES128-CCM8", says=b"")


def main():
    passed = failed = 0
    for name, case in cases():
        try:
            case()
        except Exception as error:  # pylint: disable=broad-except # Each case counts.
            failed += 1
            print(f"not ok - {name}")
            print("\n".join("# " + line for line in f"{type(error).__name__}: {error}".splitlines()))
        else:
            passed += 1
            print(f"ok - {name}")
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
