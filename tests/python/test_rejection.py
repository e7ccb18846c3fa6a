"""Servers and arguments that must be refused, with the exact error and the alert the server sees."""

import unittest

from gi.repository import Gio, GLib

from support import (IDENTITY, Failure, gio_client, handshake_async, peer, pki, udp_socket_to,
                     unused_udp_port)

FLAGS = Gio.TlsCertificateFlags
# name: (credential, host, anchor, flags, alert in the words of s_server -state)
REFUSALS = {
    "wrong host": ("ecdsa", "wrong.example.com", "ca", FLAGS.BAD_IDENTITY, "bad certificate"),
    "no identity": ("ecdsa", None, "ca", FLAGS.BAD_IDENTITY, "bad certificate"),
    "unknown authority": ("ecdsa", IDENTITY, "other-ca", FLAGS.UNKNOWN_CA, "unknown CA"),
    "expired": ("expired", IDENTITY, "ca", FLAGS.EXPIRED, "certificate expired"),
    "not yet valid": ("future", IDENTITY, "ca", FLAGS.NOT_ACTIVATED, "bad certificate"),
}


class Servers(unittest.TestCase):
    def test_server_is_refused_with_an_alert(self):
        for name, (credential, host, anchor, flags, alert) in REFUSALS.items():
            for shake in (lambda it: it.handshake(None), handshake_async):
                with self.subTest(name), peer("openssl", credential) as server:
                    client = gio_client(server.port, host, anchor)
                    with Failure(self, Gio.tls_error_quark, Gio.TlsError.BAD_CERTIFICATE):
                        shake(client)
                    self.assertEqual(client.get_peer_certificate_errors(), flags)
                    self.assertIsNotNone(client.get_peer_certificate())
                    self.assertIsNone(client.get_ciphersuite_name())
                    server.wait_for_log("SSL3 alert read:fatal:" + alert)
                    with Failure(self, Gio.tls_error_quark, Gio.TlsError.BAD_CERTIFICATE):
                        client.handshake(None)

    def test_gnutls_server_is_refused_too(self):
        with peer("gnutls", "ecdsa") as server:
            client = gio_client(server.port, "wrong.example.com")
            with Failure(self, Gio.tls_error_quark, Gio.TlsError.BAD_CERTIFICATE):
                client.handshake(None)

    def test_no_database_trusts_nobody(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            client.set_database(None)
            with Failure(self, Gio.tls_error_quark, Gio.TlsError.BAD_CERTIFICATE):
                client.handshake(None)
            self.assertEqual(client.get_peer_certificate_errors(), FLAGS.UNKNOWN_CA)

    def test_masked_flags_do_not_count(self):
        with peer("openssl", "expired") as server:
            client = gio_client(server.port)
            client.set_validation_flags(FLAGS.VALIDATE_ALL ^ FLAGS.EXPIRED)
            self.assertTrue(client.handshake(None))
            self.assertEqual(client.get_peer_certificate_errors(), FLAGS.EXPIRED)

    def test_nobody_listening_is_connection_refused(self):
        for shake in (lambda it: it.handshake(None), handshake_async):
            client = gio_client(unused_udp_port())
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CONNECTION_REFUSED):
                shake(client)

    def test_waiting_for_garbage_is_cancelled(self):
        with peer("garbage") as server:
            client = gio_client(server.port)
            cancellable = Gio.Cancellable()
            GLib.timeout_add(200, cancellable.cancel)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
                handshake_async(client, cancellable)


class Arguments(unittest.TestCase):
    def test_stream_base_is_refused(self):
        base = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.STREAM,
                              Gio.SocketProtocol.TCP)
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.NOT_SUPPORTED):
            Gio.DtlsClientConnection.new(base, None)

    def test_base_with_a_timeout_is_refused(self):
        base = udp_socket_to(unused_udp_port())
        base.set_timeout(1)
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.NOT_SUPPORTED):
            Gio.DtlsClientConnection.new(base, None)

    def test_garbage_files_are_refused(self):
        with Failure(self, Gio.tls_error_quark, Gio.TlsError.BAD_CERTIFICATE):
            Gio.TlsCertificate.new_from_file(pki("garbage.pem"))
        with Failure(self, Gio.tls_error_quark, Gio.TlsError.MISC):
            Gio.TlsFileDatabase.new(pki("garbage.pem"))
        with Failure(self, Gio.tls_error_quark, Gio.TlsError.MISC):
            Gio.TlsFileDatabase.new(pki("nowhere.pem"))


if __name__ == "__main__":
    unittest.main()
