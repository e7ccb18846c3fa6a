//! What an attacker who can only send may put into a handshake.
//!
//! Until the peer's Finished nothing proves where a record comes from, and OpenSSL gives up at the
//! first one that makes no sense. Records that no honest peer sends are taken out before it sees
//! them, handshake messages are put in order, and a plaintext alert is set aside: the engine believes
//! it only if the peer has nothing better to say.

use std::ops::RangeInclusive;

use super::alert::Alert;
use super::messages::{Messages, Peer};
use crate::ossl::session::{KeyExchange, RecordLengths};

/// A record's header: type, version, epoch, sequence number, length (RFC 6347, section 4.1).
const RECORD_HEADER: usize = 13;
/// Major and minor version of our plaintext records: DTLS 1.2.
const VERSION: [u8; 2] = [0xfe, 0xfd];

/// The epoch of a first handshake's protected records.
const PROTECTED: [u8; 2] = [0, 1];

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const LEVEL_FATAL: u8 = 2;

/// A datagram without its noise.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sifted {
    /// Handshake messages whose turn has come, as records. OpenSSL must get them all: they do not come
    /// again.
    pub messages: Vec<Vec<u8>>,
    /// What may follow them: a ChangeCipherSpec.
    pub cipher_change: Option<Vec<u8>>,
    /// Records of the epoch that it begins.
    pub protected: Vec<Vec<u8>>,
    /// The first plaintext fatal alert.
    pub alert: Option<Alert>,
    /// Whether anything but alerts may be an honest peer's.
    pub sign_of_life: bool,
    /// Whether the next message is there, or a part of one that is still wanted.
    pub is_answer: bool,
}

/// Takes the noise out of what one side receives during a handshake.
pub(super) struct Sieve {
    messages: Messages,
    /// Plaintext records that were let through. They are numbered anew: an attacker's high number
    /// would make OpenSSL take all honest records for old ones.
    passed: u32,
}

impl Sieve {
    /// `pre_shared_suites`: those in which a key takes the place of certificates, by their numbers.
    pub(super) fn new(peer: Peer, pre_shared_suites: Vec<(u16, KeyExchange)>) -> Self {
        Sieve {
            messages: Messages::new(peer, pre_shared_suites),
            passed: 0,
        }
    }

    /// Tells that a client's next message must be that of a suite with a key.
    pub(super) fn expect_key(&mut self, exchange: KeyExchange) {
        self.messages.expect_key(exchange);
    }

    /// Tells that the server is offered to resume the session of this identifier.
    pub(super) fn expect_resumption(&mut self, identifier: &[u8]) {
        self.messages.expect_resumption(identifier);
    }

    /// Takes apart a datagram, whose records may be so long.
    pub(super) fn sift(&mut self, datagram: &[u8], lengths: &RecordLengths) -> Sifted {
        let mut sifted = Sifted::default();
        let mut cipher_changes = false;
        let mut rest = datagram;
        while let Some((record, tail)) = split_record(rest) {
            rest = tail;
            sifted.sign_of_life |= match (record.kind, record.payload) {
                _ if record.version[0] != VERSION[0] => false,
                _ if record.epoch != [0, 0] && !record.is_whole(&lengths.protected) => false,
                // OpenSSL drops it unless it is authentic.
                _ if record.epoch == PROTECTED => {
                    sifted.protected.push(record.whole.to_vec());
                    true
                }
                _ if record.epoch != [0, 0] => false,
                // One says all that there is to say.
                (CHANGE_CIPHER_SPEC, [1]) => {
                    cipher_changes = true;
                    true
                }
                (ALERT, &[LEVEL_FATAL, description]) => {
                    sifted.alert.get_or_insert(Alert(description));
                    false
                }
                (HANDSHAKE, fragments) => self.messages.take(fragments),
                _ => false,
            };
        }
        for message in self.messages.release(lengths.plaintext) {
            sifted.messages.push(self.record(HANDSHAKE, &message));
        }
        sifted.is_answer = !sifted.messages.is_empty() || self.messages.has_parts();
        if cipher_changes {
            sifted.cipher_change = Some(self.record(CHANGE_CIPHER_SPEC, &[1]));
        }
        sifted
    }

    /// A plaintext record with our own sequence number.
    fn record(&mut self, kind: u8, payload: &[u8]) -> Vec<u8> {
        let [n0, n1, n2, n3] = self.passed.to_be_bytes();
        self.passed = self.passed.wrapping_add(1);
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let [l0, l1] = length.to_be_bytes();
        let [v0, v1] = VERSION;
        let header: [u8; RECORD_HEADER] = [kind, v0, v1, 0, 0, 0, 0, n0, n1, n2, n3, l0, l1];
        [&header, payload].concat()
    }
}

struct Record<'a> {
    whole: &'a [u8],
    kind: u8,
    version: [u8; 2],
    epoch: [u8; 2],
    length: usize,
    payload: &'a [u8],
}

impl Record<'_> {
    /// Whether OpenSSL takes it as a whole, be it authentic or not. One of another version, or a longer one,
    /// it drops by its header alone, and goes on in the middle of it. At one that is shorter than its
    /// protection alone, OpenSSL 3.0.19 ends the association.
    fn is_whole(&self, lengths: &RangeInclusive<usize>) -> bool {
        let is_stunted = self.epoch != [0, 0] && self.length < *lengths.start();
        self.version == VERSION && self.length <= *lengths.end() && !is_stunted
    }
}

/// Whether OpenSSL takes each record of a datagram as a whole. An incomplete one at the end it drops.
pub(super) fn is_sound(datagram: &[u8], lengths: &RangeInclusive<usize>) -> bool {
    let mut rest = datagram;
    while let Some(record) = Record::at(rest) {
        if !record.is_whole(lengths) {
            return false;
        }
        rest = rest
            .get(RECORD_HEADER + record.length..)
            .unwrap_or_default();
    }
    true
}

impl<'a> Record<'a> {
    fn at(bytes: &'a [u8]) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<RECORD_HEADER>()?;
        let &[
            kind,
            major,
            minor,
            epoch0,
            epoch1,
            _,
            _,
            _,
            _,
            _,
            _,
            length0,
            length1,
        ] = header;
        let length = usize::from(u16::from_be_bytes([length0, length1]));
        let whole = bytes.get(..RECORD_HEADER + length).unwrap_or_default();
        Some(Record {
            whole,
            kind,
            version: [major, minor],
            epoch: [epoch0, epoch1],
            length,
            payload: whole.get(RECORD_HEADER..).unwrap_or_default(),
        })
    }
}

/// The first record and what follows it; none if it is not complete.
fn split_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let record = Record::at(bytes)?;
    let tail = bytes.get(RECORD_HEADER + record.length..)?;
    Some((record, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0];
        record.extend_from_slice(&length);
        record.extend_from_slice(payload);
        record
    }

    /// A ClientHello as it passes for one here.
    fn hello() -> Vec<u8> {
        let mut hello = vec![1, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 50];
        hello.extend([7; 50]);
        hello
    }

    const SHORTEST: usize = 24;
    const LENGTHS: RecordLengths = RecordLengths {
        protected: SHORTEST..=16_704,
        plaintext: 16_384,
    };

    fn sift(datagram: &[u8]) -> Sifted {
        Sieve::new(Peer::Client { is_asked: false }, Vec::new()).sift(datagram, &LENGTHS)
    }

    #[test]
    fn honest_records_pass() {
        let message = record(HANDSHAKE, 0, &hello());
        let protected = record(HANDSHAKE, 1, b"anything, it is encrypted");
        let sifted = sift(&[protected.clone(), message.clone()].concat());
        assert_eq!(sifted.messages, [message]);
        assert_eq!(sifted.protected, [protected]);
        assert_eq!(sifted.alert, None);
        assert!(sifted.sign_of_life);
    }

    #[test]
    fn protected_record_that_has_no_room_for_its_protection_is_noise() {
        let stunted = record(HANDSHAKE, 1, &[0; SHORTEST - 1]);
        let whole = record(HANDSHAKE, 1, &[0; SHORTEST]);
        assert_eq!(sift(&stunted), Sifted::default());
        let both = [stunted, whole.clone()].concat();
        assert_eq!(sift(&both).protected, std::slice::from_ref(&whole));
        assert!(is_sound(&whole, &LENGTHS.protected));
        assert!(is_sound(&record(HANDSHAKE, 0, &[]), &LENGTHS.protected));
        assert!(!is_sound(&both, &LENGTHS.protected));
    }

    #[test]
    fn plaintext_records_are_numbered_in_the_order_of_their_arrival() {
        let mut sieve = Sieve::new(Peer::Client { is_asked: false }, Vec::new());
        for number in 0..3 {
            let mut forged = record(CHANGE_CIPHER_SPEC, 0, &[1]);
            forged[5..11].fill(0xff);
            let sifted = sieve.sift(&forged, &LENGTHS);
            let passed = sifted.cipher_change.unwrap();
            assert_eq!(passed[5..11], [0, 0, 0, 0, 0, number]);
        }
    }

    #[test]
    fn one_change_of_ciphers_in_a_datagram_is_enough() {
        let datagram = record(CHANGE_CIPHER_SPEC, 0, &[1]).repeat(100);
        let once = record(CHANGE_CIPHER_SPEC, 0, &[1]);
        assert_eq!(sift(&datagram).cipher_change, Some(once));
    }

    #[test]
    fn a_plaintext_fatal_alert_is_set_aside() {
        let alert = record(ALERT, 0, &[LEVEL_FATAL, 40]);
        let sifted = sift(&alert);
        assert_eq!(sifted.alert, Some(Alert(40)));
        assert!(!sifted.sign_of_life);
        let message = record(HANDSHAKE, 0, &hello());
        let sifted = sift(&[alert, message.clone()].concat());
        assert_eq!(sifted.messages, [message]);
        assert_eq!(sifted.alert, Some(Alert(40)));
        assert!(sifted.sign_of_life);
    }

    #[test]
    fn a_part_of_a_message_is_an_answer_and_a_repetition_is_none() {
        let mut sieve = Sieve::new(Peer::Client { is_asked: false }, Vec::new());
        let mut fragment = |length: u8, offset: u8| {
            let mut fragment = hello();
            (fragment[8], fragment[11]) = (offset, length);
            fragment.truncate(12 + usize::from(length));
            sieve.sift(&record(HANDSHAKE, 0, &fragment), &LENGTHS)
        };
        let part = fragment(20, 30);
        assert!(part.is_answer && part.messages.is_empty());
        let whole = fragment(50, 0);
        assert!(whole.is_answer && !whole.messages.is_empty());
        let repetition = fragment(50, 0);
        assert!(!repetition.is_answer && repetition.sign_of_life);
    }

    #[test]
    fn noise_is_taken_out() {
        for noise in [
            record(ALERT, 0, &[1, 0]),
            record(ALERT, 0, &[LEVEL_FATAL]),
            record(23, 0, b"plaintext data"),
            record(99, 0, b"no such type"),
            record(CHANGE_CIPHER_SPEC, 0, &[2]),
            record(HANDSHAKE, 0, b"short"),
            record(HANDSHAKE, 2, &[0; SHORTEST]),
            record(HANDSHAKE, 0, &hello())[..20].to_vec(),
            b"HTTP/1.1 400 Bad Request".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(sift(&noise), Sifted::default(), "{noise:?}");
        }
    }
}
