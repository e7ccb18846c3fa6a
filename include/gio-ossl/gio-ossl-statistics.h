/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

#define GIO_OSSL_TYPE_STATISTICS (gio_ossl_statistics_get_type ())

typedef struct _GioOsslStatistics GioOsslStatistics;

/**
 * GioOsslStatistics:
 * @messages_sent: messages that were protected to be sent
 * @bytes_sent: their bytes, without the protection's
 * @messages_received: messages of the peer that were delivered
 * @bytes_received: their bytes, including what a receiver's buffer cut off
 * @handshake_microseconds: how long the handshake took, from its first step
 *   to its end; 0 before that
 * @flights_retransmitted: flights of the handshake that were repeated because
 *   nothing answered them (RFC 6347, section 4.2.4)
 * @dropped_malformed: datagrams that are no DTLS record at all, or empty
 * @dropped_unexpected: datagrams whose record has no place at that moment,
 *   such as a repeated flight
 * @dropped_replayed: application data that had arrived before, or that is too
 *   old to tell (RFC 6347, section 4.1.2.6)
 * @dropped_unauthenticated: application data that is not the peer's, or was
 *   garbled (RFC 6347, section 4.1.2.7)
 * @dropped_overflowed: datagrams for which there was no room while nobody
 *   received
 *
 * What a connection has done so far.
 *
 * A datagram without effect is counted once, under one of the reasons
 * `dropped_`. On a connection that works, such datagrams are repetitions, or
 * somebody else's. The reason is what the datagram looks like: whoever forges
 * one can choose it, and a forged record under a number that has been used
 * counts as replayed.
 *
 * The structure is made by the library only. Later versions may add members at
 * its end.
 *
 * Since: 0.1
 */
struct _GioOsslStatistics
{
  guint64 messages_sent;
  guint64 bytes_sent;
  guint64 messages_received;
  guint64 bytes_received;
  guint64 handshake_microseconds;
  guint64 flights_retransmitted;
  guint64 dropped_malformed;
  guint64 dropped_unexpected;
  guint64 dropped_replayed;
  guint64 dropped_unauthenticated;
  guint64 dropped_overflowed;
};

GType gio_ossl_statistics_get_type (void) G_GNUC_CONST;

/**
 * gio_ossl_statistics_copy:
 * @self: the numbers
 *
 * Copies the numbers.
 *
 * Returns: (transfer full): a copy
 *
 * Since: 0.1
 */
GioOsslStatistics *gio_ossl_statistics_copy (const GioOsslStatistics *self);

/**
 * gio_ossl_statistics_free:
 * @self: (transfer full): the numbers
 *
 * Frees the numbers.
 *
 * Since: 0.1
 */
void gio_ossl_statistics_free (GioOsslStatistics *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GioOsslStatistics, gio_ossl_statistics_free)

G_END_DECLS
