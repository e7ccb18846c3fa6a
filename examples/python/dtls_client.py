#!/usr/bin/python3
"""A DTLS client: verifies the server, sends each message as a datagram, and prints what comes back.

usage: dtls_client.py HOST PORT CA-FILE IDENTITY [MESSAGE...]
"""

import sys

import gi

gi.require_version("GioOssl", "1")
# GioOssl must be imported before the first connection is made: PyGObject looks for a class's
# methods only once.
from gi.repository import Gio, GioOssl, GLib  # noqa: E402

TIMEOUT_US = 10 * GLib.USEC_PER_SEC
LARGEST_MESSAGE = 16384


def open_socket(host, port):
    address = Gio.NetworkAddress.new(host, port).enumerate().next(None)
    socket = Gio.Socket.new(address.get_family(), Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
    socket.connect(address, None)
    return socket


def exchange(connection, message):
    sent = connection.send(message.encode(), TIMEOUT_US, None)
    print(f"sent {sent} bytes: {message}")
    answer = connection.receive_bytes(LARGEST_MESSAGE, TIMEOUT_US, None)
    if answer is None:
        raise GLib.Error.new_literal(
            Gio.io_error_quark(), "The server closed the connection", Gio.IOErrorEnum.CONNECTION_CLOSED
        )
    print(f"received {answer.get_size()} bytes: {answer.get_data().decode(errors='replace')}")


def run(host, port, ca_file, identity, messages):
    authorities = GioOssl.FileDatabase.new(ca_file)

    connection = GioOssl.DtlsClientConnection.new(
        open_socket(host, port), Gio.NetworkAddress.new(identity, port)
    )
    connection.set_database(authorities)
    # Fails unless the server proves to be IDENTITY.
    connection.handshake(None)
    version = connection.get_protocol_version().value_nick
    print(f"connected: {version}, {connection.get_ciphersuite_name()}")
    print(f"verified peer: {identity}")

    for message in messages:
        exchange(connection, message)
    connection.close(None)


def main(arguments):
    if len(arguments) < 4 or not arguments[1].isdecimal():
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 1
    host, port, ca_file, identity, *messages = arguments
    try:
        run(host, int(port), ca_file, identity, messages or ["hello"])
    except GLib.Error as error:
        print(f"error: {error.domain}, {error.code}, {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
