/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include "floor.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static unsigned char message[MAX_MESSAGE];

static void
send_message (SSL *ssl, size_t size)
{
  check (SSL_write (ssl, message, size) == (int) size, "SSL_write failed");
}

void
floor_send (size_t size, unsigned batch, unsigned count, bool segmented)
{
  Session session = session_open ();
  Moment total = { 0 }, begin;

  order ("discard");
  /* One message a call needs no batch. */
  if (batch == 1)
    wire_connect (session.fd);
  begin = now ();
  for (unsigned sent = 0; sent < count; sent += batch)
    {
      for (unsigned i = 0; i < batch; i++)
        send_message (session.ssl, size);
      if (segmented)
        wire_send_segmented (session.fd, NULL);
      else if (batch > 1)
        wire_send_each (session.fd, NULL);
    }
  add_since (&total, begin);
  order ("echo");
  report ("cpu", total.cpu / count);
  report ("wall", total.wall / count);
}

static void
take (const unsigned char *datagram, size_t size, const struct sockaddr_in *from)
{
  (void) from;
  wire_offer (datagram, size);
}

static unsigned
receive_batch (Session session, size_t size, unsigned batch, bool merged)
{
  int result;
  unsigned count = 0;

  wire_reset ();
  check (wire_receive (session.fd, batch, MSG_WAITFORONE, merged, take) > 0, "Nothing was received");
  while ((result = SSL_read (session.ssl, message, sizeof message)) == (int) size)
    count++;
  return count;
}

void
floor_receive (size_t size, unsigned batch, unsigned count, bool merged)
{
  Session session = session_open ();
  unsigned each = burst (session.fd, size), rounds = (count + each - 1) / each;
  Moment total = { 0 };
  int yes = 1;

  if (merged)
    check (setsockopt (session.fd, SOL_UDP, UDP_GRO, &yes, sizeof yes) == 0, "UDP_GRO: %m");
  if (batch == 1)
    wire_connect (session.fd);
  for (unsigned round = 0; round < rounds; round++)
    {
      Moment begin;

      order ("send %zu %u", size, each);
      begin = now ();
      for (unsigned received = 0; received < each;)
        if (batch > 1)
          received += receive_batch (session, size, batch, merged);
        else
          {
            check (SSL_read (session.ssl, message, sizeof message) == (int) size, "SSL_read failed");
            received++;
          }
      add_since (&total, begin);
    }
  report ("cpu", total.cpu / rounds / each);
  report ("wall", total.wall / rounds / each);
}

void
floor_ping_pong (size_t size, unsigned count)
{
  Session session = session_open ();
  double *walls = calloc (count, sizeof *walls);
  Moment total = { 0 }, begin;

  order ("echo");
  wire_connect (session.fd);
  begin = now ();
  for (unsigned i = 0; i < count; i++)
    {
      double start = wall_clock ();

      send_message (session.ssl, size);
      check (SSL_read (session.ssl, message, sizeof message) == (int) size, "SSL_read failed");
      walls[i] = wall_clock () - start;
    }
  add_since (&total, begin);
  report ("cpu", total.cpu / count);
  report ("wall", median (walls, count));
  free (walls);
}
