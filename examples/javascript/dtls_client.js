#!/usr/bin/gjs
// SPDX-License-Identifier: LGPL-2.1-or-later

// A DTLS client: verifies the server, sends each message as a datagram, and prints what comes back.
//
// usage: dtls_client.js HOST PORT CA-FILE IDENTITY [MESSAGE...]

imports.gi.versions.GioOssl = '1';
const {Gio, GioOssl, GLib} = imports.gi;
const System = imports.system;

const TIMEOUT_US = 10 * GLib.USEC_PER_SEC;
const LARGEST_MESSAGE = 16384;

function openSocket(host, port) {
    const address = Gio.NetworkAddress.new(host, port).enumerate().next(null);
    const socket = Gio.Socket.new(address.get_family(), Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP);
    socket.connect(address, null);
    return socket;
}

function exchange(connection, message) {
    const sent = connection.send(new TextEncoder().encode(message), TIMEOUT_US, null);
    print(`sent ${sent} bytes: ${message}`);
    const answer = connection.receive_bytes(LARGEST_MESSAGE, TIMEOUT_US, null);
    if (answer === null) {
        throw new GLib.Error(
            Gio.io_error_quark(), Gio.IOErrorEnum.CONNECTION_CLOSED, 'The server closed the connection');
    }
    print(`received ${answer.get_size()} bytes: ${new TextDecoder().decode(answer.toArray())}`);
}

function run(host, port, caFile, identity, messages) {
    const authorities = GioOssl.FileDatabase.new(caFile);
    const connection = GioOssl.DtlsClientConnection.new(
        openSocket(host, port), Gio.NetworkAddress.new(identity, port));
    connection.set_database(authorities);
    // Fails unless the server proves to be IDENTITY.
    connection.handshake(null);
    const version = connection.get_protocol_version();
    const [name] = Object.entries(Gio.TlsProtocolVersion).find(([, value]) => value === version);
    print(`connected: ${name}, ${connection.get_ciphersuite_name()}`);
    print(`verified peer: ${identity}`);

    for (const message of messages)
        exchange(connection, message);
    connection.close(null);
}

function main([host, port, caFile, identity, ...messages]) {
    if (identity === undefined || !/^\d+$/.test(port)) {
        printerr('usage: dtls_client.js HOST PORT CA-FILE IDENTITY [MESSAGE...]');
        return 1;
    }
    try {
        run(host, Number(port), caFile, identity, messages.length ? messages : ['hello']);
    } catch (error) {
        if (!(error instanceof GLib.Error))
            throw error;
        printerr(`error: ${GLib.quark_to_string(error.domain)}, ${error.code}, ${error.message}`);
        return 1;
    }
    return 0;
}

System.exit(main(ARGV));
