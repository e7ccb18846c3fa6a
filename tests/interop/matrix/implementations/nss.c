/* One end by NSS: see end.h. Each certificate is in a database of its own, PKI/nss-NAME. */
#include <nss.h>
#include <pk11pub.h>
#include <poll.h>
#include <private/pprio.h>
#include <ssl.h>
#include <sslproto.h>

#include "end.h"

static int descriptor;

static void
check (int holds, const char *what)
{
  if (holds)
    return;
  fprintf (stderr, "%s: %s\n", what, PR_ErrorToName (PR_GetError ()));
  exit (1);
}

/* Waits for a datagram, or until the flight is due again. */
static void
wait_for_datagram (PRFileDesc *ssl, const char *what)
{
  struct pollfd entry = { descriptor, POLLIN, 0 };
  PRIntervalTime timeout;
  int milliseconds = -1;

  check (PR_GetError () == PR_WOULD_BLOCK_ERROR, what);
  if (DTLS_GetHandshakeTimeout (ssl, &timeout) == SECSuccess)
    milliseconds = (int) PR_IntervalToMilliseconds (timeout) + 1;
  demand (poll (&entry, 1, milliseconds) >= 0, "poll");
}

static int
receive (PRFileDesc *ssl, char *message)
{
  int length;

  while ((length = PR_Recv (ssl, message, LONGEST, 0, PR_INTERVAL_NO_TIMEOUT)) < 0)
    wait_for_datagram (ssl, "receive");
  return length;
}

static PRFileDesc *
end (void)
{
  SSLVersionRange range = { SSL_LIBRARY_VERSION_TLS_1_2, SSL_LIBRARY_VERSION_TLS_1_2 };
  PRSocketOptionData option = { .option = PR_SockOpt_Nonblocking, .value = { .non_blocking = PR_TRUE } };
  const char *stem = own_stem ();
  PRFileDesc *ssl = DTLS_ImportFD (NULL, PR_ImportUDPSocket (descriptor = connected_socket ()));

  check (ssl != NULL && PR_SetSocketOption (ssl, &option) == PR_SUCCESS, "socket");
  check (SSL_VersionRangeSet (ssl, &range) == SECSuccess, "version");
  if (!is_server) {
    check (SSL_SetURL (ssl, IDENTITY) == SECSuccess, "identity");
    if (stem != NULL)
      SSL_GetClientAuthDataHook (ssl, NSS_GetClientAuthData, (void *) stem);
  } else {
    CERTCertificate *certificate = PK11_FindCertFromNickname (stem, NULL);
    SECKEYPrivateKey *key = certificate != NULL ? PK11_FindKeyByAnyCert (certificate, NULL) : NULL;
    check (key != NULL && SSL_ConfigServerCert (ssl, certificate, key, NULL, 0) == SECSuccess, "certificate");
    if (has ("client")) {
      SSL_OptionSet (ssl, SSL_REQUEST_CERTIFICATE, PR_TRUE);
      SSL_OptionSet (ssl, SSL_REQUIRE_CERTIFICATE, SSL_REQUIRE_ALWAYS);
    }
  }
  check (SSL_ResetHandshake (ssl, is_server) == SECSuccess, "role");
  return ssl;
}

int
main (int argc, char *argv[])
{
  char message[LONGEST], database[4096];
  int length;

  read_arguments (argc, argv);
  snprintf (database, sizeof database, "sql:%s/nss-%s", pki, own_stem () != NULL ? own_stem () : "client");
  check (NSS_Init (database) == SECSuccess && NSS_SetDomesticPolicy () == SECSuccess, "database");
  check (SSL_ConfigServerSessionIDCache (0, 0, 0, NULL) == SECSuccess, "sessions");
  PRFileDesc *ssl = end ();
  while (SSL_ForceHandshake (ssl) != SECSuccess)
    wait_for_datagram (ssl, "handshake");

  if (is_server) {
    while ((length = receive (ssl, message)) > 0)
      check (PR_Send (ssl, message, length, 0, PR_INTERVAL_NO_TIMEOUT) == length, "send");
    PR_Shutdown (ssl, PR_SHUTDOWN_SEND);
    return 0;
  }
  length = (int) read_line (message);
  check (PR_Send (ssl, message, length, 0, PR_INTERVAL_NO_TIMEOUT) == length, "send");
  length = receive (ssl, message);
  show_and_wait (message, (size_t) length);
  PR_Shutdown (ssl, PR_SHUTDOWN_SEND);
  check (receive (ssl, message) == 0, "close");
  return 0;
}
