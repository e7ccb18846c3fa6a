/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Does one piece of work by GIO, and prints its figures.
 *
 *   client AUTHORITIES PORT CONTROL SILENT WORK [NUMBER...] */

#include "client.h"

#include <stdlib.h>

static GTlsDatabase *authorities;
static GSocketConnectable *identity;
static guint16 server_port, silent_port;

void
check_error (GError *error, const char *what)
{
  if (error)
    fail ("%s: %s", what, error->message);
}

void
client_init (const char *file, guint16 port, guint16 silent)
{
  GError *error = NULL;

  server_port = port;
  silent_port = silent;
  identity = g_network_address_new (SERVER_NAME, port);
  authorities = g_tls_file_database_new (file, &error);
  check_error (error, file);
}

static GSocket *
connected_socket (guint16 port)
{
  GError *error = NULL;
  GSocket *socket = g_socket_new_from_fd (udp_socket (port), &error);

  check_error (error, "Making a GSocket");
  return socket;
}

GSocket *
server_socket (void)
{
  return connected_socket (server_port);
}

GSocket *
silent_socket (void)
{
  return connected_socket (silent_port);
}

GDtlsConnection *
connection_new (GSocket *socket)
{
  GError *error = NULL;
  GDatagramBased *connection = g_dtls_client_connection_new (G_DATAGRAM_BASED (socket), identity, &error);

  check_error (error, "Making a connection");
  g_dtls_connection_set_database (G_DTLS_CONNECTION (connection), authorities);
  return G_DTLS_CONNECTION (connection);
}

GDtlsConnection *
connection_open (GSocket **socket)
{
  GSocket *base = server_socket ();
  GDtlsConnection *connection = connection_new (base);
  GError *error = NULL;

  g_dtls_connection_handshake (connection, NULL, &error);
  check_error (error, "The handshake");
  if (socket)
    *socket = base;
  g_object_unref (base);
  return connection;
}

void
connection_close (GDtlsConnection *connection)
{
  g_dtls_connection_close (connection, NULL, NULL);
  g_object_unref (connection);
}

static gboolean
do_handshakes (const char *work, const guint *numbers)
{
  if (g_str_equal (work, "handshake-sync"))
    client_handshake_sync (numbers[0]);
  else if (g_str_equal (work, "handshake-async"))
    client_handshake_async (numbers[0], numbers[1]);
  else if (g_str_equal (work, "resumed"))
    client_resumed (numbers[0]);
  else if (g_str_equal (work, "fresh"))
    connection_open (NULL);
  else if (g_str_equal (work, "loss"))
    client_loss (numbers[0]);
  else if (g_str_equal (work, "threads"))
    client_threads (numbers[0]);
  else if (g_str_equal (work, "silent"))
    client_silent (numbers[0]);
  else if (g_str_equal (work, "memory"))
    client_memory (numbers[0]);
  else if (g_str_equal (work, "loop"))
    client_loop (numbers[0], numbers[1]);
  else
    return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  guint numbers[4] = { 0 };
  const char *work = argc > 5 ? argv[5] : "";

  check (argc > 5 && argc < 11, "usage: client AUTHORITIES PORT CONTROL SILENT WORK [NUMBER...]");
  for (int i = 6; i < argc; i++)
    numbers[i - 6] = atoi (argv[i]);
  allow_descriptors ();
  client_init (argv[1], atoi (argv[2]), atoi (argv[4]));
  set_control_port (atoi (argv[3]));

  if (do_handshakes (work, numbers))
    return 0;
  if (g_str_equal (work, "send"))
    client_send (numbers[0], numbers[1], numbers[2]);
  else if (g_str_equal (work, "receive") || g_str_equal (work, "receive-offload"))
    client_receive (numbers[0], numbers[1], numbers[2], !g_str_equal (work, "receive"));
  else if (g_str_equal (work, "ping-pong"))
    client_ping_pong (numbers[0], numbers[1]);
  else if (g_str_equal (work, "ping-pong-loop"))
    client_ping_pong_loop (numbers[0], numbers[1]);
  else
    fail ("client: no such work: %s", work);
  return 0;
}
