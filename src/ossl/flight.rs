//! Records of ours that OpenSSL has written, cut shorter.
//!
//! OpenSSL fragments a flight when it writes it, and repeats it when the timer runs out, no earlier. A
//! datagram that turns out to be too long before it has left is fragmented again here. That makes more
//! records, and all later plaintext ones are numbered so as to follow them.

use super::Datagrams;

/// A record's header: type, version, epoch, sequence number, length (RFC 6347, section 4.1).
const RECORD_HEADER: usize = 13;
/// A message's header: type, length, message_seq, fragment_offset, fragment_length (RFC 6347,
/// section 4.2.2).
const MESSAGE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;
/// Of the sequence number, which has six bytes.
const NUMBER: std::ops::Range<usize> = 5..11;

/// Adds `shift` to the numbers of a datagram's plaintext records.
pub fn renumber(mut datagram: &mut [u8], shift: usize) {
    while let Some(length) = record_length(datagram) {
        let Some((record, rest)) = datagram.split_at_mut_checked(length) else {
            return;
        };
        if is_plaintext(record) {
            add_to_number(record, shift);
        }
        datagram = rest;
    }
}

/// The datagrams from the `first`th on, as ones of at most `mtu` bytes, and how many records they
/// have more. Protected records and those that are no handshake's remain as long as they are.
pub fn refit(datagrams: &Datagrams, first: usize, mtu: usize) -> (Datagrams, usize) {
    let mut fitted = Fitting {
        mtu,
        more: 0,
        datagram: Vec::with_capacity(mtu),
        done: Datagrams::default(),
    };
    for datagram in (first..).map_while(|index| datagrams.nth(index)) {
        let mut rest = datagram;
        while let Some((record, tail)) =
            record_length(rest).and_then(|length| rest.split_at_checked(length))
        {
            rest = tail;
            fitted.add(record);
        }
    }
    fitted.finish();
    (fitted.done, fitted.more)
}

struct Fitting {
    mtu: usize,
    more: usize,
    datagram: Vec<u8>,
    done: Datagrams,
}

impl Fitting {
    fn add(&mut self, record: &[u8]) {
        let whole = record.len() <= self.mtu || !is_plaintext(record);
        match record.split_at_checked(RECORD_HEADER + MESSAGE_HEADER) {
            Some((headers, body)) if !whole && headers.first() == Some(&HANDSHAKE) => {
                self.add_in_pieces(headers, body);
            }
            _ => self.push(record),
        }
    }

    /// OpenSSL puts one fragment into each record.
    fn add_in_pieces(&mut self, headers: &[u8], body: &[u8]) {
        let room = self.mtu.saturating_sub(headers.len()).max(1);
        let start = read(
            headers
                .get(RECORD_HEADER + 6..RECORD_HEADER + 9)
                .unwrap_or_default(),
        );
        for (index, piece) in body.chunks(room).enumerate() {
            let mut record = headers.to_vec();
            write(&mut record, 11, 2, MESSAGE_HEADER + piece.len());
            write(&mut record, RECORD_HEADER + 6, 3, start + index * room);
            write(&mut record, RECORD_HEADER + 9, 3, piece.len());
            record.extend_from_slice(piece);
            self.more += usize::from(index > 0);
            self.push(&record);
        }
    }

    fn push(&mut self, record: &[u8]) {
        if self.datagram.len() + record.len() > self.mtu {
            self.finish();
        }
        let start = self.datagram.len();
        self.datagram.extend_from_slice(record);
        if let Some(added) = self.datagram.get_mut(start..)
            && is_plaintext(added)
        {
            add_to_number(added, self.more);
        }
    }

    fn finish(&mut self) {
        if !self.datagram.is_empty() {
            self.done.push(&self.datagram);
            self.datagram.clear();
        }
    }
}

/// The length of the first record, with its header.
fn record_length(datagram: &[u8]) -> Option<usize> {
    let length = datagram.get(11..RECORD_HEADER)?.try_into().ok()?;
    Some(RECORD_HEADER + usize::from(u16::from_be_bytes(length)))
}

fn is_plaintext(record: &[u8]) -> bool {
    record.get(3..5) == Some(&[0, 0])
}

fn add_to_number(record: &mut [u8], more: usize) {
    // It may be longer than a usize.
    let mut carry = more;
    for byte in record.get_mut(NUMBER).into_iter().flatten().rev() {
        let sum = carry.wrapping_add(usize::from(*byte));
        [*byte, ..] = sum.to_le_bytes();
        carry = sum >> 8;
    }
}

fn read(bytes: &[u8]) -> usize {
    let bytes = bytes.iter();
    bytes.fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Writes the low `size` bytes of a number.
fn write(bytes: &mut [u8], at: usize, size: usize, number: usize) {
    let number = number.to_be_bytes();
    let low = number.get(number.len() - size..).unwrap_or_default();
    if let Some(place) = bytes.get_mut(at..at + size) {
        place.copy_from_slice(low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, number: u8, payload: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, number];
        record.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        record.extend(payload);
        record
    }

    /// A fragment of the message with this sequence number, of 1000 bytes.
    fn fragment(sequence: u8, offset: usize, bytes: &[u8]) -> Vec<u8> {
        let mut fragment = vec![11, 0, 3, 232, 0, sequence];
        fragment.extend(&u32::try_from(offset).unwrap().to_be_bytes()[1..]);
        fragment.extend(&u32::try_from(bytes.len()).unwrap().to_be_bytes()[1..]);
        fragment.extend(bytes);
        fragment
    }

    fn datagrams(each: &[&[u8]]) -> Datagrams {
        let mut datagrams = Datagrams::default();
        each.iter().for_each(|datagram| datagrams.push(datagram));
        datagrams
    }

    fn list(datagrams: &Datagrams) -> Vec<Vec<u8>> {
        let each = (0..).map_while(|index| datagrams.nth(index));
        each.map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn long_fragment_becomes_shorter_ones_with_numbers_of_their_own() {
        let body: Vec<u8> = (0..250).map(|byte| byte as u8).collect();
        let long = record(HANDSHAKE, 0, 4, &fragment(2, 600, &body));
        let change = record(20, 0, 5, &[1]);
        let sealed = record(HANDSHAKE, 1, 0, b"Finished");
        let sent = datagrams(&[b"sent", &long, &[change, sealed.clone()].concat()]);
        let (fitted, more) = refit(&sent, 1, 125);
        assert_eq!(more, 2);
        let mut last = record(HANDSHAKE, 0, 6, &fragment(2, 800, &body[200..]));
        last.extend(record(20, 0, 7, &[1]));
        last.extend(sealed);
        let expected = [
            record(HANDSHAKE, 0, 4, &fragment(2, 600, &body[..100])),
            record(HANDSHAKE, 0, 5, &fragment(2, 700, &body[100..200])),
            last,
        ];
        assert_eq!(list(&fitted), expected);
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let short = record(HANDSHAKE, 0, 1, &fragment(1, 0, b"short"));
        let (fitted, more) = refit(&datagrams(&[&short]), 0, 256);
        assert_eq!((list(&fitted), more), (vec![short], 0));
    }

    #[test]
    fn protected_records_and_alerts_are_not_cut() {
        let protected = record(HANDSHAKE, 1, 0, &[7; 300]);
        let alert = record(21, 0, 3, &[2; 300]);
        let (fitted, more) = refit(&datagrams(&[&protected, &alert]), 0, 256);
        assert_eq!((list(&fitted), more), (vec![protected, alert], 0));
    }

    #[test]
    fn only_plaintext_records_are_renumbered() {
        let mut datagram = [record(22, 0, 254, b"x"), record(22, 1, 3, b"y")].concat();
        renumber(&mut datagram, 3);
        let mut first = record(22, 0, 1, b"x");
        first[9] = 1;
        assert_eq!(datagram, [first, record(22, 1, 3, b"y")].concat());
    }

    #[test]
    fn garbage_is_left_out() {
        let (fitted, _) = refit(&datagrams(&[b"garbage"]), 0, 256);
        assert!(fitted.is_empty());
        renumber(&mut [0; 20], 1);
    }
}
