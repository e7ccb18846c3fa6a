/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A wrong argument is a critical that names the condition, a neutral value, and no error. */

#include <gio-ossl/gio-ossl.h>

#define EXPECT(condition) g_test_expect_message ("GioOssl", G_LOG_LEVEL_CRITICAL, "*'" condition "' failed")

typedef struct
{
  GDatagramBased *socket;
  GioOsslDtlsConnection *connection;
  GError *error;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  GSocket *socket;

  (void) data;
  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_DEFAULT, &fixture->error);
  g_assert_no_error (fixture->error);
  fixture->socket = G_DATAGRAM_BASED (socket);
  fixture->connection =
    GIO_OSSL_DTLS_CONNECTION (gio_ossl_dtls_client_connection_new (fixture->socket, NULL, &fixture->error));
  g_assert_no_error (fixture->error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  (void) data;
  g_test_assert_expected_messages ();
  g_assert_no_error (fixture->error);
  g_assert_finalize_object (fixture->connection);
  g_assert_finalize_object (fixture->socket);
}

static void
constructors_want_a_datagram_base (Fixture *fixture, gconstpointer data)
{
  (void) data;
  EXPECT ("G_IS_DATAGRAM_BASED (base_socket)");
  g_assert_null (gio_ossl_dtls_client_connection_new (NULL, NULL, &fixture->error));
  EXPECT ("G_IS_DATAGRAM_BASED (base_socket)");
  g_assert_null (gio_ossl_dtls_server_connection_new (NULL, NULL, &fixture->error));
}

static void
constructors_want_the_types_they_declare (Fixture *fixture, gconstpointer data)
{
  (void) data;
  EXPECT ("server_identity == NULL || G_IS_SOCKET_CONNECTABLE (server_identity)");
  g_assert_null (gio_ossl_dtls_client_connection_new (fixture->socket, (gpointer) fixture->socket, &fixture->error));
  EXPECT ("certificate == NULL || G_IS_TLS_CERTIFICATE (certificate)");
  g_assert_null (gio_ossl_dtls_server_connection_new (fixture->socket, (gpointer) fixture->socket, &fixture->error));
}

static void
send_wants_a_connection_and_a_buffer (Fixture *fixture, gconstpointer data)
{
  const guint8 byte = 0;

  (void) data;
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_cmpint (gio_ossl_dtls_connection_send (NULL, &byte, 1, 0, NULL, &fixture->error), ==, -1);
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_cmpint (gio_ossl_dtls_connection_send ((gpointer) fixture->socket, &byte, 1, 0, NULL, &fixture->error), ==, -1);
  EXPECT ("size == 0 || buffer != NULL");
  g_assert_cmpint (gio_ossl_dtls_connection_send (fixture->connection, NULL, 1, 0, NULL, &fixture->error), ==, -1);
  EXPECT ("size <= G_MAXSSIZE");
  g_assert_cmpint (gio_ossl_dtls_connection_send (fixture->connection, &byte, G_MAXSIZE, 0, NULL, &fixture->error), ==,
                   -1);
  EXPECT ("cancellable == NULL || G_IS_CANCELLABLE (cancellable)");
  g_assert_cmpint (gio_ossl_dtls_connection_send (fixture->connection, &byte, 1, 0, (gpointer) fixture->socket,
                                                  &fixture->error),
                   ==, -1);
}

static void
receive_wants_a_connection_and_a_cancellable (Fixture *fixture, gconstpointer data)
{
  (void) data;
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_null (gio_ossl_dtls_connection_receive_bytes (NULL, 1, 0, NULL, &fixture->error));
  EXPECT ("cancellable == NULL || G_IS_CANCELLABLE (cancellable)");
  g_assert_null (gio_ossl_dtls_connection_receive_bytes (fixture->connection, 1, 0, (gpointer) fixture->socket,
                                                         &fixture->error));
}

static void
file_databases_want_a_path (Fixture *fixture, gconstpointer data)
{
  (void) data;
  EXPECT ("anchors != NULL");
  g_assert_null (gio_ossl_file_database_new (NULL, &fixture->error));
}

static void
statistics_want_a_connection_and_a_structure (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GioOsslStatistics) statistics = gio_ossl_dtls_connection_get_statistics (fixture->connection);
  g_autoptr (GioOsslStatistics) copy = g_boxed_copy (GIO_OSSL_TYPE_STATISTICS, statistics);

  (void) data;
  g_assert_cmpmem (statistics, sizeof *statistics, copy, sizeof *copy);
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_null (gio_ossl_dtls_connection_get_statistics ((gpointer) fixture->socket));
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_null (gio_ossl_dtls_connection_to_string ((gpointer) fixture->socket));
  EXPECT ("self != NULL");
  g_assert_null (gio_ossl_statistics_copy (NULL));
  EXPECT ("self != NULL");
  gio_ossl_statistics_free (NULL);
}

static void
exports_want_a_connection_and_a_label (Fixture *fixture, gconstpointer data)
{
  GBytes *untouched = (gpointer) fixture;
  GBytes *key = untouched;

  (void) data;
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_null (gio_ossl_dtls_connection_export_keying_material ((gpointer) fixture->socket, "label", NULL, 16,
                                                                  &fixture->error));
  EXPECT ("label != NULL");
  g_assert_null (gio_ossl_dtls_connection_export_keying_material (fixture->connection, NULL, NULL, 16,
                                                                  &fixture->error));
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_false (gio_ossl_dtls_connection_export_srtp_keys (NULL, &key, NULL, NULL, NULL, &fixture->error));
  g_assert_no_error (fixture->error);

  g_assert_null (gio_ossl_dtls_connection_export_keying_material (fixture->connection, "\xff", NULL, 16,
                                                                  &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&fixture->error);
  g_assert_false (gio_ossl_dtls_connection_export_srtp_keys (fixture->connection, &key, NULL, NULL, NULL,
                                                             &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
  g_clear_error (&fixture->error);
  g_assert_false (gio_ossl_dtls_connection_export_srtp_keys (fixture->connection, NULL, NULL, NULL, NULL, NULL));
  g_assert_true (key == untouched);
}

static void
unexpected (GObject *source, GAsyncResult *result, gpointer data)
{
  (void) source, (void) result, (void) data;
  g_assert_not_reached ();
}

static void
batches_want_a_connection_messages_and_a_cancellable (Fixture *fixture, gconstpointer data)
{
  GioOsslDtlsConnection *connection = fixture->connection;
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  g_autoptr (GPtrArray) null = g_ptr_array_new ();

  (void) data;
  g_ptr_array_add (null, NULL);
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_cmpint (gio_ossl_dtls_connection_send_many (NULL, none, 0, NULL, &fixture->error), ==, -1);
  EXPECT ("messages != NULL");
  g_assert_cmpint (gio_ossl_dtls_connection_send_many (connection, NULL, 0, NULL, &fixture->error), ==, -1);
  EXPECT ("every message != NULL");
  g_assert_cmpint (gio_ossl_dtls_connection_send_many (connection, null, 0, NULL, &fixture->error), ==, -1);
  EXPECT ("cancellable == NULL || G_IS_CANCELLABLE (cancellable)");
  g_assert_cmpint (gio_ossl_dtls_connection_send_many (connection, none, 0, (gpointer) fixture->socket,
                                                       &fixture->error),
                   ==, -1);
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_null (gio_ossl_dtls_connection_receive_many (NULL, 1, 1, 0, NULL, &fixture->error));
  EXPECT ("cancellable == NULL || G_IS_CANCELLABLE (cancellable)");
  g_assert_null (gio_ossl_dtls_connection_receive_many (connection, 1, 1, 0, (gpointer) fixture->socket,
                                                        &fixture->error));
}

static void
asynchronous_calls_want_the_types_they_declare (Fixture *fixture, gconstpointer data)
{
  GioOsslDtlsConnection *connection = fixture->connection;
  g_autoptr (GBytes) message = g_bytes_new_static ("x", 1);
  gpointer wrong = fixture->socket;

  (void) data;
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  gio_ossl_dtls_connection_send_bytes_async (NULL, message, 0, NULL, unexpected, NULL);
  EXPECT ("message != NULL");
  gio_ossl_dtls_connection_send_bytes_async (connection, NULL, 0, NULL, unexpected, NULL);
  EXPECT ("cancellable == NULL || G_IS_CANCELLABLE (cancellable)");
  gio_ossl_dtls_connection_send_bytes_async (connection, message, 0, wrong, unexpected, NULL);
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  gio_ossl_dtls_connection_receive_bytes_async (wrong, 1, 0, NULL, unexpected, NULL);
  EXPECT ("cancellable == NULL || G_IS_CANCELLABLE (cancellable)");
  gio_ossl_dtls_connection_receive_bytes_async (connection, 1, 0, wrong, unexpected, NULL);
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_cmpint (gio_ossl_dtls_connection_send_bytes_finish (NULL, NULL, &fixture->error), ==, -1);
  EXPECT ("G_IS_ASYNC_RESULT (result)");
  g_assert_cmpint (gio_ossl_dtls_connection_send_bytes_finish (connection, NULL, &fixture->error), ==, -1);
  EXPECT ("GIO_OSSL_IS_DTLS_CONNECTION (self)");
  g_assert_null (gio_ossl_dtls_connection_receive_bytes_finish (wrong, NULL, &fixture->error));
  EXPECT ("G_IS_ASYNC_RESULT (result)");
  g_assert_null (gio_ossl_dtls_connection_receive_bytes_finish (connection, wrong, &fixture->error));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add ("/arguments/" #name, Fixture, NULL, set_up, name, tear_down)
  ADD (constructors_want_a_datagram_base);
  ADD (constructors_want_the_types_they_declare);
  ADD (send_wants_a_connection_and_a_buffer);
  ADD (receive_wants_a_connection_and_a_cancellable);
  ADD (file_databases_want_a_path);
  ADD (statistics_want_a_connection_and_a_structure);
  ADD (exports_want_a_connection_and_a_label);
  ADD (batches_want_a_connection_messages_and_a_cancellable);
  ADD (asynchronous_calls_want_the_types_they_declare);
  return g_test_run ();
}
