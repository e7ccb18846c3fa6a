/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include "wire.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define MTU 1400
/* The largest UDP payload, which is also the most that one segmented call can carry. */
#define MAX_PAYLOAD 65507
#define SLOT 65536

typedef struct
{
  int fd;
  /* Offered datagrams, and the next to be read. */
  struct iovec in[MAX_BATCH * MAX_BATCH];
  unsigned offered, next;
  /* Written datagrams, end to end. */
  unsigned char out[MAX_BATCH * MAX_DATAGRAM];
  size_t used;
  struct iovec written[MAX_BATCH];
  unsigned waiting;
  /* Where recvmmsg() puts datagrams. */
  unsigned char slots[MAX_BATCH][SLOT];
  struct sockaddr_in from[MAX_BATCH];
  char control[MAX_BATCH][CMSG_SPACE (sizeof (int))];
} Wire;

/* This thread's. Pages that are not used cost nothing. */
static Wire *
current (void)
{
  static _Thread_local Wire *wire;

  if (!wire)
    {
      wire = calloc (1, sizeof *wire);
      check (wire != NULL, "No memory");
      wire->fd = -1;
    }
  return wire;
}

static int
wire_write (BIO *bio, const char *data, int size)
{
  Wire *wire = current ();

  BIO_clear_retry_flags (bio);
  if (wire->fd >= 0)
    return send (wire->fd, data, size, 0);
  check (wire->waiting < MAX_BATCH, "OpenSSL writes more datagrams than a batch holds");
  memcpy (wire->out + wire->used, data, size);
  wire->written[wire->waiting++] = (struct iovec) { wire->out + wire->used, size };
  wire->used += size;
  return size;
}

static int
wire_read (BIO *bio, char *data, int size)
{
  Wire *wire = current ();

  BIO_clear_retry_flags (bio);
  if (wire->fd >= 0)
    return recv (wire->fd, data, size, 0);
  if (wire->next == wire->offered)
    {
      BIO_set_retry_read (bio);
      return -1;
    }
  if ((size_t) size > wire->in[wire->next].iov_len)
    size = wire->in[wire->next].iov_len;
  memcpy (data, wire->in[wire->next++].iov_base, size);
  return size;
}

static long
wire_control (BIO *bio, int command, long number, void *pointer)
{
  (void) bio;
  (void) number;
  (void) pointer;
  switch (command)
    {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return MTU;
    default:
      return 0;
    }
}

BIO *
wire_bio (void)
{
  static BIO_METHOD *method;
  BIO *bio;

  if (!method)
    {
      method = BIO_meth_new (BIO_TYPE_SOURCE_SINK, "wire");
      BIO_meth_set_write (method, wire_write);
      BIO_meth_set_read (method, wire_read);
      BIO_meth_set_ctrl (method, wire_control);
    }
  bio = BIO_new (method);
  BIO_set_init (bio, 1);
  return bio;
}

void
wire_connect (int fd)
{
  Wire *wire = current ();

  wire->fd = fd;
}

void
wire_offer (const unsigned char *datagram, size_t size)
{
  Wire *wire = current ();

  wire->in[wire->offered++] = (struct iovec) { (void *) datagram, size };
}

void
wire_reset (void)
{
  Wire *wire = current ();

  wire->offered = wire->next = 0;
}

unsigned
wire_waiting (void)
{
  Wire *wire = current ();

  return wire->waiting;
}

static void
clear (void)
{
  Wire *wire = current ();

  wire->waiting = 0;
  wire->used = 0;
}

void
wire_lose (int (*is_lost) (void))
{
  Wire *wire = current ();
  unsigned kept = 0;

  for (unsigned i = 0; i < wire->waiting; i++)
    if (!is_lost ())
      wire->written[kept++] = wire->written[i];
  wire->waiting = kept;
}

void
wire_send_each (int fd, const struct sockaddr_in *to)
{
  Wire *wire = current ();
  struct mmsghdr messages[MAX_BATCH];

  memset (messages, 0, wire->waiting * sizeof *messages);
  for (unsigned i = 0; i < wire->waiting; i++)
    messages[i].msg_hdr = (struct msghdr) {
      .msg_name = (void *) to, .msg_namelen = to ? sizeof *to : 0, .msg_iov = &wire->written[i], .msg_iovlen = 1
    };
  for (unsigned sent = 0; sent < wire->waiting;)
    {
      int count = sendmmsg (fd, messages + sent, wire->waiting - sent, 0);

      check (count > 0, "sendmmsg: %m");
      sent += count;
    }
  clear ();
}

static void
send_run (int fd, const struct sockaddr_in *to, struct iovec *run, uint16_t segment)
{
  union
  {
    char bytes[CMSG_SPACE (sizeof segment)];
    struct cmsghdr header;
  } control = { .header = { CMSG_LEN (sizeof segment), SOL_UDP, UDP_SEGMENT } };
  struct msghdr message = {
    .msg_name = (void *) to, .msg_namelen = to ? sizeof *to : 0, .msg_iov = run, .msg_iovlen = 1,
    .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };

  memcpy (CMSG_DATA (&control.header), &segment, sizeof segment);
  check (sendmsg (fd, &message, 0) == (ssize_t) run->iov_len, "sendmsg with UDP_SEGMENT: %m");
}

void
wire_send_segmented (int fd, const struct sockaddr_in *to)
{
  Wire *wire = current ();
  size_t size = wire->waiting > 0 ? wire->written[0].iov_len : 0;
  size_t most = size > 0 ? MAX_PAYLOAD / size * size : 0;

  for (size_t sent = 0; sent < wire->used;)
    {
      size_t left = wire->used - sent;
      struct iovec run = { wire->out + sent, left < most ? left : most };

      send_run (fd, to, &run, size);
      sent += run.iov_len;
    }
  clear ();
}

/* The size of the datagrams that were merged into one, or `size` if none were. */
static size_t
segment_size (struct msghdr *message, size_t size)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header; header = CMSG_NXTHDR (message, header))
    if (header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO)
      {
        int segment;

        memcpy (&segment, CMSG_DATA (header), sizeof segment);
        return segment;
      }
  return size;
}

int
wire_receive (int fd, unsigned count, int flags, int merged, Take take)
{
  Wire *wire = current ();
  struct mmsghdr messages[MAX_BATCH];
  struct iovec vectors[MAX_BATCH];
  int received;

  for (unsigned i = 0; i < count; i++)
    {
      vectors[i] = (struct iovec) { wire->slots[i], merged ? SLOT : MAX_DATAGRAM };
      messages[i].msg_hdr = (struct msghdr) { &wire->from[i], sizeof wire->from[i], &vectors[i], 1, NULL, 0, 0 };
      if (merged)
        {
          messages[i].msg_hdr.msg_control = wire->control[i];
          messages[i].msg_hdr.msg_controllen = sizeof wire->control[i];
        }
    }
  received = recvmmsg (fd, messages, count, flags, NULL);
  check (received >= 0 || errno == EAGAIN || errno == ECONNREFUSED, "recvmmsg: %m");
  for (int i = 0; i < received; i++)
    {
      size_t left = messages[i].msg_len, segment = left;
      const unsigned char *datagram = wire->slots[i];

      if (merged)
        segment = segment_size (&messages[i].msg_hdr, left);
      for (; left > 0; left -= segment, datagram += segment)
        {
          if (segment > left)
            segment = left;
          take (datagram, segment, &wire->from[i]);
        }
    }
  return received;
}
