/* Bad input: the exact error, in bounded time. */
#include <string.h>

#include <gio-ossl/gio-ossl.h>

#include "common.h"

static void
stream_base_is_refused (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM,
                                             G_SOCKET_PROTOCOL_TCP, &error);
  g_assert_no_error (error);
  g_autoptr (GDatagramBased) client = client_new (((const Case *) data)->make,
                                                  G_DATAGRAM_BASED (socket), IDENTITY, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_null (client);
}

static void
base_with_a_timeout_is_refused (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) base = udp_socket_to (unused_udp_port ());

  g_socket_set_timeout (G_SOCKET (base), 1);
  g_autoptr (GDatagramBased) client
      = client_new (((const Case *) data)->make, base, IDENTITY, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_null (client);
}

static void
missing_base_is_refused (gconstpointer data)
{
  const Case *test_case = data;
  g_autoptr (GError) error = NULL;

  /* Our own constructor checks its arguments as GLib's functions do; GIO's passes NULL on. */
  if (test_case->make == MAKE_GIO_OSSL)
    g_test_expect_message ("GioOssl", G_LOG_LEVEL_CRITICAL, "*base*");
  g_autoptr (GDatagramBased) client = client_new (test_case->make, NULL, IDENTITY, &error);
  g_test_assert_expected_messages ();
  g_assert_null (client);
  if (test_case->make == MAKE_GIO)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  else
    g_assert_no_error (error);
}

static void
nobody_listening_is_connection_refused (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) base = udp_socket_to (unused_udp_port ());
  g_autoptr (GDatagramBased) client
      = client_new (((const Case *) data)->make, base, IDENTITY, &error);
  g_assert_no_error (error);

  g_assert_false (g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_null (g_dtls_connection_get_peer_certificate (G_DTLS_CONNECTION (client)));
}

static void
garbage_from_the_server_times_out (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("garbage", NULL, NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  char byte = 0;
  gsize received = 0;

  g_assert_cmpint (receive_one (client, &byte, 1, SECOND / 4, &received, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  /* Timing out stopped the waiting only: the next call waits again, and nothing was verified. */
  g_clear_error (&error);
  g_assert_cmpint (receive_one (client, &byte, 1, 0, &received, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_null (g_dtls_connection_get_peer_certificate (G_DTLS_CONNECTION (client)));
}

static gboolean
cancel (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

static void
garbage_from_the_server_is_cancelled (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("garbage", NULL, NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;

  g_dtls_connection_handshake_async (G_DTLS_CONNECTION (client), G_PRIORITY_DEFAULT, cancellable,
                                     store_result, &result);
  g_timeout_add (200, cancel, cancellable);
  g_assert_false (g_dtls_connection_handshake_finish (G_DTLS_CONNECTION (client),
                                                      wait_for_result (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Cancels as soon as the client's first datagram has arrived, from another thread. */
static gpointer
cancel_on_first_datagram (gpointer data)
{
  GSocket *socket = g_object_get_data (data, "socket");
  char buffer[2048];

  g_assert_cmpint (g_socket_receive (socket, buffer, sizeof buffer, NULL, NULL), >, 0);
  g_cancellable_cancel (data);
  return NULL;
}

static void
blocking_handshake_is_cancelled_from_another_thread (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocket) server = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                             G_SOCKET_PROTOCOL_UDP, &error);
  g_socket_bind (server, any, FALSE, &error);
  g_assert_no_error (error);
  g_autoptr (GSocketAddress) bound = g_socket_get_local_address (server, &error);
  guint16 port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  g_autoptr (GDatagramBased) base = udp_socket_to (port);
  g_autoptr (GDatagramBased) client
      = client_new (((const Case *) data)->make, base, IDENTITY, &error);
  g_assert_no_error (error);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_object_set_data (G_OBJECT (cancellable), "socket", server);
  GThread *thread = g_thread_new ("canceller", cancel_on_first_datagram, cancellable);

  g_assert_false (g_dtls_connection_handshake (G_DTLS_CONNECTION (client), cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
}

static void
garbage_certificate_file_is_a_bad_certificate (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pki_path ("garbage.pem");

  g_assert_null (g_tls_certificate_new_from_file (path, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
}

static void
garbage_anchor_file_fails_as_misc (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pki_path ("garbage.pem");

  g_assert_null (g_tls_file_database_new (path, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_MISC);
}

static void
missing_anchor_file_fails_as_misc (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pki_path ("nowhere.pem");

  g_assert_null (g_tls_file_database_new (path, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_MISC);
}

/* A file of the PKI with a line before, behind its first line, or none. */
static char *
pki_text (const char *name, const char *before, const char *inside)
{
  g_autofree char *path = pki_path (name);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  char *rest = strchr (text, '\n') + 1;
  return g_strdup_printf ("%s%.*s%s%s", before, (int) (rest - text), text, inside, rest);
}

static void
text_in_another_encoding_is_a_bad_certificate (void)
{
  g_autofree char *garbled = pki_text ("ecdsa.pem", "", "M\xffI\n");
  g_autofree char *commented = pki_text ("ecdsa.pem", "# Caf\xe9\n", "");
  g_autofree char *good = pki_text ("ecdsa.pem", "", "");
  g_autofree char *garbled_key = pki_text ("ecdsa.key", good, "M\xffI\n");
  GBytes *container;
  g_autoptr (GError) error = NULL;
  g_autoptr (GTlsCertificate) certificate = NULL;

  g_assert_null (g_tls_certificate_new_from_pem (garbled, -1, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  g_assert_null (g_tls_certificate_new_from_pem (garbled_key, -1, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  certificate = g_initable_new (GIO_OSSL_TYPE_CERTIFICATE, NULL, &error, "certificate-pem", commented,
                                NULL);
  g_assert_no_error (error);

  container = g_bytes_new_static ("no container", 12);
  g_assert_null (g_tls_certificate_new_from_pkcs12 (g_bytes_get_data (container, NULL),
                                                    g_bytes_get_size (container), "\xff", &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  g_bytes_unref (container);
  g_assert_null (g_tls_certificate_new_from_pkcs11_uris ("pkcs11:object=\xff", NULL, &error));
  g_assert_nonnull (error);
}

static void
text_in_another_encoding_is_a_bad_value (gconstpointer data)
{
  for (const char *const *property
       = (const char *[]){ "cipher-list", "groups", "signature-algorithms", NULL };
       *property != NULL; property++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GDatagramBased) base = udp_socket_to (unused_udp_port ());
      g_autoptr (GDatagramBased) client
          = client_new (((const Case *) data)->make, base, IDENTITY, &error);
      g_autofree char *value = NULL;

      g_assert_no_error (error);
      g_object_set (client, *property, "P-256:\xff", NULL);
      g_object_get (client, *property, &value, NULL);
      g_assert_true (g_utf8_validate (value, -1, NULL));
      g_assert_false (g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, *property));
    }
}

static void
hint_in_another_encoding_is_kept_as_text (gconstpointer data)
{
  GDatagramBased *client = NULL, *server = NULL;
  g_autofree char *hint = NULL;

  ends_new (((const Case *) data)->make, &client, &server);
  g_object_set (server, "psk-identity-hint", "caf\xe9", NULL);
  g_object_get (server, "psk-identity-hint", &hint, NULL);
  g_assert_cmpstr (hint, ==, "caf\xef\xbf\xbd");
  g_object_unref (client);
  g_object_unref (server);
}

static void
identity_in_another_encoding_is_nobodys (gconstpointer data)
{
  const char *name = "server\xff.example.com";
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) base = udp_socket_to (unused_udp_port ());
  g_autoptr (GSocketConnectable) service_of_nobody
      = g_network_service_new ("coaps\xff", "udp\xff", IDENTITY);
  g_autoptr (GDatagramBased) client
      = client_new (((const Case *) data)->make, base, name, &error);
  g_autofree char *text = NULL;
  g_autoptr (GTlsCertificate) certificate = pki_credential ("ecdsa");

  g_assert_no_error (error);
  g_assert_false (g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  text = gio_ossl_dtls_connection_to_string (GIO_OSSL_DTLS_CONNECTION (client));
  g_assert_true (g_str_has_prefix (text, "DTLS client of server"));
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_clear_error (&error);
  g_object_set (client, "server-identity", service_of_nobody, NULL);
  g_assert_false (g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error));
  g_assert_nonnull (error);
  for (int service = FALSE; service <= TRUE; service++)
    {
      g_autoptr (GSocketConnectable) identity
          = service ? g_network_service_new ("coaps", "udp", name) : g_network_address_new (name, 5684);
      g_assert_true (g_tls_certificate_verify (certificate, identity, NULL)
                     & G_TLS_CERTIFICATE_BAD_IDENTITY);
    }
}

void
add_bad_input_tests (void)
{
  add_for_both ("bad-input", "stream-base-is-refused", stream_base_is_refused);
  add_for_both ("bad-input", "base-with-a-timeout-is-refused", base_with_a_timeout_is_refused);
  add_for_both ("bad-input", "missing-base-is-refused", missing_base_is_refused);
  add_for_both ("bad-input", "nobody-listening-is-connection-refused",
                nobody_listening_is_connection_refused);
  add_for_both ("bad-input", "garbage-from-the-server-times-out",
                garbage_from_the_server_times_out);
  add_for_both ("bad-input", "garbage-from-the-server-is-cancelled",
                garbage_from_the_server_is_cancelled);
  add_for_both ("bad-input", "blocking-handshake-is-cancelled-from-another-thread",
                blocking_handshake_is_cancelled_from_another_thread);
  add_for_both ("bad-input", "text-in-another-encoding-is-a-bad-value",
                text_in_another_encoding_is_a_bad_value);
  add_for_both ("bad-input", "identity-in-another-encoding-is-nobodys",
                identity_in_another_encoding_is_nobodys);
  add_for_both ("bad-input", "hint-in-another-encoding-is-kept-as-text",
                hint_in_another_encoding_is_kept_as_text);
  g_test_add_func ("/bad-input/text-in-another-encoding-is-a-bad-certificate",
                   text_in_another_encoding_is_a_bad_certificate);
  g_test_add_func ("/bad-input/garbage-certificate-file-is-a-bad-certificate",
                   garbage_certificate_file_is_a_bad_certificate);
  g_test_add_func ("/bad-input/garbage-anchor-file-fails-as-misc",
                   garbage_anchor_file_fails_as_misc);
  g_test_add_func ("/bad-input/missing-anchor-file-fails-as-misc",
                   missing_anchor_file_fails_as_misc);
}
