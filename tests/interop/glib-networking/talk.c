/* One side of a DTLS session in plain GIO, whatever backend GIO has chosen:
 *
 *     talk server CERTIFICATE KEY
 *     talk client PORT ANCHORS IDENTITY
 *
 * The server prints "port N", the client connects. Both verify what the handshake established; then
 * messages of several sizes go each way, the client closes and the server, which sees that as the
 * end, closes as well. A side that saw anything else says what on its standard error and exits
 * with 1, and with 3 if the handshake failed because of the other side's certificate.
 */
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Microseconds: longer than anything takes that works. */
#define PATIENCE (30 * G_USEC_PER_SEC)
/* What both backends carry in one datagram. */
#define LARGEST 1300

static const gsize sizes[] = { 1, 2, 100, 512, 1000, 1200, LARGEST };

/* Ends the program with an explanation unless something holds. */
static void
demand (gboolean holds, const char *what, const GError *error)
{
  if (holds)
    return;
  g_printerr ("%s: %s\n", what, error != NULL ? error->message : "not so");
  exit (1);
}

static GSocket *
udp_socket (void)
{
  g_autoptr (GError) error = NULL;
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                  G_SOCKET_PROTOCOL_UDP, &error);

  demand (socket != NULL, "socket", error);
  g_socket_set_blocking (socket, FALSE);
  return socket;
}

static void
send_message (GDatagramBased *connection, const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  GOutputVector vector = { data, size };
  GOutputMessage message = { .vectors = &vector, .num_vectors = 1 };

  gint count = g_datagram_based_send_messages (connection, &message, 1, 0, PATIENCE, NULL, &error);
  demand (count == 1, "send", error);
  demand (message.bytes_sent == size, "the whole message is sent", NULL);
}

/* Receives one message; 0 is the end. */
static gsize
receive_message (GDatagramBased *connection, guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  GInputVector vector = { data, size };
  GInputMessage message = { .vectors = &vector, .num_vectors = 1 };

  gint count
      = g_datagram_based_receive_messages (connection, &message, 1, 0, PATIENCE, NULL, &error);
  demand (count >= 0, "receive", error);
  return count == 0 ? 0 : message.bytes_received;
}

static void
fill (guint8 *message, gsize size, guint8 seed)
{
  for (gsize i = 0; i < size; i++)
    message[i] = (guint8) (seed + i);
}

static void
shake_hands (GDatagramBased *connection)
{
  g_autoptr (GError) error = NULL;
  GDtlsConnection *dtls = G_DTLS_CONNECTION (connection);

  if (!g_dtls_connection_handshake (dtls, NULL, &error)) {
    g_printerr ("handshake: %s\n", error->message);
    exit (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE) ? 3 : 1);
  }
  demand (g_dtls_connection_get_protocol_version (dtls) == G_TLS_PROTOCOL_VERSION_DTLS_1_2,
          "the protocol is DTLS 1.2", NULL);
  g_autofree char *cipher = g_dtls_connection_get_ciphersuite_name (dtls);
  demand (cipher != NULL && *cipher != '\0', "the cipher suite is known", NULL);
}

static void
close_connection (GDatagramBased *connection)
{
  g_autoptr (GError) error = NULL;
  gboolean closed = g_dtls_connection_close (G_DTLS_CONNECTION (connection), NULL, &error);

  demand (closed, "close", error);
}

/* Waits for the first datagram, and connects the socket to whoever has sent it. */
static void
connect_to_first_peer (GSocket *socket)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) peer = NULL;
  GInputVector vector = { NULL, 0 };
  gint flags = G_SOCKET_MSG_PEEK;

  demand (g_socket_condition_timed_wait (socket, G_IO_IN, PATIENCE, NULL, &error), "wait", error);
  gssize size
      = g_socket_receive_message (socket, &peer, &vector, 1, NULL, NULL, &flags, NULL, &error);
  demand (size >= 0, "peek", error);
  demand (g_socket_connect (socket, peer, NULL, &error), "connect", error);
}

static void
serve (const char *certificate_file, const char *key_file)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = udp_socket ();
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);

  demand (g_socket_bind (socket, any, FALSE, &error), "bind", error);
  g_autoptr (GSocketAddress) bound = g_socket_get_local_address (socket, &error);
  demand (bound != NULL, "address", error);
  g_print ("port %u\n", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
  connect_to_first_peer (socket);

  g_autoptr (GTlsCertificate) certificate
      = g_tls_certificate_new_from_files (certificate_file, key_file, &error);
  demand (certificate != NULL, "certificate", error);
  g_autoptr (GDatagramBased) server
      = g_dtls_server_connection_new (G_DATAGRAM_BASED (socket), certificate, &error);
  demand (server != NULL, "connection", error);
  g_print ("server: %s\n", G_OBJECT_TYPE_NAME (server));
  shake_hands (server);

  for (;;) {
    guint8 message[LARGEST + 1];
    gsize size = receive_message (server, message, sizeof message);
    if (size == 0)
      break;
    for (gsize i = 0; i < size; i++)
      message[i] ^= 0xff;
    send_message (server, message, size);
  }
  close_connection (server);
}

static void
visit (guint16 port, const char *anchors, const char *identity)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = udp_socket ();
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr (GTlsDatabase) database = g_tls_file_database_new (anchors, &error);
  g_autoptr (GSocketConnectable) expected = g_network_address_new (identity, port);

  demand (database != NULL, "database", error);
  demand (g_socket_connect (socket, address, NULL, &error), "connect", error);
  g_autoptr (GDatagramBased) client
      = g_dtls_client_connection_new (G_DATAGRAM_BASED (socket), expected, &error);
  demand (client != NULL, "connection", error);
  g_dtls_connection_set_database (G_DTLS_CONNECTION (client), database);
  g_print ("client: %s\n", G_OBJECT_TYPE_NAME (client));
  shake_hands (client);
  demand (g_dtls_connection_get_peer_certificate (G_DTLS_CONNECTION (client)) != NULL,
          "the server's certificate is known", NULL);
  demand (g_dtls_connection_get_peer_certificate_errors (G_DTLS_CONNECTION (client)) == 0,
          "the server's certificate is valid", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint8 sent[LARGEST], received[LARGEST + 1];
    fill (sent, sizes[i], (guint8) (17 * i));
    send_message (client, sent, sizes[i]);
    gsize size = receive_message (client, received, sizeof received);
    for (gsize k = 0; k < size; k++)
      received[k] ^= 0xff;
    demand (size == sizes[i] && memcmp (sent, received, size) == 0, "the echo is right", NULL);
  }
  close_connection (client);
}

int
main (int argc, char *argv[])
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (argc == 4 && g_str_equal (argv[1], "server"))
    serve (argv[2], argv[3]);
  else if (argc == 5 && g_str_equal (argv[1], "client"))
    visit ((guint16) g_ascii_strtoull (argv[2], NULL, 10), argv[3], argv[4]);
  else {
    g_printerr ("usage: talk server CERTIFICATE KEY | talk client PORT ANCHORS IDENTITY\n");
    return 2;
  }
  return 0;
}
