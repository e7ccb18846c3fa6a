/* Certificates and databases: sources, every property's value and owner, look-ups and verdicts. */
#include "common.h"

#define SERVER_AUTHENTICATION "1.3.6.1.5.5.7.3.1"

/* A certificate of the PKI with its key. */
static GTlsCertificate *
read_certificate (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *file = g_strconcat (name, ".pem", NULL);
  g_autofree char *key = g_strconcat (name, ".key", NULL);
  g_autofree char *path = pki_path (file);
  g_autofree char *key_path = pki_path (key);
  GTlsCertificate *certificate = g_tls_certificate_new_from_files (path, key_path, &error);

  g_assert_no_error (error);
  return certificate;
}

static GTlsDatabase *
read_database (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pki_path ("ca.pem");
  GTlsDatabase *database = g_tls_file_database_new (path, &error);

  g_assert_no_error (error);
  return database;
}

static GTlsCertificate *
make (const char *property, gpointer value, const char *other, gpointer other_value, GError **error)
{
  GType type = g_tls_backend_get_certificate_type (g_tls_backend_get_default ());

  return g_initable_new (type, NULL, error, property, value, other, other_value, NULL);
}

static void
encodings_are_read_and_given_back (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GTlsCertificate) first = read_certificate ("ecdsa");
  g_autoptr (GByteArray) der = NULL;
  g_autoptr (GByteArray) key = NULL;
  g_autofree char *pem = NULL;
  g_autofree char *key_pem = NULL;

  g_object_get (first, "certificate", &der, "certificate-pem", &pem, "private-key", &key,
                "private-key-pem", &key_pem, NULL);
  g_assert_true (g_str_has_prefix (pem, "-----BEGIN CERTIFICATE-----\n"));
  g_assert_true (g_str_has_prefix (key_pem, "-----BEGIN PRIVATE KEY-----\n"));

  g_autoptr (GTlsCertificate) by_der = make ("certificate", der, "private-key", key, &error);
  g_assert_no_error (error);
  g_autoptr (GTlsCertificate) by_pem
      = make ("certificate-pem", pem, "private-key-pem", key_pem, &error);
  g_assert_no_error (error);
  GTlsCertificate *copies[] = { by_der, by_pem };
  for (gsize i = 0; i < G_N_ELEMENTS (copies); i++)
    {
      g_autoptr (GByteArray) own_key = NULL;
      g_autofree char *own_pem = NULL;
      g_object_get (copies[i], "private-key", &own_key, "certificate-pem", &own_pem, NULL);
      g_assert_true (g_tls_certificate_is_same (copies[i], first));
      g_assert_cmpmem (own_key->data, own_key->len, key->data, key->len);
      g_assert_cmpstr (own_pem, ==, pem);
      g_assert_true (g_initable_init (G_INITABLE (copies[i]), NULL, &error));
      g_assert_no_error (error);
    }
}

static void
issuer_is_kept (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GTlsCertificate) leaf = read_certificate ("ecdsa");
  g_autoptr (GTlsCertificate) authority = read_certificate ("ca");
  g_autofree char *pem = NULL;

  g_assert_null (g_tls_certificate_get_issuer (leaf));
  g_object_get (leaf, "certificate-pem", &pem, NULL);
  g_autoptr (GTlsCertificate) linked
      = make ("certificate-pem", pem, "issuer", authority, &error);
  g_assert_no_error (error);
  g_assert_true (g_tls_certificate_get_issuer (linked) == authority);
}

static void
nothing_and_garbage_are_bad_certificates (void)
{
  guint8 bytes[] = { 0x30, 0x03, 0x02, 0x01, 0x00 };
  g_autoptr (GByteArray) garbage = g_byte_array_new ();
  g_byte_array_append (garbage, bytes, sizeof bytes);
  const char *properties[] = { "certificate", "pkcs12-data", NULL };

  for (gsize i = 0; i < G_N_ELEMENTS (properties); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (make (properties[i], garbage, NULL, NULL, &error));
      g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
    }
}

static void
fields_are_the_callers (void)
{
  g_autoptr (GTlsCertificate) leaf = read_certificate ("ecdsa");
  g_autofree char *subject = g_tls_certificate_get_subject_name (leaf);
  g_autofree char *issuer = g_tls_certificate_get_issuer_name (leaf);
  g_autoptr (GDateTime) begin = g_tls_certificate_get_not_valid_before (leaf);
  g_autoptr (GDateTime) end = g_tls_certificate_get_not_valid_after (leaf);
  g_autoptr (GPtrArray) names = g_tls_certificate_get_dns_names (leaf);
  g_autoptr (GPtrArray) addresses = g_tls_certificate_get_ip_addresses (leaf);

  g_assert_cmpstr (subject, ==, "CN=server.example.com");
  g_assert_cmpstr (issuer, ==, "CN=gio-ossl test authority");
  g_assert_cmpint (g_date_time_get_utc_offset (begin), ==, 0);
  g_assert_cmpint (g_date_time_difference (end, begin), ==, 31 * G_TIME_SPAN_DAY);
  g_assert_cmpuint (names->len, ==, 2);
  gsize length;
  const char *name = g_bytes_get_data (names->pdata[1], &length);
  g_assert_cmpmem (name, length, "localhost", strlen ("localhost"));
  g_assert_cmpuint (addresses->len, ==, 1);
  g_autofree char *address = g_inet_address_to_string (addresses->pdata[0]);
  g_assert_cmpstr (address, ==, "127.0.0.1");
}

static void
verdicts_have_their_flags (void)
{
  const struct
  {
    const char *name;
    const char *purpose;
    GTlsCertificateFlags flags;
  } rows[] = {
    { "ecdsa", SERVER_AUTHENTICATION, 0 },
    { "rsa", SERVER_AUTHENTICATION, 0 },
    /* An authority's key is for signing certificates. */
    { "ca", SERVER_AUTHENTICATION,
      G_TLS_CERTIFICATE_GENERIC_ERROR | G_TLS_CERTIFICATE_BAD_IDENTITY },
    { "client", SERVER_AUTHENTICATION,
      G_TLS_CERTIFICATE_GENERIC_ERROR | G_TLS_CERTIFICATE_BAD_IDENTITY },
    { "other-ca", SERVER_AUTHENTICATION,
      G_TLS_CERTIFICATE_UNKNOWN_CA | G_TLS_CERTIFICATE_GENERIC_ERROR
          | G_TLS_CERTIFICATE_BAD_IDENTITY },
    { "expired", SERVER_AUTHENTICATION, G_TLS_CERTIFICATE_EXPIRED },
    { "future", SERVER_AUTHENTICATION, G_TLS_CERTIFICATE_NOT_ACTIVATED },
  };
  g_autoptr (GTlsDatabase) database = read_database ();
  g_autoptr (GSocketConnectable) identity = g_network_address_new ("server.example.com", 443);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GTlsCertificate) certificate = read_certificate (rows[i].name);
      GTlsCertificateFlags flags
          = g_tls_database_verify_chain (database, certificate, rows[i].purpose, identity, NULL,
                                         G_TLS_DATABASE_VERIFY_NONE, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmphex (flags, ==, rows[i].flags);
    }
}

static void
certificates_verify_themselves (void)
{
  g_autoptr (GTlsCertificate) leaf = read_certificate ("ecdsa");
  g_autoptr (GTlsCertificate) expired = read_certificate ("expired");
  g_autoptr (GTlsCertificate) authority = read_certificate ("ca");
  g_autoptr (GTlsCertificate) other = read_certificate ("other-ca");
  g_autoptr (GSocketConnectable) identity = g_network_address_new ("wrong.example.com", 443);

  g_assert_cmphex (g_tls_certificate_verify (leaf, NULL, NULL), ==, 0);
  g_assert_cmphex (g_tls_certificate_verify (leaf, NULL, authority), ==, 0);
  g_assert_cmphex (g_tls_certificate_verify (leaf, NULL, other), ==, G_TLS_CERTIFICATE_UNKNOWN_CA);
  g_assert_cmphex (g_tls_certificate_verify (leaf, NULL, expired), ==,
                   G_TLS_CERTIFICATE_UNKNOWN_CA);
  g_assert_cmphex (g_tls_certificate_verify (expired, identity, NULL), ==,
                   G_TLS_CERTIFICATE_EXPIRED | G_TLS_CERTIFICATE_BAD_IDENTITY);
}

static void
handles_and_issuers_are_found (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GTlsDatabase) database = read_database ();
  g_autoptr (GTlsCertificate) leaf = read_certificate ("ecdsa");
  g_autoptr (GTlsCertificate) authority = read_certificate ("ca");
  g_autofree char *handle = g_tls_database_create_certificate_handle (database, authority);

  g_assert_true (g_str_has_prefix (handle, "file:///"));
  g_assert_null (g_tls_database_create_certificate_handle (database, leaf));
  g_autoptr (GTlsCertificate) found = g_tls_database_lookup_certificate_for_handle (
      database, handle, NULL, G_TLS_DATABASE_LOOKUP_NONE, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_tls_certificate_is_same (found, authority));
  g_assert_null (g_tls_database_lookup_certificate_for_handle (
      database, "nonsense", NULL, G_TLS_DATABASE_LOOKUP_NONE, NULL, &error));
  g_assert_no_error (error);
  g_autoptr (GTlsCertificate) issuer = g_tls_database_lookup_certificate_issuer (
      database, leaf, NULL, G_TLS_DATABASE_LOOKUP_NONE, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_tls_certificate_is_same (issuer, authority));
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  GAsyncResult **place = data;

  g_assert_true (G_IS_TLS_DATABASE (source));
  *place = g_object_ref (result);
}

static GAsyncResult *
wait_for (GAsyncResult **place)
{
  while (*place == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *place;
}

static void
asynchronous_look_ups_that_find_nothing_are_no_errors (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GTlsDatabase) database = read_database ();
  g_autoptr (GTlsCertificate) stranger = read_certificate ("other-ca");
  g_autoptr (GByteArray) name = g_byte_array_new ();
  g_autoptr (GAsyncResult) by_handle = NULL;
  g_autoptr (GAsyncResult) by_issuer = NULL;
  g_autoptr (GAsyncResult) of_issuer = NULL;

  g_tls_database_lookup_certificate_for_handle_async (
      database, "nonsense", NULL, G_TLS_DATABASE_LOOKUP_NONE, NULL, keep_result, &by_handle);
  g_assert_null (g_tls_database_lookup_certificate_for_handle_finish (
      database, wait_for (&by_handle), &error));
  g_assert_no_error (error);
  g_tls_database_lookup_certificate_issuer_async (
      database, stranger, NULL, G_TLS_DATABASE_LOOKUP_NONE, NULL, keep_result, &by_issuer);
  g_assert_null (
      g_tls_database_lookup_certificate_issuer_finish (database, wait_for (&by_issuer), &error));
  g_assert_no_error (error);
  g_tls_database_lookup_certificates_issued_by_async (
      database, name, NULL, G_TLS_DATABASE_LOOKUP_NONE, NULL, keep_result, &of_issuer);
  g_assert_null (g_tls_database_lookup_certificates_issued_by_finish (
      database, wait_for (&of_issuer), &error));
  g_assert_no_error (error);
}

static void
asynchronous_verdict_is_cancelled (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GTlsDatabase) database = read_database ();
  g_autoptr (GTlsCertificate) leaf = read_certificate ("ecdsa");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;

  g_tls_database_verify_chain_async (database, leaf, SERVER_AUTHENTICATION, NULL, NULL,
                                     G_TLS_DATABASE_VERIFY_NONE, cancellable, keep_result, &result);
  g_cancellable_cancel (cancellable);
  g_assert_cmphex (g_tls_database_verify_chain_finish (database, wait_for (&result), &error), ==,
                   G_TLS_CERTIFICATE_GENERIC_ERROR);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

void
add_certificate_tests (void)
{
  g_test_add_func ("/certificates/encodings-are-read-and-given-back",
                   encodings_are_read_and_given_back);
  g_test_add_func ("/certificates/issuer-is-kept", issuer_is_kept);
  g_test_add_func ("/certificates/nothing-and-garbage-are-bad-certificates",
                   nothing_and_garbage_are_bad_certificates);
  g_test_add_func ("/certificates/fields-are-the-callers", fields_are_the_callers);
  g_test_add_func ("/certificates/verdicts-have-their-flags", verdicts_have_their_flags);
  g_test_add_func ("/certificates/certificates-verify-themselves", certificates_verify_themselves);
  g_test_add_func ("/certificates/handles-and-issuers-are-found", handles_and_issuers_are_found);
  g_test_add_func ("/certificates/asynchronous-look-ups-that-find-nothing-are-no-errors",
                   asynchronous_look_ups_that_find_nothing_are_no_errors);
  g_test_add_func ("/certificates/asynchronous-verdict-is-cancelled",
                   asynchronous_verdict_is_cancelled);
}
