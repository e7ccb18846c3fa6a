/* Our own client and server over a pair of UDP sockets, in one process. */
#include "common.h"

#include <gio-ossl/gio-ossl.h>

typedef struct {
  GDatagramBased *client;
  GDatagramBased *server;
} Ends;

static void
ends_init (Ends *ends, Make make)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) ours = NULL, theirs = NULL;

  ends_new (make, &ends->client, &ends->server);
  g_dtls_connection_handshake_async (G_DTLS_CONNECTION (ends->client), 0, NULL, store_result, &ours);
  g_dtls_connection_handshake_async (G_DTLS_CONNECTION (ends->server), 0, NULL, store_result,
                                     &theirs);
  g_dtls_connection_handshake_finish (G_DTLS_CONNECTION (ends->client), wait_for_result (&ours),
                                      &error);
  g_assert_no_error (error);
  g_dtls_connection_handshake_finish (G_DTLS_CONNECTION (ends->server), wait_for_result (&theirs),
                                      &error);
  g_assert_no_error (error);
}

static void
ends_clear (Ends *ends)
{
  g_object_unref (ends->client);
  g_object_unref (ends->server);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Ends, ends_clear)

static void
channel_bindings_are_equal_at_both_ends (gconstpointer data)
{
  g_auto (Ends) ends = { NULL, NULL };
  ends_init (&ends, ((const Case *) data)->make);

  for (int type = G_TLS_CHANNEL_BINDING_TLS_UNIQUE; type <= G_TLS_CHANNEL_BINDING_TLS_EXPORTER;
       type++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GByteArray) ours = g_byte_array_new ();
    g_autoptr (GByteArray) theirs = g_byte_array_new ();
    g_dtls_connection_get_channel_binding_data (G_DTLS_CONNECTION (ends.client), type, ours,
                                                &error);
    g_assert_no_error (error);
    g_dtls_connection_get_channel_binding_data (G_DTLS_CONNECTION (ends.server), type, theirs,
                                                &error);
    g_assert_no_error (error);
    g_assert_cmpmem (ours->data, ours->len, theirs->data, theirs->len);
  }
}

/* Receives one message without a time limit; NULL is how a closed connection ends it. */
static gpointer
receive_in_thread (gpointer connection)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = gio_ossl_dtls_connection_receive_bytes (connection, 100, -1, NULL, &error);
  if (bytes == NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  return bytes;
}

static void
one_thread_sends_while_another_receives (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (Ends) ends = { NULL, NULL };
  ends_init (&ends, ((const Case *) data)->make);
  GThread *receiver = g_thread_new ("receiver", receive_in_thread, ends.client);
  char message[100];
  gsize received = 0;

  for (int i = 0; i < 50; i++) {
    g_assert_cmpint (send_one (ends.client, "up", 2, PATIENCE, &error), ==, 1);
    g_assert_no_error (error);
    g_assert_cmpint (
        receive_one (ends.server, message, sizeof message, PATIENCE, &received, &error), ==, 1);
    g_assert_no_error (error);
    g_assert_cmpmem (message, received, "up", 2);
  }
  g_assert_cmpint (send_one (ends.server, "down", 4, PATIENCE, &error), ==, 1);
  g_autoptr (GBytes) bytes = g_thread_join (receiver);
  gsize size = 0;
  const void *contents = g_bytes_get_data (bytes, &size);
  g_assert_cmpmem (contents, size, "down", 4);
}

static void
close_wakes_a_blocked_receiver (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (Ends) ends = { NULL, NULL };
  ends_init (&ends, ((const Case *) data)->make);
  GThread *receiver = g_thread_new ("receiver", receive_in_thread, ends.client);

  g_assert_true (g_dtls_connection_close (G_DTLS_CONNECTION (ends.client), NULL, &error));
  g_assert_no_error (error);
  g_assert_null (g_thread_join (receiver));
}

static void
peers_close_is_null_without_error (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (Ends) ends = { NULL, NULL };
  ends_init (&ends, ((const Case *) data)->make);

  g_dtls_connection_close (G_DTLS_CONNECTION (ends.server), NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 2; i++) {
    g_assert_null (gio_ossl_dtls_connection_receive_bytes ((GioOsslDtlsConnection *) ends.client,
                                                           100, PATIENCE, NULL, &error));
    g_assert_no_error (error);
  }
}

/* What the closure of a source has been called with. */
typedef struct {
  GDatagramBased *connection;
  GIOCondition condition;
  guint calls;
} Heard;

static gboolean
hear (GDatagramBased *connection, GIOCondition condition, gpointer data)
{
  Heard *heard = data;

  heard->connection = connection;
  heard->condition = condition;
  return ++heard->calls < 2 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
source_calls_its_closure_with_the_connection_and_the_condition (gconstpointer data)
{
  g_auto (Ends) ends = { NULL, NULL };
  ends_init (&ends, ((const Case *) data)->make);
  Heard heard = { NULL, 0, 0 };
  g_autoptr (GSource) source
      = g_datagram_based_create_source (ends.client, G_IO_IN | G_IO_OUT, NULL);

  /* The closure has no marshaller: the source's own is taken. */
  g_source_set_closure (source, g_cclosure_new (G_CALLBACK (hear), &heard, NULL));
  g_source_attach (source, NULL);
  while (!g_source_is_destroyed (source))
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (heard.connection == ends.client);
  g_assert_cmpuint (heard.condition, ==, G_IO_OUT);
  g_assert_cmpuint (heard.calls, ==, 2);
}

void
add_ends_tests (void)
{
  add_for_both ("ends", "channel-bindings-are-equal-at-both-ends",
                channel_bindings_are_equal_at_both_ends);
  add_for_both ("ends", "one-thread-sends-while-another-receives",
                one_thread_sends_while_another_receives);
  add_for_both ("ends", "close-wakes-a-blocked-receiver", close_wakes_a_blocked_receiver);
  add_for_both ("ends", "peers-close-is-null-without-error", peers_close_is_null_without_error);
  add_for_both ("ends", "source-calls-its-closure-with-the-connection-and-the-condition",
                source_calls_its_closure_with_the_connection_and_the_condition);
}
