//! What an attacker who can only send may put into a handshake.
//!
//! Until the peer's Finished nothing proves where a record comes from, and OpenSSL gives up at the
//! first one that makes no sense. Records that no honest peer sends are taken out before it sees
//! them, and a plaintext alert is set aside: the engine believes it only if the peer has nothing
//! better to say until the retransmission timer runs out.

use super::Role;
use super::alert::Alert;

/// A record's header: type, version, epoch, sequence number, length (RFC 6347, section 4.1).
const RECORD_HEADER: usize = 13;
/// A fragment's header: type, length, message_seq, fragment_offset, fragment_length (RFC 6347,
/// section 4.2.2).
const FRAGMENT_HEADER: usize = 12;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const LEVEL_FATAL: u8 = 2;

/// A datagram without its noise.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sifted {
    /// The records that OpenSSL may see, one by one.
    pub records: Vec<Vec<u8>>,
    /// The last plaintext fatal alert.
    pub alert: Option<Alert>,
}

/// Takes the noise out of what one side receives during a handshake.
pub(super) struct Sieve {
    /// The side that receives.
    role: Role,
    /// Plaintext records that were let through. They are numbered anew: an attacker's high number
    /// would make OpenSSL take all honest records for old ones.
    passed: u32,
}

impl Sieve {
    pub(super) fn new(role: Role) -> Self {
        Sieve { role, passed: 0 }
    }

    /// Takes apart a datagram.
    pub(super) fn sift(&mut self, datagram: &[u8]) -> Sifted {
        let mut sifted = Sifted::default();
        let mut cipher_was_changed = false;
        let mut rest = datagram;
        while let Some((record, tail)) = split_record(rest) {
            match self.judge(&record) {
                // One says all that there is to say.
                Worth::Renumber if record.kind == CHANGE_CIPHER_SPEC && cipher_was_changed => {}
                Worth::Renumber => {
                    cipher_was_changed |= record.kind == CHANGE_CIPHER_SPEC;
                    sifted.records.push(self.renumber(&record));
                }
                Worth::Keep => sifted.records.push(record.whole.to_vec()),
                Worth::Believe(alert) => sifted.alert = Some(alert),
                Worth::Nothing => {}
            }
            rest = tail;
        }
        sifted
    }

    fn judge(&self, record: &Record<'_>) -> Worth {
        if record.major != 0xfe {
            return Worth::Nothing;
        }
        if record.epoch != [0, 0] {
            // Protected: OpenSSL drops it unless it is authentic.
            return Worth::Keep;
        }
        match (record.kind, record.payload) {
            (CHANGE_CIPHER_SPEC, [1]) => Worth::Renumber,
            (ALERT, &[LEVEL_FATAL, description]) => Worth::Believe(Alert(description)),
            (HANDSHAKE, fragments) if are_fragments(fragments, self.role) => Worth::Renumber,
            _ => Worth::Nothing,
        }
    }

    /// The same record with our own sequence number.
    fn renumber(&mut self, record: &Record<'_>) -> Vec<u8> {
        let [n0, n1, n2, n3] = self.passed.to_be_bytes();
        self.passed = self.passed.wrapping_add(1);
        let mut renumbered = record.whole.to_vec();
        if let Some(number) = renumbered.get_mut(5..11) {
            number.copy_from_slice(&[0, 0, n0, n1, n2, n3]);
        }
        renumbered
    }
}

struct Record<'a> {
    whole: &'a [u8],
    kind: u8,
    major: u8,
    epoch: [u8; 2],
    payload: &'a [u8],
}

/// The first record and what follows it; none if it is not complete.
fn split_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (header, _) = bytes.split_first_chunk::<RECORD_HEADER>()?;
    let &[
        kind,
        major,
        _,
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
    let (whole, tail) = bytes.split_at_checked(RECORD_HEADER + length)?;
    let payload = whole.get(RECORD_HEADER..)?;
    let epoch = [epoch0, epoch1];
    Some((
        Record {
            whole,
            kind,
            major,
            epoch,
            payload,
        },
        tail,
    ))
}

enum Worth {
    Keep,
    Renumber,
    Believe(Alert),
    Nothing,
}

/// Whether `payload` is one or more whole fragments that lie inside messages which this side may get.
fn are_fragments(mut payload: &[u8], receiver: Role) -> bool {
    loop {
        let Some((header, rest)) = payload.split_first_chunk::<FRAGMENT_HEADER>() else {
            return false;
        };
        let &[kind, l0, l1, l2, _, _, o0, o1, o2, f0, f1, f2] = header;
        let length = u32::from_be_bytes([0, l0, l1, l2]);
        let offset = u32::from_be_bytes([0, o0, o1, o2]);
        let fragment = u32::from_be_bytes([0, f0, f1, f2]);
        let Some((_, tail)) = usize::try_from(fragment)
            .ok()
            .and_then(|n| rest.split_at_checked(n))
        else {
            return false;
        };
        if offset + fragment > length || !may_get(receiver, kind, length) {
            return false;
        }
        if tail.is_empty() {
            return true;
        }
        payload = tail;
    }
}

/// Whether a plaintext message of this type (RFC 5246, section 7.4) and length makes sense for the
/// receiver. What is longer than OpenSSL takes would end the handshake.
fn may_get(receiver: Role, kind: u8, length: u32) -> bool {
    const LONGEST: u32 = 100 * 1024;
    // Version, random and the lengths of what may be empty.
    const SHORTEST_CLIENT_HELLO: u32 = 2 + 32 + 1 + 1 + 4 + 2;
    const SHORTEST_SERVER_HELLO: u32 = 2 + 32 + 1 + 2 + 1;
    let lengths = match (receiver, kind) {
        (Role::Server, 1) => SHORTEST_CLIENT_HELLO..=LONGEST, // client_hello
        (Role::Server, 11) => 3..=LONGEST,                    // certificate
        (Role::Server, 15) => 4..=LONGEST,                    // certificate_verify
        (Role::Server, 16) => 1..=LONGEST,                    // client_key_exchange
        (Role::Client, 2) => SHORTEST_SERVER_HELLO..=LONGEST, // server_hello
        (Role::Client, 3) => 3..=3 + 255,                     // hello_verify_request
        (Role::Client, 4) => 6..=LONGEST,                     // new_session_ticket
        (Role::Client, 11 | 12 | 13 | 22) => 3..=LONGEST,     // certificate and what goes with it
        (Role::Client, 14) => 0..=0,                          // server_hello_done
        _ => return false,
    };
    lengths.contains(&length)
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

    /// Of a client_key_exchange.
    fn fragment(length: u8, offset: u8, body: &[u8]) -> Vec<u8> {
        let size = u8::try_from(body.len()).unwrap();
        let mut fragment = vec![16, 0, 0, length, 0, 0, 0, 0, offset, 0, 0, size];
        fragment.extend_from_slice(body);
        fragment
    }

    fn sift(datagram: &[u8]) -> Sifted {
        Sieve::new(Role::Server).sift(datagram)
    }

    #[test]
    fn honest_records_pass() {
        let records = [
            record(HANDSHAKE, 0, &fragment(4, 0, b"body")),
            record(HANDSHAKE, 1, b"anything, it is encrypted"),
        ];
        let sifted = sift(&records.concat());
        assert_eq!(sifted.records, records);
        assert_eq!(sifted.alert, None);
    }

    #[test]
    fn plaintext_records_are_numbered_in_the_order_of_their_arrival() {
        let mut sieve = Sieve::new(Role::Server);
        for number in 0..3 {
            let mut forged = record(CHANGE_CIPHER_SPEC, 0, &[1]);
            forged[5..11].fill(0xff);
            let sifted = sieve.sift(&forged);
            assert_eq!(sifted.records[0][5..11], [0, 0, 0, 0, 0, number]);
        }
    }

    #[test]
    fn one_change_of_ciphers_in_a_datagram_is_enough() {
        let datagram = record(CHANGE_CIPHER_SPEC, 0, &[1]).repeat(100);
        assert_eq!(sift(&datagram).records.len(), 1);
    }

    #[test]
    fn a_plaintext_fatal_alert_is_set_aside() {
        let handshake = record(HANDSHAKE, 0, &fragment(4, 0, b"body"));
        let mut datagram = record(ALERT, 0, &[LEVEL_FATAL, 40]);
        datagram.extend(&handshake);
        let sifted = sift(&datagram);
        assert_eq!(sifted.records, [handshake]);
        assert_eq!(sifted.alert, Some(Alert(40)));
    }

    #[test]
    fn noise_is_taken_out() {
        let mut huge = fragment(0xff, 0, b"body");
        huge[1] = 0xff;
        let mut server_hello = fragment(60, 0, &[0; 60]);
        server_hello[0] = 2;
        let mut short_client_hello = fragment(4, 0, b"body");
        short_client_hello[0] = 1;
        for noise in [
            record(ALERT, 0, &[1, 0]),
            record(ALERT, 0, &[LEVEL_FATAL]),
            record(23, 0, b"plaintext data"),
            record(99, 0, b"no such type"),
            record(CHANGE_CIPHER_SPEC, 0, &[2]),
            record(HANDSHAKE, 0, b"short"),
            record(HANDSHAKE, 0, &fragment(3, 0, b"body")),
            record(HANDSHAKE, 0, &fragment(4, 1, b"body")),
            record(HANDSHAKE, 0, &huge),
            record(HANDSHAKE, 0, &server_hello),
            record(HANDSHAKE, 0, &short_client_hello),
            record(HANDSHAKE, 0, &fragment(4, 0, b"body"))[..20].to_vec(),
            b"HTTP/1.1 400 Bad Request".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(sift(&noise), Sifted::default(), "{noise:?}");
        }
    }
}
