/* The jobs in plain GIO: whatever backend GIO chooses does the work. */

#include "jobs.h"

#include <gio/gio.h>

static GTlsCertificate *kept;

static const char *
reason (GError *error)
{
  return error ? error->message : NULL;
}

/* The chain from its file; it must have come with its two issuers. */
static GTlsCertificate *
load (const char *path)
{
  GError *error = NULL;
  GTlsCertificate *leaf = g_tls_certificate_new_from_file (path, &error);
  GTlsCertificate *intermediate;

  check (leaf != NULL, reason (error), "loading the chain");
  intermediate = g_tls_certificate_get_issuer (leaf);
  check (intermediate && g_tls_certificate_get_issuer (intermediate), NULL, "finding the issuers");
  return leaf;
}

static void
verify_chain (GTlsCertificate *chain, const char *host)
{
  GError *error = NULL;
  GTlsDatabase *database = g_tls_backend_get_default_database (g_tls_backend_get_default ());
  GSocketConnectable *identity = g_network_address_new (host, 443);
  GTlsCertificateFlags flags =
    g_tls_database_verify_chain (database, chain, G_TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER, identity,
                                 NULL, G_TLS_DATABASE_VERIFY_NONE, NULL, &error);

  check (error == NULL, reason (error), "verifying");
  check (flags == 0, NULL, "being trusted");
  g_object_unref (identity);
  g_object_unref (database);
}

void
start (void)
{
  check (G_IS_TLS_BACKEND (g_tls_backend_get_default ()), NULL, "finding a backend");
}

void
load_and_verify (const char *chain, const char *host)
{
  GTlsCertificate *leaf = load (chain);

  verify_chain (leaf, host);
  g_object_unref (leaf);
}

void
load_and_keep (const char *chain, const char *host)
{
  kept = load (chain);
  verify (host);
}

void
verify (const char *host)
{
  verify_chain (kept, host);
}

void
parse_bundle (const char *bundle)
{
  GError *error = NULL;
  GTlsDatabase *database = g_tls_file_database_new (bundle, &error);

  check (database != NULL, reason (error), "parsing the bundle");
  g_object_unref (database);
}
