"""Every property and method of Gio.DtlsConnection and Gio.DtlsClientConnection, through plain GIO."""

import unittest

from gi.repository import Gio, GLib, GObject

from support import (IDENTITY, Failure, database, gio_client, handshake_async, peer, pki,
                     udp_socket_to, unused_udp_port)

# name: (GType, readable, writable, default as PyGObject shows it)
PROPERTIES = {
    "base-socket": (Gio.DatagramBased, True, True, None),
    "database": (Gio.TlsDatabase, True, True, None),
    "interaction": (Gio.TlsInteraction, True, True, None),
    "require-close-notify": (GObject.TYPE_BOOLEAN, True, True, True),
    "rehandshake-mode": (Gio.TlsRehandshakeMode, True, True, Gio.TlsRehandshakeMode.NEVER),
    "certificate": (Gio.TlsCertificate, True, True, None),
    "peer-certificate": (Gio.TlsCertificate, True, False, None),
    "peer-certificate-errors": (Gio.TlsCertificateFlags, True, False, 0),
    "advertised-protocols": (GObject.TYPE_STRV, True, True, []),
    "negotiated-protocol": (GObject.TYPE_STRING, True, False, None),
    "protocol-version": (Gio.TlsProtocolVersion, True, False, Gio.TlsProtocolVersion.UNKNOWN),
    "ciphersuite-name": (GObject.TYPE_STRING, True, False, None),
    "validation-flags": (Gio.TlsCertificateFlags, True, True,
                         Gio.TlsCertificateFlags.VALIDATE_ALL),
    "server-identity": (Gio.SocketConnectable, True, True, None),
    "accepted-cas": (GObject.TYPE_POINTER, True, False, None),
}

# get_channel_binding_data is not called here: GIO's introspection data describe its GByteArray in a
# way that makes PyGObject divide by zero, with every backend. The C tests call it.
METHODS = [
    "close", "close_async", "close_finish", "emit_accept_certificate", "get_certificate",
    "get_channel_binding_data", "get_ciphersuite_name", "get_database", "get_interaction",
    "get_negotiated_protocol", "get_peer_certificate", "get_peer_certificate_errors",
    "get_protocol_version", "get_rehandshake_mode", "get_require_close_notify", "handshake",
    "handshake_async", "handshake_finish", "set_advertised_protocols", "set_certificate",
    "set_database", "set_interaction", "set_rehandshake_mode", "set_require_close_notify",
    "shutdown", "shutdown_async", "shutdown_finish", "get_accepted_cas", "get_server_identity",
    "get_validation_flags", "set_server_identity", "set_validation_flags", "create_source",
    "condition_check", "condition_wait", "receive_messages", "send_messages",
]


def fresh(identity=None):
    """A client over a socket that leads nowhere."""
    base = udp_socket_to(unused_udp_port())
    return Gio.DtlsClientConnection.new(base, identity), base


def is_gios(spec):
    """Whether a property is one of GIO's interfaces, not of our own namespace."""
    return not spec.owner_type.name.startswith("GioOssl")


class Class(unittest.TestCase):
    def test_object_has_every_property_with_its_type_access_and_default(self):
        client, _ = fresh()
        specs = {spec.name: spec for spec in filter(is_gios, GObject.list_properties(client))}
        self.assertEqual(set(specs), set(PROPERTIES))
        for name, (kind, readable, writable, default) in PROPERTIES.items():
            with self.subTest(property=name):
                spec = specs[name]
                self.assertEqual(spec.value_type, GObject.GType(kind))
                self.assertEqual(bool(spec.flags & GObject.ParamFlags.READABLE), readable)
                self.assertEqual(bool(spec.flags & GObject.ParamFlags.WRITABLE), writable)
                if name not in ("base-socket", "database", "accepted-cas"):
                    self.assertEqual(client.get_property(name), default)

    def test_object_has_every_method_of_the_interfaces(self):
        client, _ = fresh()
        for name in METHODS:
            self.assertTrue(callable(getattr(client, name)), name)

    def test_object_is_of_the_dtls_interfaces_and_not_of_the_stream_class(self):
        client, _ = fresh()
        for kind in (Gio.DtlsClientConnection, Gio.DtlsConnection, Gio.DatagramBased,
                     Gio.Initable):
            self.assertIsInstance(client, kind)
        self.assertNotIsInstance(client, Gio.TlsConnection)
        self.assertEqual(GObject.type_name(client), "GioOsslDtlsClientConnection")

    def test_backend_says_what_it_can(self):
        backend = Gio.TlsBackend.get_default()
        self.assertEqual(GObject.type_name(backend), "GTlsBackendOssl")
        self.assertTrue(backend.supports_dtls())
        self.assertFalse(backend.supports_tls())
        self.assertEqual(backend.get_default_database(), backend.get_default_database())


class Properties(unittest.TestCase):
    def setUp(self):
        self.identity = Gio.NetworkAddress.new(IDENTITY, 4433)
        self.client, self.base = fresh(self.identity)
        self.announced = []
        self.client.connect("notify", lambda _, spec: self.announced.append(spec.name))

    def test_base_socket_is_what_was_given(self):
        self.assertEqual(self.client.get_property("base-socket"), self.base)

    def test_database_is_the_default_until_it_is_set(self):
        default = Gio.TlsBackend.get_default().get_default_database()
        self.assertEqual(self.client.get_database(), default)
        ours = database()
        self.client.set_database(ours)
        self.assertEqual(self.client.get_database(), ours)
        self.client.set_database(None)
        self.assertIsNone(self.client.get_database())
        self.assertEqual(self.announced, ["database", "database"])

    def test_interaction_is_kept(self):
        interaction = Gio.TlsInteraction()
        self.client.set_interaction(interaction)
        self.assertEqual(self.client.get_interaction(), interaction)
        self.assertEqual(self.client.props.interaction, interaction)
        self.client.set_interaction(None)
        self.assertIsNone(self.client.get_interaction())
        self.assertEqual(self.announced, ["interaction", "interaction"])

    def test_certificate_is_kept(self):
        certificate = Gio.TlsCertificate.new_from_files(pki("client.pem"), pki("client.key"))
        self.client.set_certificate(certificate)
        self.assertEqual(self.client.get_certificate(), certificate)
        self.assertEqual(self.announced, ["certificate"])

    def test_require_close_notify_is_kept(self):
        self.assertTrue(self.client.get_require_close_notify())
        self.client.set_require_close_notify(False)
        self.assertFalse(self.client.get_require_close_notify())
        self.assertEqual(self.announced, ["require-close-notify"])

    def test_rehandshake_mode_is_always_safely(self):
        self.client.set_rehandshake_mode(Gio.TlsRehandshakeMode.UNSAFELY)
        mode = self.client.get_rehandshake_mode()
        self.assertEqual(mode, Gio.TlsRehandshakeMode.SAFELY)

    def test_advertised_protocols_are_kept(self):
        self.client.set_advertised_protocols(["coap", "x"])
        self.assertEqual(self.client.props.advertised_protocols, ["coap", "x"])
        self.client.set_advertised_protocols(None)
        self.assertFalse(self.client.props.advertised_protocols)
        self.client.props.advertised_protocols = ["y"]
        self.assertEqual(self.client.props.advertised_protocols, ["y"])
        self.assertEqual(self.announced, ["advertised-protocols"] * 3)

    def test_validation_flags_are_kept(self):
        every = Gio.TlsCertificateFlags.VALIDATE_ALL
        self.assertEqual(self.client.get_validation_flags(), every)
        self.client.set_validation_flags(Gio.TlsCertificateFlags.EXPIRED)
        self.assertEqual(self.client.get_validation_flags(), Gio.TlsCertificateFlags.EXPIRED)
        self.assertEqual(self.announced, ["validation-flags"])

    def test_server_identity_is_kept(self):
        self.assertEqual(self.client.get_server_identity(), self.identity)
        other = Gio.NetworkAddress.new("other.example.com", 1)
        self.client.set_server_identity(other)
        self.assertEqual(self.client.get_server_identity(), other)
        self.assertEqual(self.announced, ["server-identity"])

    def test_facts_are_unknown_before_the_handshake(self):
        self.assertIsNone(self.client.get_peer_certificate())
        self.assertEqual(self.client.get_peer_certificate_errors(), 0)
        self.assertIsNone(self.client.get_negotiated_protocol())
        self.assertIsNone(self.client.get_ciphersuite_name())
        unknown = Gio.TlsProtocolVersion.UNKNOWN
        self.assertEqual(self.client.get_protocol_version(), unknown)
        self.assertEqual(self.client.get_accepted_cas(), [])

    def test_facts_cannot_be_written(self):
        for name in ("peer-certificate", "negotiated-protocol", "ciphersuite-name"):
            with self.assertRaises(TypeError):
                self.client.set_property(name, None)


class Handshake(unittest.TestCase):
    def assert_verified(self, client):
        subject = client.get_peer_certificate().get_subject_name()
        self.assertEqual(subject, "CN=" + IDENTITY)
        self.assertEqual(client.get_peer_certificate_errors(), 0)
        version = Gio.TlsProtocolVersion.DTLS_1_2
        self.assertEqual(client.get_protocol_version(), version)
        self.assertTrue(client.get_ciphersuite_name())

    def test_blocking_and_asynchronous_handshakes_verify_both_peers(self):
        for name in ("openssl", "gnutls"):
            for credential in ("ecdsa", "rsa"):
                for shake in (lambda it: it.handshake(None), handshake_async):
                    with self.subTest(peer=name, credential=credential), \
                            peer(name, credential) as server:
                        client = gio_client(server.port)
                        self.assertTrue(shake(client))
                        self.assert_verified(client)
                        self.assertTrue(client.handshake(None))
                        self.assertTrue(client.close(None))

    def test_facts_are_announced_in_order(self):
        with peer("openssl", "ecdsa", ["-alpn", "coap"]) as server:
            client = gio_client(server.port)
            client.set_advertised_protocols(["coap"])
            announced = []
            client.connect("notify", lambda _, spec: announced.append(spec))
            handshake_async(client)
            self.assertEqual([spec.name for spec in announced if is_gios(spec)], [
                "peer-certificate", "peer-certificate-errors", "accepted-cas",
                "negotiated-protocol", "protocol-version", "ciphersuite-name"])
            self.assertEqual(client.get_negotiated_protocol(), "coap")

    def test_accepted_cas_are_complete_names(self):
        options = ["-verify", "1", "-CAfile", pki("ca.pem")]
        with peer("openssl", "ecdsa", options) as server:
            client = gio_client(server.port)
            client.handshake(None)
            for _ in range(2):
                (name,) = [bytes(name) for name in client.get_accepted_cas()]
                self.assertEqual(name[:2], bytes([0x30, len(name) - 2]))
                self.assertIn(b"gio-ossl test authority", name)

    def test_accept_certificate_is_asked_and_decides(self):
        for verdict in (True, False):
            with self.subTest(verdict=verdict), peer("openssl", "ecdsa") as server:
                client = gio_client(server.port, "wrong.example.com")
                seen = []

                def judge(connection, certificate, errors, verdict=verdict, seen=seen):
                    seen.append((certificate.get_subject_name(), errors,
                                 connection.get_peer_certificate()))
                    return verdict

                client.connect("accept-certificate", judge)
                if verdict:
                    self.assertTrue(client.handshake(None))
                else:
                    with Failure(self, Gio.tls_error_quark, Gio.TlsError.BAD_CERTIFICATE):
                        client.handshake(None)
                self.assertEqual(seen, [
                    ("CN=" + IDENTITY, Gio.TlsCertificateFlags.BAD_IDENTITY, None)])

    def test_emit_accept_certificate_asks_the_handlers(self):
        client, _ = fresh()
        certificate = Gio.TlsCertificate.new_from_file(pki("ecdsa.pem"))
        flags = Gio.TlsCertificateFlags.EXPIRED
        self.assertFalse(client.emit_accept_certificate(certificate, flags))
        client.connect("accept-certificate", lambda *_: True)
        self.assertTrue(client.emit_accept_certificate(certificate, flags))

    def test_close_and_shutdown_complete_on_the_main_loop(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            client.handshake(None)
            loop = GLib.MainLoop()
            outcome = []

            def closed(source, result):
                outcome.append(source.close_finish(result))
                source.shutdown_async(True, True, GLib.PRIORITY_DEFAULT, None, shut)

            def shut(source, result):
                outcome.append(source.shutdown_finish(result))
                loop.quit()

            client.close_async(GLib.PRIORITY_DEFAULT, None, closed)
            loop.run()
            self.assertEqual(outcome, [True, True])
            self.assertTrue(client.shutdown(True, True, None))
            server.wait_for_log("SSL3 alert read:warning:close notify")

    def test_closed_connection_is_hung_up(self):
        client, _ = fresh()
        client.close(None)
        both = GLib.IOCondition.IN | GLib.IOCondition.OUT
        self.assertEqual(client.condition_check(both), GLib.IOCondition.HUP)

    def test_source_wakes_a_main_loop(self):
        client, _ = fresh()
        loop = GLib.MainLoop()
        seen = []

        # PyGObject takes every source's callback for one with no arguments of its own.
        def ready(*_):
            seen.append(client.condition_check(GLib.IOCondition.IN))
            loop.quit()
            return GLib.SOURCE_REMOVE

        source = client.create_source(GLib.IOCondition.IN, None)
        source.set_callback(ready)
        source.attach(None)
        client.close(None)
        loop.run()
        self.assertEqual(seen, [GLib.IOCondition.HUP])


if __name__ == "__main__":
    unittest.main()
