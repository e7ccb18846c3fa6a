//! How long our datagrams may be, and what is made of news about that.

use super::{Datagrams, Engine, State};
use crate::ossl;
pub use crate::ossl::session::{DEFAULT_MTU, LONGEST_MTU, SHORTEST_MTU};

/// Sizes to fall back to: what IPv6 (RFC 8200, section 5) and IPv4 (RFC 791, section 3.1) carry in
/// any case less their headers, and the least that OpenSSL can do.
const FALLBACKS: [u16; 3] = [1280 - 48, 576 - 28, SHORTEST_MTU];
/// The time-outs in a row that are taken for a sign of datagrams that are too long (RFC 6347,
/// section 4.1.1.1).
const TIMEOUTS: u32 = 2;

impl Engine {
    /// Bytes of UDP payload that flights are fragmented to.
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Changes that for the flights that are sent from now on, repeated ones too.
    pub fn set_mtu(&mut self, mtu: u16) {
        self.mtu = mtu.clamp(SHORTEST_MTU, LONGEST_MTU);
        self.session.set_mtu(self.mtu);
    }

    /// The longest message that fits a datagram of the MTU; 0 before the handshake is over.
    pub fn max_payload(&mut self) -> usize {
        match self.state {
            State::Established => self.session.max_payload(self.mtu),
            _ => 0,
        }
    }

    /// A datagram of `size` bytes was too long for the base, which names `limit` if it knows more.
    /// Lowers the MTU if that allows such datagrams. True: it did.
    pub fn narrow(&mut self, size: usize, limit: Option<u16>) -> bool {
        let contradicted = size <= usize::from(self.mtu);
        let known = limit.filter(|limit| !contradicted || usize::from(*limit) < size);
        let guess = || contradicted.then(|| fallback(size)).flatten();
        match known.or_else(guess) {
            Some(mtu) if mtu < self.mtu => {
                self.set_mtu(mtu);
                true
            }
            _ => false,
        }
    }

    /// The datagrams of a flight that the base finds too long, from the `first`th on, made anew for an
    /// MTU that is lower. None if there is no lower one.
    pub fn refit(
        &mut self,
        flight: &Datagrams,
        first: usize,
        limit: Option<u16>,
    ) -> Option<Datagrams> {
        let size = flight.nth(first)?.len();
        if !self.narrow(size, limit) {
            return None;
        }
        let (fitted, more) = ossl::refit(flight, first, usize::from(self.mtu));
        self.session.wire().ahead += more;
        Some(fitted)
    }

    /// The timer has run out: each second time in a row, the next size is what the flight must keep to.
    /// One that is short enough for a usual path more likely got lost, or the peer takes its time.
    pub(super) fn fall_back(&mut self) {
        let timeouts = self.session.timeouts_in_a_row() + 1;
        let longest = self.session.wire().longest_sent;
        let steps = FALLBACKS.into_iter().zip(1..);
        let taken = steps.take_while(|(_, step)| step * TIMEOUTS <= timeouts);
        if let Some((mtu, _)) = taken.last()
            && usize::from(mtu) < longest
            && mtu < self.mtu
        {
            self.set_mtu(mtu);
        }
    }
}

/// The next size below.
fn fallback(size: usize) -> Option<u16> {
    let mut below = FALLBACKS.into_iter().filter(|mtu| usize::from(*mtu) < size);
    below.next()
}
