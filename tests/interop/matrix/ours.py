"""Our end of an association, in either role."""

import contextlib
import socket
import threading

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from cases import CLIENT_CERTIFICATE, PSK, PSK_IDENTITY, PSK_KEY, pki  # noqa: E402

SECOND = 1_000_000
LIMIT = 20
LONGEST = 2000
CLIENT_NAME = "CN=client.example.com"


class Wrong(Exception):
    """Something else than what the case asks for."""


def expect(what, expected, found):
    """Fails with both values unless they are equal."""
    if expected != found:
        raise Wrong(f"{what}: {found!r} instead of {expected!r}")


@contextlib.contextmanager
def time_limit():
    """A cancellable that is cancelled when everything takes too long."""
    cancellable = Gio.Cancellable()
    timer = threading.Timer(LIMIT, cancellable.cancel)
    timer.start()
    try:
        yield cancellable
    finally:
        timer.cancel()


def receive(connection):
    """One message; empty at the end."""
    message = connection.receive_bytes(LONGEST, LIMIT * SECOND, None)
    return b"" if message is None else message.get_data()


def prepare(connection, case):
    """What both roles set."""
    connection.set_property("mtu", case.mtu)
    # Where nothing is lost, a slow machine alone must not make us repeat what some peers cannot bear twice.
    connection.set_property("initial-timeout", 50 if case.lossy else 60_000)
    if case.credential != PSK:
        connection.set_database(Gio.TlsFileDatabase.new(pki("ca.pem")))


def check(connection):
    """What the handshake must have established, whoever we are."""
    expect("protocol", Gio.TlsProtocolVersion.DTLS_1_2, connection.get_protocol_version())
    expect("problems of the certificate", 0, int(connection.get_peer_certificate_errors()))


def our_client(port, case):
    """A client after its handshake."""
    base = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
    base.connect(Gio.InetSocketAddress.new_from_string("127.0.0.1", port), None)
    identity = None if case.credential == PSK else Gio.NetworkAddress.new(case.identity, 4433)
    client = GioOssl.DtlsClientConnection.new(base, identity)
    prepare(client, case)
    if case.credential == PSK:
        client.set_database(None)
        client.set_psk(PSK_IDENTITY, GLib.Bytes.new(PSK_KEY.encode()))
    if case.credential == CLIENT_CERTIFICATE:
        client.set_certificate(Gio.TlsCertificate.new_from_files(pki("client.pem"), pki("client.key")))
    with time_limit() as cancellable:
        client.handshake(cancellable)
    check(client)
    return client


def converse(client, message, is_answer):
    """Sends the message and waits for the whole answer."""
    client.send(message, LIMIT * SECOND, None)
    answer = b""
    while not is_answer(answer):
        part = receive(client)
        if not part:
            raise Wrong(f"the association ended after {answer!r}")
        answer += part


def close(client, wait_for_log):
    """Closes, and waits until the server has noticed, by its own close if nothing else is given."""
    client.shutdown(False, True, None)
    if wait_for_log:
        wait_for_log()
    else:
        expect("after closing", b"", receive(client))
    client.close(None)


class OurServer(threading.Thread):
    """A server for one client, which answers its messages until it closes."""

    def __init__(self, case, answer):
        super().__init__(daemon=True)
        self._case = case
        self._answer = answer
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(LIMIT)
        self.port = self._socket.getsockname()[1]
        self.failure = None

    def run(self):
        try:
            self._serve()
        except Exception as error:  # pylint: disable=broad-except # The case reports it.
            self.failure = error

    def _serve(self):
        _, sender = self._socket.recvfrom(65536, socket.MSG_PEEK)
        self._socket.connect(sender)
        base = Gio.Socket.new_from_fd(self._socket.detach())
        certificate = None
        if self._case.credential != PSK:
            certificate = Gio.TlsCertificate.new_from_files(*self._case.server_files)
        server = GioOssl.DtlsServerConnection.new(base, certificate)
        prepare(server, self._case)
        key = GLib.Bytes.new(PSK_KEY.encode())
        server.connect("psk-lookup", lambda _, name: key if name == PSK_IDENTITY else None)
        if self._case.credential == CLIENT_CERTIFICATE:
            server.set_property("authentication-mode", Gio.TlsAuthenticationMode.REQUIRED)
            server.connect("accept-certificate", lambda _, __, problems: problems == 0)
        with time_limit() as cancellable:
            server.handshake(cancellable)
        check(server)
        if self._case.credential == CLIENT_CERTIFICATE:
            expect("client", CLIENT_NAME, server.get_peer_certificate().get_subject_name())
        while message := receive(server):
            server.send(self._answer(message), LIMIT * SECOND, None)
        server.close(None)
