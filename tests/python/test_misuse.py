"""Whether the tests of misuse leave nothing out, and what has no better home: constructors,
functions, classes, and threads."""

import os
import tempfile
import threading
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GObject  # noqa: E402

from ends import ends, established, udp_pair  # noqa: E402
from misuse import CLASSES, Case, Journal, assert_test_exists, outcome, promised  # noqa: E402
from support import IDENTITY, PATIENCE, pki  # noqa: E402
from test_misuse_methods import METHODS, STATISTICS  # noqa: E402
from test_misuse_properties import PROPERTIES  # noqa: E402
from test_misuse_signals import SIGNALS  # noqa: E402

MESSAGES = 100
FINAL = ("Certificate", "Database", "DtlsClientConnection", "DtlsServerConnection", "FileDatabase")
IGNORED = 'GioOssl-WARNING: GioOsslFileDatabase: ignoring anchors "{}": the path is not absolute'


def closed_socket():
    base, _ = udp_pair()
    base.close()
    return base


def stream_socket():
    return Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.STREAM, Gio.SocketProtocol.TCP)


def keyless():
    return Gio.TlsCertificate.new_from_file(pki("ca.pem"))


# name: (test of the right use, [(arguments, what comes of it, what is logged)])
CONSTRUCTORS = {
    "DtlsClientConnection.new()": (
        "test_namespace.Namespace.test_constructors_do_not_need_the_backend_to_be_the_default",
        [(lambda: (udp_pair()[0], None), GioOssl.DtlsClientConnection),
         (lambda: (udp_pair()[0], Gio.NetworkAddress.new(IDENTITY, 4433)),
          GioOssl.DtlsClientConnection),
         (lambda: (None, None), "TypeError"), (lambda: (5, None), "TypeError"),
         (lambda: (udp_pair()[0],), GioOssl.DtlsClientConnection),
         (lambda: (), "TypeError"), (lambda: (udp_pair()[0], IDENTITY), "TypeError"),
         (lambda: (stream_socket(), None), "NOT_SUPPORTED"),
         (lambda: (closed_socket(), None), GioOssl.DtlsClientConnection)]),
    "DtlsServerConnection.new()": (
        "test_namespace.Session.test_both_ends_talk_and_the_peers_close_is_none",
        [(lambda: (udp_pair()[0], None), GioOssl.DtlsServerConnection),
         (lambda: (None, None), "TypeError"), (lambda: ("socket", None), "TypeError"),
         (lambda: (udp_pair()[0], "certificate"), "TypeError"),
         (lambda: (udp_pair()[0], keyless()), "BAD_CERTIFICATE"),
         (lambda: (stream_socket(), None), "NOT_SUPPORTED"),
         (lambda: (closed_socket(), None), GioOssl.DtlsServerConnection)]),
    "FileDatabase.new()": (
        "test_namespace.Namespace.test_file_database_wants_a_good_file",
        [(lambda: (pki("ca.pem"),), GioOssl.FileDatabase),
         (lambda: (None,), "TypeError"), (lambda: (5,), "TypeError"), (lambda: (), "TypeError"),
         (lambda: ("a\0b",), "ValueError"), (lambda: (pki("nowhere.pem"),), "MISC"),
         (lambda: (pki("garbage.pem"),), "MISC"), (lambda: ("/",), "MISC"),
         (lambda: ("",), "MISC", IGNORED.format("")),
         (lambda: ("ca.pem",), "MISC", IGNORED.format("ca.pem"))]),
    "get_backend()": (
        "test_namespace.Namespace.test_types_are_the_backends",
        [(lambda: (), Gio.TlsBackend), (lambda: (None,), "TypeError")]),
}


def function_of(entry):
    found = GioOssl
    for name in entry.removesuffix("()").split("."):
        found = getattr(found, name)
    return found


class Everything(Case):
    def test_each_part_of_the_namespace_has_an_entry(self):
        described = [*PROPERTIES, *METHODS, *STATISTICS, *SIGNALS, *CONSTRUCTORS]
        self.assertEqual(len(described), len(set(described)))
        self.assertEqual(set(described), promised())


class Constructors(Case):
    def test_each_has_a_test_of_its_use(self):
        for entry, (right, *_) in (CONSTRUCTORS | STATISTICS).items():
            with self.subTest(entry=entry):
                assert_test_exists(self, right)

    def test_each_argument_has_its_answer(self):
        for entry, (_, calls) in CONSTRUCTORS.items():
            for number, (arguments, expected, *logged) in enumerate(calls):
                with self.subTest(constructor=entry, number=number):
                    given = arguments()
                    self.assert_outcome(lambda: function_of(entry)(*given), expected, logged)

    def test_what_is_made_is_let_go(self):
        for entry, (_, calls) in CONSTRUCTORS.items():
            if entry != "get_backend()":
                with self.subTest(constructor=entry):
                    self.assert_let_go([function_of(entry)(*calls[0][0]())])

    def test_a_closed_socket_fails_the_handshake(self):
        for kind in CLASSES.values():
            connection = kind.new(closed_socket(), None)
            self.assert_outcome(lambda: connection.handshake(None), "CLOSED")

    def test_a_database_keeps_what_it_has_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "anchors.pem")
            with open(pki("ca.pem"), "rb") as source, open(path, "wb") as copy:
                copy.write(source.read())
            database = GioOssl.FileDatabase.new(path)
        certificate = Gio.TlsCertificate.new_from_file(pki("ecdsa.pem"))
        errors = database.verify_chain(certificate, Gio.TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER,
                                       None, None, Gio.TlsDatabaseVerifyFlags.NONE, None)
        self.assertEqual(errors, 0)


class Classes(Case):
    def test_final_classes_cannot_be_derived_from(self):
        for name in FINAL:
            with self.subTest(name=name), Journal() as journal:
                with self.assertRaises(RuntimeError):
                    type("Derived", (getattr(GioOssl, name),), {"__gtype_name__": f"Derived{name}"})
            self.assertEqual(journal.lines, [
                f"cannot derive 'Derived{name}' from final parent type 'GioOssl{name}'"])

    def test_what_is_derived_from_the_abstract_class_is_no_connection(self):
        class Derived(GioOssl.DtlsConnection):
            pass

        base, _ = udp_pair()
        connection = Derived(base_socket=base)
        self.assert_fails(Gio.IOErrorEnum.NOT_SUPPORTED, "neither a client nor a server",
                          lambda: connection.init(None))
        for call in (lambda: connection.send(b"x", 0, None),
                     lambda: connection.receive_bytes(9, 0, None),
                     lambda: connection.handshake(None)):
            self.assert_outcome(call, "INVALID_ARGUMENT")
        self.assert_outcome(lambda: connection.close(None), True)

    def test_the_abstract_class_has_no_objects(self):
        for make in (GioOssl.DtlsConnection, lambda: GObject.new(GioOssl.DtlsConnection)):
            self.assert_outcome(make, "TypeError")

    def test_construction_needs_a_base_socket_and_known_properties(self):
        for kind in CLASSES.values():
            with self.subTest(kind=kind.__name__):
                self.assert_outcome(lambda: kind(mtu=600).init(None), "INVALID_ARGUMENT")
                self.assert_outcome(lambda: kind(base_socket=5), "TypeError")
                self.assert_outcome(lambda: kind(nonsense=1), "TypeError")
                made = GObject.new(kind, base_socket=udp_pair()[0], mtu=600)
                for _ in range(2):
                    self.assert_outcome(lambda: made.init(None), True)
                self.assertEqual(made.props.mtu, 600)


class Threads(Case):
    def in_threads(self, *bodies):
        """Runs each in a thread of its own, and hands on the first failure."""
        failures = []

        def run(body):
            try:
                body()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def test_one_sends_while_the_other_receives(self):
        client, server = established()
        received = []

        def send(connection):
            for number in range(MESSAGES):
                connection.send(b"%d" % number, PATIENCE, None)

        def receive(connection):
            for _ in range(MESSAGES):
                received.append(int(connection.receive_bytes(9, PATIENCE, None).get_data()))

        # Both ways at once, so that each connection is in two threads.
        self.in_threads(lambda: receive(client), lambda: receive(server),
                        lambda: send(client), lambda: send(server))
        self.assertEqual(sorted(received), sorted([*range(MESSAGES)] * 2))

    def test_who_waits_lets_the_others_work(self):
        calls = (lambda it: it.receive_bytes(9, PATIENCE, None).get_data(),
                 lambda it: it.receive_many(1, 9, PATIENCE, None)[0].get_data())
        for call in calls:
            client, server = established()
            about_to_wait, answers = threading.Event(), []

            def wait():
                about_to_wait.set()
                answers.append(call(client))

            def answer():
                about_to_wait.wait()
                server.send(b"at last", PATIENCE, None)

            self.in_threads(wait, answer)
            self.assertEqual(answers, [b"at last"])

    def test_closing_wakes_who_waits_in_another_thread(self):
        client, _server = established()
        about_to_wait, answers = threading.Event(), []

        def wait():
            about_to_wait.set()
            answers.append(outcome(lambda: client.receive_bytes(9, PATIENCE, None)))

        def close():
            about_to_wait.wait()
            client.close(None)

        self.in_threads(wait, close)
        self.assertEqual(answers, ["CLOSED"])

    def test_handlers_of_another_thread_may_be_pythons(self):
        for role in (0, 1):
            both = ends()
            threads = []
            both[role].connect("keylog", lambda *_: threads.append(threading.current_thread()))
            self.in_threads(lambda: both[0].handshake(None), lambda: both[1].handshake(None))
            self.assertEqual(len(threads), 1)
            self.assertNotEqual(threads[0], threading.main_thread())


if __name__ == "__main__":
    unittest.main()
