"""Messages as bytes: in batches, and asynchronously on the GLib loop."""

import os
import subprocess
import sys
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from support import (IDENTITY, PATIENCE, PKI, Failure, configured, peer, pki, udp_socket_to,  # noqa: E402
                     unused_udp_port)
from interactions import Asynchronous as AsynchronousInteraction  # noqa: E402
from interactions import Blocking as BlockingInteraction, present  # noqa: E402

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "python",
                       "dtls_client_async.py")


def own_client(port):
    """A client made by the namespace's constructor."""
    identity = Gio.NetworkAddress.new(IDENTITY, 4433)
    return configured(GioOssl.DtlsClientConnection.new(udp_socket_to(port), identity))


def ends():
    """A client and a server over two sockets, which have not shaken hands."""
    sockets = []
    for _ in range(2):
        sock = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
        sock.bind(Gio.InetSocketAddress.new_from_string("127.0.0.1", 0), False)
        sockets.append(sock)
    sockets[0].connect(sockets[1].get_local_address(), None)
    sockets[1].connect(sockets[0].get_local_address(), None)
    identity = Gio.NetworkAddress.new(IDENTITY, 4433)
    certificate = Gio.TlsCertificate.new_from_files(pki("ecdsa.pem"), pki("ecdsa.key"))
    return (configured(Gio.DtlsClientConnection.new(sockets[0], identity)),
            Gio.DtlsServerConnection.new(sockets[1], certificate))


def ends_that_ask(interaction):
    """The same, whose server wants a certificate, for which the client asks the interaction."""
    client, server = ends()
    configured(server).props.authentication_mode = Gio.TlsAuthenticationMode.REQUIRED
    server.connect("accept-certificate", lambda *_: True)
    client.set_interaction(interaction)
    return client, server


class Answers:
    """Collects what asynchronous calls answer."""

    def __init__(self):
        self._answers = {}

    def note(self, name, finish):
        """A callback that keeps what `finish` makes of the result."""
        def done(_source, result):
            try:
                self._answers[name] = finish(result)
            except GLib.Error as error:
                self._answers[name] = error
        return done

    def wait(self, name):
        """Runs the main loop until there is the answer; returns or raises it."""
        context = GLib.MainContext.default()
        while name not in self._answers:
            context.iteration(True)
        answer = self._answers.pop(name)
        if isinstance(answer, GLib.Error):
            raise answer
        return answer

    def __contains__(self, name):
        return name in self._answers

    def send(self, end, message, name="sent", cancellable=None):
        end.send_bytes_async(GLib.Bytes.new(message), GLib.PRIORITY_DEFAULT, cancellable,
                             self.note(name, end.send_bytes_finish))

    def receive(self, end, name="received", cancellable=None):
        end.receive_bytes_async(100, GLib.PRIORITY_DEFAULT, cancellable,
                                self.note(name, end.receive_bytes_finish))


class Batches(unittest.TestCase):
    def test_batches_cross(self):
        client, server = ends()
        answers = Answers()
        answers.receive(server)
        answers.send(client, b"first")
        answers.wait("received")
        messages = [f"message {number}".encode() for number in range(20)]
        batch = [GLib.Bytes.new(message) for message in messages]
        for sender, receiver in ((client, server), (server, client)):
            self.assertEqual(sender.send_many(batch, PATIENCE, None), 20)
            received = []
            while len(received) < 20:
                arrived = receiver.receive_many(64, 100, PATIENCE, None)
                received += [message.get_data() for message in arrived]
            self.assertEqual(received, messages)
        self.assertEqual(client.send_many([], PATIENCE, None), 0)

    def test_errors_of_batches(self):
        with peer("openssl", "ecdsa") as server:
            client = own_client(server.port)
            client.handshake(None)
            errors = Gio.IOErrorEnum
            for arguments, code in (((0, 10, 0), errors.INVALID_ARGUMENT),
                                    ((10, 0, 0), errors.INVALID_ARGUMENT),
                                    ((10, 10, 0), errors.WOULD_BLOCK),
                                    ((10, 10, 1000), errors.TIMED_OUT)):
                with Failure(self, Gio.io_error_quark, code):
                    client.receive_many(*arguments, None)
            with Failure(self, Gio.io_error_quark, errors.MESSAGE_TOO_LARGE):
                client.send_many([GLib.Bytes.new(bytes(16385))], PATIENCE, None)
            client.close(None)
            with Failure(self, Gio.io_error_quark, errors.CLOSED):
                client.send_many([GLib.Bytes.new(b"x")], PATIENCE, None)
            with Failure(self, Gio.io_error_quark, errors.CLOSED):
                client.receive_many(1, 1, PATIENCE, None)

    def test_wrong_types_are_type_errors(self):
        client = own_client(unused_udp_port())
        for call in (lambda: client.send_many(5, 0, None),
                     lambda: client.receive_many("many", 10, 0, None),
                     lambda: client.send_bytes_async("text", 0, None, None),
                     lambda: client.receive_bytes_async("size", 0, None, None),
                     lambda: client.receive_bytes_finish(5),
                     lambda: client.send_bytes_finish(None)):
            with self.assertRaises(TypeError):
                call()


class Asynchronous(unittest.TestCase):
    def test_messages_cross_and_the_end_is_none(self):
        client, server = ends()
        answers = Answers()
        answers.receive(server, "question")
        answers.send(client, b"question")
        self.assertNotIn("sent", answers)
        self.assertEqual(answers.wait("sent"), 8)
        self.assertEqual(answers.wait("question").get_data(), b"question")
        answers.receive(client, "first")
        answers.receive(client, "second")
        server.send(b"answer", PATIENCE, None)
        server.close(None)
        self.assertEqual(answers.wait("first").get_data(), b"answer")
        self.assertIsNone(answers.wait("second"))
        batch = client.receive_many(5, 100, PATIENCE, None)
        self.assertEqual(list(batch), [])

    def test_waiting_calls_are_cancelled_and_closed(self):
        client, server = ends()
        answers, cancellable = Answers(), Gio.Cancellable()
        answers.receive(client, "cancelled", cancellable)
        answers.receive(client, "closed")
        answers.receive(server, "theirs")
        answers.send(client, b"x")
        answers.wait("sent")
        answers.wait("theirs")
        cancellable.cancel()
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
            answers.wait("cancelled")
        client.close(None)
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CLOSED):
            answers.wait("closed")
        answers.send(client, b"x")
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CLOSED):
            answers.wait("sent")

    def test_results_of_other_calls_are_refused(self):
        client, server = ends()
        results = []
        server.receive_bytes_async(9, 0, None, lambda _source, result: results.append(result))
        client.send_bytes_async(GLib.Bytes.new(b"x"), 0, None,
                                lambda _source, result: results.append(result))
        while len(results) < 2:
            GLib.MainContext.default().iteration(True)
        for result in results:
            for finish in (client.handshake_finish, client.receive_bytes_finish,
                           server.send_bytes_finish):
                with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.INVALID_ARGUMENT):
                    finish(result)

    def test_client_is_asked_for_its_certificate(self):
        for interaction in (BlockingInteraction(present), AsynchronousInteraction(present)):
            client, server = ends_that_ask(interaction)
            answers = Answers()
            answers.receive(server)
            answers.send(client, b"first")
            answers.send(client, b"second", "second")
            self.assertEqual(answers.wait("received").get_data(), b"first")
            self.assertEqual(answers.wait("second"), 6)
            self.assertEqual(len(interaction.threads), 1)
            self.assertIsNotNone(server.get_peer_certificate())

    def test_call_that_asks_for_a_certificate_is_cancelled_and_the_next_one_goes_on(self):
        interaction = AsynchronousInteraction(present)
        client, server = ends_that_ask(interaction)
        answers, cancellable = Answers(), Gio.Cancellable()
        answers.receive(server)
        answers.send(client, b"cancelled", "cancelled", cancellable)
        answers.send(client, b"sent")
        while not interaction.threads:
            GLib.MainContext.default().iteration(True)
        cancellable.cancel()
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
            answers.wait("cancelled")
        self.assertEqual(answers.wait("sent"), 4)
        self.assertEqual(answers.wait("received").get_data(), b"sent")
        # The question went with the call that had asked it.
        self.assertEqual(len(interaction.threads), 2)

    def test_exceptions_in_callbacks_are_pythons_and_the_others_are_called(self):
        client, server = ends()
        answers, reported, data = Answers(), [], []
        hook, sys.excepthook = sys.excepthook, lambda kind, *_: reported.append(kind)
        self.addCleanup(setattr, sys, "excepthook", hook)

        def fail(_source, _result, *user_data):
            data.append(user_data)
            raise ZeroDivisionError

        marker = object()
        server.receive_bytes_async(9, 0, None, fail, marker, 2)
        answers.receive(server, "second")
        client.send_bytes_async(GLib.Bytes.new(b"1"), 0, None, fail, marker)
        answers.send(client, b"2")
        self.assertEqual(answers.wait("sent"), 1)
        self.assertEqual(answers.wait("second").get_data(), b"2")
        self.assertEqual(reported, [ZeroDivisionError] * 2)
        self.assertCountEqual(data, [(marker, 2), (marker,)])

    def test_failed_handshake_fails_the_calls(self):
        client, server = ends()
        client.set_server_identity(Gio.NetworkAddress.new("wrong.example.com", 4433))
        answers = Answers()
        answers.receive(server)
        answers.send(client, b"x")
        with Failure(self, Gio.tls_error_quark, Gio.TlsError.BAD_CERTIFICATE):
            answers.wait("sent")


class Example(unittest.TestCase):
    def run_example(self, port, identity):
        return subprocess.run(
            [sys.executable, EXAMPLE, "127.0.0.1", str(port), os.path.join(PKI, "ca.pem"), identity,
             "marker-one", "marker-two"],
            capture_output=True, text=True, timeout=60, check=False)

    def test_messages_come_back(self):
        for name in ("openssl", "gnutls"):
            with self.subTest(peer=name), peer(name, "ecdsa") as server:
                result = self.run_example(server.port, IDENTITY)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertRegex(result.stdout, "received .*marker-one")
                self.assertRegex(result.stdout, "received .*marker-two")

    def test_wrong_identity_is_refused(self):
        with peer("openssl", "ecdsa") as server:
            result = self.run_example(server.port, "wrong.example.com")
            self.assertEqual(result.returncode, 1)
            self.assertIn("error: g-tls-error-quark, 2,", result.stderr)


if __name__ == "__main__":
    unittest.main()
