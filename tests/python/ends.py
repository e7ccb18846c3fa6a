"""Two ends of our own that talk to each other over sockets."""

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GLib  # noqa: E402

from support import IDENTITY, configured, handshake_async, pki  # noqa: E402


def udp_pair():
    """Two UDP sockets on 127.0.0.1 that are connected to each other."""
    address = Gio.InetSocketAddress.new_from_string("127.0.0.1", 0)
    sockets = []
    for _ in range(2):
        sock = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
        sock.bind(address, False)
        sockets.append(sock)
    sockets[0].connect(sockets[1].get_local_address(), None)
    sockets[1].connect(sockets[0].get_local_address(), None)
    return sockets


def ends():
    """A client and a server, made by plain GIO, that have not shaken hands yet."""
    near, far = udp_pair()
    client = configured(Gio.DtlsClientConnection.new(near, Gio.NetworkAddress.new(IDENTITY, 4433)))
    certificate = Gio.TlsCertificate.new_from_files(pki("ecdsa.pem"), pki("ecdsa.key"))
    return client, Gio.DtlsServerConnection.new(far, certificate)


def meet(client, server):
    """Both handshakes, on one main loop."""
    outcome = []

    def done(source, result):
        try:
            outcome.append(source.handshake_finish(result))
        except GLib.Error as error:
            outcome.append(error)

    server.handshake_async(GLib.PRIORITY_DEFAULT, None, done)
    handshake_async(client)
    while not outcome:
        GLib.MainContext.default().iteration(True)
    if isinstance(outcome[0], GLib.Error):
        raise outcome[0]


def established():
    """A client and a server after their handshakes."""
    client, server = ends()
    meet(client, server)
    return client, server
