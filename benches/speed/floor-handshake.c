/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "floor.h"

#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Datagrams of one flight. */
#define FLIGHT 16

static SSL_CTX *context;
static uint16_t server_port;

void
floor_init (const char *authorities, uint16_t port)
{
  server_port = port;
  context = SSL_CTX_new (DTLS_client_method ());
  check (SSL_CTX_load_verify_file (context, authorities) == 1, "%s: no authorities", authorities);
  SSL_CTX_set_verify (context, SSL_VERIFY_PEER, NULL);
  /* What gio-ossl offers: the server chooses. */
  SSL_CTX_set_cipher_list (context, "DEFAULT:!kRSA:!SHA1:!SHA256:!SHA384");
}

int
session_socket (void)
{
  return udp_socket (server_port);
}

Session
session_new (int fd)
{
  Session session = { SSL_new (context), fd };
  BIO *bio = wire_bio ();

  SSL_set_bio (session.ssl, bio, bio);
  SSL_set_connect_state (session.ssl);
  SSL_set_tlsext_host_name (session.ssl, SERVER_NAME);
  check (SSL_set1_host (session.ssl, SERVER_NAME) == 1, "SSL_set1_host failed");
  return session;
}

void
session_free (Session session)
{
  wire_reset ();
  SSL_shutdown (session.ssl);
  wire_send_each (session.fd, NULL);
  SSL_free (session.ssl);
  close (session.fd);
}

static void
take (const unsigned char *datagram, size_t size, const struct sockaddr_in *from)
{
  (void) from;
  wire_offer (datagram, size);
}

/* 1: done; 0: waits for the peer; -1: failed. */
static int
step (Session session)
{
  int result, reason;

  wire_reset ();
  wire_receive (session.fd, FLIGHT, MSG_DONTWAIT, 0, take);
  DTLSv1_handle_timeout (session.ssl);
  result = SSL_do_handshake (session.ssl);
  wire_send_each (session.fd, NULL);
  if (result == 1)
    return SSL_get_verify_result (session.ssl) == X509_V_OK ? 1 : -1;
  reason = SSL_get_error (session.ssl, result);
  return reason == SSL_ERROR_WANT_READ ? 0 : -1;
}

bool
session_step (Session session)
{
  int result = step (session);

  if (result < 0)
    ERR_print_errors_fp (stderr);
  check (result >= 0, "A handshake failed");
  return result == 1;
}

bool
session_handshake (Session session)
{
  int result;

  while ((result = step (session)) == 0)
    {
      struct pollfd ready = { session.fd, POLLIN, 0 };
      struct timeval left;
      int timeout = -1;

      if (DTLSv1_get_timeout (session.ssl, &left) == 1)
        timeout = left.tv_sec * 1000 + left.tv_usec / 1000 + 1;
      poll (&ready, 1, timeout);
    }
  ERR_clear_error ();
  return result == 1;
}

Session
session_open (void)
{
  Session session = session_new (session_socket ());

  check (session_handshake (session), "A handshake failed");
  return session;
}

/* Handshakes one after another, each with a session made by `make`. */
static void
one_by_one (unsigned count, Session (*make) (int fd))
{
  double *walls = calloc (count, sizeof *walls);
  Moment total = { 0 };

  for (unsigned i = 0; i < count; i++)
    {
      int fd = session_socket ();
      Moment begin = now (), one = { 0 };
      Session session = make (fd);

      check (session_handshake (session), "A handshake failed");
      add_since (&one, begin);
      total.cpu += one.cpu;
      walls[i] = one.wall;
      session_free (session);
    }
  report ("cpu", total.cpu / count);
  report ("wall", median (walls, count));
  free (walls);
}

void
floor_handshake_sync (unsigned count)
{
  session_free (session_open ());
  one_by_one (count, session_new);
}

static SSL_SESSION *kept;

static Session
session_from_kept (int fd)
{
  Session session = session_new (fd);

  SSL_set_session (session.ssl, kept);
  return session;
}

void
floor_resumed (unsigned count)
{
  Session first;

  order ("tickets 1");
  order ("resumed");
  first = session_open ();
  kept = SSL_get1_session (first.ssl);
  session_free (first);
  one_by_one (count, session_from_kept);
  check (order ("resumed") == count, "Not all handshakes were resumed");
  order ("tickets 0");
}

static void
all_at_once (Session *sessions, unsigned count)
{
  struct pollfd *ready = calloc (count, sizeof *ready);
  unsigned left = count;

  for (unsigned i = 0; i < count; i++)
    {
      sessions[i] = session_new (sessions[i].fd);
      ready[i] = (struct pollfd) { sessions[i].fd, POLLIN, 0 };
      session_step (sessions[i]);
    }
  while (left > 0)
    {
      /* Nothing gets lost here, and the peer does not take a second. */
      check (poll (ready, count, 10000) > 0, "The peer does not answer");
      for (unsigned i = 0; i < count; i++)
        if (ready[i].revents && session_step (sessions[i]))
          {
            ready[i].fd = -1;
            left--;
          }
    }
  free (ready);
}

void
floor_handshake_async (unsigned rounds, unsigned at_once)
{
  Session *sessions = calloc (at_once, sizeof *sessions);
  double *walls = calloc (rounds, sizeof *walls);
  Moment total = { 0 };

  session_free (session_open ());
  for (unsigned round = 0; round < rounds; round++)
    {
      Moment begin, one = { 0 };

      for (unsigned i = 0; i < at_once; i++)
        sessions[i].fd = session_socket ();
      begin = now ();
      all_at_once (sessions, at_once);
      add_since (&one, begin);
      total.cpu += one.cpu;
      walls[round] = one.wall;
      for (unsigned i = 0; i < at_once; i++)
        session_free (sessions[i]);
    }
  report ("cpu", total.cpu / rounds / at_once);
  report ("wall", median (walls, rounds));
  free (walls);
  free (sessions);
}

static void *
lossy_handshake (void *data)
{
  double *wall = data, begin = wall_clock ();
  Session session = session_new (session_socket ());
  bool done = session_handshake (session);

  *wall = (wall_clock () - begin) * (done ? 1 : -1);
  session_free (session);
  return NULL;
}

void
floor_loss (unsigned count)
{
  pthread_t *threads = calloc (count, sizeof *threads);
  double *walls = calloc (count, sizeof *walls);

  for (unsigned i = 0; i < count; i++)
    check (pthread_create (&threads[i], NULL, lossy_handshake, &walls[i]) == 0, "Cannot start a thread");
  for (unsigned i = 0; i < count; i++)
    {
      pthread_join (threads[i], NULL);
      report_handshake (walls[i]);
    }
  free (threads);
  free (walls);
}

void
floor_memory (unsigned count, bool released)
{
  /* What is allocated once comes first. */
  unsigned warm = count / 10 + 1;
  double before = 0;

  for (unsigned i = 0; i < warm + count; i++)
    {
      Session session;

      if (i == warm)
        before = resident_memory ();
      session = session_open ();
      if (released)
        check (SSL_free_buffers (session.ssl) == 1, "The buffers are in use");
    }
  report ("bytes", (resident_memory () - before) / count);
}
