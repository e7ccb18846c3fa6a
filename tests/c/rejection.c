/* Servers that must be refused: the error, the facts that stay, and the alert the server sees. */
#include "common.h"

typedef struct {
  const char *name;
  const char *credential;
  const char *identity;
  const char *anchor;
  GTlsCertificateFlags errors;
  const char *alert; /* as s_server -state words it */
} Refusal;

static const Refusal refusals[] = {
  { "wrong-host", "ecdsa", "wrong.example.com", "ca.pem", G_TLS_CERTIFICATE_BAD_IDENTITY,
    "SSL3 alert read:fatal:bad certificate" },
  { "no-identity", "ecdsa", NULL, "ca.pem", G_TLS_CERTIFICATE_BAD_IDENTITY,
    "SSL3 alert read:fatal:bad certificate" },
  { "unknown-authority", "ecdsa", IDENTITY, "other-ca.pem", G_TLS_CERTIFICATE_UNKNOWN_CA,
    "SSL3 alert read:fatal:unknown CA" },
  { "expired", "expired", IDENTITY, "ca.pem", G_TLS_CERTIFICATE_EXPIRED,
    "SSL3 alert read:fatal:certificate expired" },
  { "not-yet-valid", "future", IDENTITY, "ca.pem", G_TLS_CERTIFICATE_NOT_ACTIVATED,
    "SSL3 alert read:fatal:bad certificate" },
};

typedef struct {
  Make make;
  const Refusal *refusal;
} RefusalCase;

static void
server_is_refused_with_an_alert (gconstpointer data)
{
  const RefusalCase *test_case = data;
  const Refusal *refusal = test_case->refusal;
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", refusal->credential, NULL);
  g_autoptr (GDatagramBased) client
      = client_with (test_case->make, peer, refusal->identity, refusal->anchor);
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);

  g_assert_false (g_dtls_connection_handshake (dtls, NULL, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  peer_wait_for_log (peer, refusal->alert);

  g_assert_nonnull (g_dtls_connection_get_peer_certificate (dtls));
  g_assert_cmpuint (g_dtls_connection_get_peer_certificate_errors (dtls), ==, refusal->errors);
  g_assert_cmpint (g_dtls_connection_get_protocol_version (dtls), ==,
                   G_TLS_PROTOCOL_VERSION_UNKNOWN);
  g_assert_null (g_dtls_connection_get_ciphersuite_name (dtls));

  /* The refusal is final. */
  g_clear_error (&error);
  g_assert_cmpint (send_one (client, "x", 1, PATIENCE, &error), ==, -1);
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  g_assert_false (g_dtls_connection_handshake (dtls, NULL, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  g_assert_true (g_dtls_connection_close (dtls, NULL, &error));
  g_assert_no_error (error);
}

static void
null_database_trusts_nobody (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);

  g_dtls_connection_set_database (dtls, NULL);
  g_assert_false (g_dtls_connection_handshake (dtls, NULL, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_assert_cmpuint (g_dtls_connection_get_peer_certificate_errors (dtls), ==,
                    G_TLS_CERTIFICATE_UNKNOWN_CA);
}

static void
masked_flags_do_not_count_but_stay_visible (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "expired", NULL);
  g_autoptr (GDatagramBased) client = client_for (((const Case *) data)->make, peer);

  G_GNUC_BEGIN_IGNORE_DEPRECATIONS
  g_dtls_client_connection_set_validation_flags (
      G_DTLS_CLIENT_CONNECTION (client),
      G_TLS_CERTIFICATE_VALIDATE_ALL & ~G_TLS_CERTIFICATE_EXPIRED);
  G_GNUC_END_IGNORE_DEPRECATIONS
  g_assert_true (g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (g_dtls_connection_get_peer_certificate_errors (G_DTLS_CONNECTION (client)), ==,
                    G_TLS_CERTIFICATE_EXPIRED);
}

static void
identity_may_change_until_the_handshake (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Peer) peer = peer_start ("openssl", "ecdsa", NULL);
  g_autoptr (GDatagramBased) client
      = client_with (((const Case *) data)->make, peer, "wrong.example.com", "ca.pem");
  g_autoptr (GSocketConnectable) identity = g_network_address_new ("localhost", 0);

  g_dtls_client_connection_set_server_identity (G_DTLS_CLIENT_CONNECTION (client), identity);
  g_assert_true (g_dtls_connection_handshake (G_DTLS_CONNECTION (client), NULL, &error));
  g_assert_no_error (error);
}

void
add_rejection_tests (void)
{
  for (Make make = MAKE_GIO; make <= MAKE_GIO_OSSL; make++)
    for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++) {
      RefusalCase test_case = { make, &refusals[i] };
      g_autofree char *path
          = g_strdup_printf ("/rejection/%s/%s-server-is-refused-with-an-alert",
                             make == MAKE_GIO ? "gio" : "gio-ossl", refusals[i].name);
      g_test_add_data_func_full (path, g_memdup2 (&test_case, sizeof test_case),
                                 server_is_refused_with_an_alert, g_free);
    }
  add_for_both ("rejection", "null-database-trusts-nobody", null_database_trusts_nobody);
  add_for_both ("rejection", "masked-flags-do-not-count-but-stay-visible",
                masked_flags_do_not_count_but_stay_visible);
  add_for_both ("rejection", "identity-may-change-until-the-handshake",
                identity_may_change_until_the_handshake);
}
