/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <gio-ossl/gio-ossl-dtls-connection.h>

G_BEGIN_DECLS

#define GIO_OSSL_TYPE_DTLS_SERVER_CONNECTION (gio_ossl_dtls_server_connection_get_type ())

/**
 * GioOsslDtlsServerConnection:
 *
 * The server's end of a DTLS connection with one client, a
 * #GDtlsServerConnection.
 *
 * Since: 0.1
 */
G_DECLARE_FINAL_TYPE (GioOsslDtlsServerConnection, gio_ossl_dtls_server_connection, GIO_OSSL,
                      DTLS_SERVER_CONNECTION, GioOsslDtlsConnection)

/**
 * gio_ossl_dtls_server_connection_new:
 * @base_socket: what carries the datagrams of one client: usually a #GSocket
 *   of datagram type, connected to the client and without a timeout of its
 *   own
 * @certificate: (nullable): what proves who this server is, with its
 *   private key
 * @error: return location for a #GError
 *
 * Makes the server's end of a connection over @base_socket, whatever the
 * process's default #GTlsBackend is.
 *
 * Returns: (transfer full): the connection, or %NULL with @error set
 *
 * Since: 0.1
 */
GioOsslDtlsServerConnection *gio_ossl_dtls_server_connection_new (GDatagramBased *base_socket,
                                                                  GTlsCertificate *certificate,
                                                                  GError **error);

G_END_DECLS
