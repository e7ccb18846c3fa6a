/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The server at the other end of every measurement: OpenSSL alone, in a process of its own.
 *
 *   peer CERTIFICATE KEY
 *
 * Prints three UDP ports of the loopback interface: of the server, of its orders, and one where nobody
 * ever answers. Clients are told apart by their ports. The orders, each answered by "ok NUMBER":
 *
 *   echo, discard        what becomes of messages; discarded ones are not even decrypted
 *   tickets 0|1          whether sessions can be resumed
 *   loss PERCENT SEED    lets that many datagrams of both directions get lost
 *   send SIZE COUNT      sends messages on the association that was established last
 *   resumed              tells how many handshakes were resumed since the last such order
 */

#define _GNU_SOURCE

#include "wire.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* How often the retransmission timers are looked at, in milliseconds. */
#define TICK 10

typedef struct
{
  SSL *ssl;
  struct sockaddr_in address;
  bool established;
} Association;

static SSL_CTX *contexts[2];
static Association *associations[1 << 16];
static Association *latest;
static unsigned handshaking;
static int server;

static bool tickets, discards;
static long resumed;
static unsigned loss;
static uint64_t random_state;

static int
is_lost (void)
{
  if (loss == 0)
    return 0;
  /* xorshift64, by G. Marsaglia */
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state % 1000 < loss * 10;
}

static SSL_CTX *
make_context (const char *certificate, const char *key, bool resumable)
{
  SSL_CTX *context = SSL_CTX_new (DTLS_server_method ());

  check (SSL_CTX_use_certificate_chain_file (context, certificate) == 1, "%s: no certificate", certificate);
  check (SSL_CTX_use_PrivateKey_file (context, key, SSL_FILETYPE_PEM) == 1, "%s: no key", key);
  check (SSL_CTX_set_cipher_list (context, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1, "No such cipher suite");
  check (SSL_CTX_set1_groups_list (context, "X25519") == 1, "No such group");
  SSL_CTX_set_session_cache_mode (context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context (context, (const unsigned char *) "peer", 4);
  if (!resumable)
    SSL_CTX_set_options (context, SSL_OP_NO_TICKET);
  return context;
}

static void
forget (Association *association)
{
  if (!association->established)
    handshaking--;
  if (latest == association)
    latest = NULL;
  associations[ntohs (association->address.sin_port)] = NULL;
  SSL_free (association->ssl);
  free (association);
}

static Association *
welcome (const struct sockaddr_in *address)
{
  Association *association = calloc (1, sizeof *association);
  BIO *bio = wire_bio ();

  association->ssl = SSL_new (contexts[tickets]);
  association->address = *address;
  SSL_set_bio (association->ssl, bio, bio);
  SSL_set_accept_state (association->ssl);
  associations[ntohs (address->sin_port)] = association;
  handshaking++;
  return association;
}

static void
answer (Association *association)
{
  wire_lose (is_lost);
  wire_send_each (server, &association->address);
}

/* Whether the session is over. */
static bool
has_ended (Association *association, int result)
{
  int reason = SSL_get_error (association->ssl, result);

  ERR_clear_error ();
  return reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE;
}

static void
work (Association *association)
{
  static unsigned char message[MAX_MESSAGE];
  int result;

  if (!association->established)
    {
      result = SSL_do_handshake (association->ssl);
      answer (association);
      if (result == 1)
        {
          association->established = true;
          handshaking--;
          latest = association;
          resumed += SSL_session_reused (association->ssl);
        }
      else if (has_ended (association, result))
        forget (association);
      return;
    }
  while ((result = SSL_read (association->ssl, message, sizeof message)) > 0)
    SSL_write (association->ssl, message, result);
  answer (association);
  if (has_ended (association, result))
    forget (association);
}

/* Whether a datagram begins a handshake: a ClientHello that answers nothing, in epoch 0. */
static bool
is_first (const unsigned char *datagram, size_t size)
{
  return size > 18 && datagram[0] == SSL3_RT_HANDSHAKE && datagram[3] == 0 && datagram[4] == 0 &&
         datagram[13] == SSL3_MT_CLIENT_HELLO && datagram[17] == 0 && datagram[18] == 0;
}

static void
take (const unsigned char *datagram, size_t size, const struct sockaddr_in *from)
{
  Association *association;

  if ((discards && datagram[0] == SSL3_RT_APPLICATION_DATA) || is_lost ())
    return;
  association = associations[ntohs (from->sin_port)];
  if (is_first (datagram, size) && (!association || association->established))
    {
      if (association)
        forget (association);
      association = welcome (from);
    }
  if (!association)
    return;
  wire_reset ();
  wire_offer (datagram, size);
  work (association);
}

static void
retransmit (void)
{
  static double next;
  double time = wall_clock ();

  if (time < next)
    return;
  next = time + TICK / 1e3;
  for (unsigned port = 0; port < 1 << 16; port++)
    {
      Association *association = associations[port];

      if (!association || association->established)
        continue;
      wire_reset ();
      if (DTLSv1_handle_timeout (association->ssl) < 0)
        forget (association);
      else if (wire_waiting () > 0)
        answer (association);
    }
  ERR_clear_error ();
}

static void
send_burst (size_t size, unsigned count)
{
  static unsigned char message[MAX_MESSAGE];

  check (latest && size <= sizeof message, "There is nobody to send to");
  for (unsigned i = 0; i < count; i++)
    {
      check (SSL_write (latest->ssl, message, size) == (int) size, "SSL_write failed");
      if (wire_waiting () == MAX_BATCH || i + 1 == count)
        wire_send_segmented (server, &latest->address);
    }
}

static void
obey (const unsigned char *text, size_t size, const struct sockaddr_in *from, int control)
{
  char order[128] = "", reply[32];
  unsigned long first = 0, second = 0;
  char name[16] = "";
  long number = 0;

  memcpy (order, text, size < sizeof order ? size : sizeof order - 1);
  sscanf (order, "%15s %lu %lu", name, &first, &second);
  if (strcmp (name, "echo") == 0 || strcmp (name, "discard") == 0)
    discards = name[0] == 'd';
  else if (strcmp (name, "tickets") == 0)
    tickets = first != 0;
  else if (strcmp (name, "loss") == 0)
    {
      loss = first;
      /* Small seeds begin with small numbers. */
      random_state = (second + 1) * 0x9e3779b97f4a7c15;
    }
  else if (strcmp (name, "send") == 0)
    send_burst (first, second);
  else if (strcmp (name, "resumed") == 0)
    {
      number = resumed;
      resumed = 0;
    }
  else
    fail ("An order that nobody knows: %s", order);
  size = snprintf (reply, sizeof reply, "ok %ld", number);
  sendto (control, reply, size, 0, (const struct sockaddr *) from, sizeof *from);
}

static uint16_t
port_of (int fd)
{
  struct sockaddr_in address;
  socklen_t length = sizeof address;

  getsockname (fd, (struct sockaddr *) &address, &length);
  return ntohs (address.sin_port);
}

int
main (int argc, char **argv)
{
  int control = udp_socket (0), silent = udp_socket (0);

  check (argc == 3, "usage: peer CERTIFICATE KEY");
  server = udp_socket (0);
  for (int resumable = 0; resumable < 2; resumable++)
    contexts[resumable] = make_context (argv[1], argv[2], resumable);
  printf ("%u %u %u\n", port_of (server), port_of (control), port_of (silent));
  fflush (stdout);
  for (;;)
    {
      struct pollfd ready[] = { { server, POLLIN, 0 }, { control, POLLIN, 0 } };

      poll (ready, 2, handshaking > 0 ? TICK : -1);
      /* Messages before the order that follows them. */
      if (ready[0].revents)
        wire_receive (server, MAX_BATCH, MSG_DONTWAIT, 0, take);
      if (ready[1].revents)
        {
          unsigned char text[128];
          struct sockaddr_in from;
          socklen_t length = sizeof from;
          ssize_t size = recvfrom (control, text, sizeof text, 0, (struct sockaddr *) &from, &length);

          if (size > 0)
            obey (text, size, &from, control);
        }
      if (handshaking > 0)
        retransmit ();
    }
}
