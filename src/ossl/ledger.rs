//! What became of the datagrams of an established session: OpenSSL drops in silence.

use std::ops::AddAssign;

/// Datagrams without effect, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// No DTLS record at all.
    pub malformed: u64,
    /// A record that has no place at this moment, such as a repeated handshake message.
    pub unexpected: u64,
    /// Application data that had arrived before, or that is too old to tell (RFC 6347, section
    /// 4.1.2.6).
    pub replayed: u64,
    /// Application data that is not the peer's (RFC 6347, section 4.1.2.7).
    pub unauthenticated: u64,
    /// More than there is room for.
    pub overflowed: u64,
}

const APPLICATION_DATA: u8 = 23;
/// Record types, in order (RFC 5246, section 6.2.1).
const FIRST_TYPE: u8 = 20;

impl Dropped {
    /// Counts a datagram that is of no use before the peer has proved anything.
    pub fn early(&mut self, datagram: &[u8]) {
        match Header::of(datagram) {
            Header::None => self.malformed += 1,
            Header::Data(_) | Header::Other => self.unexpected += 1,
        }
    }

    /// Counts a datagram that cannot be the peer's.
    pub fn unauthentic(&mut self, datagram: &[u8]) {
        match Header::of(datagram) {
            Header::None => self.malformed += 1,
            Header::Data(_) => self.unauthenticated += 1,
            Header::Other => self.unexpected += 1,
        }
    }
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, more: Self) {
        self.malformed += more.malformed;
        self.unexpected += more.unexpected;
        self.replayed += more.replayed;
        self.unauthenticated += more.unauthenticated;
        self.overflowed += more.overflowed;
    }
}

/// Follows which datagrams were of use.
#[derive(Default)]
pub struct Ledger {
    pub dropped: Dropped,
    /// The datagram that was read last, as long as nothing has come of it.
    pending: Option<Header>,
    seen: Window,
}

impl Ledger {
    /// OpenSSL reads a datagram: the one before was of no use.
    pub fn read(&mut self, datagram: &[u8]) {
        self.close();
        self.pending = Some(Header::of(datagram));
    }

    /// Something has come of the datagram that was read last.
    pub fn used(&mut self) {
        if let Some(Header::Data(number)) = self.pending.take() {
            self.seen.mark(number);
        }
    }

    /// OpenSSL has read everything.
    pub fn close(&mut self) {
        let Some(header) = self.pending.take() else {
            return;
        };
        *match header {
            Header::None => &mut self.dropped.malformed,
            Header::Other => &mut self.dropped.unexpected,
            Header::Data(number) if self.seen.contains(number) => &mut self.dropped.replayed,
            Header::Data(_) => &mut self.dropped.unauthenticated,
        } += 1;
    }
}

/// A datagram's first record.
#[derive(Clone, Copy)]
enum Header {
    None,
    /// Application data of the first epoch that is protected, with its number.
    Data(u64),
    Other,
}

impl Header {
    /// Type, version, epoch, sequence number, length (RFC 6347, section 4.1).
    fn of(datagram: &[u8]) -> Self {
        match *datagram {
            [
                APPLICATION_DATA,
                0xfe,
                _,
                0,
                1,
                n0,
                n1,
                n2,
                n3,
                n4,
                n5,
                _,
                _,
                ..,
            ] => Header::Data(u64::from_be_bytes([0, 0, n0, n1, n2, n3, n4, n5])),
            [
                FIRST_TYPE..=APPLICATION_DATA,
                0xfe,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                ..,
            ] => Header::Other,
            _ => Header::None,
        }
    }
}

/// The latest 64 record numbers, as OpenSSL remembers them.
#[derive(Default)]
struct Window {
    /// The highest number, plus one.
    end: u64,
    /// Which of the numbers before `end` have come, the highest in the lowest bit.
    bits: u64,
}

impl Window {
    fn mark(&mut self, number: u64) {
        match number.checked_sub(self.end) {
            Some(ahead) => {
                let shift = u32::try_from(ahead + 1).unwrap_or(u32::MAX);
                self.bits = self.bits.checked_shl(shift).unwrap_or(0) | 1;
                self.end = number + 1;
            }
            None => self.bits |= self.bit(number),
        }
    }

    fn contains(&self, number: u64) -> bool {
        number < self.end && (self.bit(number) == 0 || self.bits & self.bit(number) != 0)
    }

    /// The bit of a number below `end`; none if it is older than the window.
    fn bit(&self, number: u64) -> u64 {
        let age = u32::try_from(self.end - number - 1).unwrap_or(u32::MAX);
        1u64.checked_shl(age).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(number: u8) -> Vec<u8> {
        vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, number, 0, 1, 7]
    }

    #[test]
    fn what_nothing_comes_of_is_dropped_for_a_reason() {
        let mut ledger = Ledger::default();
        ledger.read(&data(5));
        ledger.used();
        for datagram in [
            data(5),
            data(6),
            data(4),
            b"GET / HTTP/1.1".to_vec(),
            vec![22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0],
        ] {
            ledger.read(&datagram);
        }
        ledger.close();
        let expected = Dropped {
            malformed: 1,
            unexpected: 1,
            replayed: 1,
            unauthenticated: 2,
            overflowed: 0,
        };
        assert_eq!(ledger.dropped, expected);
    }

    #[test]
    fn the_window_remembers_64_numbers() {
        let mut window = Window::default();
        assert!(!window.contains(0));
        for number in [0, 2, 63] {
            window.mark(number);
        }
        let seen: Vec<u64> = (0..70).filter(|number| window.contains(*number)).collect();
        assert_eq!(seen, [0, 2, 63]);
        window.mark(66);
        let seen: Vec<u64> = (0..70).filter(|number| window.contains(*number)).collect();
        assert_eq!(seen, [0, 1, 2, 63, 66], "0 to 2 are too old to tell");
        window.mark(1 << 40);
        assert!(window.contains(66) && !window.contains((1 << 40) - 1));
    }
}
