/* One end by wolfSSL: see end.h. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "end.h"

static void
check (int holds, WOLFSSL *ssl, const char *what)
{
  if (holds)
    return;
  int code = wolfSSL_get_error (ssl, 0);
  char text[WOLFSSL_MAX_ERROR_SZ] = "";
  fprintf (stderr, "%s: %s (%d)\n", what, wolfSSL_ERR_error_string ((unsigned long) code, text), code);
  exit (1);
}

static unsigned int
client_key (WOLFSSL *ssl, const char *hint, char *identity, unsigned int longest_identity,
            unsigned char *key, unsigned int longest_key)
{
  (void) ssl;
  (void) hint;
  snprintf (identity, longest_identity, "%s", psk_identity);
  snprintf ((char *) key, longest_key, "%s", psk_key);
  return (unsigned int) strlen (psk_key);
}

static unsigned int
server_key (WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned int longest_key)
{
  (void) ssl;
  if (strcmp (identity, psk_identity) != 0)
    return 0;
  snprintf ((char *) key, longest_key, "%s", psk_key);
  return (unsigned int) strlen (psk_key);
}

static WOLFSSL_CTX *
context (void)
{
  WOLFSSL_CTX *ctx = wolfSSL_CTX_new (is_server ? wolfDTLSv1_2_server_method () : wolfDTLSv1_2_client_method ());
  const char *stem = own_stem ();

  demand (ctx != NULL, "context");
  if (has ("psk")) {
    wolfSSL_CTX_set_psk_client_callback (ctx, client_key);
    wolfSSL_CTX_set_psk_server_callback (ctx, server_key);
    demand (wolfSSL_CTX_set_cipher_list (ctx, "ECDHE-PSK-CHACHA20-POLY1305:PSK-CHACHA20-POLY1305") == 1,
            "ciphers");
    return ctx;
  }
  demand (wolfSSL_CTX_load_verify_locations (ctx, path ("ca", "pem"), NULL) == 1, "anchors");
  if (stem != NULL) {
    demand (wolfSSL_CTX_use_certificate_chain_file (ctx, path (stem, "pem")) == 1, "certificate");
    demand (wolfSSL_CTX_use_PrivateKey_file (ctx, path (stem, "key"), WOLFSSL_FILETYPE_PEM) == 1, "key");
  }
  if (!is_server)
    wolfSSL_CTX_set_verify (ctx, WOLFSSL_VERIFY_PEER, NULL);
  else if (has ("client"))
    wolfSSL_CTX_set_verify (ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  else
    wolfSSL_CTX_set_verify (ctx, WOLFSSL_VERIFY_NONE, NULL);
  return ctx;
}

/* One message; 0 is the other end's close. wolfSSL gives up waiting from time to time. */
static int
receive (WOLFSSL *ssl, char *message)
{
  for (;;) {
    int length = wolfSSL_read (ssl, message, LONGEST);
    if (length > 0)
      return length;
    int error = wolfSSL_get_error (ssl, length);
    if (error == WOLFSSL_ERROR_ZERO_RETURN)
      return 0;
    check (error == WOLFSSL_ERROR_WANT_READ, ssl, "read");
  }
}

int
main (int argc, char *argv[])
{
  char message[LONGEST];
  int length;

  read_arguments (argc, argv);
  wolfSSL_Init ();
  WOLFSSL *ssl = wolfSSL_new (context ());
  demand (ssl != NULL, "end");
  check (wolfSSL_set_dtls_fd_connected (ssl, connected_socket ()) == 1, ssl, "socket");
  if (!is_server && !has ("psk"))
    check (wolfSSL_check_domain_name (ssl, IDENTITY) == 1, ssl, "identity");
  check ((is_server ? wolfSSL_accept (ssl) : wolfSSL_connect (ssl)) == 1, ssl, "handshake");

  if (is_server) {
    while ((length = receive (ssl, message)) > 0)
      check (wolfSSL_write (ssl, message, length) == length, ssl, "write");
    wolfSSL_shutdown (ssl);
    return 0;
  }
  length = (int) read_line (message);
  check (wolfSSL_write (ssl, message, length) == length, ssl, "write");
  length = receive (ssl, message);
  show_and_wait (message, (size_t) length);
  /* Says that it closes, and then waits for the answer. */
  if (wolfSSL_shutdown (ssl) != 1)
    check (wolfSSL_shutdown (ssl) == 1, ssl, "close");
  return 0;
}
