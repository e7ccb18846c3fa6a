"""Every signal of the namespace: right use, wrong type, wrong time, wrong value, and handlers that
raise exceptions."""

import unittest
from typing import NamedTuple

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GLib  # noqa: E402

from ends import ends, meet  # noqa: E402
from misuse import ROLES, Case, Journal, assert_test_exists, begin, fresh, outcome  # noqa: E402
from support import handshake_async  # noqa: E402

KEY = GLib.Bytes.new(b"a key of both")
RAISED = "ValueError: raised by the handler"


class Signal(NamedTuple):
    """A signal, and who has it."""

    right: str  # the test that shows what it is for
    roles: tuple
    emitted: object  # what an emission by hand gives without a handler


SIGNALS = {
    "DtlsConnection::keylog": Signal(
        "test_keylog.Signal.test_both_ends_announce_the_same_line", ROLES, None),
    "DtlsClientConnection::psk-request": Signal(
        "test_psk.Keys.test_client_is_asked_with_the_hint", ("client",), False),
    "DtlsServerConnection::psk-lookup": Signal(
        "test_psk.Keys.test_key_that_is_set_replaces_certificates", ("server",), None),
}


def raising(*_):
    raise ValueError("raised by the handler")


def signals():
    for entry, it in SIGNALS.items():
        for role in ROLES:
            yield entry.split("::")[1], it, role


def by_request(request):
    """A client that is asked for its key, and what comes of its handshake."""
    client, server = ends()
    server.connect("psk-lookup", lambda *_: KEY)
    client.connect("psk-request", request)
    server.handshake_async(GLib.PRIORITY_DEFAULT, None, None)
    return outcome(lambda: handshake_async(client)), client


def unanswered(lookup):
    """A client whose server has asked `lookup`, and that repeats itself since then. What comes of
    its handshake when it is cancelled at last."""
    client, server = ends()
    client.props.initial_timeout = 10
    client.set_psk("sensor", KEY)
    repeated, results, cancellable = [], [], Gio.Cancellable()

    def asked(*arguments):
        repeated.append(client.get_statistics().flights_retransmitted)
        return lookup(*arguments)

    server.connect("psk-lookup", asked)
    for connection in (client, server):
        connection.handshake_async(GLib.PRIORITY_DEFAULT, cancellable,
                                   lambda *result: results.append(result))
    while not repeated or client.get_statistics().flights_retransmitted < repeated[0] + 2:
        GLib.MainContext.default().iteration(True)
    assert not results, "the server has answered"
    cancellable.cancel()
    while len(results) < 2:
        GLib.MainContext.default().iteration(True)
    return [outcome(lambda: it.handshake_finish(result)) for it, result in results], client


class Signals(Case):
    def test_each_has_a_test_of_its_use(self):
        for entry, it in SIGNALS.items():
            with self.subTest(signal=entry):
                assert_test_exists(self, it.right)

    def test_wrong_types_are_refused(self):
        for name, it, role in signals():
            with self.subTest(signal=name, role=role):
                connection, _ = fresh(role)
                if role not in it.roles:
                    self.assert_outcome(lambda: connection.connect(name, print), "TypeError")
                    self.assert_outcome(lambda: connection.emit(name, "x"), "TypeError")
                    continue
                for wrong in (None, 5, "handler"):
                    self.assert_outcome(lambda: connection.connect(name, wrong), "TypeError")
                for wrong in ((), ("a", "b")):
                    self.assert_outcome(lambda: connection.emit(name, *wrong), "TypeError")

    def test_an_emission_by_hand_only_calls_the_handlers(self):
        for name, it, role in signals():
            if role not in it.roles:
                continue
            with self.subTest(signal=name, role=role):
                connection, _ = fresh(role)
                self.assert_outcome(lambda: connection.emit(name, "text"), it.emitted)
                seen = []
                connection.connect(name, lambda _, text: seen.append(text))
                self.assert_outcome(lambda: connection.emit(name, "text"), it.emitted)
                self.assert_outcome(lambda: connection.emit(name, None), it.emitted)
                self.assertEqual(seen, ["text", None])

    def test_a_handler_that_comes_after_the_beginning_is_not_asked(self):
        for name, it, role in signals():
            if role not in it.roles:
                continue
            with self.subTest(signal=name, role=role):
                client, server = ends()
                late = client if role == "client" else server
                begin(late)
                seen = []
                late.connect(name, lambda *arguments: seen.append(arguments))
                if name == "psk-lookup":
                    client.set_psk("sensor", KEY)
                self.assert_outcome(lambda: meet(client, server), None)
                self.assertEqual(seen, [])
                self.assertNotIn("PSK", client.get_ciphersuite_name())

    def test_a_handler_of_the_key_log_may_raise_or_answer_anything(self):
        for handler, logged in ((raising, [RAISED] * 2), (lambda *_: "answer", [])):
            client, server = ends()
            for connection in (client, server):
                connection.connect("keylog", handler)
            self.assert_outcome(lambda: meet(client, server), None, logged)

    def test_a_handler_of_a_change_may_raise(self):
        client, server = ends()
        for connection in (client, server):
            connection.connect("notify::cipher-bits", raising)
        self.assert_outcome(lambda: meet(client, server), None, [RAISED] * 2)
        self.assertEqual((client.props.cipher_bits, server.props.cipher_bits), (256, 256))

    def test_a_client_whose_handler_gives_no_key_is_told(self):
        refused = ((raising, [RAISED]), (lambda *_: True, []), (lambda *_: None, []),
                   (lambda *_: "yes", []), (lambda it, _: it.set_psk("sensor", KEY) and False, []))
        for number, (handler, logged) in enumerate(refused):
            with self.subTest(number=number):
                with Journal() as journal:
                    got, client = by_request(handler)
                self.assertEqual((got, journal.lines), ("NOT_FOUND", logged))
                self.assert_outcome(lambda: client.set_psk("sensor", KEY), "READ_ONLY")

    def test_a_client_whose_handler_gives_a_bad_key_is_told_both(self):
        seen = []

        def bad(connection, _):
            seen.append(outcome(lambda: connection.set_psk("sensor", GLib.Bytes.new(b""))))
            seen.append(outcome(lambda: connection.handshake(None)))
            return True

        self.assertEqual(by_request(bad)[0], "NOT_FOUND")
        self.assertEqual(seen, ["INVALID_ARGUMENT", "FAILED"])

    def test_the_next_handler_is_asked_where_one_raises(self):
        client, server = ends()
        client.connect("psk-request", raising)
        client.connect("psk-request", lambda it, _: it.set_psk("sensor", KEY))
        server.connect("psk-lookup", raising)
        server.connect("psk-lookup", lambda *_: KEY)
        self.assert_outcome(lambda: meet(client, server), None, [RAISED] * 2)
        self.assertIn("PSK", client.get_ciphersuite_name())

    def test_a_server_whose_handler_gives_no_key_says_nothing(self):
        length = "GioOssl-WARNING: psk-lookup: The key has {} bytes instead of 1 to 512"
        wrong_type = "TypeError: can't convert return value to desired type"
        for answer, logged in ((raising, [RAISED]), (lambda *_: None, []),
                               (lambda *_: 5, [wrong_type]), (lambda *_: b"key", [wrong_type]),
                               (lambda *_: GLib.Bytes.new(b""), [length.format(0)]),
                               (lambda *_: GLib.Bytes.new(bytes(513)), [length.format(513)])):
            with self.subTest(logged=logged):
                with Journal() as journal:
                    got, client = unanswered(answer)
                self.assertEqual((got, journal.lines), (["CANCELLED"] * 2, logged))
                self.assertIsNone(client.get_ciphersuite_name())

    def test_handlers_are_let_go_with_the_connection(self):
        for name, it, role in signals():
            if role not in it.roles:
                continue
            with self.subTest(signal=name, role=role):
                connection, _other = fresh(role)
                connection.connect(name, lambda *_: None)
                alone, connection = [connection], None
                self.assert_let_go(alone)


if __name__ == "__main__":
    unittest.main()
