/* One end by mbedTLS: see end.h. */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/timing.h>

#include "end.h"

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context generator;
static mbedtls_ssl_config configuration;
static mbedtls_ssl_cookie_ctx cookies;
static mbedtls_x509_crt anchors, certificate;
static mbedtls_pk_context key;
static mbedtls_timing_delay_context timer;
static mbedtls_net_context network;
static mbedtls_ssl_context ssl;

static void
check (int code, const char *what)
{
  char text[200];

  if (code >= 0)
    return;
  mbedtls_strerror (code, text, sizeof text);
  fprintf (stderr, "%s: %s\n", what, text);
  exit (1);
}

static void
configure (void)
{
  const char *stem = own_stem ();

  check (mbedtls_ctr_drbg_seed (&generator, mbedtls_entropy_func, &entropy, NULL, 0), "random");
  check (mbedtls_ssl_config_defaults (&configuration, is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                      MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT), "defaults");
  mbedtls_ssl_conf_rng (&configuration, mbedtls_ctr_drbg_random, &generator);
  mbedtls_ssl_conf_min_version (&configuration, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  if (is_server) {
    check (mbedtls_ssl_cookie_setup (&cookies, mbedtls_ctr_drbg_random, &generator), "cookies");
    mbedtls_ssl_conf_dtls_cookies (&configuration, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &cookies);
  }
  if (has ("psk")) {
    check (mbedtls_ssl_conf_psk (&configuration, (const unsigned char *) psk_key, strlen (psk_key),
                                 (const unsigned char *) psk_identity, strlen (psk_identity)), "key");
    return;
  }
  check (mbedtls_x509_crt_parse_file (&anchors, path ("ca", "pem")), "anchors");
  mbedtls_ssl_conf_ca_chain (&configuration, &anchors, NULL);
  mbedtls_ssl_conf_authmode (&configuration, !is_server || has ("client") ? MBEDTLS_SSL_VERIFY_REQUIRED
                                                                          : MBEDTLS_SSL_VERIFY_NONE);
  if (stem != NULL) {
    check (mbedtls_x509_crt_parse_file (&certificate, path (stem, "pem")), "certificate");
    check (mbedtls_pk_parse_keyfile (&key, path (stem, "key"), NULL), "key");
    check (mbedtls_ssl_conf_own_cert (&configuration, &certificate, &key), "certificate and key");
  }
}

static void
shake_hands (void)
{
  int code;

  check (mbedtls_ssl_setup (&ssl, &configuration), "end");
  mbedtls_ssl_set_timer_cb (&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
  mbedtls_ssl_set_mtu (&ssl, (uint16_t) mtu);
  if (!is_server && !has ("psk"))
    check (mbedtls_ssl_set_hostname (&ssl, IDENTITY), "identity");
  network.fd = connected_socket ();
  mbedtls_ssl_set_bio (&ssl, &network, mbedtls_net_send, NULL, mbedtls_net_recv_timeout);
  do {
    if (is_server)
      check (mbedtls_ssl_set_client_transport_id (&ssl, (const unsigned char *) "client", 6), "cookie");
    code = mbedtls_ssl_handshake (&ssl);
    if (code == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED)
      check (mbedtls_ssl_session_reset (&ssl), "reset");
  } while (code == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED || code == MBEDTLS_ERR_SSL_WANT_READ);
  check (code, "handshake");
}

/* One message; 0 is the other end's close. */
static int
receive (unsigned char *message)
{
  int length;

  do
    length = mbedtls_ssl_read (&ssl, message, LONGEST);
  while (length == MBEDTLS_ERR_SSL_WANT_READ);
  if (length == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
    return 0;
  check (length, "receive");
  return length;
}

int
main (int argc, char *argv[])
{
  unsigned char message[LONGEST];
  int length;

  read_arguments (argc, argv);
  mbedtls_entropy_init (&entropy);
  mbedtls_ctr_drbg_init (&generator);
  mbedtls_ssl_config_init (&configuration);
  mbedtls_ssl_cookie_init (&cookies);
  mbedtls_x509_crt_init (&anchors);
  mbedtls_x509_crt_init (&certificate);
  mbedtls_pk_init (&key);
  mbedtls_ssl_init (&ssl);
  configure ();
  shake_hands ();

  if (is_server) {
    while ((length = receive (message)) > 0)
      check (mbedtls_ssl_write (&ssl, message, (size_t) length), "send");
    check (mbedtls_ssl_close_notify (&ssl), "close");
    return 0;
  }
  length = (int) read_line ((char *) message);
  check (mbedtls_ssl_write (&ssl, message, (size_t) length), "send");
  length = receive (message);
  show_and_wait ((const char *) message, (size_t) length);
  check (mbedtls_ssl_close_notify (&ssl), "close");
  return receive (message);
}
