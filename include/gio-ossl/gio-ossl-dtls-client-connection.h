/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <gio-ossl/gio-ossl-dtls-connection.h>

G_BEGIN_DECLS

#define GIO_OSSL_TYPE_DTLS_CLIENT_CONNECTION (gio_ossl_dtls_client_connection_get_type ())

/**
 * GioOsslDtlsClientConnection:
 *
 * The client's end of a DTLS connection, a #GDtlsClientConnection.
 *
 * Since: 0.1
 */
G_DECLARE_FINAL_TYPE (GioOsslDtlsClientConnection, gio_ossl_dtls_client_connection, GIO_OSSL,
                      DTLS_CLIENT_CONNECTION, GioOsslDtlsConnection)

/**
 * gio_ossl_dtls_client_connection_new:
 * @base_socket: what carries the datagrams: usually a #GSocket of datagram
 *   type, connected to the server and without a timeout of its own
 * @server_identity: (nullable): who the server must prove to be
 * @error: return location for a #GError
 *
 * Makes the client's end of a connection over @base_socket, whatever the
 * process's default #GTlsBackend is. Nothing is sent yet: the handshake
 * starts with g_dtls_connection_handshake() or with the first message.
 *
 * Fails with %G_IO_ERROR_NOT_SUPPORTED if @base_socket is a stream.
 *
 * Returns: (transfer full): the connection, or %NULL with @error set
 *
 * Since: 0.1
 */
GioOsslDtlsClientConnection *gio_ossl_dtls_client_connection_new (GDatagramBased *base_socket,
                                                                  GSocketConnectable *server_identity,
                                                                  GError **error);

/* Pre-shared keys */

/**
 * gio_ossl_dtls_client_connection_set_psk:
 * @self: a connection
 * @identity: what the server knows the key as: at most 255 bytes, sent in
 *   plaintext
 * @key: the secret that the server has as well: 1 to 512 bytes
 * @error: return location for a #GError
 *
 * Offers the server cipher suites with a pre-shared key (RFC 4279, RFC 5489),
 * before those with certificates: PSK, DHE-PSK and ECDHE-PSK with GCM, CCM,
 * CCM-8 or ChaCha20-Poly1305. Both sides prove by the key who they are. Where
 * the server chooses a suite with certificates, its certificate is judged as
 * ever: a client that accepts any certificate takes anybody for its server. With
 * `PSK` for #GioOsslDtlsConnection:cipher-list it speaks to no server without
 * the key.
 *
 * To be called before the handshake, or in a handler of
 * #GioOsslDtlsClientConnection::psk-request. The latest key counts. It is
 * copied, and the copy is wiped in the end.
 *
 * A server that does not know @identity, or knows it with another key, may
 * say nothing at all, and the client then waits for it: set
 * #GioOsslDtlsConnection:handshake-timeout, or use a #GCancellable.
 *
 * Sessions with a pre-shared key are not resumed.
 *
 * Fails with %G_IO_ERROR_INVALID_ARGUMENT for a key or an identity of another
 * length, with %G_IO_ERROR_READ_ONLY once the handshake has begun, and with
 * %G_IO_ERROR_CLOSED after closing.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 0.1
 */
gboolean gio_ossl_dtls_client_connection_set_psk (GioOsslDtlsClientConnection *self,
                                                  const char *identity,
                                                  GBytes *key,
                                                  GError **error);

/**
 * GioOsslDtlsClientConnection::psk-request:
 * @self: the connection
 * @hint: (nullable): what the server says of the identities that it knows, if
 *   that is UTF-8
 *
 * The server has chosen a cipher suite with a pre-shared key, and none was
 * set. The handler calls gio_ossl_dtls_client_connection_set_psk() and
 * returns %TRUE, which also keeps the handlers after it from being called.
 * Without a key, or if no handler returns %TRUE, the handshake fails with
 * %G_IO_ERROR_NOT_FOUND, and the server is sent the alert handshake_failure.
 *
 * Who wants to be asked connects a handler before the handshake; it makes the
 * client offer such cipher suites.
 *
 * The @hint is not authentic: anybody may have sent it. The signal is emitted
 * in the thread that drives the handshake, which waits for the answer. Calls
 * on @self that need the handshake fail there with %G_IO_ERROR_FAILED.
 *
 * Returns: %TRUE if a key has been set
 *
 * Since: 0.1
 */

/* Resumption */

/**
 * gio_ossl_dtls_client_connection_export_session:
 * @self: a connection whose handshake is finished
 * @error: return location for a #GError
 *
 * Gives the session in bytes, for
 * gio_ossl_dtls_client_connection_import_session() in this process or another
 * one. Within the process sessions are resumed anyway: see
 * #GioOsslDtlsConnection:session-resumption.
 *
 * The bytes contain the session's master secret. Whoever reads them can
 * decrypt what was recorded of this connection and of those that resume it,
 * and can pose as its client: keep them as safe as a private key, and not
 * longer than the session can be resumed. They are wiped from memory when the
 * last reference to the #GBytes is gone.
 *
 * Fails with %G_IO_ERROR_NOT_CONNECTED before the handshake is finished, with
 * the handshake's own error if that has failed, with %G_IO_ERROR_CLOSED after
 * closing, and with %G_IO_ERROR_NOT_SUPPORTED for a session that cannot be
 * resumed, because the server gave no ticket or
 * #GioOsslDtlsConnection:session-resumption is %FALSE.
 *
 * Returns: (transfer full): the session, or %NULL with @error set
 *
 * Since: 0.1
 */
GBytes *gio_ossl_dtls_client_connection_export_session (GioOsslDtlsClientConnection *self,
                                                        GError **error);

/**
 * gio_ossl_dtls_client_connection_import_session:
 * @self: a connection whose handshake has not begun
 * @session: what gio_ossl_dtls_client_connection_export_session() gave
 * @error: return location for a #GError
 *
 * Makes the handshake offer the server to resume this session.
 *
 * It is offered if #GDtlsClientConnection:server-identity names the same host
 * and #GDtlsConnection:certificate, #GioOsslDtlsConnection:groups and
 * #GioOsslDtlsConnection:signature-algorithms are the same as in its handshake,
 * if it is not too old, no certificate of its server has expired since, its
 * cipher is still allowed, its ticket fits into the first datagram, and
 * #GioOsslDtlsConnection:session-resumption is %TRUE. Otherwise, or if the server declines, there is a full handshake:
 * #GioOsslDtlsConnection:session-resumed tells. The server's certificate is
 * verified again.
 *
 * The bytes must come from where nobody else can write. Their checksum shows
 * damage, not forgery: whoever can replace them can put in a secret of their
 * own beside the server's certificates, which are public, and pose as the
 * server from then on.
 *
 * Fails with %G_IO_ERROR_INVALID_ARGUMENT for bytes that are no exported
 * session, with %G_IO_ERROR_READ_ONLY after the handshake has begun, and with
 * %G_IO_ERROR_CLOSED after closing.
 *
 * Returns: whether it was taken
 *
 * Since: 0.1
 */
gboolean gio_ossl_dtls_client_connection_import_session (GioOsslDtlsClientConnection *self,
                                                         GBytes *session,
                                                         GError **error);

/**
 * gio_ossl_dtls_client_connection_copy_session:
 * @self: a connection whose handshake has not begun
 * @other: a connection whose handshake is finished
 * @error: return location for a #GError
 *
 * Makes the handshake of @self offer the server to resume the session of
 * @other, as if that had been exported and imported.
 *
 * Fails as gio_ossl_dtls_client_connection_export_session() does for @other,
 * and with %G_IO_ERROR_READ_ONLY or %G_IO_ERROR_CLOSED for @self.
 *
 * Returns: whether it was taken
 *
 * Since: 0.1
 */
gboolean gio_ossl_dtls_client_connection_copy_session (GioOsslDtlsClientConnection *self,
                                                       GioOsslDtlsClientConnection *other,
                                                       GError **error);

G_END_DECLS
