"""Interactions that answer in every way, and the peers that make them be asked."""

import threading

import gi
from gi.repository import Gio, GLib

from support import gio_client, handshake_async, peer, pki

AUTHORITY = "gio-ossl test authority"
RESULT = Gio.TlsInteractionResult
REQUIRED, REQUESTED = "-Verify", "-verify"
DELAY = 120  # ms


def presented(depth, name):
    """What s_server says of a certificate; from version 3.2 on without spaces."""
    return f"depth={depth} CN ?= ?{name}"


CLIENT = presented(0, "client.example.com")


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
# For an asynchronous handler a blocking call waits in GIO, which crashes when PyGObject calls it back
# without its data, as it does from version 3.50 on.
AWAITED = HANDLERS if gi.version_info < (3, 50) else {"blocking": Blocking}
MEETINGS = [(how, kind) for how in HANDSHAKES
            for kind in (AWAITED if how == "blocking" else HANDLERS)]
