//! How long datagrams may be.

use foreign_types::ForeignType;

use super::{MAX_PLAINTEXT, Session};
use crate::ossl::{queue, sys};

/// The fewest bytes of UDP payload that OpenSSL makes datagrams of.
pub const SHORTEST_MTU: u16 = 256;
/// The most that UDP carries.
pub const LONGEST_MTU: u16 = 65_507;
/// OpenSSL gathers a flight's datagram in a buffer of this size; what is longer would go out in
/// pieces that are no records.
const FLIGHT_BUFFER: u16 = 4096;
/// What protection adds to a record at most, nonce and tag (RFC 5288, section 3): of a Finished that
/// fills up a datagram, OpenSSL before 3.2 does not count it.
const PROTECTION: u16 = 8 + 16;

impl Session {
    /// Fragments the flights that are sent from now on, repeated ones too, to datagrams of this size.
    pub fn set_mtu(&mut self, mtu: u16) {
        let longest = mtu.min(FLIGHT_BUFFER);
        self.flight_mtu = longest.into();
        let plaintext = longest.saturating_sub(PROTECTION);
        if self.ssl.set_mtu(u32::from(plaintext)).is_err() {
            // It is not less than OpenSSL takes; if it were, flights would stay as they are.
            queue::clear();
        }
    }

    /// Puts the records after these datagrams together, as far as they fit: of a flight that it repeats,
    /// OpenSSL sends each message by itself, and each is one more that may get lost.
    pub(super) fn join(&mut self, datagrams: usize) {
        let limit = self.flight_mtu;
        let wire = self.wire();
        if wire.outgoing.len() == datagrams {
            return;
        }
        let longest = wire.outgoing.join(datagrams, limit);
        wire.longest_sent = longest;
    }

    /// The longest message that fits a datagram of `mtu` bytes with the negotiated suite.
    pub fn max_payload(&mut self, mtu: u16) -> usize {
        let of_datagram = self.ssl.set_mtu(u32::from(mtu)).is_ok();
        // SAFETY: the `SSL` is valid.
        let payload = unsafe { sys::DTLS_get_data_mtu(self.ssl.as_ptr()) };
        self.set_mtu(mtu);
        if of_datagram {
            payload.min(MAX_PLAINTEXT)
        } else {
            queue::clear();
            0
        }
    }
}
