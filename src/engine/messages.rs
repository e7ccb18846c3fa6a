//! The plaintext handshake messages of a peer, whole and in protocol order.
//!
//! OpenSSL ends a handshake at a message out of order and at fragments that contradict each other,
//! and keeps the first of what arrives early: one forged datagram is enough. So it gets nothing here
//! but the message that comes next, once that is complete.

use std::ops::Range;

use super::{Authentication, Config, Resumption, Role};
use crate::ossl::session::KeyExchange;

use hello::ServerHello;
use order::{
    CERTIFICATE, FROM_CLIENT, FROM_SERVER, HELLO_VERIFY_REQUEST, NO_CERTIFICATE, Place,
    SERVER_HELLO, Sender,
};

mod exchange;
mod hello;
mod order;
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
/// Bytes of a message in one record to OpenSSL at most.
const PIECE: usize = 1 << 13;

/// Whose messages they are.
#[derive(Clone, Copy)]
pub(super) enum Peer {
    /// A client, which presents a certificate if it is asked.
    Client { is_asked: bool },
    /// A server, which may give a ticket if it is asked for one (RFC 5077).
    Server { with_ticket: bool },
}

impl Peer {
    /// The other side of this one.
    pub(super) fn of(side: &Config) -> Self {
        match side.role {
            Role::Client => Peer::Server {
                with_ticket: !matches!(side.resumption, Resumption::Never)
                    && !side.pre_shared_keys.are_used(),
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
    sender: Sender,
    /// Whether a server was asked for a ticket.
    with_ticket: bool,
    /// The identifier of the session that a server was offered.
    offered: Vec<u8>,
    /// Those in which a key takes the place of certificates.
    pre_shared_suites: Vec<(u16, KeyExchange)>,
    /// How one is used, once that is agreed upon.
    exchange: Option<KeyExchange>,
    /// The first place that the next message may have.
    floor: usize,
    /// The next message's message_seq.
    next: u16,
    /// The latest at the end.
    held: Vec<Held>,
}

impl Messages {
    pub(super) fn new(peer: Peer, pre_shared_suites: Vec<(u16, KeyExchange)>) -> Self {
        let (order, sender) = match peer {
            Peer::Client { is_asked: false } => (FROM_CLIENT, Sender::Client),
            Peer::Client { is_asked: true } => (FROM_CLIENT, Sender::ClientWithCertificate),
            Peer::Server { .. } if pre_shared_suites.is_empty() => (FROM_SERVER, Sender::Server),
            Peer::Server { .. } => (FROM_SERVER, Sender::ServerWithAny),
        };
        Messages {
            order,
            sender,
            with_ticket: matches!(peer, Peer::Server { with_ticket: true }),
            offered: Vec::new(),
            pre_shared_suites,
            exchange: None,
            floor: 0,
            next: 0,
            held: Vec::new(),
        }
    }

    /// A suite with a key is agreed upon with the client, which then presents no certificate.
    pub(super) fn expect_key(&mut self, exchange: KeyExchange) {
        self.sender = Sender::Client;
        self.exchange = Some(exchange);
    }

    /// The server is offered to resume the session of this identifier.
    pub(super) fn expect_resumption(&mut self, identifier: &[u8]) {
        if !identifier.is_empty() {
            self.sender = Sender::ServerWithOffer;
            self.offered = identifier.to_vec();
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

    /// The messages whose turn has come, as the payloads of records of at most `longest` bytes. Among those of one place, the
    /// latest is the likeliest: what was forged early gives way to what an honest peer says in time.
    pub(super) fn release(&mut self, longest: usize) -> Vec<Vec<u8>> {
        let size = PIECE.min(longest.saturating_sub(HEADER)).max(1);
        let mut payloads = Vec::new();
        while let Some(index) = self.held.iter().rposition(|held| self.is_due(held)) {
            let message = self.held.remove(index);
            payloads.extend(message.pieces(size));
            self.pass(&message);
        }
        payloads
    }

    /// Whether something waits for what is missing.
    pub(super) fn has_parts(&self) -> bool {
        !self.held.is_empty()
    }

    fn may_come(&self, fragment: &Fragment<'_>) -> bool {
        match fragment.sequence.checked_sub(self.next) {
            Some(ahead) => self.fits(fragment.kind, fragment.length, usize::from(ahead)),
            // A repetition, which is of no use but a sign of life.
            None => self.place_of(fragment.kind).is_some(),
        }
    }

    /// Where such a message of the peer stands in protocol order.
    fn place_of(&self, kind: u8) -> Option<(usize, &'static Place)> {
        let mut places = self.order.iter().enumerate();
        places.find(|(_, place)| place.kind == kind && place.may_come_from(self.sender))
    }

    /// Whether such a message may come after `ahead` others.
    fn fits(&self, kind: u8, length: usize, ahead: usize) -> bool {
        let Some((at, place)) = self.place_of(kind) else {
            return false;
        };
        let Some(between) = self.order.get(self.floor..at) else {
            return false;
        };
        let missing = between.iter().filter(|it| it.must_come_from(self.sender));
        let possible = between
            .iter()
            .filter(|it| it.flight == place.flight && it.may_come_from(self.sender));
        place.lengths.contains(&length) && (missing.count()..=possible.count()).contains(&ahead)
    }

    fn is_due(&self, held: &Held) -> bool {
        held.sequence == self.next
            && held.holes.is_empty()
            && self.fits(held.kind, held.body.len(), 0)
            && self
                .exchange
                .is_none_or(|it| exchange::is_sound(it, held.kind, &held.body))
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
        let place = self.place_of(message.kind);
        self.floor = match (message.kind, place) {
            // Another may follow, if the cookie has expired (RFC 6347, section 4.2.1).
            (HELLO_VERIFY_REQUEST, _) | (_, None) => self.floor,
            (_, Some((at, _))) => at + 1,
        };
        match (message.kind, message.body.len()) {
            // Who has no certificate does not sign with it.
            (CERTIFICATE, NO_CERTIFICATE) if self.sender == Sender::ClientWithCertificate => {
                self.sender = Sender::Client;
            }
            (SERVER_HELLO, _) => self.decide(&message.body),
            _ => {}
        }
        self.next = self.next.saturating_add(1);
        self.held.retain(|held| held.sequence >= self.next);
    }

    /// From its hello on it is certain what a server may say.
    fn decide(&mut self, server_hello: &[u8]) {
        let hello = ServerHello::parse(server_hello).unwrap_or_default();
        let resumes = !self.offered.is_empty() && hello.session == self.offered;
        let promises = self.with_ticket && hello.has_ticket;
        if self.sender == Sender::ServerWithAny {
            let mut suites = self.pre_shared_suites.iter();
            self.exchange =
                suites.find_map(|(suite, exchange)| (*suite == hello.suite).then_some(*exchange));
        }
        self.sender = match (self.exchange, resumes, promises) {
            (Some(_), _, _) => Sender::ServerWithKey,
            (None, false, false) => Sender::Server,
            (None, false, true) => Sender::ServerWithTicket,
            (None, true, false) => Sender::ResumingServer,
            (None, true, true) => Sender::ResumingServerWithTicket,
        };
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

    /// The message as fragments of this size.
    fn pieces(&self, size: usize) -> Vec<Vec<u8>> {
        let piece = |(index, bytes): (usize, &[u8])| {
            let [_, l0, l1, l2] = u24(self.body.len());
            let [_, o0, o1, o2] = u24(index * size);
            let [_, f0, f1, f2] = u24(bytes.len());
            let [s0, s1] = self.sequence.to_be_bytes();
            let header: [u8; HEADER] = [self.kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2];
            [&header, bytes].concat()
        };
        if self.body.is_empty() {
            return vec![piece((0, &[]))];
        }
        self.body.chunks(size).enumerate().map(piece).collect()
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
