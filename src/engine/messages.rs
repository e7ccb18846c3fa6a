//! The plaintext handshake messages of a peer, whole and in protocol order.
//!
//! OpenSSL ends a handshake at a message out of order and at fragments that contradict each other,
//! and keeps the first of what arrives early: one forged datagram is enough. So it gets nothing here
//! but the message that comes next, once that is complete.

use std::ops::Range;

use super::{Authentication, Config, Resumption, Role};

#[cfg(test)]
mod tests;

/// A message's header: type, length, message_seq, fragment_offset, fragment_length (RFC 6347,
/// section 4.2.2).
const HEADER: usize = 12;
/// What OpenSSL takes.
const LONGEST: usize = 100 * 1024;
/// What other messages than lists of certificates and of authorities may have. Room is made for all
/// that the first fragment promises, and anybody can promise.
const LONGEST_OTHER: usize = 1 << 14;
/// Messages that are held, complete or not. A flight has half as many.
const MOST_HELD: usize = 12;
/// Their bytes: a message of any length finds room, and a flight beside it.
const MOST_BYTES: usize = 2 * LONGEST;
/// Gaps in a message. Each fragment costs a look at all of them.
const MOST_HOLES: usize = 64;
/// Bytes of a message in one record to OpenSSL.
const PIECE: usize = 1 << 13;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const NEW_SESSION_TICKET: u8 = 4;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// A list of no certificates.
const NO_CERTIFICATE: usize = 3;

/// A message's place in protocol order (RFC 6347, section 4.2.4, figure 1).
struct Place {
    /// Of one flight all may arrive in any order; the next one answers ours.
    flight: u8,
    kind: u8,
    required: bool,
    shortest: usize,
    longest: usize,
}

const fn required(flight: u8, kind: u8, shortest: usize, longest: usize) -> Place {
    Place {
        flight,
        kind,
        required: true,
        shortest,
        longest,
    }
}

const fn optional(flight: u8, kind: u8, shortest: usize, longest: usize) -> Place {
    Place {
        required: false,
        ..required(flight, kind, shortest, longest)
    }
}

// Version, random and the lengths of what may be empty.
const SHORTEST_CLIENT_HELLO: usize = 2 + 32 + 1 + 1 + 4 + 2;
const SHORTEST_SERVER_HELLO: usize = 2 + 32 + 1 + 2 + 1;

const FROM_SERVER: &[Place] = &[
    optional(2, HELLO_VERIFY_REQUEST, 3, 3 + 255),
    required(4, SERVER_HELLO, SHORTEST_SERVER_HELLO, LONGEST_OTHER),
    required(4, CERTIFICATE, NO_CERTIFICATE, LONGEST),
    optional(4, SERVER_KEY_EXCHANGE, 3, LONGEST_OTHER),
    optional(4, CERTIFICATE_REQUEST, 3, LONGEST),
    required(4, SERVER_HELLO_DONE, 0, 0),
];
/// One that resumes a session leaves out its certificate and ends its flight early.
const FROM_SERVER_WITH_TICKETS: &[Place] = &[
    optional(2, HELLO_VERIFY_REQUEST, 3, 3 + 255),
    required(4, SERVER_HELLO, SHORTEST_SERVER_HELLO, LONGEST_OTHER),
    optional(4, CERTIFICATE, NO_CERTIFICATE, LONGEST),
    optional(4, SERVER_KEY_EXCHANGE, 3, LONGEST_OTHER),
    optional(4, CERTIFICATE_REQUEST, 3, LONGEST),
    optional(4, SERVER_HELLO_DONE, 0, 0),
    optional(4, NEW_SESSION_TICKET, 6, LONGEST_OTHER), // In one flight with a ServerHello that resumes.
];
const FROM_CLIENT: &[Place] = &[
    required(1, CLIENT_HELLO, SHORTEST_CLIENT_HELLO, LONGEST_OTHER),
    required(5, CLIENT_KEY_EXCHANGE, 1, LONGEST_OTHER),
];
const FROM_CLIENT_THAT_IS_ASKED: &[Place] = &[
    required(1, CLIENT_HELLO, SHORTEST_CLIENT_HELLO, LONGEST_OTHER),
    required(5, CERTIFICATE, NO_CERTIFICATE, LONGEST),
    required(5, CLIENT_KEY_EXCHANGE, 1, LONGEST_OTHER),
    optional(5, CERTIFICATE_VERIFY, 4, LONGEST_OTHER),
];

/// Whose messages they are.
#[derive(Clone, Copy)]
pub(super) enum Peer {
    /// A client, which presents a certificate if it is asked.
    Client { is_asked: bool },
    /// A server, which may give tickets, and resume a session, if it is allowed to (RFC 5077).
    Server { with_tickets: bool },
}

impl Peer {
    /// The other side of this one.
    pub(super) fn of(side: &Config) -> Self {
        match side.role {
            Role::Client => Peer::Server {
                with_tickets: !matches!(side.resumption, Resumption::Never),
            },
            Role::Server => Peer::Client {
                is_asked: side.authentication != Authentication::None,
            },
        }
    }
}

/// What a peer has said in plaintext.
pub(super) struct Messages {
    order: &'static [Place],
    /// The first place that the next message may have.
    floor: usize,
    /// The next message's message_seq.
    next: u16,
    /// The latest at the end.
    held: Vec<Held>,
}

impl Messages {
    pub(super) fn new(peer: Peer) -> Self {
        Messages {
            order: match peer {
                Peer::Client { is_asked: false } => FROM_CLIENT,
                Peer::Client { is_asked: true } => FROM_CLIENT_THAT_IS_ASKED,
                Peer::Server {
                    with_tickets: false,
                } => FROM_SERVER,
                Peer::Server { with_tickets: true } => FROM_SERVER_WITH_TICKETS,
            },
            floor: 0,
            next: 0,
            held: Vec::new(),
        }
    }

    /// Takes a record's fragments, all or none. False: no honest peer sends them now.
    pub(super) fn take(&mut self, payload: &[u8]) -> bool {
        let Some(fragments) = split(payload) else {
            return false;
        };
        if !fragments.iter().all(|fragment| self.may_come(fragment)) {
            return false;
        }
        for fragment in fragments {
            self.hold(&fragment);
        }
        true
    }

    /// The messages whose turn has come, as the payloads of records. Among those of one place, the
    /// latest is the likeliest: what was forged early gives way to what an honest peer says in time.
    pub(super) fn release(&mut self) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        while let Some(index) = self.held.iter().rposition(|held| self.is_due(held)) {
            let message = self.held.remove(index);
            payloads.extend(message.pieces());
            self.pass(&message);
        }
        payloads
    }

    fn may_come(&self, fragment: &Fragment<'_>) -> bool {
        match fragment.sequence.checked_sub(self.next) {
            Some(ahead) => self.fits(fragment.kind, fragment.length, usize::from(ahead)),
            // A repetition, which is of no use but a sign of life.
            None => self.order.iter().any(|place| place.kind == fragment.kind),
        }
    }

    /// Whether such a message may come after `ahead` others.
    fn fits(&self, kind: u8, length: usize, ahead: usize) -> bool {
        let mut places = self.order.iter().enumerate();
        let Some((at, place)) = places.find(|(_, place)| place.kind == kind) else {
            return false;
        };
        let Some(between) = self.order.get(self.floor..at) else {
            return false;
        };
        let missing = between.iter().filter(|it| it.required).count();
        let possible = between
            .iter()
            .filter(|it| it.flight == place.flight)
            .count();
        (place.shortest..=place.longest).contains(&length) && (missing..=possible).contains(&ahead)
    }

    fn is_due(&self, held: &Held) -> bool {
        held.sequence == self.next
            && held.holes.is_empty()
            && self.fits(held.kind, held.body.len(), 0)
    }

    fn hold(&mut self, fragment: &Fragment<'_>) {
        if fragment.sequence < self.next {
            return;
        }
        let known = self.held.iter().position(|held| held.is_of(fragment));
        let mut held = match known {
            Some(index) => self.held.remove(index),
            None => Held::new(fragment),
        };
        held.add(fragment);
        self.held.push(held);
        while self.held.len() > MOST_HELD || self.bytes() > MOST_BYTES {
            self.held.remove(0);
        }
    }

    fn bytes(&self) -> usize {
        self.held.iter().map(|held| held.body.len()).sum()
    }

    /// Goes on to the message after this one.
    fn pass(&mut self, message: &Held) {
        let place = self.order.iter().position(|it| it.kind == message.kind);
        self.floor = match (message.kind, place) {
            // Another may follow, if the cookie has expired (RFC 6347, section 4.2.1).
            (HELLO_VERIFY_REQUEST, _) | (_, None) => self.floor,
            (_, Some(place)) => place + 1,
        };
        // Who has no certificate does not sign with it.
        if let (CERTIFICATE, NO_CERTIFICATE, [rest @ .., last]) =
            (message.kind, message.body.len(), self.order)
            && last.kind == CERTIFICATE_VERIFY
        {
            self.order = rest;
        }
        self.next = self.next.saturating_add(1);
        self.held.retain(|held| held.sequence >= self.next);
    }
}

/// A message of which at least a part has arrived.
struct Held {
    kind: u8,
    sequence: u16,
    body: Vec<u8>,
    /// What has not arrived.
    holes: Vec<Range<usize>>,
}

impl Held {
    fn new(fragment: &Fragment<'_>) -> Self {
        Held {
            kind: fragment.kind,
            sequence: fragment.sequence,
            body: vec![0; fragment.length],
            holes: std::iter::once(0..fragment.length).collect(),
        }
    }

    /// Messages of different lengths are different ones: the forged one does not spoil the other.
    fn is_of(&self, fragment: &Fragment<'_>) -> bool {
        (self.kind, self.sequence, self.body.len())
            == (fragment.kind, fragment.sequence, fragment.length)
    }

    /// Adds a part. One that contradicts what is there begins the message anew: either may be forged,
    /// and an honest peer repeats all of it.
    fn add(&mut self, fragment: &Fragment<'_>) {
        self.fill(fragment);
        let range = fragment.offset..fragment.end();
        if self.body.get(range) != Some(fragment.bytes) {
            *self = Held::new(fragment);
            self.fill(fragment);
        }
        let before = |hole: &Range<usize>| hole.start..hole.end.min(fragment.offset);
        let behind = |hole: &Range<usize>| hole.start.max(fragment.end())..hole.end;
        let holes = self
            .holes
            .iter()
            .flat_map(|hole| [before(hole), behind(hole)]);
        let holes: Vec<_> = holes.filter(|hole| !hole.is_empty()).collect();
        // What would be one hole too many has to come again.
        if holes.len() <= MOST_HOLES {
            self.holes = holes;
        }
    }

    /// Writes a part where nothing has arrived yet.
    fn fill(&mut self, fragment: &Fragment<'_>) {
        for hole in &self.holes {
            let start = hole.start.max(fragment.offset);
            let end = hole.end.min(fragment.end());
            if let Some(to) = self.body.get_mut(start..end)
                && let Some(from) = fragment.bytes.get(start - fragment.offset..)
                && let Some(from) = from.get(..to.len())
            {
                to.copy_from_slice(from);
            }
        }
    }

    /// The message as fragments of a size that records have.
    fn pieces(&self) -> Vec<Vec<u8>> {
        let piece = |(index, bytes): (usize, &[u8])| {
            let [_, l0, l1, l2] = u24(self.body.len());
            let [_, o0, o1, o2] = u24(index * PIECE);
            let [_, f0, f1, f2] = u24(bytes.len());
            let [s0, s1] = self.sequence.to_be_bytes();
            let mut piece = vec![self.kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2];
            piece.extend_from_slice(bytes);
            piece
        };
        if self.body.is_empty() {
            return vec![piece((0, &[]))];
        }
        self.body.chunks(PIECE).enumerate().map(piece).collect()
    }
}

/// Three bytes are enough for the lengths of messages that are taken.
fn u24(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or_default().to_be_bytes()
}

/// A part of a message.
struct Fragment<'a> {
    kind: u8,
    length: usize,
    sequence: u16,
    offset: usize,
    bytes: &'a [u8],
}

impl Fragment<'_> {
    fn end(&self) -> usize {
        self.offset + self.bytes.len()
    }
}

/// A record's fragments. None unless each is whole, lies inside its message and carries some of it.
fn split(mut payload: &[u8]) -> Option<Vec<Fragment<'_>>> {
    let mut fragments = Vec::new();
    while !payload.is_empty() {
        let (header, rest) = payload.split_first_chunk::<HEADER>()?;
        let &[kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = header;
        let number = |bytes| usize::try_from(u32::from_be_bytes(bytes)).ok();
        let (length, offset) = (number([0, l0, l1, l2])?, number([0, o0, o1, o2])?);
        let (bytes, rest) = rest.split_at_checked(number([0, f0, f1, f2])?)?;
        if offset + bytes.len() > length || bytes.is_empty() && length > 0 {
            return None;
        }
        fragments.push(Fragment {
            kind,
            length,
            sequence: u16::from_be_bytes([s0, s1]),
            offset,
            bytes,
        });
        payload = rest;
    }
    (!fragments.is_empty()).then_some(fragments)
}
