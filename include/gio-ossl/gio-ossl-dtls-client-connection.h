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

G_END_DECLS
