#include "common.h"

#include <gio-ossl/gio-ossl.h>
#include <string.h>

struct Peer {
  GSubprocess *process;
  guint16 port;
  char *log;
};

Peer *
peer_start (const char *name, const char *credential, const char *options[])
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, g_strdup ("/usr/bin/python3"));
  g_ptr_array_add (argv, g_build_filename (g_getenv ("GIO_OSSL_TEST_INTEROP"), "peers.py", NULL));
  g_ptr_array_add (argv, g_strdup ("serve"));
  g_ptr_array_add (argv, g_strdup (name));
  if (credential != NULL) {
    g_autofree char *certificate = g_strconcat (credential, ".pem", NULL);
    g_autofree char *key = g_strconcat (credential, ".key", NULL);
    g_ptr_array_add (argv, g_strdup ("--certificate"));
    g_ptr_array_add (argv, pki_path (certificate));
    g_ptr_array_add (argv, g_strdup ("--key"));
    g_ptr_array_add (argv, pki_path (key));
  }
  g_ptr_array_add (argv, g_strdup ("--"));
  for (gsize i = 0; options != NULL && options[i] != NULL; i++)
    g_ptr_array_add (argv, g_strdup (options[i]));
  g_ptr_array_add (argv, NULL);

  Peer *peer = g_new0 (Peer, 1);
  peer->process = g_subprocess_newv ((const char *const *) argv->pdata,
                                     G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                     &error);
  g_assert_no_error (error);

  g_autoptr (GDataInputStream) output
      = g_data_input_stream_new (g_subprocess_get_stdout_pipe (peer->process));
  g_autofree char *line = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (line);
  g_auto (GStrv) words = g_strsplit (line, " ", 3);
  g_assert_cmpstr (words[0], ==, "ready");
  peer->port = (guint16) g_ascii_strtoull (words[1], NULL, 10);
  peer->log = g_strdup (words[2]);
  return peer;
}

void
peer_stop (Peer *peer)
{
  /* The driver serves until its standard input ends. */
  g_output_stream_close (g_subprocess_get_stdin_pipe (peer->process), NULL, NULL);
  g_subprocess_wait (peer->process, NULL, NULL);
  g_object_unref (peer->process);
  g_free (peer->log);
  g_free (peer);
}

guint16
peer_port (Peer *peer)
{
  return peer->port;
}

void
peer_wait_for_log (Peer *peer, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;

  for (;;) {
    g_autofree char *log = NULL;
    g_file_get_contents (peer->log, &log, NULL, NULL);
    if (log != NULL && strstr (log, text) != NULL)
      return;
    if (g_get_monotonic_time () > deadline)
      g_error ("the peer never logged \"%s\"; its log:\n%s", text, log);
    g_usleep (5000);
  }
}

char *
pki_path (const char *name)
{
  return g_build_filename (g_getenv ("GIO_OSSL_TEST_PKI"), name, NULL);
}

GTlsCertificate *
pki_certificate (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pki_path (name);
  GTlsCertificate *certificate = g_tls_certificate_new_from_file (path, &error);
  g_assert_no_error (error);
  return certificate;
}

GTlsDatabase *
pki_database (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pki_path (name);
  GTlsDatabase *database = g_tls_file_database_new (path, &error);
  g_assert_no_error (error);
  return database;
}

GDatagramBased *
udp_socket_to (guint16 port)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                  G_SOCKET_PROTOCOL_UDP, &error);
  g_assert_no_error (error);
  g_socket_set_blocking (socket, FALSE);
  g_socket_connect (socket, address, NULL, &error);
  g_assert_no_error (error);
  return G_DATAGRAM_BASED (socket);
}

guint16
unused_udp_port (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                             G_SOCKET_PROTOCOL_UDP, &error);
  g_socket_bind (socket, any, FALSE, &error);
  g_assert_no_error (error);
  g_autoptr (GSocketAddress) bound = g_socket_get_local_address (socket, &error);
  g_assert_no_error (error);
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
}

GDatagramBased *
client_new (Make make, GDatagramBased *base, const char *identity, GError **error)
{
  g_autoptr (GSocketConnectable) connectable
      = identity != NULL ? g_network_address_new (identity, 4433) : NULL;

  if (make == MAKE_GIO_OSSL)
    return (GDatagramBased *) gio_ossl_dtls_client_connection_new (base, connectable, error);
  return g_dtls_client_connection_new (base, connectable, error);
}

GDatagramBased *
client_with (Make make, Peer *peer, const char *identity, const char *anchor)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) base = udp_socket_to (peer_port (peer));
  g_autoptr (GTlsDatabase) database = pki_database (anchor);
  GDatagramBased *client = client_new (make, base, identity, &error);
  g_assert_no_error (error);
  g_dtls_connection_set_database (G_DTLS_CONNECTION (client), database);
  return client;
}

GDatagramBased *
client_for (Make make, Peer *peer)
{
  return client_with (make, peer, IDENTITY, "ca.pem");
}

static GSocket *
bound_socket (GSocketAddress **address)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                  G_SOCKET_PROTOCOL_UDP, &error);
  g_assert_no_error (error);
  g_socket_bind (socket, any, FALSE, &error);
  g_assert_no_error (error);
  *address = g_socket_get_local_address (socket, &error);
  g_assert_no_error (error);
  return socket;
}

GTlsCertificate *
pki_credential (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pki_path (name);
  g_autofree char *certificate_path = g_strconcat (path, ".pem", NULL);
  g_autofree char *key_path = g_strconcat (path, ".key", NULL);
  GTlsCertificate *certificate
      = g_tls_certificate_new_from_files (certificate_path, key_path, &error);
  g_assert_no_error (error);
  return certificate;
}

void
ends_new (Make make, GDatagramBased **client, GDatagramBased **server)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) here = NULL, there = NULL;
  g_autoptr (GSocket) near = bound_socket (&here);
  g_autoptr (GSocket) far = bound_socket (&there);
  g_autoptr (GTlsCertificate) certificate = pki_credential ("ecdsa");
  g_autoptr (GTlsDatabase) database = pki_database ("ca.pem");

  g_socket_connect (near, there, NULL, &error);
  g_socket_connect (far, here, NULL, &error);
  g_assert_no_error (error);
  *client = client_new (make, G_DATAGRAM_BASED (near), IDENTITY, &error);
  g_assert_no_error (error);
  *server = make == MAKE_GIO
                ? g_dtls_server_connection_new (G_DATAGRAM_BASED (far), certificate, &error)
                : (GDatagramBased *) gio_ossl_dtls_server_connection_new (G_DATAGRAM_BASED (far),
                                                                          certificate, &error);
  g_assert_no_error (error);
  g_dtls_connection_set_database (G_DTLS_CONNECTION (*client), database);
  g_dtls_connection_set_database (G_DTLS_CONNECTION (*server), database);
}

gint
send_one (GDatagramBased *connection, const void *data, gsize size, gint64 timeout, GError **error)
{
  GOutputVector vector = { data, size };
  GOutputMessage message = { .vectors = &vector, .num_vectors = 1 };

  gint count = g_datagram_based_send_messages (connection, &message, 1, 0, timeout, NULL, error);
  if (count == 1)
    g_assert_cmpuint (message.bytes_sent, ==, size);
  return count;
}

gint
receive_one (GDatagramBased *connection, void *data, gsize size, gint64 timeout, gsize *received,
             GError **error)
{
  GInputVector vector = { data, size };
  GInputMessage message = { .vectors = &vector, .num_vectors = 1 };

  gint count
      = g_datagram_based_receive_messages (connection, &message, 1, 0, timeout, NULL, error);
  *received = count == 1 ? message.bytes_received : 0;
  return count;
}

void
assert_echo (GDatagramBased *connection, const char *peer, const void *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *echo = g_malloc (size + 1);
  gsize total = 0;

  do {
    gsize received = 0;
    gint count
        = receive_one (connection, echo + total, size + 1 - total, PATIENCE, &received, &error);
    g_assert_no_error (error);
    g_assert_cmpint (count, ==, 1);
    total += received;
  } while (total < size && g_str_equal (peer, "gnutls"));
  g_assert_cmpmem (echo, total, data, size);
}

void
store_result (G_GNUC_UNUSED GObject *source, GAsyncResult *result, gpointer location)
{
  *(GAsyncResult **) location = g_object_ref (result);
}

GAsyncResult *
wait_for_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static const char *
make_name (Make make)
{
  return make == MAKE_GIO ? "gio" : "gio-ossl";
}

static void
add_case (Case test_case, const char *path, GTestDataFunc function)
{
  g_test_add_data_func_full (path, g_memdup2 (&test_case, sizeof test_case), function, g_free);
}

void
add_for_both (const char *group, const char *name, GTestDataFunc function)
{
  for (Make make = MAKE_GIO; make <= MAKE_GIO_OSSL; make++) {
    g_autofree char *path = g_strdup_printf ("/%s/%s/%s", group, make_name (make), name);
    add_case ((Case){ make, NULL, NULL }, path, function);
  }
}

void
add_for_matrix (const char *group, const char *name, GTestDataFunc function)
{
  const char *peers[] = { "openssl", "gnutls" };
  const char *credentials[] = { "ecdsa", "rsa" };

  for (Make make = MAKE_GIO; make <= MAKE_GIO_OSSL; make++)
    for (gsize p = 0; p < G_N_ELEMENTS (peers); p++)
      for (gsize c = 0; c < G_N_ELEMENTS (credentials); c++) {
        g_autofree char *path = g_strdup_printf ("/%s/%s/%s-%s/%s", group, make_name (make),
                                                 peers[p], credentials[c], name);
        add_case ((Case){ make, peers[p], credentials[c] }, path, function);
      }
}
