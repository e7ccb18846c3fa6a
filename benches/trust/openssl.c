/* The jobs by OpenSSL's own functions, in a process that has GIO but no backend: what no backend over
 * OpenSSL can go below, as long as it does all that GIO asks for.
 */

#include "jobs.h"

#include <gio/gio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static STACK_OF (X509) *kept;

static int
go_without_revocation_lists (int ok, X509_STORE_CTX *context)
{
  return ok || X509_STORE_CTX_get_error (context) == X509_V_ERR_UNABLE_TO_GET_CRL;
}

static void
verify_chain (X509_STORE *store, STACK_OF (X509) *chain, const char *host)
{
  X509_STORE_CTX *context = X509_STORE_CTX_new ();
  X509_VERIFY_PARAM *parameters;

  check (X509_STORE_CTX_init (context, store, sk_X509_value (chain, 0), chain), NULL, "preparing");
  parameters = X509_STORE_CTX_get0_param (context);
  X509_VERIFY_PARAM_set_auth_level (parameters, 2);
  X509_VERIFY_PARAM_set_flags (parameters, X509_V_FLAG_TRUSTED_FIRST);
  if (host)
    {
      X509_VERIFY_PARAM_set_flags (parameters, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
      X509_STORE_CTX_set_verify_cb (context, go_without_revocation_lists);
      check (X509_VERIFY_PARAM_set1_host (parameters, host, 0), NULL, "naming the host");
      check (X509_STORE_CTX_set_purpose (context, X509_PURPOSE_SSL_SERVER), NULL, "naming the purpose");
    }
  check (X509_verify_cert (context) == 1, NULL, "being trusted");
  X509_STORE_CTX_free (context);
}

/* The chain from its file, which GIO verifies up to its own root. */
static STACK_OF (X509) *
load (const char *path)
{
  STACK_OF (X509) *chain = sk_X509_new_null ();
  X509_STORE *store = X509_STORE_new ();
  BIO *file = BIO_new_file (path, "r");
  X509 *certificate;

  check (file != NULL, NULL, "opening the chain");
  while ((certificate = PEM_read_bio_X509 (file, NULL, NULL, NULL)))
    sk_X509_push (chain, certificate);
  BIO_free (file);
  check (sk_X509_num (chain) == 3, NULL, "loading the chain");
  X509_STORE_add_cert (store, sk_X509_value (chain, 2));
  verify_chain (store, chain, NULL);
  X509_STORE_free (store);
  return chain;
}

static X509_STORE *
system_store (void)
{
  static X509_STORE *store;

  if (!store)
    {
      store = X509_STORE_new ();
      X509_LOOKUP_add_dir (X509_STORE_add_lookup (store, X509_LOOKUP_hash_dir ()), NULL,
                           X509_FILETYPE_DEFAULT);
    }
  return store;
}

void
start (void)
{
  check (G_IS_TLS_BACKEND (g_tls_backend_get_default ()), NULL, "finding no backend");
}

void
load_and_verify (const char *path, const char *host)
{
  STACK_OF (X509) *chain;

  start ();
  chain = load (path);
  verify_chain (system_store (), chain, host);
  sk_X509_pop_free (chain, X509_free);
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
  verify_chain (system_store (), kept, host);
}

void
parse_bundle (const char *bundle)
{
  X509_STORE *store = X509_STORE_new ();

  check (X509_STORE_load_file (store, bundle), NULL, "parsing the bundle");
  X509_STORE_free (store);
}
