/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One class, so one header; most of its length is documentation. */
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
 * handshake, the properties and the messages. The methods here move messages
 * as plain bytes, for languages that cannot fill a #GOutputVector.
 *
 * Names in #GDtlsConnection:advertised-protocols that are empty or longer
 * than 255 bytes have no form on the wire, and are left out.
 *
 * Channel bindings are available from the end of the handshake until both
 * directions are closed. `tls-exporter` is not available if the peer lacks
 * the extended master secret (RFC 7627).
 *
 * The class is abstract, and the client's and the server's are the only ones
 * that can be derived from it: the initialisation of any other fails with
 * %G_IO_ERROR_NOT_SUPPORTED.
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
 * Without a result in time it fails with %G_IO_ERROR_TIMED_OUT, or
 * %G_IO_ERROR_WOULD_BLOCK if @timeout_us is 0, and after closing with
 * %G_IO_ERROR_CLOSED.
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
 * @size: the most bytes to take of the message, at least 1; what is longer is
 *   cut off
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
 * Fails as gio_ossl_dtls_connection_send() does when the time is up and after
 * closing, and with %G_IO_ERROR_INVALID_ARGUMENT if @size is 0.
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

/**
 * gio_ossl_dtls_connection_send_bytes_async:
 * @self: a connection
 * @message: the message
 * @io_priority: the priority of the request in the main loop
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): what to call when the message was sent
 * @user_data: what to pass to @callback
 *
 * Begins to send one message as gio_ossl_dtls_connection_send() does, without
 * blocking: the thread-default main context of this call does the work, the
 * handshake included.
 *
 * Any number of messages may be waiting. Those of one context go out in the
 * order of the calls, whatever their priorities: an urgent one waits for those
 * before it, and @io_priority counts while it is the first. Up to 16 callbacks
 * follow each other before the loop turns to others. A callback may make and
 * cancel calls, close the connection, drop it, and run the loop until another
 * call has answered.
 *
 * Cancelling takes a message back that has not gone out, and closing the
 * connection fails all that wait with %G_IO_ERROR_CLOSED. The connection and
 * the context are kept alive until @callback is called.
 *
 * Since: 0.1
 */
void gio_ossl_dtls_connection_send_bytes_async (GioOsslDtlsConnection *self,
                                                GBytes *message,
                                                int io_priority,
                                                GCancellable *cancellable,
                                                GAsyncReadyCallback callback,
                                                gpointer user_data);

/**
 * gio_ossl_dtls_connection_send_bytes_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for a #GError
 *
 * Tells how gio_ossl_dtls_connection_send_bytes_async() ended. The errors are
 * those of gio_ossl_dtls_connection_send(), and %G_IO_ERROR_INVALID_ARGUMENT
 * for the @result of another call. To be called once for each @result.
 *
 * Returns: the bytes that were sent, or -1 with @error set
 *
 * Since: 0.1
 */
gssize gio_ossl_dtls_connection_send_bytes_finish (GioOsslDtlsConnection *self,
                                                   GAsyncResult *result,
                                                   GError **error);

/**
 * gio_ossl_dtls_connection_receive_bytes_async:
 * @self: a connection
 * @size: the most bytes to take of the message, at least 1; what is longer is
 *   cut off
 * @io_priority: the priority of the request in the main loop
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): what to call when there is a message
 * @user_data: what to pass to @callback
 *
 * Begins to receive one message as gio_ossl_dtls_connection_receive_bytes()
 * does, without blocking: the thread-default main context of this call does
 * the work, the handshake included.
 *
 * Any number of calls may be waiting. Those of one context get the messages in
 * the order of the calls, as with gio_ossl_dtls_connection_send_bytes_async();
 * other ways of receiving do not wait for them. A call that is cancelled takes
 * no message. Closing the connection fails all that wait with
 * %G_IO_ERROR_CLOSED, and each is given %NULL when the peer has closed it. The
 * connection and the context are kept alive until @callback is called.
 *
 * Since: 0.1
 */
void gio_ossl_dtls_connection_receive_bytes_async (GioOsslDtlsConnection *self,
                                                   gsize size,
                                                   int io_priority,
                                                   GCancellable *cancellable,
                                                   GAsyncReadyCallback callback,
                                                   gpointer user_data);

/**
 * gio_ossl_dtls_connection_receive_bytes_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for a #GError
 *
 * Gives the message that gio_ossl_dtls_connection_receive_bytes_async() has
 * received. The errors are those of
 * gio_ossl_dtls_connection_receive_bytes(), and %G_IO_ERROR_INVALID_ARGUMENT
 * for the @result of another call. To be called once for each @result.
 *
 * Returns: (transfer full) (nullable): the message, or %NULL: with @error
 *   set, or without it when the peer has closed the connection
 *
 * Since: 0.1
 */
GBytes *gio_ossl_dtls_connection_receive_bytes_finish (GioOsslDtlsConnection *self,
                                                       GAsyncResult *result,
                                                       GError **error);

/**
 * gio_ossl_dtls_connection_send_many:
 * @self: a connection
 * @messages: (element-type GBytes): the messages
 * @timeout_us: how long to wait at most, in microseconds; 0 not to wait, or
 *   -1 to wait as long as it takes
 * @cancellable: (nullable): a #GCancellable
 * @error: return location for a #GError
 *
 * Sends several messages as gio_ossl_dtls_connection_send() does each, with
 * one system call for every 64 of them.
 *
 * It waits until all are sent. If that fails or takes too long, those that
 * were sent are counted; an error is reported if there are none, and else by
 * the next call. With no @messages it does nothing, and answers 0 at any time
 * unless @cancellable is cancelled.
 *
 * Returns: how many messages were sent, counted from the first one, or -1
 *   with @error set
 *
 * Since: 0.1
 */
gssize gio_ossl_dtls_connection_send_many (GioOsslDtlsConnection *self,
                                           GPtrArray *messages,
                                           gint64 timeout_us,
                                           GCancellable *cancellable,
                                           GError **error);

/**
 * gio_ossl_dtls_connection_receive_many:
 * @self: a connection
 * @max: the most messages to take, at least 1
 * @size: the most bytes to take of each message, at least 1; what is longer is
 *   cut off
 * @timeout_us: how long to wait at most, in microseconds; 0 not to wait, or
 *   -1 to wait as long as it takes
 * @cancellable: (nullable): a #GCancellable
 * @error: return location for a #GError
 *
 * Waits for a message as gio_ossl_dtls_connection_receive_bytes() does, and
 * takes those with it that the same system call brings: up to 32, or @max.
 * It does not wait for further ones.
 *
 * The errors are those of gio_ossl_dtls_connection_receive_bytes().
 *
 * Returns: (transfer container) (element-type GBytes) (nullable): the
 *   messages, which belong to the array, and of which there are none when the
 *   peer has closed the connection; or %NULL with @error set
 *
 * Since: 0.1
 */
GPtrArray *gio_ossl_dtls_connection_receive_many (GioOsslDtlsConnection *self,
                                                  guint max,
                                                  gsize size,
                                                  gint64 timeout_us,
                                                  GCancellable *cancellable,
                                                  GError **error);

/* The path */

/**
 * GioOsslDtlsConnection:mtu:
 *
 * Bytes of UDP payload that the datagrams of a handshake have at most, from
 * 256 to 65,507; what is less than 256 counts as 256. 0, the default, asks a
 * connected UDP socket for the path's MTU, and is 1400 where nobody knows. No
 * option of the socket is ever set.
 *
 * Until the handshake begins this is what was set, and from then on what is in
 * use. It gets smaller while nothing answers a flight (RFC 6347, section
 * 4.1.1.1): the second time-out in a row makes it 1232 if the flight has longer
 * datagrams, the fourth 548 and the sixth 256. It also gets smaller when the
 * base socket refuses a datagram of that size with
 * %G_IO_ERROR_MESSAGE_TOO_LARGE. A flight that is refused goes out again at
 * once; the error of a message is the caller's. It never gets larger by itself:
 * a peer whose user takes long to accept a certificate looks like one that is
 * not reached, and who knows better sets this again after the handshake.
 *
 * May be set at any time, for the flights that follow. Messages are not held
 * back by it: the network has the last word on one that is longer than
 * #GioOsslDtlsConnection:max-payload.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:max-payload:
 *
 * Bytes of the longest message that fits one datagram of
 * #GioOsslDtlsConnection:mtu with the cipher suite of the session, 16,384 at
 * most. 0 before the handshake is over.
 *
 * Since: 0.1
 */

/* What the kernel takes over */

/**
 * GioOsslDtlsConnection:send-offload:
 *
 * Whether messages of equal length that are sent in one call are handed to the
 * kernel as one, which makes datagrams of it (UDP_SEGMENT). They arrive as if
 * they were sent one by one.
 *
 * %TRUE by default. From the initialisation on this is what is in use: %FALSE
 * where the base socket is no #GSocket of UDP, or is of a class derived from
 * it, where the kernel does not know of it, and from its first refusal on. The
 * messages that it refuses go out one by one. Setting it again has it tried
 * again.
 *
 * May be set at any time, in any thread. The environment variable
 * GIO_OSSL_SEND_OFFLOAD, 0 or 1, counts where the application sets nothing.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:receive-offload:
 *
 * Whether the kernel merges datagrams of equal length that arrive together, and
 * hands them over as one (UDP_GRO). They are told apart again: messages are
 * received as ever, with less work.
 *
 * %FALSE by default, because it is an option of the base socket: who receives
 * from that directly gets merged datagrams. It is set back to what it was when
 * both directions are closed, or the connection is disposed of. From the
 * initialisation on this is what is in use: %FALSE where the base socket is no
 * #GSocket of UDP, or is of a class derived from it, and where the kernel
 * refuses; %TRUE where the socket had the option before it was given to the
 * connection.
 *
 * May be set at any time until then, in any thread. The environment variable
 * GIO_OSSL_RECEIVE_OFFLOAD, 0 or 1, counts where the application sets nothing.
 *
 * Since: 0.1
 */

/* Timers */

/**
 * GioOsslDtlsConnection:initial-timeout:
 *
 * Milliseconds until the first flight is repeated if nothing answers it, from
 * 1 to 60,000 (RFC 6347, section 4.2.4.1). Each repetition doubles the time,
 * up to a minute. The handshake fails when a flight was repeated twelve times
 * in vain: after eight minutes with the default, but after eight seconds with
 * 1 millisecond.
 *
 * When a flight was answered, the following ones wait for one and a half times
 * the round trip (RFC 9147, section 5.8.2), but for 100 milliseconds at least,
 * and never longer than for this. The round trip of a flight that was repeated
 * is counted from the latest time; because the answer may be to an earlier one,
 * the next flight then waits for a quarter of this at least.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:handshake-timeout:
 *
 * Milliseconds that the handshake may take in all, from its first step, in
 * whatever calls or main loops it goes on; 0, the default, is no limit. A
 * server's first step is the first call that would wait for a client: a
 * server that begins before there is one has its time run out, too. The time
 * that the application takes to accept a certificate or to choose one counts,
 * though nothing interrupts a handler that blocks.
 *
 * Then the connection has failed for good: the handshake, and messages with a
 * time limit, fail with %G_IO_ERROR_TIMED_OUT. #GDatagramBased does not allow
 * that to calls that never wait, or wait for ever: they fail with
 * %G_TLS_ERROR_MISC and the same text, and so do the asynchronous ones. The
 * peer is not told: what it could be told now, it could not believe.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/* Protocol */

/**
 * GioOsslDtlsConnection:min-protocol-version:
 *
 * The oldest version to speak, or %G_TLS_PROTOCOL_VERSION_UNKNOWN for the
 * library's own limit. DTLS 1.2 (RFC 6347) is the only version that is spoken:
 * an older one may be named, because it forbids nothing, but not a newer one,
 * nor one of TLS.
 *
 * A value that cannot be used, here and in #GioOsslDtlsConnection:max-protocol-version,
 * #GioOsslDtlsConnection:cipher-list, #GioOsslDtlsConnection:groups and
 * #GioOsslDtlsConnection:signature-algorithms, fails the construction, or the
 * handshake if it was set later, with %G_IO_ERROR_INVALID_ARGUMENT. The message
 * names the property and what is wrong in it.
 *
 * Programs that know plain GIO alone can be told by environment variables:
 * `GIO_OSSL_MIN_PROTOCOL_VERSION` and `GIO_OSSL_MAX_PROTOCOL_VERSION` (such as
 * `DTLS1.2`), `GIO_OSSL_CIPHER_LIST`, `GIO_OSSL_GROUPS` and
 * `GIO_OSSL_SIGNATURE_ALGORITHMS`. A variable counts where its property has the
 * default value, and fails in the same way, under its own name. It is read once
 * in a process. An empty one counts as unset, and a program with privileges that
 * its user lacks, as by set-user-ID, ignores them all.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:max-protocol-version:
 *
 * The newest version to speak, or %G_TLS_PROTOCOL_VERSION_UNKNOWN for the
 * library's own limit. Nothing below DTLS 1.2 can be named, and nothing below
 * #GioOsslDtlsConnection:min-protocol-version.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:cipher-list:
 *
 * The cipher suites to offer and accept, in the syntax of OpenSSL's ciphers(1),
 * such as `ECDHE+AESGCM:ECDHE+CHACHA20`; %NULL for OpenSSL's default. The
 * client's order counts.
 *
 * Whatever the list names, only suites with authenticated encryption (AEAD) whose
 * peer proves itself by a certificate or a pre-shared key are offered: the others
 * are left out, and a list that names nothing else is refused. The default has
 * no CCM suites with certificates; a list may name them, and those with a tag of
 * eight bytes (RFC 6655) too. The default has no RSA key transport either, which
 * lacks forward secrecy (RFC 9325, section 4.1): it takes a list such as
 * `DEFAULT:kRSA`, and `ALL` or `HIGH` contain it.
 *
 * `@SECLEVEL=n` sets the security level of the session, from 0 to 5, as in
 * SSL_CTX_set_security_level(3): it forbids suites, groups and signatures that
 * are weaker, and a weaker key of our own. Level 0 forbids nothing. What is said
 * of the peer's certificate does not change. `DEFAULT` is the default of this
 * property, and may stand in the first place only. Words that OpenSSL does not
 * know are refused, where OpenSSL itself would ignore them.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:groups:
 *
 * The groups of key exchange to offer and accept (RFC 8422, section 5.1.1), in the
 * syntax of OpenSSL's SSL_CTX_set1_groups_list(3), such as `X25519:P-256`; %NULL
 * for OpenSSL's default. The client's order counts. In DTLS 1.2 a server's EC key
 * must be on one of the client's groups as well.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:signature-algorithms:
 *
 * The signatures to make and accept in the handshake (RFC 5246, section 7.4.1.4.1),
 * in the syntax of OpenSSL's SSL_CTX_set1_sigalgs_list(3), such as
 * `ECDSA+SHA256:rsa_pss_rsae_sha256`; %NULL for OpenSSL's default. The client's
 * order counts. The signatures in certificates are up to the database.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/* Resumption */

/**
 * GioOsslDtlsConnection:session-resumption:
 *
 * Whether sessions may be resumed: with a ticket (RFC 5077) or an identifier
 * (RFC 5246, section 7.3), a later connection has a shorter handshake, and
 * neither side signs anything.
 *
 * A client keeps the sessions of this process by itself, for the two hours
 * that are usual or as long as the server's ticket is good, at most six. A
 * connection resumes the session of an earlier one that had the same
 * #GDtlsClientConnection:server-identity with its port, the same database
 * object, certificate, validation flags, advertised protocols, versions,
 * suites, groups and signatures. Nothing is kept without an identity, or if
 * a #GTlsInteraction was asked for the certificate. The server's certificate
 * is verified again before the connection is used, and
 * #GDtlsConnection::accept-certificate may be emitted again.
 *
 * The servers of this process share the keys of their tickets, so that any of
 * them that has the same certificate and ciphers may resume. The keys are new
 * every hour. A server that asks for certificates gives no tickets.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:session-resumed:
 *
 * Whether the handshake has resumed an earlier session. %FALSE until it is
 * finished.
 *
 * Since: 0.1
 */

/* SRTP */

/**
 * GioOsslDtlsConnection:srtp-profiles:
 *
 * The protection profiles for SRTP that this end offers or accepts (RFC 5764),
 * the best one first; %NULL or an empty list does without. The server's order
 * decides.
 *
 * The names are those of IANA's registry: `SRTP_AES128_CM_HMAC_SHA1_80`,
 * `SRTP_AES128_CM_HMAC_SHA1_32`, `SRTP_AEAD_AES_128_GCM` and
 * `SRTP_AEAD_AES_256_GCM`. OpenSSL's names are understood, too:
 * `SRTP_AES128_CM_SHA1_80` and `SRTP_AES128_CM_SHA1_32`. An unknown name makes
 * the initialisation fail, or the handshake if the property is set later, with
 * %G_IO_ERROR_INVALID_ARGUMENT.
 *
 * To be set before the handshake begins; later it is refused with a warning.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:negotiated-srtp-profile:
 *
 * IANA's name of the protection profile for SRTP that both ends have agreed
 * on. %NULL before the end of the handshake, and where there is none: the
 * handshake succeeds without one, and it is for the application to insist.
 *
 * Since: 0.1
 */

/**
 * gio_ossl_dtls_connection_export_srtp_keys:
 * @self: a connection
 * @sending_key: (out) (optional) (transfer full): the master key for the
 *   packets that this end sends
 * @sending_salt: (out) (optional) (transfer full): the master salt for them
 * @receiving_key: (out) (optional) (transfer full): the master key for the
 *   packets that the peer sends
 * @receiving_salt: (out) (optional) (transfer full): the master salt for them
 * @error: return location for a #GError
 *
 * Exports the keys for SRTP (RFC 5764, section 4.2). Their lengths are the
 * profile's: keys of 16 bytes, with `SRTP_AEAD_AES_256_GCM` 32; salts of 14
 * bytes, with both AEAD profiles 12. There is no MKI (RFC 5764, section 4.1.3).
 * The library wipes its memory of them when the last reference goes.
 *
 * Available from the end of the handshake, before which it fails with
 * %G_IO_ERROR_NOT_CONNECTED, or with the handshake's own error if that has
 * failed, until both directions are closed: %G_IO_ERROR_CLOSED.
 * %G_IO_ERROR_NOT_SUPPORTED: no profile was negotiated, or
 * the session has no extended master secret, without which RFC 7627, section
 * 5.4, forbids the exporter that the keys come from.
 *
 * Returns: (skip): %TRUE, or %FALSE with @error set and nothing exported
 *
 * Since: 0.1
 */
gboolean gio_ossl_dtls_connection_export_srtp_keys (GioOsslDtlsConnection *self,
                                                    GBytes **sending_key,
                                                    GBytes **sending_salt,
                                                    GBytes **receiving_key,
                                                    GBytes **receiving_salt,
                                                    GError **error);

/* Exporter */

/**
 * gio_ossl_dtls_connection_export_keying_material:
 * @self: a connection
 * @label: what the material is for, as IANA's registry of exporter labels has
 *   it, or beginning with `EXPERIMENTAL`
 * @context: (nullable): what the material depends on besides; %NULL is not the
 *   same as no bytes
 * @length: how many bytes to export, from 1 to 8160
 * @error: return location for a #GError
 *
 * Exports bytes that both ends derive from their session, and nobody else can
 * (RFC 5705). The library wipes its memory of them when the last reference
 * goes.
 *
 * Refused with %G_IO_ERROR_INVALID_ARGUMENT are an empty @label, one that
 * begins with a label of TLS itself (`client finished`, `server finished`,
 * `master secret`, `key expansion`, `extended master secret`), @label and
 * @context of more than 958 bytes together, and a wrong @length. The labels of
 * other purposes give what these purposes have: `EXPORTER-Channel-Binding` the
 * channel binding `tls-exporter` (RFC 9266), and `EXTRACTOR-dtls_srtp` the
 * keys of gio_ossl_dtls_connection_export_srtp_keys() in one piece.
 *
 * Available from the end of the handshake, before which it fails with
 * %G_IO_ERROR_NOT_CONNECTED, or with the handshake's own error if that has
 * failed, until both directions are closed: %G_IO_ERROR_CLOSED.
 * %G_IO_ERROR_NOT_SUPPORTED: the session has no extended
 * master secret, without which RFC 7627, section 5.4, forbids to export.
 *
 * Returns: (transfer full): the keying material, or %NULL with @error set
 *
 * Since: 0.1
 */
GBytes *gio_ossl_dtls_connection_export_keying_material (GioOsslDtlsConnection *self,
                                                         const char *label,
                                                         GBytes *context,
                                                         gsize length,
                                                         GError **error);

/* Key log */

/**
 * GioOsslDtlsConnection::keylog:
 * @self: a connection
 * @line: a line of the key log, without its end
 *
 * A secret of the session, in the format of the files that the environment
 * variable `SSLKEYLOGFILE` names, for tools that read captures of it, such as
 * Wireshark. Whoever has the line can read all messages: keep it where the
 * messages might be kept.
 *
 * Emitted during the handshake, in the thread that does it, if a handler is
 * connected when it begins.
 *
 * If `SSLKEYLOGFILE` is set when the first handshake of the process begins,
 * the lines of all connections are appended to the file, which is created for
 * its owner alone; one that exists keeps its permissions. Programs with raised
 * privileges ignore the variable. A file that cannot be opened or written, or
 * that is neither a regular file nor a character device, is a warning, and the
 * connections do without.
 *
 * Since: 0.1
 */

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
 * secrets in it, and nothing by which a peer could control a terminal: such
 * characters of its names are escaped as `\u{1b}`. Programs ask the properties
 * instead: the text may change.
 *
 * May be called by any thread at any time.
 *
 * Returns: (transfer full): the description, lines without one at the end
 *
 * Since: 0.1
 */
char *gio_ossl_dtls_connection_to_string (GioOsslDtlsConnection *self);

/**
 * GioOsslDtlsConnection:group:
 *
 * The group of the key exchange, as the registry "TLS Supported Groups" calls it,
 * such as `x25519` or `secp256r1`. %NULL before the handshake has succeeded, and
 * where the key exchange has no group (a plain pre-shared key, RSA key transport)
 * or one without a name. That of a resumed session is the one that it began with.
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:signature-scheme:
 *
 * How the server's signature proved who it is, as the registry "TLS SignatureScheme"
 * calls it, such as `ecdsa_secp256r1_sha256` or `rsa_pss_rsae_sha256`: the peer's on
 * a client, our own on a server. In DTLS 1.2 the curve in such a name says nothing
 * of the key's. %NULL before the handshake has succeeded, and where the server
 * signs nothing (a pre-shared key, RSA key transport, a resumed session).
 *
 * Since: 0.1
 */

/**
 * GioOsslDtlsConnection:cipher-bits:
 *
 * The secret bits of the cipher's key, such as 128 or 256; 0 before the handshake
 * has succeeded.
 *
 * Since: 0.1
 */

G_END_DECLS
