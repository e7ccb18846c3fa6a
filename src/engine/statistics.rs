//! What an association has done so far, in numbers.

use super::Engine;
use crate::ossl::Dropped;

/// Counted from the association's first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Application messages that were protected.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Application messages of the peer that were delivered.
    pub messages_received: u64,
    /// Their bytes, those that did not fit the caller's buffer included.
    pub bytes_received: u64,
    /// Flights that were repeated because nothing answered them.
    pub flights_retransmitted: u64,
    /// Received datagrams without effect.
    pub dropped: Dropped,
}

impl Engine {
    /// The numbers of this moment.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = self.statistics;
        statistics.flights_retransmitted = self.retransmissions();
        statistics.dropped += self.session.dropped();
        statistics
    }
}
