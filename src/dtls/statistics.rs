//! What a connection has done, in numbers: [`Statistics`].

use crate::engine;

/// What a connection has done so far: `GioOsslStatistics`. All zero before the handshake begins.
///
/// A datagram without effect is counted under one of the reasons `dropped_…`. On a connection that
/// works such datagrams are repetitions, or somebody else's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Boxed)]
#[boxed_type(name = "GioOsslStatistics", allow_name_conflict)]
#[repr(C)] // As `gio-ossl-statistics.h` declares it.
#[non_exhaustive]
pub struct Statistics {
    /// Messages that were protected to be sent.
    pub messages_sent: u64,
    /// Their bytes, without the protection's.
    pub bytes_sent: u64,
    /// Messages of the peer that were delivered.
    pub messages_received: u64,
    /// Their bytes, including what a receiver's buffer cut off.
    pub bytes_received: u64,
    /// How long the handshake took, from its first step to its end, in microseconds; 0 before that.
    pub handshake_microseconds: u64,
    /// Flights of the handshake that were repeated because nothing answered them (RFC 6347, section
    /// 4.2.4).
    pub flights_retransmitted: u64,
    /// Dropped: no DTLS record at all, or empty.
    pub dropped_malformed: u64,
    /// Dropped: a record that has no place at that moment, such as a repeated flight.
    pub dropped_unexpected: u64,
    /// Dropped: application data that had arrived before, or that is too old to tell (RFC 6347,
    /// section 4.1.2.6).
    pub dropped_replayed: u64,
    /// Dropped: application data that is not the peer's, or was garbled (RFC 6347, section 4.1.2.7).
    pub dropped_unauthenticated: u64,
    /// Dropped: more than there was room for while nobody received.
    pub dropped_overflowed: u64,
}

impl Statistics {
    pub(super) fn new(counted: &engine::Statistics, handshake_microseconds: u64) -> Self {
        Statistics {
            messages_sent: counted.messages_sent,
            bytes_sent: counted.bytes_sent,
            messages_received: counted.messages_received,
            bytes_received: counted.bytes_received,
            handshake_microseconds,
            flights_retransmitted: counted.flights_retransmitted,
            dropped_malformed: counted.dropped.malformed,
            dropped_unexpected: counted.dropped.unexpected,
            dropped_replayed: counted.dropped.replayed,
            dropped_unauthenticated: counted.dropped.unauthenticated,
            dropped_overflowed: counted.dropped.overflowed,
        }
    }
}
