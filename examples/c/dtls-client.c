/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A DTLS client: verifies the server, sends each message as a datagram, and prints what comes back.
 *
 * usage: dtls-client HOST PORT CA-FILE IDENTITY [MESSAGE...]
 *
 * Most calls are GIO's own. In a process that runs with GIO_USE_TLS=ossl, GIO's
 * g_dtls_client_connection_new() makes the same object. */

#include <gio-ossl/gio-ossl.h>
#include <string.h>

#define TIMEOUT_US (10 * G_USEC_PER_SEC)
#define LARGEST_MESSAGE 16384

static GDatagramBased *
open_socket (const char *host, guint16 port, GError **error)
{
  g_autoptr (GSocketConnectable) server = g_network_address_new (host, port);
  g_autoptr (GSocketAddressEnumerator) addresses = g_socket_connectable_enumerate (server);
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GSocket) socket = NULL;

  address = g_socket_address_enumerator_next (addresses, NULL, error);
  if (address == NULL)
    return NULL;
  socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, error);
  if (socket == NULL || !g_socket_connect (socket, address, NULL, error))
    return NULL;
  return G_DATAGRAM_BASED (g_steal_pointer (&socket));
}

static gboolean
exchange (GioOsslDtlsConnection *connection, const char *message, GError **error)
{
  g_autoptr (GBytes) answer = NULL;
  gssize sent;

  sent = gio_ossl_dtls_connection_send (connection, (const guint8 *) message, strlen (message), TIMEOUT_US, NULL, error);
  if (sent < 0)
    return FALSE;
  g_print ("sent %" G_GSSIZE_FORMAT " bytes: %s\n", sent, message);

  answer = gio_ossl_dtls_connection_receive_bytes (connection, LARGEST_MESSAGE, TIMEOUT_US, NULL, error);
  if (answer == NULL)
    {
      if (*error == NULL)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "The server closed the connection");
      return FALSE;
    }
  g_print ("received %" G_GSIZE_FORMAT " bytes: %.*s\n", g_bytes_get_size (answer), (int) g_bytes_get_size (answer),
           (const char *) g_bytes_get_data (answer, NULL));
  return TRUE;
}

static gboolean
run (const char *host, guint16 port, const char *ca_file, const char *name, char **messages, GError **error)
{
  g_autoptr (GDatagramBased) socket = NULL;
  g_autoptr (GioOsslFileDatabase) authorities = NULL;
  g_autoptr (GSocketConnectable) identity = g_network_address_new (name, port);
  g_autoptr (GioOsslDtlsClientConnection) client = NULL;
  g_autoptr (GEnumClass) versions = g_type_class_ref (G_TYPE_TLS_PROTOCOL_VERSION);
  g_autofree char *cipher = NULL;
  GDtlsConnection *connection;
  GTlsProtocolVersion version;

  socket = open_socket (host, port, error);
  if (socket == NULL)
    return FALSE;
  authorities = gio_ossl_file_database_new (ca_file, error);
  if (authorities == NULL)
    return FALSE;
  client = gio_ossl_dtls_client_connection_new (socket, identity, error);
  if (client == NULL)
    return FALSE;
  connection = G_DTLS_CONNECTION (client);
  g_dtls_connection_set_database (connection, G_TLS_DATABASE (authorities));

  /* Fails unless the server proves to be NAME. A GCancellable could end the wait. */
  if (!g_dtls_connection_handshake (connection, NULL, error))
    return FALSE;
  version = g_dtls_connection_get_protocol_version (connection);
  cipher = g_dtls_connection_get_ciphersuite_name (connection);
  g_print ("connected: %s, %s\n", g_enum_get_value (versions, version)->value_nick, cipher);
  g_print ("verified peer: %s\n", name);

  for (; *messages != NULL; messages++)
    if (!exchange (GIO_OSSL_DTLS_CONNECTION (client), *messages, error))
      return FALSE;
  return g_dtls_connection_close (connection, NULL, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  char *greeting[] = { "hello", NULL };
  guint64 port = 0;

  if (argc < 5 || !g_ascii_string_to_unsigned (argv[2], 10, 1, G_MAXUINT16, &port, NULL))
    {
      g_printerr ("usage: dtls-client HOST PORT CA-FILE IDENTITY [MESSAGE...]\n");
      return 1;
    }
  if (!run (argv[1], (guint16) port, argv[3], argv[4], argc > 5 ? argv + 5 : greeting, &error))
    {
      g_printerr ("error: %s, %d, %s\n", g_quark_to_string (error->domain), error->code, error->message);
      return 1;
    }
  return 0;
}
