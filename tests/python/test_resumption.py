"""Sessions that are resumed: properties, methods, and other implementations."""

import os
import socket
import subprocess
import tempfile
import threading
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from support import (IDENTITY, PATIENCE, Failure, database, gio_client, handshake_async,  # noqa: E402
                     peer, pki, unused_udp_port)


def client_of(server):
    """A client with a database of its own: nothing is resumed by itself."""
    return gio_client(server.port)


class Server:
    """Our server at a port of its own, for as many associations as there are, one after the other."""

    def __init__(self, count):
        self.resumed = []
        self._certificate = Gio.TlsCertificate.new_from_files(pki("ecdsa.pem"), pki("ecdsa.key"))
        self.port = unused_udp_port()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(count,))

    def __enter__(self):
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_):
        self._thread.join(60)

    def _bound(self):
        sock = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM,
                              Gio.SocketProtocol.UDP)
        sock.set_blocking(False)
        sock.bind(Gio.InetSocketAddress.new_from_string("127.0.0.1", self.port), True)
        return sock

    def _serve(self, count):
        sock = self._bound()
        for number in range(count):
            self._listening.set()
            # What tells where the client is gets lost; the client repeats it.
            sock.connect(self._sender(sock), None)
            connection = Gio.DtlsServerConnection.new(sock, self._certificate)
            connection.handshake(None)
            self.resumed.append(connection.get_property("session-resumed"))
            following = self._bound() if number + 1 < count else None
            try:
                while connection.receive_bytes(1000, PATIENCE, None) is not None:
                    pass
            except GLib.Error:
                pass
            connection.close(None)
            sock = following

    @staticmethod
    def _sender(sock):
        sock.condition_wait(GLib.IOCondition.IN, None)
        with socket.socket(fileno=os.dup(sock.get_fd())) as own:
            _, (host, port) = own.recvfrom(1)
        return Gio.InetSocketAddress.new_from_string(host, port)


class Properties(unittest.TestCase):
    def test_defaults(self):
        client = gio_client(unused_udp_port())
        self.assertIs(client.get_property("session-resumption"), True)
        self.assertIs(client.get_property("session-resumed"), False)

    def test_session_resumption_is_kept_and_announced(self):
        client = gio_client(unused_udp_port())
        seen = []
        client.connect("notify::session-resumption",
                       lambda it, _: seen.append(it.get_property("session-resumption")))
        client.set_property("session-resumption", False)
        client.set_property("session-resumption", True)
        self.assertEqual(seen, [False, True])

    def test_anything_counts_as_whether_it_is_true(self):
        client = gio_client(unused_udp_port())
        for value in (None, "yes", [], object()):
            client.set_property("session-resumption", value)
            self.assertEqual(client.get_property("session-resumption"), bool(value))

    def test_session_resumed_cannot_be_written(self):
        client = gio_client(unused_udp_port())
        with self.assertRaises(TypeError):
            client.set_property("session-resumed", True)

    def test_session_resumption_is_refused_after_the_handshake(self):
        with peer("openssl", "ecdsa") as server:
            client = client_of(server)
            client.handshake(None)
            messages = []
            GLib.log_set_handler("GioOssl", GLib.LogLevelFlags.LEVEL_WARNING,
                                 lambda _, __, message, ___: messages.append(message), None)
            client.set_property("session-resumption", False)
            self.assertIs(client.get_property("session-resumption"), True)
            self.assertEqual(len(messages), 1)
            self.assertIn("session-resumption", messages[0])
            client.close(None)


class Methods(unittest.TestCase):
    def test_there_is_no_session_before_the_handshake(self):
        client, other = gio_client(unused_udp_port()), gio_client(unused_udp_port())
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.NOT_CONNECTED):
            client.export_session()
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.NOT_CONNECTED):
            client.copy_session(other)

    def test_bytes_that_are_no_session_are_refused(self):
        client = gio_client(unused_udp_port())
        for wrong in (b"", b"garbage", b"GioOsslS\x09" + bytes(100), b"GioOsslS\x01" + bytes(100)):
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.INVALID_ARGUMENT):
                client.import_session(GLib.Bytes.new(wrong))

    def test_wrong_types_are_refused(self):
        client = gio_client(unused_udp_port())
        for wrong in (None, 1, "text"):
            with self.assertRaises(TypeError):
                client.import_session(wrong)
            with self.assertRaises(TypeError):
                client.copy_session(wrong)

    def test_servers_have_no_such_methods(self):
        for name in ("export_session", "import_session", "copy_session"):
            self.assertFalse(hasattr(GioOssl.DtlsServerConnection, name))
            self.assertTrue(hasattr(GioOssl.DtlsClientConnection, name))

    def test_choosing_is_refused_after_the_handshake_and_after_closing(self):
        with peer("openssl", "ecdsa") as server:
            client = client_of(server)
            client.handshake(None)
            session = client.export_session()
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.READ_ONLY):
                client.import_session(session)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.READ_ONLY):
                client.copy_session(client)
            client.close(None)
            for call in (client.export_session, lambda: client.import_session(session)):
                with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CLOSED):
                    call()

    def test_session_that_was_not_wanted_is_not_exported(self):
        with peer("openssl", "ecdsa") as server:
            client = client_of(server)
            client.set_property("session-resumption", False)
            client.handshake(None)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.NOT_SUPPORTED):
                client.export_session()
            client.close(None)


class OtherServers(unittest.TestCase):
    def test_sessions_of_other_servers_are_resumed(self):
        for name in ("openssl", "gnutls"):
            for credential in ("ecdsa", "rsa"):
                with self.subTest(peer=name, credential=credential), \
                        peer(name, credential) as server:
                    first = client_of(server)
                    first.handshake(None)
                    self.assertIs(first.get_property("session-resumed"), False)
                    session = first.export_session()
                    first.close(None)
                    for shake in (lambda it: it.handshake(None), handshake_async):
                        client = client_of(server)
                        client.import_session(session)
                        shake(client)
                        self.assertIs(client.get_property("session-resumed"), True)
                        self.assertEqual(client.get_peer_certificate_errors(), 0)
                        client.send(b"hello", PATIENCE, None)
                        received = client.receive_bytes(100, PATIENCE, None).get_data()
                        self.assertEqual(received, b"hello")
                        client.close(None)

    def test_sessions_are_resumed_by_themselves(self):
        trusted = database()
        for name in ("openssl", "gnutls"):
            with self.subTest(peer=name), peer(name, "ecdsa") as server:
                identity = Gio.NetworkAddress.new(IDENTITY, server.port)
                for expected in (False, True, True):
                    client = client_of(server)
                    client.set_server_identity(identity)
                    client.set_database(trusted)
                    client.handshake(None)
                    self.assertIs(client.get_property("session-resumed"), expected)
                    client.close(None)


    def test_session_without_a_certificate_is_not_that_of_a_client_with_one(self):
        """A server that would resume it, where a certificate without its key was not presented."""
        trusted, identity = database(), Gio.NetworkAddress.new(IDENTITY, 1)
        with open(pki("client.pem")) as file:
            keyless = Gio.TlsCertificate.new_from_pem(file.read(), -1)
        whole = Gio.TlsCertificate.new_from_files(pki("client.pem"), pki("client.key"))
        with peer("openssl", "ecdsa", ["-verify", "3", "-CAfile", pki("ca.pem")]) as server:
            for own, expected in ((keyless, False), (whole, False), (whole, True)):
                client = client_of(server)
                client.set_server_identity(identity)
                client.set_database(trusted)
                client.set_certificate(own)
                client.handshake(None)
                self.assertIs(client.get_property("session-resumed"), expected)
                if own is keyless:
                    session = client.export_session()
                client.close(None)
            client = client_of(server)
            client.set_certificate(whole)
            client.import_session(session)
            client.handshake(None)
            self.assertIs(client.get_property("session-resumed"), False)
            client.close(None)


class OtherClients(unittest.TestCase):
    def test_openssl_resumes_with_its_saved_session(self):
        with tempfile.TemporaryDirectory() as folder, Server(2) as server:
            path = os.path.join(folder, "session")
            outputs = []
            for option in ("-sess_out", "-sess_in"):
                command = ["openssl", "s_client", "-dtls1_2", "-connect",
                           f"127.0.0.1:{server.port}", "-CAfile", pki("ca.pem"), option, path]
                run = subprocess.run(command, input=b"", capture_output=True, timeout=60)
                outputs.append(run.stdout)
        self.assertIn(b"\nNew, ", outputs[0])
        self.assertIn(b"\nReused, ", outputs[1])
        self.assertEqual(server.resumed, [False, True])

    def test_gnutls_resumes(self):
        with Server(2) as server:
            command = ["gnutls-cli", "--udp", "--resume", "--x509cafile", pki("ca.pem"),
                       "--verify-hostname", IDENTITY, "-p", str(server.port), "127.0.0.1"]
            run = subprocess.run(command, input=b"", capture_output=True, timeout=60)
        self.assertIn(b"This is a resumed session", run.stdout)
        self.assertEqual(server.resumed, [False, True])


if __name__ == "__main__":
    unittest.main()
