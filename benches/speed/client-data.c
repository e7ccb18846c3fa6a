/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client.h"

/* Where a message lands has at least this size, because nobody knows the next message's. */
#define USUAL_BUFFER 2048
/* A message that does not come in this time is lost, in microseconds. */
#define PATIENCE (5 * G_USEC_PER_SEC)

/* A backend's own property that lets the kernel merge datagrams. */
#define OFFLOAD "receive-offload"

static guint8 buffers[MAX_BATCH][MAX_MESSAGE];

static void
send_all (GDatagramBased *connection, GOutputMessage *messages, guint count)
{
  for (guint sent = 0; sent < count;)
    {
      GError *error = NULL;
      gint more = g_datagram_based_send_messages (connection, messages + sent, count - sent, 0, -1, NULL, &error);

      check_error (error, "Sending");
      sent += more;
    }
}

void
client_send (gsize size, guint batch, guint count)
{
  GDatagramBased *connection = G_DATAGRAM_BASED (connection_open (NULL));
  GOutputVector vector = { buffers[0], size };
  GOutputMessage messages[MAX_BATCH];
  Moment total = { 0 }, begin;

  for (guint i = 0; i < batch; i++)
    messages[i] = (GOutputMessage) { NULL, &vector, 1, 0, NULL, 0 };
  order ("discard");
  send_all (connection, messages, batch);
  begin = now ();
  for (guint sent = 0; sent < count; sent += batch)
    send_all (connection, messages, batch);
  add_since (&total, begin);
  order ("echo");
  report ("cpu", total.cpu / count);
  report ("wall", total.wall / count);
}

/* One call; how many messages it brought. */
static guint
receive_some (GDatagramBased *connection, gsize size, guint batch, gint64 timeout)
{
  GInputVector vectors[MAX_BATCH];
  GInputMessage messages[MAX_BATCH];
  GError *error = NULL;
  gint received;

  for (guint i = 0; i < batch; i++)
    {
      vectors[i] = (GInputVector) { buffers[i], MAX (size, USUAL_BUFFER) };
      messages[i] = (GInputMessage) { NULL, &vectors[i], 1, 0, 0, NULL, NULL };
    }
  received = g_datagram_based_receive_messages (connection, messages, batch, 0, timeout, NULL, &error);
  check_error (error, "Receiving");
  for (gint i = 0; i < received; i++)
    check (messages[i].bytes_received == size, "A message has another size");
  return received;
}

void
client_receive (gsize size, guint batch, guint count, gboolean offload)
{
  GSocket *socket;
  GDatagramBased *connection = G_DATAGRAM_BASED (connection_open (&socket));
  guint each = burst (g_socket_get_fd (socket), size), rounds = (count + each - 1) / each;
  Moment total = { 0 };

  if (offload)
    {
      check (g_object_class_find_property (G_OBJECT_GET_CLASS (connection), OFFLOAD), "This backend has no " OFFLOAD);
      g_object_set (connection, OFFLOAD, TRUE, NULL);
    }
  for (guint round = 0; round < rounds; round++)
    {
      Moment begin;

      order ("send %" G_GSIZE_FORMAT " %u", size, each);
      begin = now ();
      for (guint received = 0; received < each;)
        received += receive_some (connection, size, batch, PATIENCE);
      add_since (&total, begin);
    }
  report ("cpu", total.cpu / rounds / each);
  report ("wall", total.wall / rounds / each);
}

static void
send_one (GDatagramBased *connection, gsize size)
{
  GOutputVector vector = { buffers[0], size };
  GOutputMessage message = { NULL, &vector, 1, 0, NULL, 0 };

  send_all (connection, &message, 1);
}

static void
report_round_trips (Moment begin, double *walls, guint count)
{
  Moment total = { 0 };

  add_since (&total, begin);
  report ("cpu", total.cpu / count);
  report ("wall", median (walls, count));
}

void
client_ping_pong (gsize size, guint count)
{
  GDatagramBased *connection = G_DATAGRAM_BASED (connection_open (NULL));
  g_autofree double *walls = g_new (double, count);
  Moment begin;

  order ("echo");
  begin = now ();
  for (guint i = 0; i < count; i++)
    {
      double start = wall_clock ();

      send_one (connection, size);
      receive_some (connection, size, 1, PATIENCE);
      walls[i] = wall_clock () - start;
    }
  report_round_trips (begin, walls, count);
}

typedef struct
{
  gsize size;
  guint done, count;
  double start, *walls;
} Game;

static gboolean
on_answer (GDatagramBased *connection, GIOCondition condition, gpointer data)
{
  Game *game = data;

  (void) condition;
  receive_some (connection, game->size, 1, 0);
  game->walls[game->done++] = wall_clock () - game->start;
  game->start = wall_clock ();
  if (game->done < game->count)
    send_one (connection, game->size);
  return G_SOURCE_CONTINUE;
}

void
client_ping_pong_loop (gsize size, guint count)
{
  GDatagramBased *connection = G_DATAGRAM_BASED (connection_open (NULL));
  g_autofree double *walls = g_new (double, count);
  GSource *source = g_datagram_based_create_source (connection, G_IO_IN, NULL);
  Game game = { size, 0, count, 0, walls };
  Moment begin;

  order ("echo");
  g_source_set_callback (source, G_SOURCE_FUNC (on_answer), &game, NULL);
  g_source_attach (source, NULL);
  begin = now ();
  game.start = begin.wall;
  send_one (connection, size);
  while (game.done < game.count)
    g_main_context_iteration (NULL, TRUE);
  report_round_trips (begin, walls, count);
}
