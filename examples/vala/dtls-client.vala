// SPDX-License-Identifier: LGPL-2.1-or-later

// A DTLS client: verifies the server, sends each message as a datagram, and prints what comes back.
//
// usage: dtls-client HOST PORT CA-FILE IDENTITY [MESSAGE...]

const int64 TIMEOUT_US = 10 * TimeSpan.SECOND;
const size_t LARGEST_MESSAGE = 16384;

Socket open_socket (string host, uint16 port) throws Error {
    var address = new NetworkAddress (host, port).enumerate ().next ();
    var socket = new Socket (address.get_family (), SocketType.DATAGRAM, SocketProtocol.UDP);
    socket.connect (address);
    return socket;
}

void exchange (GioOssl.DtlsConnection connection, string message) throws Error {
    var sent = connection.send (message.data, TIMEOUT_US);
    print ("sent %zd bytes: %s\n", sent, message);
    var answer = connection.receive_bytes (LARGEST_MESSAGE, TIMEOUT_US);
    if (answer == null)
        throw new IOError.CONNECTION_CLOSED ("The server closed the connection");
    print ("received %zu bytes: %.*s\n", answer.get_size (), (int) answer.get_size (), answer.get_data ());
}

void run (string host, uint16 port, string ca_file, string identity, string[] messages) throws Error {
    var authorities = new GioOssl.FileDatabase (ca_file);
    var connection = new GioOssl.DtlsClientConnection (
        open_socket (host, port), new NetworkAddress (identity, port));
    connection.set_database (authorities);
    // Fails unless the server proves to be IDENTITY.
    connection.handshake ();
    var versions = (EnumClass) typeof (TlsProtocolVersion).class_ref ();
    unowned var version = versions.get_value (connection.get_protocol_version ());
    print ("connected: %s, %s\n", version.value_nick, connection.get_ciphersuite_name ());
    print ("verified peer: %s\n", identity);

    foreach (var message in messages)
        exchange (connection, message);
    connection.close ();
}

int main (string[] arguments) {
    uint64 port = 0;
    if (arguments.length < 5 || !uint64.try_parse (arguments[2], out port) || port > uint16.MAX) {
        printerr ("usage: dtls-client HOST PORT CA-FILE IDENTITY [MESSAGE...]\n");
        return 1;
    }
    var messages = arguments.length > 5 ? arguments[5:arguments.length] : new string[] { "hello" };
    try {
        run (arguments[1], (uint16) port, arguments[3], arguments[4], messages);
    } catch (Error error) {
        printerr ("error: %s, %d, %s\n", error.domain.to_string (), error.code, error.message);
        return 1;
    }
    return 0;
}
