/* The methods of GDtlsConnection and GDtlsClientConnection, with a peer where one is needed. */
#include "common.h"

#include <string.h>

static const char *no_options[] = { NULL };

static void
handshake_async_completes_on_the_main_loop (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", no_options);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  g_autoptr (GAsyncResult) result = NULL;

  g_dtls_connection_handshake_async (G_DTLS_CONNECTION (client), G_PRIORITY_DEFAULT, NULL,
                                     store_result, &result);
  g_assert_null (result);
  g_assert_true (g_dtls_connection_handshake_finish (G_DTLS_CONNECTION (client),
                                                     wait_for_result (&result), &error));
  g_assert_no_error (error);

  /* Once established, another one is no work but still never answers before returning. */
  g_clear_object (&result);
  g_dtls_connection_handshake_async (G_DTLS_CONNECTION (client), G_PRIORITY_DEFAULT, NULL,
                                     store_result, &result);
  g_assert_null (result);
  g_assert_true (g_dtls_connection_handshake_finish (G_DTLS_CONNECTION (client),
                                                     wait_for_result (&result), &error));
  g_assert_no_error (error);
}

static void
handshake_async_is_cancelled (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("silent", NULL, no_options);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;

  g_dtls_connection_handshake_async (G_DTLS_CONNECTION (client), G_PRIORITY_DEFAULT, cancellable,
                                     store_result, &result);
  g_cancellable_cancel (cancellable);
  g_assert_false (g_dtls_connection_handshake_finish (G_DTLS_CONNECTION (client),
                                                      wait_for_result (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
second_handshake_async_is_refused_as_pending (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("silent", NULL, no_options);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) first = NULL, second = NULL;
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);

  g_dtls_connection_handshake_async (dtls, 0, cancellable, store_result, &first);
  g_dtls_connection_handshake_async (dtls, 0, NULL, store_result, &second);
  g_assert_false (g_dtls_connection_handshake_finish (dtls, wait_for_result (&second), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_assert_null (first);
  g_cancellable_cancel (cancellable);
  g_clear_error (&error);
  g_assert_false (g_dtls_connection_handshake_finish (dtls, wait_for_result (&first), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
accepted_cas_are_complete_names_in_fresh_lists (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *anchor = pki_path ("ca.pem");
  const char *options[] = { "-verify", "1", "-CAfile", anchor, NULL };
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", options);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);

  g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error);
  g_assert_no_error (error);

  for (int i = 0; i < 2; i++) {
    GList *names = g_dtls_client_connection_get_accepted_cas (G_DTLS_CLIENT_CONNECTION (client));
    g_assert_cmpuint (g_list_length (names), ==, 1);
    const GByteArray *name = names->data;
    const char *authority = "gio-ossl test authority";
    g_assert_cmpuint (name->len, >, 2);
    g_assert_cmphex (name->data[0], ==, 0x30);
    g_assert_cmpuint (name->data[1], ==, name->len - 2);
    g_assert_nonnull (memmem (name->data, name->len, authority, strlen (authority)));
    g_list_free_full (names, (GDestroyNotify) g_byte_array_unref);
  }
}

static void
channel_bindings_are_given_after_the_handshake (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", no_options);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);
  g_autoptr (GByteArray) binding = g_byte_array_new ();

  g_assert_false (g_dtls_connection_get_channel_binding_data (
      dtls, G_TLS_CHANNEL_BINDING_TLS_SERVER_END_POINT, binding, &error));
  g_assert_error (error, G_TLS_CHANNEL_BINDING_ERROR, G_TLS_CHANNEL_BINDING_ERROR_INVALID_STATE);
  g_clear_error (&error);

  g_dtls_connection_handshake (dtls, NULL, &error);
  g_assert_no_error (error);
  const struct {
    GTlsChannelBindingType type;
    guint size;
  } types[] = { { G_TLS_CHANNEL_BINDING_TLS_UNIQUE, 12 },
                { G_TLS_CHANNEL_BINDING_TLS_SERVER_END_POINT, 32 },
                { G_TLS_CHANNEL_BINDING_TLS_EXPORTER, 32 } };
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++) {
    g_assert_true (g_dtls_connection_get_channel_binding_data (dtls, types[i].type, NULL, &error));
    g_assert_no_error (error);
    g_assert_true (
        g_dtls_connection_get_channel_binding_data (dtls, types[i].type, binding, &error));
    g_assert_no_error (error);
    g_assert_cmpuint (binding->len, ==, types[i].size);
  }
}

static gboolean
accept_anyway (GDtlsConnection *dtls, GTlsCertificate *certificate, GTlsCertificateFlags errors,
               gpointer calls)
{
  g_assert_true (G_IS_TLS_CERTIFICATE (certificate));
  g_assert_cmpuint (errors, ==, G_TLS_CERTIFICATE_BAD_IDENTITY);
  g_assert_null (g_dtls_connection_get_peer_certificate (dtls));
  g_assert_cmpuint (g_dtls_connection_get_peer_certificate_errors (dtls), ==, 0);
  (*(guint *) calls)++;
  return TRUE;
}

static void
accept_certificate_handler_overrides_the_verdict (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", no_options);
  g_autoptr (GDatagramBased) client
      = client_with (((const Case *) data)->make, peer, "wrong.example.com", "ca.pem");
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);
  guint calls = 0;

  g_signal_connect (client, "accept-certificate", G_CALLBACK (accept_anyway), &calls);
  g_dtls_connection_handshake (dtls, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (calls, ==, 1);
  g_assert_nonnull (g_dtls_connection_get_peer_certificate (dtls));
  g_assert_cmpuint (g_dtls_connection_get_peer_certificate_errors (dtls), ==,
                    G_TLS_CERTIFICATE_BAD_IDENTITY);
}

static void
emit_accept_certificate_asks_the_handlers (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) base = udp_socket_to (unused_udp_port ());
  g_autoptr (GDatagramBased) client
      = client_new (((const Case *) data)->make, base, IDENTITY, &error);
  g_assert_no_error (error);
  g_autoptr (GTlsCertificate) certificate = pki_certificate ("ecdsa.pem");
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);
  guint calls = 0;

  g_assert_false (
      g_dtls_connection_emit_accept_certificate (dtls, certificate, G_TLS_CERTIFICATE_EXPIRED));
  g_signal_connect (client, "accept-certificate", G_CALLBACK (accept_anyway), &calls);
  g_assert_true (g_dtls_connection_emit_accept_certificate (dtls, certificate,
                                                            G_TLS_CERTIFICATE_BAD_IDENTITY));
  g_assert_cmpuint (calls, ==, 1);
}

static void
protocol_is_negotiated (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const char *options[] = { "-alpn", "x,coap", NULL };
  const char *ours[] = { "coap", "x", NULL };
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", options);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);

  g_assert_null (g_dtls_connection_get_negotiated_protocol (dtls));
  g_dtls_connection_set_advertised_protocols (dtls, ours);
  g_dtls_connection_handshake (dtls, NULL, &error);
  g_assert_no_error (error);
  /* s_server takes the first of its own list that we offer. */
  g_assert_cmpstr (g_dtls_connection_get_negotiated_protocol (dtls), ==, "x");
  g_autofree char *property = NULL;
  g_object_get (client, "negotiated-protocol", &property, NULL);
  g_assert_cmpstr (property, ==, "x");
}

static void
shutdown_closes_each_direction_by_itself (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", no_options);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);
  char byte = 'a';
  gsize received = 0;

  g_dtls_connection_handshake (dtls, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_dtls_connection_shutdown (dtls, TRUE, FALSE, NULL, &error));
  g_assert_cmpint (receive_one (client, &byte, 1, PATIENCE, &received, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_cmpint (send_one (client, &byte, 1, PATIENCE, &error), ==, 1);
  g_assert_no_error (error);
  g_assert_true (g_dtls_connection_shutdown (dtls, FALSE, TRUE, NULL, &error));
  g_assert_cmpint (send_one (client, &byte, 1, PATIENCE, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  peer_wait_for_log (peer, "SSL3 alert read:warning:close notify");
}

static void
close_and_shutdown_async_complete_and_repeat (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", no_options);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);
  g_autoptr (GAsyncResult) first = NULL, second = NULL;

  g_dtls_connection_handshake (dtls, NULL, &error);
  g_assert_no_error (error);
  g_dtls_connection_close_async (dtls, G_PRIORITY_DEFAULT, NULL, store_result, &first);
  g_assert_null (first);
  g_assert_true (g_dtls_connection_close_finish (dtls, wait_for_result (&first), &error));
  g_assert_no_error (error);
  peer_wait_for_log (peer, "SSL3 alert read:warning:close notify");
  g_dtls_connection_shutdown_async (dtls, TRUE, TRUE, G_PRIORITY_DEFAULT, NULL, store_result,
                                    &second);
  g_assert_true (g_dtls_connection_shutdown_finish (dtls, wait_for_result (&second), &error));
  g_assert_no_error (error);
  g_assert_true (g_dtls_connection_close (dtls, NULL, &error));
  g_assert_no_error (error);
}

void
add_method_tests (void)
{
  add_for_both ("methods", "handshake-async-completes-on-the-main-loop",
                handshake_async_completes_on_the_main_loop);
  add_for_both ("methods", "handshake-async-is-cancelled", handshake_async_is_cancelled);
  add_for_both ("methods", "second-handshake-async-is-refused-as-pending",
                second_handshake_async_is_refused_as_pending);
  add_for_both ("methods", "accepted-cas-are-complete-names-in-fresh-lists",
                accepted_cas_are_complete_names_in_fresh_lists);
  add_for_both ("methods", "channel-bindings-are-given-after-the-handshake",
                channel_bindings_are_given_after_the_handshake);
  add_for_both ("methods", "accept-certificate-handler-overrides-the-verdict",
                accept_certificate_handler_overrides_the_verdict);
  add_for_both ("methods", "emit-accept-certificate-asks-the-handlers",
                emit_accept_certificate_asks_the_handlers);
  add_for_both ("methods", "protocol-is-negotiated", protocol_is_negotiated);
  add_for_both ("methods", "shutdown-closes-each-direction-by-itself",
                shutdown_closes_each_direction_by_itself);
  add_for_both ("methods", "close-and-shutdown-async-complete-and-repeat",
                close_and_shutdown_async_complete_and_repeat);
}
