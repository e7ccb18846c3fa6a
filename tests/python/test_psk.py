"""Pre-shared keys from Python: right use, wrong types, wrong times and wrong values."""

import os
import unittest
from contextlib import redirect_stderr

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib, GObject  # noqa: E402

from support import PATIENCE, Failure, handshake_async, udp_socket_to, unused_udp_port  # noqa: E402

KEY = GLib.Bytes.new(b"a key of both")


def connected_sockets():
    """Two UDP sockets of 127.0.0.1 that are connected to each other."""
    pair = [Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
            for _ in range(2)]
    for sock in pair:
        sock.set_blocking(False)
        sock.bind(Gio.InetSocketAddress.new_from_string("127.0.0.1", 0), False)
    pair[0].connect(pair[1].get_local_address(), None)
    pair[1].connect(pair[0].get_local_address(), None)
    return pair


def client(base=None):
    """A client by plain GIO's constructor."""
    return Gio.DtlsClientConnection.new(base or udp_socket_to(unused_udp_port()), None)


def server(base, lookup):
    connection = Gio.DtlsServerConnection.new(base, None)
    connection.connect("psk-lookup", lookup)
    return connection


def shake(one, other):
    """Handshakes of both; answers the first one's error, or None."""
    other.handshake_async(GLib.PRIORITY_DEFAULT, None, None)
    try:
        handshake_async(one)
    except GLib.Error as error:
        return error
    return None


class Keys(unittest.TestCase):
    def test_key_that_is_set_replaces_certificates(self):
        near, far = connected_sockets()
        seen = []

        def lookup(connection, identity):
            seen.append((type(connection), identity))
            return KEY

        ours, theirs = client(near), server(far, lookup)
        self.assertTrue(ours.set_psk("sensor", KEY))
        self.assertIsNone(shake(ours, theirs))
        self.assertEqual(seen, [(GioOssl.DtlsServerConnection, "sensor")])
        self.assertIn("PSK", ours.get_ciphersuite_name())
        self.assertIsNone(ours.get_peer_certificate())
        ours.send(b"hello", PATIENCE, None)
        self.assertEqual(theirs.receive_bytes(100, PATIENCE, None).get_data(), b"hello")

    def test_client_is_asked_with_the_hint(self):
        for hint in ("which sensor?", None):
            near, far = connected_sockets()
            ours, theirs = client(near), server(far, lambda _, identity: KEY)
            theirs.props.psk_identity_hint = hint
            self.assertEqual(theirs.get_property("psk-identity-hint"), hint)
            seen = []

            def request(connection, text):
                seen.append(text)
                return connection.set_psk("sensor", KEY)

            ours.connect("psk-request", request)
            self.assertIsNone(shake(ours, theirs))
            self.assertEqual(seen, [hint])

    def test_client_without_a_key_is_not_found(self):
        for answer in (False, True, None):
            near, far = connected_sockets()
            ours, theirs = client(near), server(far, lambda *_: KEY)
            ours.connect("psk-request", lambda *_, value=answer: value)
            error = shake(ours, theirs)
            self.assertTrue(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND), error)

    def test_unknown_identity_is_not_told(self):
        near, far = connected_sockets()
        ours, theirs = client(near), server(far, lambda *_: None)
        ours.set_psk("stranger", KEY)
        theirs.handshake_async(GLib.PRIORITY_DEFAULT, None, None)
        cancellable = Gio.Cancellable()
        GLib.timeout_add(300, cancellable.cancel)
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
            handshake_async(ours, cancellable)

    def test_handler_that_fails_or_has_no_key_knows_nobody(self):
        def fails(*_):
            raise ValueError("on purpose")

        for lookup in (fails, lambda *_: b"bytes", lambda *_: "text", lambda *_: GLib.Bytes.new(b"")):
            near, far = connected_sockets()
            ours, theirs = client(near), server(far, lookup)
            ours.set_psk("sensor", KEY)
            ours.props.handshake_timeout = 300
            with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
                error = shake(ours, theirs)
            self.assertTrue(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT), error)

    def test_client_whose_handler_fails_is_not_found(self):
        def fails(*_):
            raise ValueError("on purpose")

        near, far = connected_sockets()
        ours, theirs = client(near), server(far, lambda *_: KEY)
        ours.connect("psk-request", fails)
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
            error = shake(ours, theirs)
        self.assertTrue(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND), error)


class WrongUse(unittest.TestCase):
    def test_wrong_types(self):
        connection = client()
        for identity, key in ((1, KEY), (None, KEY), ("sensor", b"bytes"), ("sensor", None)):
            with self.subTest(identity=identity, key=key), self.assertRaises(TypeError):
                connection.set_psk(identity, key)
        with self.assertRaises(TypeError):
            GObject.Object.set_property(
                Gio.DtlsServerConnection.new(udp_socket_to(unused_udp_port()), None),
                "psk-identity-hint", 7)
        with self.assertRaises(TypeError):
            connection.connect("psk-lookup", lambda *_: None)

    def test_wrong_values(self):
        connection = client()
        for identity, key in (("sensor", b""), ("sensor", bytes(513)), ("i" * 256, b"k")):
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.INVALID_ARGUMENT):
                connection.set_psk(identity, GLib.Bytes.new(key))
        connection.set_psk("i" * 255, GLib.Bytes.new(bytes(512)))

    def test_hint_that_is_too_long_fails_the_initialisation(self):
        base = udp_socket_to(unused_udp_port())
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.INVALID_ARGUMENT):
            GObject.new(GioOssl.DtlsServerConnection, base_socket=base,
                        psk_identity_hint="h" * 256).init(None)

    def test_wrong_times(self):
        near, far = connected_sockets()
        ours, theirs = client(near), server(far, lambda *_: KEY)
        ours.set_psk("sensor", KEY)
        self.assertIsNone(shake(ours, theirs))
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.READ_ONLY):
            ours.set_psk("sensor", KEY)
        theirs.props.psk_identity_hint = "too late"
        self.assertIsNone(theirs.props.psk_identity_hint)
        ours.close(None)
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CLOSED):
            ours.set_psk("sensor", KEY)


if __name__ == "__main__":
    unittest.main()
