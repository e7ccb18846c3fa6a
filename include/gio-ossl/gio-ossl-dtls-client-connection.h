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
 * Returns: (transfer full): the connection, or %NULL with @error set
 *
 * Since: 0.1
 */
GioOsslDtlsClientConnection *gio_ossl_dtls_client_connection_new (GDatagramBased *base_socket,
                                                                  GSocketConnectable *server_identity,
                                                                  GError **error);

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
 * %G_IO_ERROR_CLOSED after closing, and with %G_IO_ERROR_NOT_SUPPORTED for a
 * session that cannot be resumed, because the server gave no ticket or
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
 * and #GDtlsConnection:certificate is the same as where it was exported, if it
 * is not too old, no certificate of its server has expired since, its cipher
 * is still allowed, and #GioOsslDtlsConnection:session-resumption is %TRUE.
 * Otherwise, or if the server declines, there is a full handshake:
 * #GioOsslDtlsConnection:session-resumed tells. The server's certificate is
 * verified again.
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
