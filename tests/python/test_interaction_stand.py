"""What stands for the connection when an interaction is asked for a client certificate."""

import gc
import unittest
import weakref

from gi.repository import Gio, GLib

from interactions import AUTHORITY, HANDLERS, HANDSHAKES, MEETINGS, REQUESTED, RESULT
from interactions import Blocking, certificate, client, present, server


class Stand(unittest.TestCase):
    """The object that a handler is given in place of the connection."""

    def ask(self, handler, **server_options):
        """A finished handshake whose handler looked around."""
        with server(REQUESTED, **server_options) as listener:
            connection = client(listener.port, Blocking(handler))
            self.assertTrue(connection.handshake(None))
            return connection

    def test_it_is_everything_a_handler_may_expect(self):
        seen = []

        def handler(it):
            seen.extend(kind for kind in kinds if isinstance(it, kind))
            return RESULT.UNHANDLED

        kinds = (Gio.TlsConnection, Gio.TlsClientConnection, Gio.DatagramBased,
                 Gio.DtlsConnection, Gio.DtlsClientConnection)
        self.ask(handler)
        self.assertEqual(seen, list(kinds))

    def test_accepted_authorities_are_readable(self):
        seen = []

        def handler(it):
            seen.append(Gio.TlsClientConnection.get_accepted_cas(it))
            seen.append(Gio.DtlsClientConnection.get_accepted_cas(it))
            return RESULT.UNHANDLED

        connection = self.ask(handler)
        for names in (*seen, connection.get_accepted_cas()):
            self.assertEqual(len(names), 1)
            self.assertEqual(names[0][:1], b"0")
            self.assertIn(AUTHORITY.encode(), names[0])

    def test_no_accepted_authorities(self):
        seen = []
        connection = self.ask(
            lambda it: seen.append(Gio.TlsClientConnection.get_accepted_cas(it)) or RESULT.UNHANDLED,
            authorities=False)
        self.assertEqual(seen, [[]])
        self.assertEqual(connection.get_accepted_cas(), [])

    def test_properties_are_the_connections(self):
        seen = {}
        names = ("base-socket", "certificate", "database", "interaction", "peer-certificate",
                 "peer-certificate-errors", "require-close-notify", "server-identity",
                 "validation-flags")

        def handler(it):
            seen.update((name, it.get_property(name)) for name in names)
            it.set_advertised_protocols(["one", "two"])
            Gio.TlsConnection.set_certificate(it, certificate())
            seen["notified"] = list(notified)
            return RESULT.HANDLED

        notified = []
        with server() as listener:
            connection = client(listener.port, Blocking(handler))
            connection.connect("notify::certificate", lambda *_: notified.append("certificate"))
            self.assertTrue(connection.handshake(None))
        self.assertEqual(seen.pop("notified"), ["certificate"])
        self.assertIsNone(seen.pop("certificate"))
        self.assertIsNotNone(seen["peer-certificate"])
        for name, value in seen.items():
            self.assertEqual(value, connection.get_property(name), name)
        self.assertEqual(connection.get_property("advertised-protocols"), ["one", "two"])
        self.assertTrue(connection.get_certificate().is_same(certificate()))

    def test_it_does_no_io_and_never_deadlocks(self):
        refused, answers = [], []

        def handler(it):
            for call in (lambda: Gio.TlsConnection.handshake(it, None),
                         lambda: Gio.DtlsConnection.handshake(it, None),
                         lambda: Gio.DtlsConnection.close(it, None),
                         lambda: Gio.DtlsConnection.shutdown(it, True, False, None),
                         lambda: it.get_input_stream().read_bytes(1, None),
                         lambda: it.get_output_stream().write_bytes(GLib.Bytes.new(b"x"), None)):
                try:
                    call()
                    refused.append(None)
                except GLib.Error as error:
                    refused.append(error.code)
            condition = GLib.IOCondition.IN | GLib.IOCondition.OUT
            answers.append(it.condition_check(condition))
            answers.append(it.condition_wait(condition, -1, None))
            answers.append(it.is_closed())
            answers.append(Gio.IOStream.close(it, None))
            return RESULT.UNHANDLED

        self.ask(handler)
        unsupported, closed = Gio.IOErrorEnum.NOT_SUPPORTED, Gio.IOErrorEnum.CLOSED
        self.assertEqual(refused, [unsupported] * 4 + [closed] * 2)
        self.assertEqual(answers, [GLib.IOCondition.HUP, True, True, True])

    def test_it_goes_with_the_question(self):
        for how, kind in MEETINGS:
            weak = []
            with server() as listener:
                asked = HANDLERS[kind](lambda it: weak.append(it.weak_ref()) or present(it))
                connection = client(listener.port, asked)
                HANDSHAKES[how](connection)
            gone = [*weak, asked.weak_ref(), connection.weak_ref()]
            del asked, connection
            gc.collect()
            self.assertEqual([reference() for reference in gone], [None] * 3)

    def test_keeping_it_keeps_no_connection_alive(self):
        for how, kind in MEETINGS:
            kept = []

            def handler(it):
                kept.append(it)
                return present(it)

            with server() as listener:
                connection = client(listener.port, HANDLERS[kind](handler))
                HANDSHAKES[how](connection)
                gone = weakref.ref(connection), connection.weak_ref()
                self.assertIsNotNone(kept[0].get_property("ciphersuite-name"))
                self.assertEqual(connection.__grefcount__, 1)
                del connection
                self.assertEqual([reference() for reference in gone], [None, None])
                listener.wait_for_log("SSL3 alert read:warning:close notify")
            self.assertIsNone(kept[0].get_property("ciphersuite-name"))
            self.assertIsNone(Gio.TlsConnection.get_negotiated_protocol(kept[0]))
            self.assertEqual(Gio.TlsClientConnection.get_accepted_cas(kept[0]), [])
            kept[0].set_certificate(certificate())


if __name__ == "__main__":
    unittest.main()
