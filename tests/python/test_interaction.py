"""Client certificates: set beforehand, or asked of a GTlsInteraction while the handshake waits."""

import contextlib
import gc
import os
import subprocess
import tempfile
import threading
import unittest
import weakref

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from support import Failure, gio_client, handshake_async, peer, pki  # noqa: E402

CLIENT = "depth=0 CN = client.example.com"
AUTHORITY = "gio-ossl test authority"
RESULT = Gio.TlsInteractionResult
REQUIRED, REQUESTED = "-Verify", "-verify"
DELAY = 120  # ms


def server(demand=REQUIRED, authorities=True, depth=3):
    """s_server that asks for a client certificate of the PKI's authority."""
    options = [demand, str(depth), "-CAfile", pki("ca.pem")]
    if not authorities:
        options = [demand, str(depth), "-verifyCAfile", pki("ca.pem")]
    return peer("openssl", "ecdsa", options)


def certificate(name="client"):
    """A certificate of the PKI with its key."""
    return Gio.TlsCertificate.new_from_files(pki(name + ".pem"), pki(name + ".key"))


def present(connection):
    """What a handler written for TLS streams does."""
    Gio.TlsConnection.set_certificate(connection, certificate())
    return RESULT.HANDLED


def failing(domain, code, text="the handler's own words"):
    """A handler that gives up."""
    def handler(_connection):
        raise GLib.Error.new_literal(domain, text, code)
    return handler


refusing = failing(GLib.file_error_quark(), GLib.FileError.ACCES)


class Blocking(Gio.TlsInteraction):
    """Answers what `handler` returns or raises, at once."""

    def __init__(self, handler):
        super().__init__()
        self.handler = handler
        self.threads = []

    def do_request_certificate(self, connection, _flags, _cancellable):
        self.threads.append(threading.current_thread())
        return self.handler(connection)


class Asynchronous(Gio.TlsInteraction):
    """Answers the same, a while later."""

    def __init__(self, handler):
        super().__init__()
        self.handler = handler
        self.threads = []
        self.while_pending = None

    def do_request_certificate_async(self, connection, _flags, cancellable, callback, *_data):
        self.threads.append(threading.current_thread())
        task = Gio.Task.new(self, cancellable, None)

        def answer():
            if self.while_pending is not None:
                self.while_pending()
            try:
                self.answer = self.handler(connection)
            except GLib.Error as error:
                self.answer = error
            callback(self, task)

        source = GLib.timeout_source_new(DELAY)
        source.set_callback(lambda *_: answer())
        source.attach(GLib.MainContext.ref_thread_default())

    def do_request_certificate_finish(self, _result):
        if isinstance(self.answer, GLib.Error):
            raise self.answer
        return self.answer


class Mute(Gio.TlsInteraction):
    """Implements nothing."""

    def __init__(self, _handler):
        super().__init__()


class Forgetful(Gio.TlsInteraction):
    """Never answers, whatever is cancelled."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def do_request_certificate_async(self, _connection, _flags, _cancellable, callback, *_data):
        self.asked += 1
        self.callback = callback

    def do_request_certificate_finish(self, _result):
        return RESULT.UNHANDLED


def client(port, interaction):
    """A client that asks this interaction."""
    connection = gio_client(port)
    connection.set_interaction(interaction)
    return connection


HANDSHAKES = {"blocking": lambda connection: connection.handshake(None),
              "asynchronous": handshake_async}
HANDLERS = {"blocking": Blocking, "asynchronous": Asynchronous}


class Answers(unittest.TestCase):
    """Every kind of answer, from every kind of handler, to every kind of handshake."""

    def everywhere(self, demand, handler, handlers=None):
        """Yields a server, a fresh client and its handshake for each combination."""
        for how, shake in HANDSHAKES.items():
            for kind, interaction in (handlers or HANDLERS).items():
                with self.subTest(handshake=how, handler=kind), server(demand) as listener:
                    yield listener, client(listener.port, interaction(handler)), shake

    def test_handled_with_a_certificate_presents_it(self):
        for demand in (REQUIRED, REQUESTED):
            for listener, connection, shake in self.everywhere(demand, present):
                self.assertTrue(shake(connection))
                listener.wait_for_log(CLIENT)
                self.assertEqual(len(connection.get_interaction().threads), 1)
                self.assertTrue(connection.get_certificate().is_same(certificate()))

    def test_nothing_presented_fails_where_it_is_required(self):
        for handler in (lambda _: RESULT.HANDLED, lambda _: RESULT.UNHANDLED):
            for _, connection, shake in self.everywhere(REQUIRED, handler):
                with Failure(self, Gio.tls_error_quark, Gio.TlsError.CERTIFICATE_REQUIRED):
                    shake(connection)

    def test_nothing_presented_succeeds_where_it_is_requested(self):
        for handler in (lambda _: RESULT.HANDLED, lambda _: RESULT.UNHANDLED, refusing):
            for listener, connection, shake in self.everywhere(REQUESTED, handler):
                self.assertTrue(shake(connection))
                self.assertNotIn(CLIENT, listener.log())

    def test_interaction_without_handlers_is_unhandled(self):
        for _, connection, shake in self.everywhere(REQUIRED, None, {"none": Mute}):
            with Failure(self, Gio.tls_error_quark, Gio.TlsError.CERTIFICATE_REQUIRED):
                shake(connection)

    def test_failure_is_the_handlers_own(self):
        for _, connection, shake in self.everywhere(REQUIRED, refusing):
            with self.assertRaisesRegex(GLib.Error, "the handler's own words") as failed:
                shake(connection)
            self.assertTrue(failed.exception.matches(GLib.file_error_quark(), GLib.FileError.ACCES))

    def test_user_cancels(self):
        handler = failing(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)
        for _, connection, shake in self.everywhere(REQUIRED, handler):
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
                shake(connection)

    def test_failure_without_an_error_is_one(self):
        for _, connection, shake in self.everywhere(REQUIRED, lambda _: RESULT.FAILED):
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.FAILED):
                shake(connection)

    def test_certificate_without_a_key_is_none(self):
        def keyless(connection):
            connection.set_certificate(Gio.TlsCertificate.new_from_file(pki("client.pem")))
            return RESULT.HANDLED

        for _, connection, shake in self.everywhere(REQUIRED, keyless):
            with Failure(self, Gio.tls_error_quark, Gio.TlsError.CERTIFICATE_REQUIRED):
                shake(connection)


class Handshakes(unittest.TestCase):
    def test_certificate_that_is_set_is_presented_without_asking(self):
        for shake in HANDSHAKES.values():
            with server() as listener:
                interaction = Blocking(refusing)
                connection = client(listener.port, interaction)
                connection.set_certificate(certificate())
                self.assertTrue(shake(connection))
                listener.wait_for_log(CLIENT)
                self.assertEqual(interaction.threads, [])

    def test_nobody_is_asked_when_the_server_does_not_ask(self):
        with peer("openssl", "ecdsa") as listener:
            interaction = Blocking(present)
            self.assertTrue(client(listener.port, interaction).handshake(None))
            self.assertEqual(interaction.threads, [])

    def test_main_loop_is_free_while_the_answer_is_pending(self):
        with server() as listener:
            interaction = Asynchronous(present)
            ticks, threads = [], []
            interaction.while_pending = lambda: threads.append(len(os.listdir("/proc/self/task")))
            connection = client(listener.port, interaction)
            before = len(os.listdir("/proc/self/task"))
            ticker = GLib.timeout_add(10, lambda: ticks.append(1) or True)
            self.assertTrue(handshake_async(connection))
            GLib.source_remove(ticker)
            self.assertGreater(len(ticks), 5)
            self.assertEqual(threads, [before])
            self.assertEqual(interaction.threads, [threading.current_thread()])

    def test_cancelled_handshake_does_not_wait_for_the_handler(self):
        with server() as listener:
            interaction = Forgetful()
            connection = client(listener.port, interaction)
            cancellable = Gio.Cancellable()
            GLib.timeout_add(300, cancellable.cancel)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
                handshake_async(connection, cancellable)
            self.assertEqual(interaction.asked, 1)
            # The handshake can be resumed, with another handler, and the late answer is nobody's.
            connection.set_interaction(Asynchronous(present))
            interaction.callback(interaction, Gio.Task.new(interaction, None, None))
            self.assertTrue(handshake_async(connection))
            listener.wait_for_log(CLIENT)

    def test_blocking_handler_runs_in_the_loop_of_its_context(self):
        """A handshake in a worker thread; the interaction was made here, where the loop runs."""
        for interaction in (Blocking(present), Asynchronous(present)):
            with self.subTest(type(interaction).__name__), server() as listener:
                connection = client(listener.port, interaction)
                loop, outcome = GLib.MainLoop(), []

                def shake():
                    with contextlib.suppress(GLib.Error):
                        outcome.append(connection.handshake(None))
                    GLib.idle_add(loop.quit)

                worker = threading.Thread(target=shake)
                worker.start()
                loop.run()
                worker.join()
                self.assertEqual(outcome, [True])
                self.assertEqual(interaction.threads, [threading.current_thread()])

    def test_blocking_handshake_inside_the_loop_of_the_handler(self):
        for interaction in (Blocking(present), Asynchronous(present)):
            with self.subTest(type(interaction).__name__), server() as listener:
                connection = client(listener.port, interaction)
                loop, outcome = GLib.MainLoop(), []

                def shake():
                    with contextlib.suppress(GLib.Error):
                        outcome.append(connection.handshake(None))
                    loop.quit()

                GLib.idle_add(shake)
                loop.run()
                self.assertEqual(outcome, [True])

    def test_blocking_call_runs_the_loop_that_a_pending_answer_needs(self):
        """A call that polls has begun the handshake; its loop asks; then the same thread blocks."""
        for interaction in (Blocking(present), Asynchronous(present)):
            with self.subTest(type(interaction).__name__), server() as listener:
                connection = client(listener.port, interaction)
                with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.WOULD_BLOCK):
                    GioOssl.DtlsConnection.receive_bytes(connection, 1, 0, None)
                while not interaction.threads:
                    GLib.MainContext.default().iteration(True)
                self.assertTrue(connection.handshake(None))
                listener.wait_for_log(CLIENT)

    def test_issuers_are_presented_too(self):
        with tempfile.TemporaryDirectory() as work, server(depth=4) as listener:
            chain = intermediate_chain(work)
            for shake in HANDSHAKES.values():
                connection = client(listener.port, Blocking(
                    lambda it: it.set_certificate(chain) or RESULT.HANDLED))
                self.assertTrue(shake(connection))
                connection.close(None)
            text = listener.wait_for_log("depth=2 CN = " + AUTHORITY).string
            self.assertIn("depth=1 CN = intermediate authority", text)
            self.assertIn("depth=0 CN = leaf.example.com", text)


def intermediate_chain(work):
    """A client certificate below an intermediate authority that the server does not know."""
    extensions = os.path.join(work, "extensions")
    with open(extensions, "w", encoding="ascii") as file:
        file.write("[ca]\nbasicConstraints = critical, CA:TRUE\n[leaf]\nextendedKeyUsage = clientAuth\n")

    def path(name):
        return os.path.join(work, name)

    def issue(name, subject, issuer, section):
        subprocess.run(
            ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", path(name + ".key"), "-out", path(name + ".csr"),
             "-subj", "/CN=" + subject], check=True, capture_output=True)
        subprocess.run(
            ["openssl", "x509", "-req", "-in", path(name + ".csr"), "-CA", issuer + ".pem",
             "-CAkey", issuer + ".key", "-set_serial", "7", "-days", "2", "-out",
             path(name + ".pem"), "-extfile", extensions, "-extensions", section],
            check=True, capture_output=True)

    issue("intermediate", "intermediate authority", pki("ca"), "ca")
    issue("leaf", "leaf.example.com", path("intermediate"), "leaf")
    text = ""
    for name in ("leaf.key", "leaf.pem", "intermediate.pem"):
        with open(path(name), encoding="ascii") as file:
            text += file.read()
    return Gio.TlsCertificate.new_from_pem(text, -1)


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
        for interaction in (Blocking, Asynchronous):
            for shake in HANDSHAKES.values():
                weak = []
                with server() as listener:
                    asked = interaction(lambda it: weak.append(it.weak_ref()) or present(it))
                    connection = client(listener.port, asked)
                    shake(connection)
                gone = [*weak, asked.weak_ref(), connection.weak_ref()]
                del asked, connection
                gc.collect()
                self.assertEqual([reference() for reference in gone], [None] * 3)

    def test_keeping_it_keeps_no_connection_alive(self):
        for interaction in (Blocking, Asynchronous):
            for shake in HANDSHAKES.values():
                kept = []

                def handler(it):
                    kept.append(it)
                    return present(it)

                with server() as listener:
                    connection = client(listener.port, interaction(handler))
                    shake(connection)
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
