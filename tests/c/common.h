/* What the test groups share: peers, base sockets, connections in both ways of making them. */
#pragma once

#include <gio/gio.h>

#define IDENTITY "server.example.com"
#define SECOND G_USEC_PER_SEC
#define PATIENCE (20 * SECOND)

/* How a test makes its connection. */
typedef enum {
  MAKE_GIO,     /* g_dtls_client_connection_new(), GIO_USE_TLS=ossl */
  MAKE_GIO_OSSL /* gio_ossl_dtls_client_connection_new() */
} Make;

typedef struct {
  Make make;
  const char *peer;       /* a name that peers.py knows, or NULL */
  const char *credential; /* a certificate of the PKI, without suffix */
} Case;

typedef struct Peer Peer;

/* Starts a peer of peers.py with a credential of the PKI; `options` may be NULL. */
Peer *peer_start (const char *name, const char *credential, const char *options[]);
void peer_stop (Peer *peer);
guint16 peer_port (Peer *peer);
/* Waits until the peer's log contains `text`; fails the test if it never does. */
void peer_wait_for_log (Peer *peer, const char *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Peer, peer_stop)

/* A file of the PKI. */
char *pki_path (const char *name);
GTlsCertificate *pki_certificate (const char *name);
GTlsDatabase *pki_database (const char *name);
/* A certificate of the PKI with its key, without suffix. */
GTlsCertificate *pki_credential (const char *name);

/* A non-blocking UDP socket, connected to 127.0.0.1:`port`. */
GDatagramBased *udp_socket_to (guint16 port);
/* A UDP port of 127.0.0.1 that nobody has bound. */
guint16 unused_udp_port (void);

GDatagramBased *client_new (Make make, GDatagramBased *base, const char *identity, GError **error);
/* A client of `peer` that trusts the PKI's anchor and expects IDENTITY. */
GDatagramBased *client_for (Make make, Peer *peer);
GDatagramBased *client_with (Make make, Peer *peer, const char *identity, const char *anchor);

/* A client and a server over two UDP sockets, which know the PKI's anchor and have not shaken hands. */
void ends_new (Make make, GDatagramBased **client, GDatagramBased **server);

/* Plain GIO calls with one message. */
gint send_one (GDatagramBased *connection, const void *data, gsize size, gint64 timeout,
               GError **error);
gint receive_one (GDatagramBased *connection, void *data, gsize size, gint64 timeout,
                  gsize *received, GError **error);

/* Receives the echo of a message and compares. gnutls-serv returns a long one in several pieces. */
void assert_echo (GDatagramBased *connection, const char *peer, const void *data, gsize size);

/* Runs the default main context until `*result` is set by store_result(). */
GAsyncResult *wait_for_result (GAsyncResult **result);
void store_result (GObject *source, GAsyncResult *result, gpointer location);

/* Registers `function` as /GROUP/NAME for both ways of making a connection. */
void add_for_both (const char *group, const char *name, GTestDataFunc function);
/* Registers `function` for both ways, both peers and both kinds of key. */
void add_for_matrix (const char *group, const char *name, GTestDataFunc function);

void add_interface_tests (void);
void add_interaction_tests (void);
void add_method_tests (void);
void add_namespace_tests (void);
void add_bytes_tests (void);
void add_session_tests (void);
void add_rejection_tests (void);
void add_bad_input_tests (void);
void add_ends_tests (void);
void add_certificate_tests (void);
