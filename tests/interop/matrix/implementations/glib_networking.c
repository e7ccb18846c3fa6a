/* One end in plain GIO, with the backend that GIO has chosen: see end.h. */
#include <gio/gio.h>

#include "end.h"

#define PATIENCE (20 * G_USEC_PER_SEC)

static void
check (gboolean holds, const char *what, GError *error)
{
  if (holds)
    return;
  fprintf (stderr, "%s: %s\n", what, error != NULL ? error->message : "not so");
  exit (1);
}

static gboolean
accept_without_problems (GDtlsConnection *connection, GTlsCertificate *certificate, GTlsCertificateFlags problems)
{
  (void) connection;
  (void) certificate;
  return problems == 0;
}

static void
send_message (GDatagramBased *end, char *message, gsize length)
{
  GError *error = NULL;
  GOutputVector vector = { message, length };
  GOutputMessage output = { .vectors = &vector, .num_vectors = 1 };

  check (g_datagram_based_send_messages (end, &output, 1, 0, PATIENCE, NULL, &error) == 1, "send", error);
}

/* One message; 0 is the other end's close. */
static gsize
receive (GDatagramBased *end, char *message)
{
  GError *error = NULL;
  GInputVector vector = { message, LONGEST };
  GInputMessage input = { .vectors = &vector, .num_vectors = 1 };
  gint count = g_datagram_based_receive_messages (end, &input, 1, 0, PATIENCE, NULL, &error);

  check (count >= 0, "receive", error);
  return count == 0 ? 0 : input.bytes_received;
}

static GDatagramBased *
new_end (void)
{
  GError *error = NULL;
  GSocket *base = g_socket_new_from_fd (connected_socket (), &error);
  GTlsCertificate *certificate = NULL;
  GDatagramBased *end;

  check (base != NULL, "socket", error);
  if (own_stem () != NULL) {
    certificate = g_tls_certificate_new_from_files (path (own_stem (), "pem"), path (own_stem (), "key"), &error);
    check (certificate != NULL, "certificate", error);
  }
  if (is_server) {
    end = g_dtls_server_connection_new (G_DATAGRAM_BASED (base), certificate, &error);
    if (has ("client"))
      g_object_set (end, "authentication-mode", G_TLS_AUTHENTICATION_REQUIRED, NULL);
  } else {
    end = g_dtls_client_connection_new (G_DATAGRAM_BASED (base), g_network_address_new (IDENTITY, 4433), &error);
    if (certificate != NULL)
      g_dtls_connection_set_certificate (G_DTLS_CONNECTION (end), certificate);
  }
  check (end != NULL, "connection", error);
  g_dtls_connection_set_database (G_DTLS_CONNECTION (end), g_tls_file_database_new (path ("ca", "pem"), &error));
  check (error == NULL, "anchors", error);
  g_signal_connect (end, "accept-certificate", G_CALLBACK (accept_without_problems), NULL);
  return end;
}

int
main (int argc, char *argv[])
{
  GError *error = NULL;
  char message[LONGEST];
  gsize length;

  read_arguments (argc, argv);
  GDatagramBased *end = new_end ();
  check (strstr (G_OBJECT_TYPE_NAME (end), "Gnutls") != NULL, "the backend is GnuTLS's", NULL);
  check (g_dtls_connection_handshake (G_DTLS_CONNECTION (end), NULL, &error), "handshake", error);
  if (is_server) {
    while ((length = receive (end, message)) > 0)
      send_message (end, message, length);
  } else {
    send_message (end, message, read_line (message));
    length = receive (end, message);
    show_and_wait (message, length);
  }
  check (g_dtls_connection_close (G_DTLS_CONNECTION (end), NULL, &error), "close", error);
  return 0;
}
