"""Client certificates: set beforehand, or asked of a GTlsInteraction while the handshake waits."""

import contextlib
import os
import subprocess
import tempfile
import threading
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from interactions import AUTHORITY, AWAITED, CLIENT, HANDLERS, HANDSHAKES, MEETINGS  # noqa: E402
from interactions import REQUESTED, REQUIRED, RESULT, Asynchronous, Blocking  # noqa: E402
from interactions import Forgetful, Mute  # noqa: E402
from interactions import certificate, client, failing, present, presented, refusing, server  # noqa: E402
from support import Failure, handshake_async, peer, pki  # noqa: E402


class Answers(unittest.TestCase):
    """Every kind of answer, from every kind of handler, to every kind of handshake."""

    def everywhere(self, demand, handler, interaction=None):
        """Yields a server, a fresh client and its handshake for each combination."""
        for how, kind in MEETINGS:
            with self.subTest(handshake=how, handler=kind), server(demand) as listener:
                asked = (interaction or HANDLERS[kind])(handler)
                yield listener, client(listener.port, asked), HANDSHAKES[how]

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
        for _, connection, shake in self.everywhere(REQUIRED, None, Mute):
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
        for interaction in (handler(present) for handler in AWAITED.values()):
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
        for interaction in (handler(present) for handler in AWAITED.values()):
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
            for depth, name in enumerate(["leaf.example.com", "intermediate authority", AUTHORITY]):
                listener.wait_for_log(presented(depth, name))


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


if __name__ == "__main__":
    unittest.main()
