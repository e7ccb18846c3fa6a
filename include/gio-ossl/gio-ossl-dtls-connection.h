/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <gio-ossl/gio-ossl-statistics.h>

G_BEGIN_DECLS

#define GIO_OSSL_TYPE_DTLS_CONNECTION (gio_ossl_dtls_connection_get_type ())
#define GIO_OSSL_DTLS_CONNECTION(object) \
  (G_TYPE_CHECK_INSTANCE_CAST ((object), GIO_OSSL_TYPE_DTLS_CONNECTION, GioOsslDtlsConnection))
#define GIO_OSSL_IS_DTLS_CONNECTION(object) \
  (G_TYPE_CHECK_INSTANCE_TYPE ((object), GIO_OSSL_TYPE_DTLS_CONNECTION))

/**
 * GioOsslDtlsConnection:
 *
 * What the client's and the server's end of a DTLS connection share.
 *
 * Both implement #GDtlsConnection and #GDatagramBased, which hold the
 * handshake, the properties and the messages. The methods here move one
 * message as plain bytes, for languages that cannot fill a #GOutputVector.
 *
 * Names in #GDtlsConnection:advertised-protocols that are empty or longer
 * than 255 bytes have no form on the wire, and are left out.
 *
 * Channel bindings are available from the end of the handshake until both
 * directions are closed. `tls-exporter` is not available if the peer lacks
 * the extended master secret (RFC 7627).
 *
 * The class is abstract, and cannot be derived from outside the library.
 *
 * Since: 0.1
 */
typedef struct _GioOsslDtlsConnection GioOsslDtlsConnection;
typedef struct _GioOsslDtlsConnectionClass GioOsslDtlsConnectionClass;

struct _GioOsslDtlsConnectionClass
{
  /*< private >*/
  GObjectClass parent_class;
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GioOsslDtlsConnection, g_object_unref)

GType gio_ossl_dtls_connection_get_type (void) G_GNUC_CONST;

/* Messages as bytes */

/**
 * gio_ossl_dtls_connection_send:
 * @self: a connection
 * @buffer: (array length=size) (element-type guint8): the message
 * @size: bytes in @buffer
 * @timeout_us: how long to wait at most, in microseconds; 0 not to wait, or
 *   -1 to wait as long as it takes
 * @cancellable: (nullable): a #GCancellable
 * @error: return location for a #GError
 *
 * Sends one message as one datagram, after the handshake, which it starts
 * if nothing has yet.
 *
 * A message that does not fit one datagram fails with
 * %G_IO_ERROR_MESSAGE_TOO_LARGE. An empty one succeeds, and nothing is
 * sent: OpenSSL has no empty records.
 *
 * Returns: the bytes that were sent, or -1 with @error set
 *
 * Since: 0.1
 */
gssize gio_ossl_dtls_connection_send (GioOsslDtlsConnection *self,
                                      const guint8 *buffer,
                                      gsize size,
                                      gint64 timeout_us,
                                      GCancellable *cancellable,
                                      GError **error);

/**
 * gio_ossl_dtls_connection_receive_bytes:
 * @self: a connection
 * @size: the most bytes to take of the message; what is longer is cut off
 * @timeout_us: how long to wait at most, in microseconds; 0 not to wait, or
 *   -1 to wait as long as it takes
 * @cancellable: (nullable): a #GCancellable
 * @error: return location for a #GError
 *
 * Receives one message, after the handshake, which it starts if nothing has
 * yet.
 *
 * Other implementations may send a message of no bytes: it is an empty
 * #GBytes, and not the end.
 *
 * Returns: (transfer full) (nullable): the message, or %NULL: with @error
 *   set, or without it when the peer has closed the connection
 *
 * Since: 0.1
 */
GBytes *gio_ossl_dtls_connection_receive_bytes (GioOsslDtlsConnection *self,
                                                gsize size,
                                                gint64 timeout_us,
                                                GCancellable *cancellable,
                                                GError **error);

/* The path */

/* Timers */

/**
 * GioOsslDtlsConnection:initial-timeout:
 *
 * Milliseconds until the first flight is repeated if nothing answers it, from
 * 1 to 60,000 (RFC 6347, section 4.2.4.1). Each repetition doubles the time,
 * up to a minute.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/* Protocol */

/* Resumption */

/* SRTP */

/* Exporter */

/* Key log */

/* Statistics */

/**
 * gio_ossl_dtls_connection_get_statistics:
 * @self: a connection
 *
 * Tells what the connection has done so far. All is zero before the handshake
 * begins. May be called by any thread at any time.
 *
 * Returns: (transfer full): the numbers of this moment
 *
 * Since: 0.1
 */
GioOsslStatistics *gio_ossl_dtls_connection_get_statistics (GioOsslDtlsConnection *self);

/* Facts */

/**
 * gio_ossl_dtls_connection_to_string:
 * @self: a connection
 *
 * Describes the connection for people who look for what is wrong with it: how
 * far it has come, what was negotiated, who the peer says it is and what is
 * wrong with that, in lines that each begin with what they tell. There are no
 * secrets in it. Programs ask the properties instead: the text may change.
 *
 * May be called by any thread at any time.
 *
 * Returns: (transfer full): the description, lines without one at the end
 *
 * Since: 0.1
 */
char *gio_ossl_dtls_connection_to_string (GioOsslDtlsConnection *self);

G_END_DECLS
