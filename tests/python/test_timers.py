"""GioOssl.DtlsConnection:initial-timeout and :handshake-timeout."""

import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from support import PATIENCE, gio_client, handshake_async, peer, pki, unused_udp_port  # noqa: E402

LIMIT = 200  # ms


class Undecided(Gio.TlsInteraction):
    """Is asked for a certificate, and never answers."""

    def do_request_certificate_async(self, _connection, _flags, _cancellable, callback, data):
        self.asked = (callback, data)


class Timers(unittest.TestCase):
    def assert_ends(self, call):
        with self.assertRaises(GLib.Error) as caught:
            call()
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT))
        self.assertIn(f"{LIMIT} milliseconds", caught.exception.message)

    def test_handshake_ends_when_its_time_is_up(self):
        for shake in (lambda it: it.handshake(None), handshake_async):
            with peer("silent") as server:
                client = gio_client(server.port)
                client.props.handshake_timeout = LIMIT
                self.assert_ends(lambda: shake(client))
                self.assert_ends(lambda: client.send(b"late", PATIENCE, None))

    def test_user_who_thinks_too_long_is_too_late(self):
        with peer("openssl", "ecdsa", ["-Verify", "3", "-CAfile", pki("ca.pem")]) as server:
            client = gio_client(server.port)
            client.set_interaction(Undecided())
            client.props.handshake_timeout = LIMIT
            self.assert_ends(lambda: handshake_async(client))

    def test_defaults_are_one_second_and_no_limit(self):
        client = gio_client(unused_udp_port())
        self.assertEqual(client.props.initial_timeout, 1000)
        self.assertEqual(client.props.handshake_timeout, 0)

    def test_properties_are_notified(self):
        client = gio_client(unused_udp_port())
        seen = []
        client.connect("notify", lambda _, spec: seen.append(spec.name))
        client.props.initial_timeout = 50
        client.props.handshake_timeout = 60
        self.assertEqual(seen, ["initial-timeout", "handshake-timeout"])

    def test_later_changes_are_refused(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            client.handshake(None)
            client.props.initial_timeout = 50
            client.props.handshake_timeout = 60
            self.assertEqual(client.props.initial_timeout, 1000)
            self.assertEqual(client.props.handshake_timeout, 0)

    def test_wrong_types_and_values_are_refused(self):
        client = gio_client(unused_udp_port())
        for name in ("initial-timeout", "handshake-timeout"):
            with self.assertRaises(TypeError):
                client.set_property(name, "soon")
            with self.assertRaises(OverflowError):
                client.set_property(name, -1)
        spec = GioOssl.DtlsConnection.find_property("initial-timeout")
        self.assertEqual((spec.minimum, spec.maximum), (1, 60_000))


if __name__ == "__main__":
    unittest.main()
