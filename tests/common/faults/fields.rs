//! Where the fields of headers are in a datagram, and what may be garbled.

/// A field of a record's header (RFC 6347, section 4.1) or of a plaintext handshake message's (section
/// 4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    RecordType,
    Version,
    Epoch,
    SequenceNumber,
    RecordLength,
    MessageType,
    MessageLength,
    MessageSequence,
    FragmentOffset,
    FragmentLength,
}

const OF_RECORDS: [(Field, usize); 5] = [
    (Field::RecordType, 1),
    (Field::Version, 2),
    (Field::Epoch, 2),
    (Field::SequenceNumber, 6),
    (Field::RecordLength, 2),
];
const OF_MESSAGES: [(Field, usize); 5] = [
    (Field::MessageType, 1),
    (Field::MessageLength, 3),
    (Field::MessageSequence, 2),
    (Field::FragmentOffset, 3),
    (Field::FragmentLength, 3),
];

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;

const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;

const RECORD_TYPES: [u8; 5] = [20, 21, HANDSHAKE, 23, 24];
const MESSAGE_TYPES: [u8; 12] = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20];

/// A byte of a datagram, and what is flipped in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// None in what a record carries.
    field: Option<Field>,
    /// Where the field's header begins, or the record's.
    header: usize,
    offset: usize,
    mask: u8,
}

impl Place {
    pub fn garble(self, mut datagram: Vec<u8>) -> Vec<u8> {
        if let Some(byte) = datagram.get_mut(self.offset) {
            *byte ^= self.mask;
        }
        datagram
    }

    /// Whether this leaves a plaintext message that its sender might send now, so that nobody can tell
    /// it from a genuine one.
    pub fn deceives(self, datagram: &[u8]) -> bool {
        let Some(field) = self.field else {
            let header = &datagram[self.header..];
            return header[0] == HANDSHAKE && header[3..5] == [0, 0];
        };
        if !matches!(field, Field::MessageType | Field::MessageSequence) {
            return false;
        }
        let message = |datagram: &[u8]| {
            let header = &datagram[self.header..];
            (header[0], u16::from_be_bytes([header[4], header[5]]))
        };
        let (genuine, number) = message(datagram);
        let (forged, forged_number) = message(&self.garble(datagram.to_vec()));
        match (genuine, forged) {
            (SERVER_HELLO, HELLO_VERIFY_REQUEST) | (SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST) => {
                true
            }
            // What it comes too early for might be left out.
            (CERTIFICATE_REQUEST, CERTIFICATE_REQUEST) | (SERVER_HELLO_DONE, SERVER_HELLO_DONE) => {
                forged_number < number
            }
            _ => false,
        }
    }
}

/// The records of a datagram: their headers' places and their ends.
fn records(datagram: &[u8]) -> Vec<(usize, usize)> {
    let mut records = Vec::new();
    let mut start = 0;
    while let Some(&[l0, l1]) = datagram.get(start + 11..start + RECORD_HEADER) {
        let end = start + RECORD_HEADER + usize::from(u16::from_be_bytes([l0, l1]));
        records.push((start, end));
        start = end;
    }
    records
}

/// Every byte of every header, with some of its bits flipped; a type becomes each other type.
pub fn headers(datagram: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    for (start, end) in records(datagram) {
        add(&mut places, datagram, start, &OF_RECORDS);
        let is_plaintext = datagram[start + 3..start + 5] == [0, 0];
        let mut message = start + RECORD_HEADER;
        while datagram[start] == HANDSHAKE && is_plaintext && message < end {
            add(&mut places, datagram, message, &OF_MESSAGES);
            let length = u16::from_be_bytes([datagram[message + 10], datagram[message + 11]]);
            message += MESSAGE_HEADER + usize::from(length);
        }
    }
    places
}

/// Every `step`th byte of what records carry.
pub fn contents(datagram: &[u8], step: usize) -> Vec<Place> {
    let records = records(datagram).into_iter();
    let place = |(start, offset)| Place {
        field: None,
        header: start,
        offset,
        mask: 0x01,
    };
    records
        .flat_map(|(start, end)| {
            let offsets = (start + RECORD_HEADER..end).step_by(step);
            offsets.map(move |offset| (start, offset))
        })
        .map(place)
        .collect()
}

fn add(places: &mut Vec<Place>, datagram: &[u8], header: usize, fields: &[(Field, usize)]) {
    let mut offset = header;
    for (field, bytes) in fields {
        for _ in 0..*bytes {
            let types: &[u8] = match field {
                Field::RecordType => &RECORD_TYPES,
                Field::MessageType => &MESSAGE_TYPES,
                _ => &[],
            };
            let mut masks = vec![0x01, 0x03, 0x80, 0xff];
            masks.extend(types.iter().map(|kind| kind ^ datagram[offset]));
            masks.sort_unstable();
            masks.dedup();
            masks.retain(|mask| *mask != 0);
            places.extend(masks.iter().map(|mask| Place {
                field: Some(*field),
                header,
                offset,
                mask: *mask,
            }));
            offset += 1;
        }
    }
}
