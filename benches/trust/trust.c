/* One job of the benchmark of trust, in plain GIO: whatever backend GIO chooses does the work.
 *
 *   trust JOB CHAIN HOST BUNDLE
 *
 * Prints the microseconds of wall and of processor time that the job itself took, without the start
 * of the process, and how many times it was done. Whatever goes wrong ends the process with status 1.
 */

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOADS 200
#define BUNDLES 20
#define VERIFICATIONS 1000

static const char *chain_path;
static const char *host;
static const char *bundle_path;

static void
check (gboolean holds, GError *error, const char *what)
{
  if (holds)
    return;
  g_printerr ("trust: %s: %s\n", what, error ? error->message : "failed");
  exit (1);
}

static gint64
processor_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* The chain from its file; it must have come with its two issuers. */
static GTlsCertificate *
load (void)
{
  GError *error = NULL;
  GTlsCertificate *leaf = g_tls_certificate_new_from_file (chain_path, &error);
  GTlsCertificate *intermediate;

  check (leaf != NULL, error, "loading the chain");
  intermediate = g_tls_certificate_get_issuer (leaf);
  check (intermediate && g_tls_certificate_get_issuer (intermediate), NULL, "finding the issuers");
  return leaf;
}

static void
verify (GTlsDatabase *database, GTlsCertificate *chain)
{
  GError *error = NULL;
  GSocketConnectable *identity = g_network_address_new (host, 443);
  GTlsCertificateFlags flags =
    g_tls_database_verify_chain (database, chain, G_TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER, identity,
                                 NULL, G_TLS_DATABASE_VERIFY_NONE, NULL, &error);

  check (error == NULL, error, "verifying");
  check (flags == 0, NULL, "being trusted");
  g_object_unref (identity);
}

static void
load_and_verify (GTlsDatabase *database)
{
  GTlsCertificate *chain = load ();

  verify (database, chain);
  g_object_unref (chain);
}

static void
parse_bundle (void)
{
  GError *error = NULL;
  GTlsDatabase *database = g_tls_file_database_new (bundle_path, &error);

  check (database != NULL, error, "parsing the bundle");
  g_object_unref (database);
}

static GTlsDatabase *
system_database (void)
{
  return g_tls_backend_get_default_database (g_tls_backend_get_default ());
}

int
main (int argc, char **argv)
{
  gint64 wall, processor;
  GTlsDatabase *database = NULL;
  GTlsCertificate *chain = NULL;
  gboolean warm;
  guint times = 1;

  if (argc != 5)
    {
      g_printerr ("usage: trust start|cold|warm|bundle|verify CHAIN HOST BUNDLE\n");
      return 2;
    }
  chain_path = argv[2];
  host = argv[3];
  bundle_path = argv[4];

  /* The warm jobs are done once before the clock starts. */
  warm = strcmp (argv[1], "warm") == 0 || strcmp (argv[1], "verify") == 0;
  if (warm)
    {
      database = system_database ();
      chain = load ();
      verify (database, chain);
    }

  wall = g_get_monotonic_time ();
  processor = processor_time ();
  if (strcmp (argv[1], "start") == 0)
    check (G_IS_TLS_BACKEND (g_tls_backend_get_default ()), NULL, "finding a backend");
  else if (strcmp (argv[1], "cold") == 0)
    load_and_verify (database = system_database ());
  else if (strcmp (argv[1], "warm") == 0)
    for (times = 0; times < LOADS; times++)
      load_and_verify (database);
  else if (strcmp (argv[1], "bundle") == 0)
    for (times = 0; times < BUNDLES; times++)
      parse_bundle ();
  else if (strcmp (argv[1], "verify") == 0)
    for (times = 0; times < VERIFICATIONS; times++)
      verify (database, chain);
  else
    check (FALSE, NULL, "knowing the job");
  g_print ("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %u\n", g_get_monotonic_time () - wall,
           processor_time () - processor, times);

  g_clear_object (&chain);
  g_clear_object (&database);
  return 0;
}
