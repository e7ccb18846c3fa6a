"""What the Python tests share: the peers, the PKI and plain GIO objects."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

from gi.repository import Gio, GLib  # noqa: E402

from peers import Peer, PeerError  # noqa: E402,F401

PKI = os.environ["GIO_OSSL_TEST_PKI"]
IDENTITY = "server.example.com"
SECOND = 1_000_000
PATIENCE = 20 * SECOND


def pki(name):
    """The path of a file of the PKI."""
    return os.path.join(PKI, name)


def peer(name, credential=None, options=()):
    """A peer with a credential of the PKI."""
    if credential is None:
        return Peer(name, options=options)
    return Peer(name, pki(credential + ".pem"), pki(credential + ".key"), options)


def udp_socket_to(port):
    """A UDP socket that is connected to a port of 127.0.0.1."""
    sock = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
    sock.set_blocking(False)
    sock.connect(Gio.InetSocketAddress.new_from_string("127.0.0.1", port), None)
    return sock


def unused_udp_port():
    """A UDP port of 127.0.0.1 that nobody has bound."""
    sock = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
    sock.bind(Gio.InetSocketAddress.new_from_string("127.0.0.1", 0), False)
    port = sock.get_local_address().get_port()
    sock.close()
    return port


def database(name="ca"):
    """A file database of one anchor of the PKI."""
    return Gio.TlsFileDatabase.new(pki(name + ".pem"))


def configured(connection, anchor="ca"):
    """The connection, trusting an anchor of the PKI."""
    connection.set_database(database(anchor))
    return connection


def gio_client(port, host=IDENTITY, anchor="ca"):
    """A client made by plain GIO."""
    identity = None if host is None else Gio.NetworkAddress.new(host, 4433)
    return configured(Gio.DtlsClientConnection.new(udp_socket_to(port), identity), anchor)


def handshake_async(connection, cancellable=None, limit=20):
    """An asynchronous handshake on a main loop; returns or raises its result."""
    loop = GLib.MainLoop()
    outcome = []

    def done(source, result):
        try:
            outcome.append(source.handshake_finish(result))
        except GLib.Error as error:
            outcome.append(error)
        loop.quit()

    connection.handshake_async(GLib.PRIORITY_DEFAULT, cancellable, done)
    assert not outcome, "answered before returning to the loop"
    guard = GLib.timeout_add_seconds(limit, loop.quit)
    loop.run()
    assert outcome, "the handshake never ended"
    GLib.source_remove(guard)
    if isinstance(outcome[0], GLib.Error):
        raise outcome[0]
    return outcome[0]


class Failure:
    """Asserts that a block raises a GLib.Error of this domain and code, and nothing else."""

    def __init__(self, case, domain, code):
        self._case, self._domain, self._code = case, domain, code

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        self._case.assertIsNotNone(error, f"succeeded instead of failing with {self._code}")
        if not isinstance(error, GLib.Error):
            return False
        self._case.assertTrue(error.matches(self._domain(), self._code), repr(error))
        return True
