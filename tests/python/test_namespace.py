"""What the GioOssl namespace has, imported and not imported."""

import os
import subprocess
import sys
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib, GObject  # noqa: E402

from support import (IDENTITY, PATIENCE, SECOND, Failure, configured, gio_client,  # noqa: E402
                     handshake_async, peer, pki, udp_socket_to, unused_udp_port)

MESSAGES = 100
LARGEST = 1200


def own_client(port, host=IDENTITY, anchor="ca"):
    """A client made by the namespace's constructor."""
    identity = Gio.NetworkAddress.new(host, 4433)
    return configured(GioOssl.DtlsClientConnection.new(udp_socket_to(port), identity), anchor)


def echo(client, name, size):
    """Receives the echo of `size` bytes: gnutls-serv returns a long one in pieces."""
    received = client.receive_bytes(LARGEST + 1, PATIENCE, None).get_data()
    while name == "gnutls" and len(received) < size:
        received += client.receive_bytes(LARGEST + 1, PATIENCE, None).get_data()
    return received


class Session(unittest.TestCase):
    def test_hundred_datagrams_go_each_way(self):
        for name in ("openssl", "gnutls"):
            for credential in ("ecdsa", "rsa"):
                for make in (gio_client, own_client):
                    for shake in (lambda it: it.handshake(None), handshake_async):
                        with self.subTest(peer=name, credential=credential, make=make.__name__), \
                                peer(name, credential) as server:
                            client = make(server.port)
                            self.assertTrue(shake(client))
                            self.assert_datagrams_cross(client, name)
                            self.assertTrue(client.close(None))
                            if name == "openssl":
                                server.wait_for_log("SSL3 alert read:warning:close notify")

    def assert_datagrams_cross(self, client, name):
        for number in range(MESSAGES):
            size = 1 + number * (LARGEST - 1) // (MESSAGES - 1)
            message = bytes((number + i) % 256 for i in range(size))
            self.assertEqual(client.send(message, PATIENCE, None), size)
            self.assertEqual(echo(client, name, size), message)

    def test_first_message_performs_the_handshake(self):
        with peer("openssl", "ecdsa") as server:
            client = own_client(server.port)
            client.send(b"hello", PATIENCE, None)
            self.assertEqual(echo(client, "openssl", 5), b"hello")
            self.assertIsNotNone(client.get_peer_certificate())

    def test_source_announces_a_message(self):
        with peer("openssl", "ecdsa") as server:
            client = own_client(server.port)
            client.send(b"hello", PATIENCE, None)
            loop = GLib.MainLoop()
            received = []

            def ready(*_):
                received.append(client.receive_bytes(100, 0, None).get_data())
                loop.quit()
                return GLib.SOURCE_REMOVE

            source = client.create_source(GLib.IOCondition.IN, None)
            source.set_callback(ready)
            source.attach(None)
            loop.run()
            self.assertEqual(received, [b"hello"])

    def test_byte_calls_raise_the_documented_errors(self):
        with peer("openssl", "ecdsa") as server:
            client = own_client(server.port)
            client.handshake(None)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.WOULD_BLOCK):
                client.receive_bytes(10, 0, None)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.TIMED_OUT):
                client.receive_bytes(10, 1000, None)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.MESSAGE_TOO_LARGE):
                client.send(bytes(70000), PATIENCE, None)
            cancelled = Gio.Cancellable()
            cancelled.cancel()
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
                client.receive_bytes(10, -1, cancelled)
            self.assertEqual(client.send(b"", PATIENCE, None), 0)
            client.close(None)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CLOSED):
                client.send(b"x", PATIENCE, None)

    def test_message_is_cut_to_the_size_asked_for(self):
        with peer("openssl", "ecdsa") as server:
            client = own_client(server.port)
            client.send(b"long message", PATIENCE, None)
            self.assertEqual(client.receive_bytes(4, PATIENCE, None).get_data(), b"long")

    def test_both_ends_talk_and_the_peers_close_is_none(self):
        address = Gio.InetSocketAddress.new_from_string("127.0.0.1", 0)
        sockets = []
        for _ in range(2):
            sock = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM,
                                  Gio.SocketProtocol.UDP)
            sock.bind(address, False)
            sockets.append(sock)
        sockets[0].connect(sockets[1].get_local_address(), None)
        sockets[1].connect(sockets[0].get_local_address(), None)
        identity = Gio.NetworkAddress.new(IDENTITY, 4433)
        client = configured(GioOssl.DtlsClientConnection.new(sockets[0], identity))
        certificate = Gio.TlsCertificate.new_from_files(pki("ecdsa.pem"), pki("ecdsa.key"))
        server = GioOssl.DtlsServerConnection.new(sockets[1], certificate)
        self.assertEqual(server.props.authentication_mode, Gio.TlsAuthenticationMode.NONE)
        server.handshake_async(GLib.PRIORITY_DEFAULT, None, lambda it, result:
                               it.handshake_finish(result))
        handshake_async(client)
        client.send(b"question", PATIENCE, None)
        self.assertEqual(server.receive_bytes(100, PATIENCE, None).get_data(), b"question")
        server.close(None)
        self.assertIsNone(client.receive_bytes(100, PATIENCE, None))
        self.assertIsNone(client.receive_bytes(100, 0, None))


class Namespace(unittest.TestCase):
    def test_types_are_the_backends(self):
        backend = GioOssl.get_backend()
        self.assertEqual(backend, GioOssl.get_backend())
        self.assertEqual(GObject.type_name(backend), "GTlsBackendOssl")
        self.assertEqual(backend.get_dtls_client_connection_type(),
                         GObject.GType(GioOssl.DtlsClientConnection))
        self.assertEqual(backend.get_dtls_server_connection_type(),
                         GObject.GType(GioOssl.DtlsServerConnection))
        self.assertEqual(backend.get_certificate_type(), GObject.GType(GioOssl.Certificate))
        self.assertEqual(backend.get_file_database_type(), GObject.GType(GioOssl.FileDatabase))

    def test_file_database_wants_a_good_file(self):
        for path in (pki("garbage.pem"), pki("nowhere.pem"), ""):
            with self.subTest(path=path), \
                    Failure(self, Gio.tls_error_quark, Gio.TlsError.MISC):
                GioOssl.FileDatabase.new(path)
        with self.assertRaises(TypeError):
            GioOssl.FileDatabase.new(None)

    def test_object_of_plain_gio_has_the_methods_of_both(self):
        client = gio_client(unused_udp_port())
        self.assertIsInstance(client, GioOssl.DtlsClientConnection)
        self.assertIsInstance(client, GioOssl.DtlsConnection)
        for name in ("send", "receive_bytes", "handshake", "get_accepted_cas"):
            self.assertTrue(callable(getattr(client, name)), name)

    def test_constructors_do_not_need_the_backend_to_be_the_default(self):
        script = (
            "import gi; gi.require_version('GioOssl', '1')\n"
            "from gi.repository import Gio, GioOssl\n"
            "import support\n"
            "base = support.udp_socket_to(support.unused_udp_port())\n"
            "client = GioOssl.DtlsClientConnection.new(base, None)\n"
            "assert isinstance(client, Gio.DtlsClientConnection)\n"
            "authorities = GioOssl.FileDatabase.new(support.pki('ca.pem'))\n"
            "assert isinstance(authorities, GioOssl.FileDatabase)\n"
            "assert authorities.get_property('anchors') == support.pki('ca.pem')\n"
            "client.set_database(authorities)\n"
            "assert Gio.TlsBackend.get_default() != GioOssl.get_backend()\n"
        )
        environment = dict(os.environ, GIO_MODULE_DIR="/nonexistent")
        environment.pop("GIO_USE_TLS", None)
        self.run_script(script, environment)

    def test_plain_gio_works_without_the_namespace(self):
        script = (
            "from gi.repository import Gio\n"
            "import support\n"
            "with support.peer('openssl', 'ecdsa') as server:\n"
            "    client = support.gio_client(server.port)\n"
            "    assert not hasattr(client, 'receive_bytes')\n"
            "    assert support.handshake_async(client)\n"
            "    assert client.get_peer_certificate_errors() == 0\n"
            "    assert client.get_accepted_cas() == []\n"
            "    assert client.close(None)\n"
        )
        self.run_script(script, dict(os.environ))

    def run_script(self, script, environment):
        here = os.path.dirname(os.path.abspath(__file__))
        result = subprocess.run([sys.executable, "-c", script], cwd=here, env=environment,
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_garbage_server_times_out(self):
        with peer("garbage") as server:
            client = own_client(server.port)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.TIMED_OUT):
                client.receive_bytes(10, SECOND // 4, None)
            self.assertIsNone(client.get_peer_certificate())


if __name__ == "__main__":
    unittest.main()
