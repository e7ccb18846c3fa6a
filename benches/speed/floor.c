/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Does one piece of work by OpenSSL alone, and prints its figures.
 *
 *   floor AUTHORITIES PORT CONTROL SILENT WORK [NUMBER...]
 *
 * floor-gio is the same in a process that has loaded GIO and let it look for a backend. */

#include "floor.h"

#include <stdlib.h>
#include <string.h>

#ifdef WITH_GIO
#include <gio/gio.h>
#endif

int
main (int argc, char **argv)
{
  const char *work = argc > 5 ? argv[5] : "";
  unsigned numbers[4] = { 0 };

  check (argc > 5 && argc < 11, "usage: floor AUTHORITIES PORT CONTROL SILENT WORK [NUMBER...]");
  for (int i = 6; i < argc; i++)
    numbers[i - 6] = atoi (argv[i]);
  allow_descriptors ();
#ifdef WITH_GIO
  g_tls_backend_get_default ();
#endif
  floor_init (argv[1], atoi (argv[2]));
  set_control_port (atoi (argv[3]));

  if (strcmp (work, "handshake-sync") == 0)
    floor_handshake_sync (numbers[0]);
  else if (strcmp (work, "handshake-async") == 0)
    floor_handshake_async (numbers[0], numbers[1]);
  else if (strcmp (work, "resumed") == 0)
    floor_resumed (numbers[0]);
  else if (strcmp (work, "fresh") == 0)
    session_open ();
  else if (strcmp (work, "loss") == 0)
    floor_loss (numbers[0]);
  else if (strcmp (work, "memory") == 0 || strcmp (work, "memory-released") == 0)
    floor_memory (numbers[0], strcmp (work, "memory") != 0);
  else if (strcmp (work, "send") == 0 || strcmp (work, "send-segmented") == 0)
    floor_send (numbers[0], numbers[1], numbers[2], strcmp (work, "send") != 0);
  else if (strcmp (work, "receive") == 0 || strcmp (work, "receive-merged") == 0)
    floor_receive (numbers[0], numbers[1], numbers[2], strcmp (work, "receive") != 0);
  else if (strcmp (work, "ping-pong") == 0)
    floor_ping_pong (numbers[0], numbers[1]);
  else
    fail ("floor: no such work: %s", work);
  return 0;
}
