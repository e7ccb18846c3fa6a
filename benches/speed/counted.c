/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Work whose instructions are counted: `instructions` runs this in valgrind, which counts what happens
 * in counted() alone. Both sides of the association are in this process and take turns.
 *
 *   counted PKI WORK
 *
 * WORK is one handshake of both sides, or 1,000 messages of 64 bytes, so that encryption does not hide the rest. */

#include "common.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <sys/socket.h>

#define SIZE 64
#define MESSAGES 1000
/* So many fit into any receive buffer. */
#define BURST 40

static GDatagramBased *client, *server;
static GTlsDatabase *authorities;
static GTlsCertificate *certificate;

static void
check_error (GError *error)
{
  if (error)
    fail ("counted: %s", error->message);
}

static GDatagramBased *
wrap (int fd)
{
  GError *error = NULL;
  GSocket *socket = g_socket_new_from_fd (fd, &error);

  check_error (error);
  return G_DATAGRAM_BASED (socket);
}

/* Two connections over two sockets that are connected to each other. */
static void
make_connections (const char *name)
{
  g_autoptr (GSocketConnectable) identity = g_network_address_new (name, 443);
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  int ours = udp_socket (0), theirs;
  GError *error = NULL;

  getsockname (ours, (struct sockaddr *) &address, &length);
  theirs = udp_socket (ntohs (address.sin_port));
  getsockname (theirs, (struct sockaddr *) &address, &length);
  check (connect (ours, (struct sockaddr *) &address, length) == 0, "connect: %m");

  client = g_dtls_client_connection_new (wrap (ours), identity, &error);
  check_error (error);
  server = g_dtls_server_connection_new (wrap (theirs), certificate, &error);
  check_error (error);
  g_dtls_connection_set_database (G_DTLS_CONNECTION (client), authorities);
}

static void
on_handshake (GObject *connection, GAsyncResult *result, gpointer left)
{
  GError *error = NULL;

  g_dtls_connection_handshake_finish (G_DTLS_CONNECTION (connection), result, &error);
  check_error (error);
  --*(guint *) left;
}

static void
handshake (guint batch)
{
  guint left = 2;

  (void) batch;
  g_dtls_connection_handshake_async (G_DTLS_CONNECTION (client), G_PRIORITY_DEFAULT, NULL, on_handshake, &left);
  g_dtls_connection_handshake_async (G_DTLS_CONNECTION (server), G_PRIORITY_DEFAULT, NULL, on_handshake, &left);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
}

/* What valgrind looks for. */
__attribute__ ((noinline)) static void
counted (void (*work) (guint batch), guint batch)
{
  work (batch);
  __asm__ volatile ("");
}

/* A handshake with the server of another name is a full one. */
static void
count_handshake (gboolean resumed)
{
  gboolean was_resumed;

  if (resumed)
    {
      make_connections (SERVER_NAME);
      handshake (0);
    }
  make_connections (SERVER_NAME);
  counted (handshake, 0);
  g_object_get (client, "session-resumed", &was_resumed, NULL);
  check (was_resumed == resumed, "counted: not the handshake that was to be counted");
}

static void
send_burst (guint batch)
{
  static guint8 message[SIZE];
  GOutputVector vector = { message, sizeof message };
  GOutputMessage messages[BURST];
  GError *error = NULL;

  for (guint i = 0; i < batch; i++)
    messages[i] = (GOutputMessage) { NULL, &vector, 1, 0, NULL, 0 };
  for (guint sent = 0; sent < BURST;)
    {
      sent += g_datagram_based_send_messages (client, messages, batch, 0, -1, NULL, &error);
      check_error (error);
    }
}

static void
receive_burst (guint batch)
{
  static guint8 buffers[BURST][2048];
  GInputVector vectors[BURST];
  GInputMessage messages[BURST];
  GError *error = NULL;

  for (guint i = 0; i < batch; i++)
    {
      vectors[i] = (GInputVector) { buffers[i], sizeof buffers[i] };
      messages[i] = (GInputMessage) { NULL, &vectors[i], 1, 0, 0, NULL, NULL };
    }
  for (guint received = 0; received < BURST;)
    {
      received += g_datagram_based_receive_messages (server, messages, batch, 0, -1, NULL, &error);
      check_error (error);
    }
}

static void
count_messages (gboolean sends, guint batch)
{
  send_burst (batch);
  receive_burst (batch);
  for (guint done = 0; done < MESSAGES; done += BURST)
    {
      if (sends)
        counted (send_burst, batch);
      else
        send_burst (batch);
      if (sends)
        receive_burst (batch);
      else
        counted (receive_burst, batch);
    }
}

int
main (int argc, char **argv)
{
  g_autofree char *file = NULL, *key = NULL, *anchors = NULL;
  GError *error = NULL;
  const char *work;

  check (argc == 3, "usage: counted PKI handshake|resumed|send|send-many|receive|receive-many");
  file = g_build_filename (argv[1], "ecdsa.pem", NULL);
  key = g_build_filename (argv[1], "ecdsa.key", NULL);
  anchors = g_build_filename (argv[1], "ca.pem", NULL);
  work = argv[2];
  certificate = g_tls_certificate_new_from_files (file, key, &error);
  check_error (error);
  authorities = g_tls_file_database_new (anchors, &error);
  check_error (error);

  /* What is done once comes first. */
  make_connections ("localhost");
  handshake (0);
  if (g_str_equal (work, "handshake") || g_str_equal (work, "resumed"))
    count_handshake (g_str_equal (work, "resumed"));
  else if (g_str_equal (work, "send") || g_str_equal (work, "send-many"))
    count_messages (TRUE, g_str_equal (work, "send") ? 1 : BURST);
  else if (g_str_equal (work, "receive") || g_str_equal (work, "receive-many"))
    count_messages (FALSE, g_str_equal (work, "receive") ? 1 : BURST);
  else
    fail ("counted: no such work: %s", work);
  return 0;
}
