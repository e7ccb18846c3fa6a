"""A base socket that ends while the application thinks."""

import socket
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GLib, GioOssl  # noqa: E402,F401

from support import IDENTITY, Failure, configured, handshake_async, pki  # noqa: E402


class Thoughtful(Gio.TlsInteraction):
    """Is asked, and never answers."""

    def __init__(self, asked):
        super().__init__()
        self.asked = asked

    def do_request_certificate_async(self, _connection, _flags, _cancellable, callback, *_data):
        self.callback = callback
        self.asked()

    def do_request_certificate_finish(self, _result):
        return Gio.TlsInteractionResult.UNHANDLED


class EndingBase(unittest.TestCase):
    def test_handshake_ends_with_a_base_that_ends_while_the_user_thinks(self):
        near, far = (Gio.Socket.new_from_fd(end.detach())
                     for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        client = configured(Gio.DtlsClientConnection.new(near, Gio.NetworkAddress.new(IDENTITY, 4433)))
        certificate = Gio.TlsCertificate.new_from_files(pki("ecdsa.pem"), pki("ecdsa.key"))
        server = Gio.DtlsServerConnection.new(far, certificate)
        server.props.authentication_mode = Gio.TlsAuthenticationMode.REQUIRED
        cancellable = Gio.Cancellable()

        def leave():
            cancellable.cancel()
            far.close()

        client.set_interaction(Thoughtful(leave))
        server.handshake_async(GLib.PRIORITY_DEFAULT, cancellable, lambda *_: None)
        with Failure(self, Gio.tls_error_quark, Gio.TlsError.EOF):
            handshake_async(client)


if __name__ == "__main__":
    unittest.main()
