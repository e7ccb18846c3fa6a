/* What only gio-ossl's own C API has. */
#include "common.h"

#include <gio-ossl/gio-ossl.h>
#include <string.h>

static void
backend_is_one_object_that_speaks_dtls_only (void)
{
  GTlsBackend *backend = gio_ossl_get_backend ();

  g_assert_cmpstr (G_OBJECT_TYPE_NAME (backend), ==, "GTlsBackendOssl");
  g_assert_true (G_OBJECT_TYPE (backend) == GIO_OSSL_TYPE_BACKEND);
  g_assert_true (backend == gio_ossl_get_backend ());
  g_assert_true (g_tls_backend_supports_dtls (backend));
  g_assert_false (g_tls_backend_supports_tls (backend));
  g_assert_true (g_tls_backend_get_dtls_client_connection_type (backend)
                 == GIO_OSSL_TYPE_DTLS_CLIENT_CONNECTION);
  g_assert_true (g_tls_backend_get_dtls_server_connection_type (backend)
                 == gio_ossl_dtls_server_connection_get_type ());
  g_autoptr (GTlsDatabase) first = g_tls_backend_get_default_database (backend);
  g_autoptr (GTlsDatabase) second = g_tls_backend_get_default_database (backend);
  g_assert_nonnull (first);
  g_assert_true (first == second);
}

static void
stream_connections_fail_as_unavailable (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GInputStream) input = g_memory_input_stream_new ();
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GIOStream) stream = g_simple_io_stream_new (input, output);

  g_assert_null (g_tls_client_connection_new (stream, NULL, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_UNAVAILABLE);
}

static void
classes_share_an_abstract_parent (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) base = udp_socket_to (unused_udp_port ());
  g_autoptr (GDatagramBased) client
      = client_new (((const Case *) data)->make, base, IDENTITY, &error);
  g_assert_no_error (error);

  g_assert_true (GIO_OSSL_IS_DTLS_CLIENT_CONNECTION (client));
  g_assert_true (GIO_OSSL_IS_DTLS_CONNECTION (client));
  g_assert_true (G_TYPE_IS_ABSTRACT (GIO_OSSL_TYPE_DTLS_CONNECTION));
  g_assert_true (g_type_parent (GIO_OSSL_TYPE_DTLS_CONNECTION) == G_TYPE_OBJECT);
}

static void
bytes_are_sent_and_received (gconstpointer data)
{
  const Case *test_case = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start (test_case->peer, test_case->credential, NULL);
  g_autoptr (GDatagramBased) client = client_for (test_case->make, peer);
  GioOsslDtlsConnection *connection = GIO_OSSL_DTLS_CONNECTION (client);
  guint8 message[254];

  memset (message, 'm', sizeof message);
  /* Up to what gnutls-serv returns in one piece. */
  for (gsize size = 1; size <= 254; size += 11) {
    gssize sent
        = gio_ossl_dtls_connection_send (connection, message, size, PATIENCE, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpint (sent, ==, size);
    g_autoptr (GBytes) bytes
        = gio_ossl_dtls_connection_receive_bytes (connection, 2000, PATIENCE, NULL, &error);
    g_assert_no_error (error);
    gsize length = 0;
    const void *contents = g_bytes_get_data (bytes, &length);
    g_assert_cmpmem (contents, length, message, size);
  }
}

static void
byte_calls_report_errors (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  GioOsslDtlsConnection *connection = GIO_OSSL_DTLS_CONNECTION (client);
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();

  g_assert_null (gio_ossl_dtls_connection_receive_bytes (connection, 10, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&error);
  g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error);
  if (error != NULL) /* the implicit one is under way already */
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_cmpint (
      gio_ossl_dtls_connection_send (connection, (const guint8 *) "x", 1, PATIENCE, NULL, &error),
      ==, 1);
  g_assert_no_error (error);
  g_autoptr (GBytes) echo
      = gio_ossl_dtls_connection_receive_bytes (connection, 10, PATIENCE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (echo), ==, 1);

  g_assert_null (gio_ossl_dtls_connection_receive_bytes (connection, 10, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_cancellable_cancel (cancelled);
  g_assert_null (gio_ossl_dtls_connection_receive_bytes (connection, 10, -1, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_dtls_connection_close (G_DTLS_CONNECTION (client), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (
      gio_ossl_dtls_connection_send (connection, (const guint8 *) "x", 1, PATIENCE, NULL, &error),
      ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

void
add_namespace_tests (void)
{
  g_test_add_func ("/namespace/backend-is-one-object-that-speaks-dtls-only",
                   backend_is_one_object_that_speaks_dtls_only);
  g_test_add_func ("/namespace/stream-connections-fail-as-unavailable",
                   stream_connections_fail_as_unavailable);
  add_for_both ("namespace", "classes-share-an-abstract-parent", classes_share_an_abstract_parent);
  add_for_matrix ("namespace", "bytes-are-sent-and-received", bytes_are_sent_and_received);
  add_for_both ("namespace", "byte-calls-report-errors", byte_calls_report_errors);
}
