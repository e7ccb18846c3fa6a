/* One job of the benchmark of trust.
 *
 *   trust JOB CHAIN HOST BUNDLE
 *
 * Prints the microseconds of wall and of processor time that the job itself took, without the start
 * of the process, and how many times it was done. Whatever goes wrong ends the process with status 1.
 */

#include "jobs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOADS 200
#define BUNDLES 20
#define VERIFICATIONS 1000

void
check (gboolean holds, const char *reason, const char *what)
{
  if (holds)
    return;
  g_printerr ("trust: %s: %s\n", what, reason ? reason : "failed");
  exit (1);
}

static gint64
processor_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

int
main (int argc, char **argv)
{
  gint64 wall, processor;
  const char *job, *chain, *host, *bundle;
  guint times = 1;

  if (argc != 5)
    {
      g_printerr ("usage: trust start|cold|warm|bundle|verify CHAIN HOST BUNDLE\n");
      return 2;
    }
  job = argv[1];
  chain = argv[2];
  host = argv[3];
  bundle = argv[4];

  /* The warm jobs are done once before the clock starts. */
  if (strcmp (job, "warm") == 0 || strcmp (job, "verify") == 0)
    load_and_keep (chain, host);

  wall = g_get_monotonic_time ();
  processor = processor_time ();
  if (strcmp (job, "start") == 0)
    start ();
  else if (strcmp (job, "cold") == 0)
    load_and_verify (chain, host);
  else if (strcmp (job, "warm") == 0)
    for (times = 0; times < LOADS; times++)
      load_and_verify (chain, host);
  else if (strcmp (job, "bundle") == 0)
    for (times = 0; times < BUNDLES; times++)
      parse_bundle (bundle);
  else if (strcmp (job, "verify") == 0)
    for (times = 0; times < VERIFICATIONS; times++)
      verify (host);
  else
    check (FALSE, NULL, "knowing the job");
  g_print ("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %u\n", g_get_monotonic_time () - wall,
           processor_time () - processor, times);
  return 0;
}
