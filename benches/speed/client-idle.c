/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What connections cost that wait, for a handshake or for messages. */

#include "client.h"

#include <stdio.h>
#include <stdlib.h>

/* Handshakes that are done together where their number is what counts. */
#define AT_ONCE 64

typedef struct
{
  guint threads, descriptors;
} Peak;

static gboolean
note_peak (gpointer data)
{
  Peak *peak = data;

  peak->threads = MAX (peak->threads, count_threads ());
  peak->descriptors = MAX (peak->descriptors, count_descriptors ());
  return G_SOURCE_CONTINUE;
}

static Peak
watch (void)
{
  /* GLib starts a thread of its own for the first GTask, which is not the backend's. */
  g_object_unref (g_task_new (NULL, NULL, NULL, NULL));
  g_main_context_iteration (NULL, FALSE);
  return (Peak) { count_threads (), count_descriptors () };
}

void
client_threads (guint at_once)
{
  g_autofree GDtlsConnection **connections = g_new (GDtlsConnection *, at_once);
  Peak before, peak = { 0 };

  for (guint i = 0; i < at_once; i++)
    connections[i] = connection_new (server_socket ());
  before = watch ();
  g_timeout_add (1, note_peak, &peak);
  handshake_all (connections, at_once);
  note_peak (&peak);
  report ("threads", (double) peak.threads - before.threads);
  report ("descriptors", (double) peak.descriptors - before.descriptors);
}

/* Wall clock of one handshake on the main loop. */
static double
one_handshake (void)
{
  GDtlsConnection *connection = connection_new (server_socket ());
  double begin = wall_clock (), wall;

  handshake_all (&connection, 1);
  wall = wall_clock () - begin;
  connection_close (connection);
  return wall;
}

void
client_silent (guint count)
{
  Peak before = watch (), peak = { 0 };
  double alone[9];

  one_handshake ();
  for (guint i = 0; i < G_N_ELEMENTS (alone); i++)
    alone[i] = one_handshake ();
  report ("alone", median (alone, G_N_ELEMENTS (alone)));

  g_timeout_add (10, note_peak, &peak);
  for (guint i = 0; i < count; i++)
    g_dtls_connection_handshake_async (connection_new (silent_socket ()), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  /* Until all of them wait. */
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  report ("wall", one_handshake ());
  note_peak (&peak);
  report ("threads", (double) peak.threads - before.threads);
  /* Nobody waits for the silent ones. */
  fflush (stdout);
  _Exit (0);
}

void
client_memory (guint count)
{
  /* What is allocated once comes first. */
  guint warm = count / 10 + 1;
  double before = 0;

  for (guint i = 0; i < warm + count; i++)
    {
      if (i == warm)
        before = resident_memory ();
      connection_open (NULL);
    }
  report ("bytes", (resident_memory () - before) / count);
}

static gboolean
on_readable (GDatagramBased *base, GIOCondition condition, gpointer data)
{
  (void) base;
  (void) condition;
  ++*(guint *) data;
  return G_SOURCE_CONTINUE;
}

/* Processor time of one iteration of a main context with a source for each. */
static double
idle_iteration (GDatagramBased **bases, guint count, guint iterations)
{
  GMainContext *context = g_main_context_new ();
  Moment total = { 0 }, begin;
  guint calls = 0;

  for (guint i = 0; i < count; i++)
    {
      GSource *source = g_datagram_based_create_source (bases[i], G_IO_IN, NULL);

      g_source_set_callback (source, G_SOURCE_FUNC (on_readable), &calls, NULL);
      g_source_attach (source, context);
      g_source_unref (source);
    }
  g_main_context_iteration (context, FALSE);
  begin = now ();
  for (guint i = 0; i < iterations; i++)
    g_main_context_iteration (context, FALSE);
  add_since (&total, begin);
  check (calls == 0, "A connection is not idle");
  g_main_context_unref (context);
  return total.cpu / iterations;
}

/* Takes what waits, such as a flight that came twice. */
static void
drain (GDatagramBased *base)
{
  guint8 buffer[64];
  GInputVector vector = { buffer, sizeof buffer };
  GInputMessage message = { NULL, &vector, 1, 0, 0, NULL, NULL };

  while (g_datagram_based_receive_messages (base, &message, 1, 0, 0, NULL, NULL) > 0)
    continue;
}

void
client_loop (guint count, guint iterations)
{
  g_autofree GDatagramBased **sockets = g_new (GDatagramBased *, count);
  g_autofree GDtlsConnection **connections = g_new (GDtlsConnection *, count);
  double plain, ours;

  for (guint i = 0; i < count; i++)
    {
      sockets[i] = G_DATAGRAM_BASED (server_socket ());
      connections[i] = connection_new (G_SOCKET (sockets[i]));
    }
  for (guint i = 0; i < count; i += AT_ONCE)
    handshake_all (connections + i, MIN (AT_ONCE, count - i));
  for (guint i = 0; i < count; i++)
    drain (G_DATAGRAM_BASED (connections[i]));
  plain = idle_iteration (sockets, count, iterations);
  ours = idle_iteration ((GDatagramBased **) connections, count, iterations);
  report ("plain", plain);
  report ("cpu", ours);
}
