#!/usr/bin/python3
"""A DTLS client on the GLib main loop: verifies the server, sends each message, and prints what comes back.

usage: dtls_client_async.py HOST PORT CA-FILE IDENTITY [MESSAGE...]
"""

import sys

import gi

gi.require_version("GioOssl", "1")
# GioOssl must be imported before the first connection is made: PyGObject looks for a class's
# methods only once.
from gi.repository import Gio, GioOssl, GLib  # noqa: E402

TIMEOUT_S = 10
LARGEST_MESSAGE = 16384


class Client:
    """Exchanges messages, one after the other. Nothing here blocks."""

    def __init__(self, connection, messages):
        self.connection = connection
        self.messages = list(messages)
        self.loop = GLib.MainLoop()
        self.cancellable = Gio.Cancellable()
        self.error = None

    def run(self):
        timer = GLib.timeout_add_seconds(TIMEOUT_S, self.give_up)
        # Fails unless the server proves to be IDENTITY.
        self.connection.handshake_async(GLib.PRIORITY_DEFAULT, self.cancellable, self.on_connected)
        self.loop.run()
        GLib.source_remove(timer)
        if self.error is not None:
            raise self.error

    def give_up(self):
        self.cancellable.cancel()
        return GLib.SOURCE_CONTINUE

    def on_connected(self, connection, result):
        try:
            connection.handshake_finish(result)
        except GLib.Error as error:
            return self.stop(error)
        version = connection.get_protocol_version().value_nick
        print(f"connected: {version}, {connection.get_ciphersuite_name()}")
        self.send_next()

    def send_next(self):
        if not self.messages:
            self.connection.close_async(GLib.PRIORITY_DEFAULT, None, self.on_closed)
            return
        self.connection.send_bytes_async(
            GLib.Bytes.new(self.messages[0].encode()), GLib.PRIORITY_DEFAULT, self.cancellable, self.on_sent
        )

    def on_sent(self, connection, result):
        try:
            sent = connection.send_bytes_finish(result)
        except GLib.Error as error:
            return self.stop(error)
        print(f"sent {sent} bytes: {self.messages.pop(0)}")
        connection.receive_bytes_async(
            LARGEST_MESSAGE, GLib.PRIORITY_DEFAULT, self.cancellable, self.on_received
        )

    def on_received(self, connection, result):
        try:
            answer = connection.receive_bytes_finish(result)
        except GLib.Error as error:
            return self.stop(error)
        if answer is None:
            closed = "The server closed the connection"
            return self.stop(GLib.Error.new_literal(
                Gio.io_error_quark(), closed, Gio.IOErrorEnum.CONNECTION_CLOSED
            ))
        print(f"received {answer.get_size()} bytes: {answer.get_data().decode(errors='replace')}")
        self.send_next()

    def on_closed(self, connection, result):
        try:
            connection.close_finish(result)
        except GLib.Error as error:
            return self.stop(error)
        self.stop(None)

    def stop(self, error):
        self.error = error
        self.loop.quit()


def open_socket(host, port):
    address = Gio.NetworkAddress.new(host, port).enumerate().next(None)
    socket = Gio.Socket.new(address.get_family(), Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
    socket.connect(address, None)
    return socket


def main(arguments):
    if len(arguments) < 4 or not arguments[1].isdecimal():
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 1
    host, port, ca_file, identity, *messages = arguments
    try:
        authorities = GioOssl.FileDatabase(anchors=ca_file)
        authorities.init(None)
        connection = GioOssl.DtlsClientConnection.new(
            open_socket(host, int(port)), Gio.NetworkAddress.new(identity, int(port))
        )
        connection.set_database(authorities)
        Client(connection, messages or ["hello"]).run()
    except GLib.Error as error:
        print(f"error: {error.domain}, {error.code}, {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
