//! What an attacker who can only send may put into a handshake.
//!
//! Until the peer's Finished nothing proves where a record comes from, and OpenSSL gives up at the
//! first one that makes no sense. Records that no honest peer sends are taken out before it sees
//! them, and a plaintext alert is set aside: the engine believes it only if the peer has nothing
//! better to say until the retransmission timer runs out.

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
pub(super) struct Sifted<'a> {
    /// The records that OpenSSL may see.
    pub records: Vec<&'a [u8]>,
    /// The last plaintext fatal alert.
    pub alert: Option<Alert>,
}

/// Takes apart a datagram that arrives during a handshake.
pub(super) fn sift(datagram: &[u8]) -> Sifted<'_> {
    let mut sifted = Sifted::default();
    let mut rest = datagram;
    while let Some((record, tail)) = split_record(rest) {
        match judge(&record) {
            Worth::Keep => sifted.records.push(record.whole),
            Worth::Believe(alert) => sifted.alert = Some(alert),
            Worth::Nothing => {}
        }
        rest = tail;
    }
    sifted
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
    Believe(Alert),
    Nothing,
}

fn judge(record: &Record<'_>) -> Worth {
    if record.major != 0xfe {
        return Worth::Nothing;
    }
    if record.epoch != [0, 0] {
        // Protected: OpenSSL drops it unless it is authentic.
        return Worth::Keep;
    }
    match (record.kind, record.payload) {
        (CHANGE_CIPHER_SPEC, [1]) => Worth::Keep,
        (ALERT, &[LEVEL_FATAL, description]) => Worth::Believe(Alert(description)),
        (HANDSHAKE, fragments) if are_fragments(fragments) => Worth::Keep,
        _ => Worth::Nothing,
    }
}

/// Whether `payload` is one or more whole fragments that lie inside their messages.
fn are_fragments(mut payload: &[u8]) -> bool {
    loop {
        let Some((header, rest)) = payload.split_first_chunk::<FRAGMENT_HEADER>() else {
            return false;
        };
        let &[_, l0, l1, l2, _, _, o0, o1, o2, f0, f1, f2] = header;
        let length = u32::from_be_bytes([0, l0, l1, l2]);
        let offset = u32::from_be_bytes([0, o0, o1, o2]);
        let fragment = u32::from_be_bytes([0, f0, f1, f2]);
        let Some((_, tail)) = usize::try_from(fragment)
            .ok()
            .and_then(|n| rest.split_at_checked(n))
        else {
            return false;
        };
        if offset + fragment > length {
            return false;
        }
        if tail.is_empty() {
            return true;
        }
        payload = tail;
    }
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

    fn fragment(length: u8, offset: u8, body: &[u8]) -> Vec<u8> {
        let size = u8::try_from(body.len()).unwrap();
        let mut fragment = vec![1, 0, 0, length, 0, 0, 0, 0, offset, 0, 0, size];
        fragment.extend_from_slice(body);
        fragment
    }

    #[test]
    fn honest_records_pass_unchanged() {
        let records = [
            record(HANDSHAKE, 0, &fragment(4, 0, b"body")),
            record(CHANGE_CIPHER_SPEC, 0, &[1]),
            record(HANDSHAKE, 1, b"anything, it is encrypted"),
        ];
        let datagram = records.concat();
        let sifted = sift(&datagram);
        assert_eq!(sifted.records, records);
        assert_eq!(sifted.alert, None);
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
        for noise in [
            record(ALERT, 0, &[1, 0]),
            record(ALERT, 0, &[LEVEL_FATAL]),
            record(23, 0, b"plaintext data"),
            record(99, 0, b"no such type"),
            record(CHANGE_CIPHER_SPEC, 0, &[2]),
            record(HANDSHAKE, 0, b"short"),
            record(HANDSHAKE, 0, &fragment(3, 0, b"body")),
            record(HANDSHAKE, 0, &fragment(4, 1, b"body")),
            record(HANDSHAKE, 0, &fragment(4, 0, b"body"))[..20].to_vec(),
            b"HTTP/1.1 400 Bad Request".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(sift(&noise), Sifted::default(), "{noise:?}");
        }
    }
}
