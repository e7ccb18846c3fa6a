/* Verified sessions with independent servers, and what moves over them. */
#include "common.h"

#include <string.h>

#define MESSAGES 100
#define LARGEST 1200

static void
fill (guint8 *message, gsize size, guint seed)
{
  for (gsize i = 0; i < size; i++)
    message[i] = (guint8) (seed * 31 + i);
}

static void
assert_verified (GDtlsConnection *dtls)
{
  g_autofree char *subject = NULL;
  GTlsCertificate *certificate = g_dtls_connection_get_peer_certificate (dtls);

  g_assert_nonnull (certificate);
  g_object_get (certificate, "subject-name", &subject, NULL);
  g_assert_cmpstr (subject, ==, "CN=" IDENTITY);
  g_assert_cmpuint (g_dtls_connection_get_peer_certificate_errors (dtls), ==, 0);
  g_assert_cmpint (g_dtls_connection_get_protocol_version (dtls), ==,
                   G_TLS_PROTOCOL_VERSION_DTLS_1_2);
  g_autofree char *cipher = g_dtls_connection_get_ciphersuite_name (dtls);
  g_assert_nonnull (cipher);
  g_assert_cmpuint (strlen (cipher), >, 0);
}

static void
assert_closed (GDatagramBased *client)
{
  g_autoptr (GError) error = NULL;
  char byte = 0;
  gsize received = 0;

  g_assert_true (g_dtls_connection_close (G_DTLS_CONNECTION (client), NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (receive_one (client, &byte, 1, PATIENCE, &received, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
hundred_datagrams_each_way (gconstpointer data)
{
  const Case *test_case = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start (test_case->peer, test_case->credential, NULL);
  g_autoptr (GDatagramBased) client = client_for (test_case->make, peer);
  guint8 sent[LARGEST];

  g_assert_true (g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error));
  g_assert_no_error (error);
  assert_verified (G_DTLS_CONNECTION (client));

  for (guint i = 0; i < MESSAGES; i++) {
    gsize size = 1 + i * (LARGEST - 1) / (MESSAGES - 1);
    fill (sent, size, i);
    g_assert_cmpint (send_one (client, sent, size, PATIENCE, &error), ==, 1);
    g_assert_no_error (error);
    assert_echo (client, test_case->peer, sent, size);
  }
  assert_closed (client);
  if (g_str_equal (test_case->peer, "openssl"))
    peer_wait_for_log (peer, "SSL3 alert read:warning:close notify");
}

static void
batches_move_with_one_call_each (gconstpointer data)
{
  enum { BATCH = 8, SIZE = 100 };
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  guint8 sent[BATCH][SIZE], received[BATCH][SIZE];
  GOutputVector out_vectors[BATCH];
  GOutputMessage out[BATCH];
  GInputVector in_vectors[BATCH];
  GInputMessage in[BATCH];
  GSocketAddress *address = (GSocketAddress *) &error;
  guint controls = 77;

  memset (out, 0, sizeof out);
  memset (in, 0, sizeof in);
  for (guint i = 0; i < BATCH; i++) {
    fill (sent[i], SIZE, i);
    out_vectors[i] = (GOutputVector){ sent[i], SIZE - i };
    out[i] = (GOutputMessage){ .vectors = &out_vectors[i], .num_vectors = 1 };
    in_vectors[i] = (GInputVector){ received[i], SIZE };
    in[i] = (GInputMessage){ .vectors = &in_vectors[i], .num_vectors = 1 };
  }
  in[0].address = &address;
  in[0].num_control_messages = &controls;

  /* The first I/O starts the handshake. */
  gint count = g_datagram_based_send_messages (client, out, BATCH, 0, PATIENCE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (count, ==, BATCH);
  count = g_datagram_based_receive_messages (client, in, BATCH, 0, PATIENCE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (count, ==, BATCH);
  for (guint i = 0; i < BATCH; i++) {
    g_assert_cmpuint (out[i].bytes_sent, ==, SIZE - i);
    g_assert_cmpmem (received[i], in[i].bytes_received, sent[i], SIZE - i);
  }
  g_assert_null (address);
  g_assert_cmpuint (controls, ==, 0);
}

static void
implicit_handshake_goes_on_in_the_main_loop (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("gnutls", "ecdsa", NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  gint64 deadline = g_get_monotonic_time () + PATIENCE;

  g_assert_cmpint (send_one (client, "x", 1, 0, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  while (g_dtls_connection_get_peer_certificate (G_DTLS_CONNECTION (client)) == NULL) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    g_main_context_iteration (NULL, TRUE);
  }
  g_clear_error (&error);
  g_assert_cmpint (send_one (client, "x", 1, PATIENCE, &error), ==, 1);
  g_assert_no_error (error);
}

static gboolean
note_condition (G_GNUC_UNUSED GDatagramBased *client, GIOCondition condition, gpointer seen)
{
  *(GIOCondition *) seen = condition;
  return G_SOURCE_REMOVE;
}

static void
source_and_condition_announce_an_answer (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  GIOCondition seen = 0;
  char byte = 0;
  gsize received = 0;

  g_assert_cmpint (send_one (client, "x", 1, PATIENCE, &error), ==, 1);
  g_assert_no_error (error);
  g_autoptr (GSource) source = g_datagram_based_create_source (client, G_IO_IN, NULL);
  g_source_set_callback (source, G_SOURCE_FUNC (note_condition), &seen, NULL);
  g_source_attach (source, NULL);
  while (seen == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (seen, ==, G_IO_IN);
  g_assert_true (g_datagram_based_condition_wait (client, G_IO_IN, PATIENCE, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (g_datagram_based_condition_check (client, G_IO_IN), ==, G_IO_IN);
  g_assert_cmpint (receive_one (client, &byte, 1, 0, &received, &error), ==, 1);
  g_assert_no_error (error);
  g_assert_false (g_datagram_based_condition_wait (client, G_IO_IN, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

static void
unrepresentable_messages_are_refused (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  g_autofree guint8 *large = g_malloc0 (70000);
  GOutputVector vector = { large, 1 };
  GOutputMessage message = { .vectors = &vector, .num_vectors = 1 };
  gsize received = 0;

  g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (send_one (client, large, 70000, PATIENCE, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&error);
  g_assert_cmpint (g_datagram_based_send_messages (client, &message, 1, G_SOCKET_MSG_OOB, PATIENCE,
                                                   NULL, &error),
                   ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  /* An empty one is no error and sends nothing: the echo that arrives is the next message's. */
  g_assert_cmpint (send_one (client, large, 0, PATIENCE, &error), ==, 1);
  g_assert_cmpint (send_one (client, "y", 1, PATIENCE, &error), ==, 1);
  g_assert_cmpint (receive_one (client, large, 70000, PATIENCE, &received, &error), ==, 1);
  g_assert_no_error (error);
  g_assert_cmpmem (large, received, "y", 1);
}

void
add_session_tests (void)
{
  add_for_matrix ("session", "hundred-datagrams-each-way", hundred_datagrams_each_way);
  add_for_both ("session", "batches-move-with-one-call-each", batches_move_with_one_call_each);
  add_for_both ("session", "implicit-handshake-goes-on-in-the-main-loop",
                implicit_handshake_goes_on_in_the_main_loop);
  add_for_both ("session", "source-and-condition-announce-an-answer",
                source_and_condition_announce_an_answer);
  add_for_both ("session", "unrepresentable-messages-are-refused",
                unrepresentable_messages_are_refused);
}
