"""Every method of the connections and of their statistics: right use, wrong type, wrong time and
wrong value; and that none keeps the connection alive."""

import unittest
from typing import NamedTuple

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from ends import established  # noqa: E402
from misuse import (CLASSES, ROLES, STATES, Case, assert_test_exists, fresh,  # noqa: E402
                    in_state, outcome)
from support import PATIENCE  # noqa: E402

WORD = GLib.Bytes.new(b"word")
TOO_LONG = GLib.Bytes.new(bytes(16_385))
LABEL = "EXPERIMENTAL misuse"
NULL_MESSAGE = ("GioOssl-CRITICAL: gio_ossl_dtls_connection_send_many: "
                "assertion 'every message != NULL' failed")
TWICE = "GLib-GIO-CRITICAL: g_task_propagate_int: assertion 'task->result_set' failed"


class Method(NamedTuple):
    """A call on a connection, and what comes of it."""

    right: str  # the test that shows the right use
    call: object  # the call, with right arguments
    times: tuple  # what comes of it in each of STATES
    types: tuple  # (call, exception)
    values: tuple = ()  # (call after the handshake, what comes of it, and what is logged)
    roles: tuple = ROLES


def exported_session():
    client, _ = established()
    return client.export_session()


def finished(connection, begin_call, finish, is_patient):
    """What an asynchronous call brings; one that is not waited for is cancelled."""
    results, cancellable = [], Gio.Cancellable()
    begin_call(cancellable, lambda _, result: results.append(result))
    assert not results, "answered before returning to the loop"
    if not is_patient:
        cancellable.cancel()
    while not results:
        GLib.MainContext.default().iteration(True)
    return outcome(lambda: finish(results[0]))


def send_async(it, message=WORD, is_patient=False):
    return finished(it, lambda *more: it.send_bytes_async(message, GLib.PRIORITY_DEFAULT, *more),
                    it.send_bytes_finish, is_patient)


def receive_async(it, size=9, is_patient=False):
    return finished(it, lambda *more: it.receive_bytes_async(size, GLib.PRIORITY_DEFAULT, *more),
                    it.receive_bytes_finish, is_patient)


def foreign_result(it):
    return Gio.Task.new(it, None, None)


def result_of_sending(it):
    results = []
    it.send_bytes_async(WORD, GLib.PRIORITY_DEFAULT, None, lambda _, result: results.append(result))
    while not results:
        GLib.MainContext.default().iteration(True)
    return results[0]


def twice(it):
    result = result_of_sending(it)
    return it.send_bytes_finish(result), it.send_bytes_finish(result)


def wrong_arguments(call, *variants):
    """Calls with arguments of wrong types, and what PyGObject raises."""
    return tuple((lambda it, wrong=wrong: call(it)(*wrong[0]), wrong[1]) for wrong in variants)


WAITS = ("WOULD_BLOCK", "WOULD_BLOCK", "WOULD_BLOCK", "CLOSED")
AFTER_THE_HANDSHAKE = ("NOT_CONNECTED", "NOT_CONNECTED", GLib.Bytes, "CLOSED")
BEFORE_THE_HANDSHAKE = (True, "READ_ONLY", "READ_ONLY", "CLOSED")
TYPE, OVERFLOW = "TypeError", "OverflowError"

METHODS = {
    "DtlsConnection.send()": Method(
        "test_namespace.Session.test_byte_calls_raise_the_documented_errors",
        lambda it: it.send(b"x", 0, None), ("WOULD_BLOCK", "WOULD_BLOCK", 1, "CLOSED"),
        wrong_arguments(lambda it: it.send, (("x", 0, None), TYPE), ((None, 0, None), TYPE),
                        ((5, 0, None), TYPE), (([300], 0, None), OVERFLOW),
                        ((b"x", "0", None), TYPE), ((b"x", None, None), TYPE),
                        ((b"x", 1 << 63, None), OVERFLOW), ((b"x", 0, 5), TYPE), ((b"x",), TYPE),
                        ((b"x", 0, None, None), TYPE)),
        ((lambda it: it.send(b"", 0, None), 0),
         (lambda it: it.send(bytes(16_384), 0, None), 16_384),
         (lambda it: it.send(bytes(16_385), 0, None), "MESSAGE_TOO_LARGE"),
         (lambda it: it.send(b"x", -5, None), 1))),
    "DtlsConnection.receive_bytes()": Method(
        "test_namespace.Session.test_message_is_cut_to_the_size_asked_for",
        lambda it: it.receive_bytes(9, 0, None), WAITS,
        wrong_arguments(lambda it: it.receive_bytes,
                        (("9", 0, None), TYPE), ((None, 0, None), TYPE),
                        ((-1, 0, None), OVERFLOW), ((1 << 64, 0, None), OVERFLOW),
                        ((9, "0", None), TYPE), ((9, 0, 5), TYPE), ((9,), TYPE)),
        ((lambda it: it.receive_bytes(0, 0, None), "INVALID_ARGUMENT"),
         (lambda it: it.receive_bytes(1 << 40, 0, None), "WOULD_BLOCK"),
         (lambda it: it.receive_bytes(9, 1, None), "TIMED_OUT"))),
    "DtlsConnection.send_many()": Method(
        "test_bytes.Batches.test_batches_cross",
        lambda it: it.send_many([WORD], 0, None), ("WOULD_BLOCK", "WOULD_BLOCK", 1, "CLOSED"),
        wrong_arguments(lambda it: it.send_many, ((None, 0, None), TYPE), ((5, 0, None), TYPE),
                        (([b"x"], 0, None), TYPE), (([WORD, "x"], 0, None), TYPE),
                        (([WORD], "0", None), TYPE), (([WORD], 0, 5), TYPE), (([WORD],), TYPE)),
        ((lambda it: it.send_many([], 0, None), 0),
         (lambda it: it.send_many([TOO_LONG], 0, None), "MESSAGE_TOO_LARGE"),
         (lambda it: it.send_many([WORD, TOO_LONG], 0, None), 1),
         (lambda it: it.send_many([WORD, None], 0, None), -1, NULL_MESSAGE))),
    "DtlsConnection.receive_many()": Method(
        "test_bytes.Batches.test_batches_cross",
        lambda it: it.receive_many(2, 9, 0, None), WAITS,
        wrong_arguments(lambda it: it.receive_many, (("2", 9, 0, None), TYPE),
                        ((-1, 9, 0, None), OVERFLOW), ((1 << 32, 9, 0, None), OVERFLOW),
                        ((2, None, 0, None), TYPE), ((2, 9, "0", None), TYPE), ((2, 9, 0, 5), TYPE),
                        ((2, 9), TYPE)),
        ((lambda it: it.receive_many(0, 9, 0, None), "INVALID_ARGUMENT"),
         (lambda it: it.receive_many(2, 0, 0, None), "INVALID_ARGUMENT"),
         (lambda it: it.receive_many((1 << 32) - 1, 9, 0, None), "WOULD_BLOCK"))),
    "DtlsConnection.send_bytes_async()": Method(
        "test_bytes.Asynchronous.test_messages_cross_and_the_end_is_none",
        send_async, ("CANCELLED",) * 4,
        wrong_arguments(lambda it: it.send_bytes_async, ((b"x", 0, None, None), TYPE),
                        ((None, 0, None, None), TYPE), ((WORD, "0", None, None), TYPE),
                        ((WORD, 1 << 31, None, None), OVERFLOW), ((WORD, 0, 5, None), TYPE),
                        ((WORD, 0, None, 5), TYPE), ((WORD,), TYPE)),
        ((lambda it: send_async(it, WORD, True), 4),
         (lambda it: send_async(it, GLib.Bytes.new(b""), True), 0),
         (lambda it: send_async(it, TOO_LONG, True), "MESSAGE_TOO_LARGE"),
         (lambda it: it.close(None) and send_async(it, WORD, True), "CLOSED"))),
    "DtlsConnection.send_bytes_finish()": Method(
        "test_bytes.Asynchronous.test_results_of_other_calls_are_refused",
        lambda it: it.send_bytes_finish(foreign_result(it)), ("INVALID_ARGUMENT",) * 4,
        wrong_arguments(lambda it: it.send_bytes_finish,
                        ((None,), TYPE), ((5,), TYPE), ((), TYPE)),
        ((lambda it: it.send_bytes_finish(result_of_sending(it)), 4),
         (lambda it: fresh("client")[0].send_bytes_finish(result_of_sending(it)),
          "INVALID_ARGUMENT"),
         (twice, (4, -1), TWICE))),
    "DtlsConnection.receive_bytes_async()": Method(
        "test_bytes.Asynchronous.test_messages_cross_and_the_end_is_none",
        receive_async, ("CANCELLED",) * 4,
        wrong_arguments(lambda it: it.receive_bytes_async, (("9", 0, None, None), TYPE),
                        ((-1, 0, None, None), OVERFLOW), ((9, "0", None, None), TYPE),
                        ((9, 0, 5, None), TYPE), ((9, 0, None, 5), TYPE), ((9,), TYPE)),
        ((lambda it: receive_async(it, 0, True), "INVALID_ARGUMENT"),
         (lambda it: it.close(None) and receive_async(it, 9, True), "CLOSED"))),
    "DtlsConnection.receive_bytes_finish()": Method(
        "test_bytes.Asynchronous.test_results_of_other_calls_are_refused",
        lambda it: it.receive_bytes_finish(foreign_result(it)), ("INVALID_ARGUMENT",) * 4,
        wrong_arguments(lambda it: it.receive_bytes_finish,
                        ((None,), TYPE), ((5,), TYPE), ((), TYPE)),
        ((lambda it: it.receive_bytes_finish(result_of_sending(it)), "INVALID_ARGUMENT"),)),
    "DtlsConnection.export_keying_material()": Method(
        "test_exporter.Exporter.test_material_is_equal_and_depends_on_the_context",
        lambda it: it.export_keying_material(LABEL, None, 32), AFTER_THE_HANDSHAKE,
        wrong_arguments(lambda it: it.export_keying_material, ((5, None, 32), TYPE),
                        ((None, None, 32), TYPE), ((LABEL, b"context", 32), TYPE),
                        ((LABEL, None, "32"), TYPE), ((LABEL, None, -1), OVERFLOW),
                        ((LABEL,), TYPE)),
        tuple((lambda it, wrong=wrong: it.export_keying_material(*wrong), "INVALID_ARGUMENT")
              for wrong in (("", None, 32), ("master secret", None, 32),
                            ("client finished!", None, 32),
                            (LABEL, None, 0), (LABEL, None, 8161), ("E" * 959, None, 32),
                            (LABEL, GLib.Bytes.new(bytes(959 - len(LABEL))), 32)))
        + ((lambda it: it.export_keying_material(LABEL, GLib.Bytes.new(b""), 8160).get_size(),
            8160),)),
    "DtlsConnection.export_srtp_keys()": Method(
        "test_srtp.Keys.test_keys_cross_for_each_profile",
        lambda it: it.export_srtp_keys(),
        ("NOT_CONNECTED", "NOT_CONNECTED", "NOT_SUPPORTED", "CLOSED"),
        wrong_arguments(lambda it: it.export_srtp_keys, ((5,), TYPE))),
    "DtlsConnection.get_statistics()": Method(
        "test_statistics.Statistics.test_a_session_is_counted",
        lambda it: it.get_statistics(), (GioOssl.Statistics,) * 4,
        wrong_arguments(lambda it: it.get_statistics, ((5,), TYPE))),
    "DtlsConnection.to_string()": Method(
        "test_description.Description.test_a_session_is_described",
        lambda it: it.to_string(), (str,) * 4,
        wrong_arguments(lambda it: it.to_string, ((5,), TYPE))),
    "DtlsClientConnection.set_psk()": Method(
        "test_psk.Keys.test_key_that_is_set_replaces_certificates",
        lambda it: it.set_psk("sensor", WORD), BEFORE_THE_HANDSHAKE,
        wrong_arguments(lambda it: it.set_psk, ((5, WORD), TYPE), ((None, WORD), TYPE),
                        (("sensor", None), TYPE), (("sensor", b"key"), TYPE), (("sensor",), TYPE)),
        ((lambda it: it.set_psk("i" * 256, WORD), "INVALID_ARGUMENT"),
         (lambda it: it.set_psk("sensor", GLib.Bytes.new(b"")), "INVALID_ARGUMENT"),
         (lambda it: it.set_psk("sensor", GLib.Bytes.new(bytes(513))), "INVALID_ARGUMENT"),
         (lambda it: fresh("client")[0].set_psk("i" * 255, GLib.Bytes.new(bytes(512))), True),
         (lambda it: fresh("client")[0].set_psk("", GLib.Bytes.new(b"k")), True)), ("client",)),
    "DtlsClientConnection.export_session()": Method(
        "test_resumption.OtherServers.test_sessions_of_other_servers_are_resumed",
        lambda it: it.export_session(), AFTER_THE_HANDSHAKE,
        wrong_arguments(lambda it: it.export_session, ((5,), TYPE)), roles=("client",)),
    "DtlsClientConnection.import_session()": Method(
        "test_resumption.OtherServers.test_sessions_of_other_servers_are_resumed",
        lambda it: it.import_session(exported_session()), BEFORE_THE_HANDSHAKE,
        wrong_arguments(lambda it: it.import_session,
                        ((None,), TYPE), ((b"x",), TYPE), ((5,), TYPE)),
        tuple((lambda it, wrong=wrong: it.import_session(GLib.Bytes.new(wrong)), "INVALID_ARGUMENT")
              for wrong in (b"", b"nonsense", bytes(4096))), ("client",)),
    "DtlsClientConnection.copy_session()": Method(
        "test_resumption.OtherServers.test_sessions_of_other_servers_are_resumed",
        lambda it: it.copy_session(established()[0]), BEFORE_THE_HANDSHAKE,
        wrong_arguments(lambda it: it.copy_session, ((None,), TYPE), ((5,), TYPE))
        + ((lambda it: it.copy_session(fresh("server")[0]), TYPE),),
        ((lambda it: it.copy_session(fresh("client")[0]), "NOT_CONNECTED"),
         (lambda it: fresh("client")[0].copy_session(in_state("client", "closed")[0]), "CLOSED"),
         (lambda it: it.copy_session(it), "READ_ONLY")), ("client",)),
}

# What the boxed type of the statistics does: calls on it, its wrong types, and what is told then.
STATISTICS = {
    "Statistics.copy()": ("test_misuse_methods.Statistics.test_copies_stand_by_themselves",
                          GioOssl.Statistics.copy, GioOssl.Statistics),
    "Statistics.free()": ("test_misuse_methods.Statistics.test_copies_stand_by_themselves",
                          GioOssl.Statistics.free, type(None)),
}


def methods():
    """Each method, with each role that has it."""
    for entry, it in METHODS.items():
        for role in it.roles:
            yield entry, it, role


class Methods(Case):
    def test_each_has_a_test_of_its_use(self):
        for entry, it in METHODS.items():
            with self.subTest(method=entry):
                assert_test_exists(self, it.right)

    def test_each_state_has_its_answer_and_keeps_no_reference(self):
        for entry, it, role in methods():
            for state, expected in zip(STATES, it.times):
                with self.subTest(method=entry, role=role, state=state):
                    connection, other = in_state(role, state)
                    self.assert_outcome(lambda: it.call(connection), expected)
                    alone, connection, other = [connection], None, None
                    self.assert_let_go(alone)

    def test_wrong_types_are_refused_and_change_nothing(self):
        for entry, it, role in methods():
            connection, _ = fresh(role)
            for number, (call, expected) in enumerate(it.types):
                with self.subTest(method=entry, role=role, number=number):
                    self.assert_outcome(lambda: call(connection), expected)
            self.assertNotIn("in its handshake", connection.to_string(), entry)

    def test_wrong_values_have_their_errors(self):
        for entry, it, role in methods():
            for number, (call, expected, *logged) in enumerate(it.values):
                with self.subTest(method=entry, role=role, number=number):
                    connection, _other = in_state(role, "established")
                    self.assert_outcome(lambda: call(connection), expected, logged)
                    alone, connection = [connection], None
                    self.assert_let_go(alone)

    def test_the_connection_itself_must_be_one(self):
        for entry, it in METHODS.items():
            owner, name = entry.removesuffix("()").split(".")
            function = getattr(getattr(GioOssl, owner), name)
            for wrong in (None, 5, fresh("client")[1], GioOssl.Database()):
                with self.subTest(method=entry, wrong=wrong):
                    self.assert_outcome(lambda: function(wrong), "TypeError")
            if "server" not in it.roles:
                self.assertFalse(hasattr(fresh("server")[0], name))

    def test_without_an_initialisation_nothing_is_sent(self):
        for entry, it, role in methods():
            with self.subTest(method=entry, role=role):
                got = outcome(lambda: it.call(CLASSES[role]()))
                allowed = (it.times[0], "INVALID_ARGUMENT")
                self.assertTrue(got in allowed or isinstance(it.times[0], type), got)

    def test_no_message_needs_no_connection(self):
        for role in ROLES:
            for state in STATES:
                connection, _other = in_state(role, state)
                self.assert_outcome(lambda: connection.send_many([], 0, None), 0)

    def test_messages_of_the_peer_are_received_asynchronously(self):
        for near, far in (established(), reversed(established())):
            far.send(b"question", PATIENCE, None)
            got = receive_async(near, 4, is_patient=True)
            self.assertEqual(got.get_data(), b"ques")


class Statistics(Case):
    def test_wrong_types_are_refused(self):
        for name, (_, function, _) in STATISTICS.items():
            for wrong in (None, 5, fresh("client")[0], WORD):
                with self.subTest(method=name, wrong=wrong):
                    self.assert_outcome(lambda: function(wrong), "TypeError")

    def test_copies_stand_by_themselves(self):
        for role in ROLES:
            for state in STATES:
                connection, _other = in_state(role, state)
                numbers = connection.get_statistics()
                for name, (_, function, expected) in STATISTICS.items():
                    with self.subTest(method=name, state=state):
                        for _ in range(100):
                            self.assert_outcome(lambda: function(numbers), expected)
                copy, before = numbers.copy(), numbers.messages_sent
                numbers.messages_sent = before + 5
                self.assertEqual(copy.messages_sent, before)
                self.assertEqual(connection.get_statistics().messages_sent, before)
                self.assert_outcome(lambda: setattr(numbers, "bytes_sent", -1), "OverflowError")
                alone, connection = [connection], None
                self.assert_let_go(alone)
                self.assertEqual(copy.messages_sent, before)


if __name__ == "__main__":
    unittest.main()
