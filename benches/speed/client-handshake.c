/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client.h"

/* Handshakes one after another. */
static void
one_by_one (guint count)
{
  g_autofree double *walls = g_new (double, count);
  Moment total = { 0 };

  for (guint i = 0; i < count; i++)
    {
      GSocket *socket = server_socket ();
      Moment begin = now (), one = { 0 };
      GDtlsConnection *connection = connection_new (socket);
      GError *error = NULL;

      g_dtls_connection_handshake (connection, NULL, &error);
      add_since (&one, begin);
      check_error (error, "The handshake");
      total.cpu += one.cpu;
      walls[i] = one.wall;
      connection_close (connection);
      g_object_unref (socket);
    }
  report ("cpu", total.cpu / count);
  report ("wall", median (walls, count));
}

void
client_handshake_sync (guint count)
{
  connection_close (connection_open (NULL));
  one_by_one (count);
}

void
client_resumed (guint count)
{
  order ("tickets 1");
  order ("resumed");
  connection_close (connection_open (NULL));
  one_by_one (count);
  check (order ("resumed") == count, "This backend does not resume sessions");
  order ("tickets 0");
}

static void
on_handshake (GObject *connection, GAsyncResult *result, gpointer left)
{
  GError *error = NULL;

  g_dtls_connection_handshake_finish (G_DTLS_CONNECTION (connection), result, &error);
  check_error (error, "The handshake");
  --*(guint *) left;
}

void
handshake_all (GDtlsConnection **connections, guint count)
{
  guint left = count;

  for (guint i = 0; i < count; i++)
    g_dtls_connection_handshake_async (connections[i], G_PRIORITY_DEFAULT, NULL, on_handshake, &left);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
}

/* Adds the time of `at_once` handshakes to `total`. */
static void
one_round (guint at_once, Moment *total)
{
  g_autofree GSocket **sockets = g_new (GSocket *, at_once);
  g_autofree GDtlsConnection **connections = g_new (GDtlsConnection *, at_once);
  Moment begin;

  for (guint i = 0; i < at_once; i++)
    sockets[i] = server_socket ();
  begin = now ();
  for (guint i = 0; i < at_once; i++)
    connections[i] = connection_new (sockets[i]);
  handshake_all (connections, at_once);
  add_since (total, begin);
  for (guint i = 0; i < at_once; i++)
    {
      connection_close (connections[i]);
      g_object_unref (sockets[i]);
    }
}

void
client_handshake_async (guint rounds, guint at_once)
{
  g_autofree double *walls = g_new (double, rounds);
  Moment total = { 0 };

  connection_close (connection_open (NULL));
  for (guint round = 0; round < rounds; round++)
    {
      Moment one = { 0 };

      one_round (at_once, &one);
      total.cpu += one.cpu;
      walls[round] = one.wall;
    }
  report ("cpu", total.cpu / rounds / at_once);
  report ("wall", median (walls, rounds));
}

static gpointer
lossy_handshake (gpointer data)
{
  GSocket *socket = server_socket ();
  GDtlsConnection *connection = connection_new (socket);
  double *wall = data, begin = wall_clock ();
  gboolean done = g_dtls_connection_handshake (connection, NULL, NULL);

  *wall = (wall_clock () - begin) * (done ? 1 : -1);
  connection_close (connection);
  g_object_unref (socket);
  return NULL;
}

void
client_loss (guint count)
{
  g_autofree GThread **threads = g_new (GThread *, count);
  g_autofree double *walls = g_new (double, count);

  for (guint i = 0; i < count; i++)
    threads[i] = g_thread_new ("handshake", lossy_handshake, &walls[i]);
  for (guint i = 0; i < count; i++)
    {
      g_thread_join (threads[i]);
      report_handshake (walls[i]);
    }
}
