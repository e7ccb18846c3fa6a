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
 * Fails with %G_IO_ERROR_NOT_SUPPORTED if @base_socket is a stream, and with
 * %G_TLS_ERROR_BAD_CERTIFICATE if @certificate has no private key.
 *
 * Returns: (transfer full): the connection, or %NULL with @error set
 *
 * Since: 0.1
 */
GioOsslDtlsServerConnection *gio_ossl_dtls_server_connection_new (GDatagramBased *base_socket,
                                                                  GTlsCertificate *certificate,
                                                                  GError **error);

/* Pre-shared keys */

/**
 * GioOsslDtlsServerConnection:psk-identity-hint:
 *
 * What clients are told about the identities that the server knows, at most
 * 255 bytes (RFC 4279, section 5.2); %NULL, the default, for nothing. It is
 * sent in plaintext.
 *
 * A longer one fails the initialisation, or later the handshake, with
 * %G_IO_ERROR_INVALID_ARGUMENT. To be set before the handshake begins; later
 * it is refused with a warning.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsServerConnection::psk-lookup:
 * @self: the connection
 * @identity: what the client calls its key
 *
 * A client wants to use a pre-shared key (RFC 4279, RFC 5489). The handler
 * returns the key, 1 to 512 bytes, which also keeps the handlers after it from
 * being called, or %NULL for an identity that it does not know. A key of another
 * length is a warning, and counts as %NULL.
 *
 * Who connects a handler before the handshake makes the server accept such
 * cipher suites: PSK, DHE-PSK and ECDHE-PSK with GCM, CCM, CCM-8 or
 * ChaCha20-Poly1305. The server then needs no certificate; with one, it also
 * serves clients without a key. A client with a key is not asked for a
 * certificate, whatever #GDtlsServerConnection:authentication-mode is: the
 * key proves who it is.
 *
 * An unknown identity looks like a wrong key to the client: the handshake
 * goes on with a random key, what the client says next cannot be read and is
 * dropped, and neither side is told. Both wait until they are cancelled or
 * #GioOsslDtlsConnection:handshake-timeout has passed. An @identity that is not UTF-8 or contains a NUL is
 * unknown without being asked for; of one with more than 256 bytes the client
 * is told that the handshake has failed, whether it was asked for or not.
 *
 * The @identity is not authentic before the handshake has ended. The signal
 * is emitted in the thread that drives the handshake, which waits for the
 * answer. Calls on @self that need the handshake fail there with
 * %G_IO_ERROR_FAILED.
 *
 * Returns: (transfer full) (nullable): the key, or %NULL
 *
 * Since: 0.1
 */

G_END_DECLS
