//! Which messages a peer sends, in protocol order (RFC 6347, section 4.2.4, figure 1).

use std::ops::RangeInclusive;

use super::{LONGEST, LONGEST_OTHER};
use Sender::{
    Client, ClientWithCertificate, ResumingServer, ResumingServerWithTicket, Server, ServerWithAny,
    ServerWithKey, ServerWithOffer, ServerWithTicket,
};

pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const HELLO_VERIFY_REQUEST: u8 = 3;
pub(super) const NEW_SESSION_TICKET: u8 = 4;
pub(super) const CERTIFICATE: u8 = 11;
pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(super) const CERTIFICATE_REQUEST: u8 = 13;
pub(super) const SERVER_HELLO_DONE: u8 = 14;
pub(super) const CERTIFICATE_VERIFY: u8 = 15;
pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;

/// A list of no certificates.
pub(super) const NO_CERTIFICATE: usize = 3;

// Version, random and the lengths of what may be empty.
pub(super) const SHORTEST_CLIENT_HELLO: usize = 2 + 32 + 1 + 1 + 4 + 2;
pub(super) const SHORTEST_SERVER_HELLO: usize = 2 + 32 + 1 + 2 + 1;

/// Whose messages they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A client that presents no certificate.
    Client,
    ClientWithCertificate,
    /// A server with a certificate.
    Server,
    /// It has promised a ticket for the end (RFC 5077, section 3.3).
    ServerWithTicket,
    /// It was offered a session, and has not said yet whether it resumes that.
    ServerWithOffer,
    /// It resumes the session: it leaves out its certificate and ends its flight early.
    ResumingServer,
    /// The same, and it has promised a new ticket.
    ResumingServerWithTicket,
    /// A key takes the place of its certificate (RFC 4279).
    ServerWithKey,
    /// It has not said yet whether it has a certificate or a key.
    ServerWithAny,
}

/// A message's place.
pub(super) struct Place {
    /// Of one flight all may arrive in any order; the next one answers ours.
    pub flight: u8,
    pub kind: u8,
    pub lengths: RangeInclusive<usize>,
    required: &'static [Sender],
    optional: &'static [Sender],
}

impl Place {
    const fn new(flight: u8, kind: u8, lengths: RangeInclusive<usize>) -> Self {
        Place {
            flight,
            kind,
            lengths,
            required: &[],
            optional: &[],
        }
    }

    const fn required(self, of: &'static [Sender]) -> Self {
        Place {
            required: of,
            ..self
        }
    }

    const fn optional(self, of: &'static [Sender]) -> Self {
        Place {
            optional: of,
            ..self
        }
    }

    /// Whether this peer must send such a message.
    pub(super) fn must_come_from(&self, sender: Sender) -> bool {
        self.required.contains(&sender)
    }

    /// Whether this peer may.
    pub(super) fn may_come_from(&self, sender: Sender) -> bool {
        self.must_come_from(sender) || self.optional.contains(&sender)
    }
}

const SERVERS: &[Sender] = &[
    Server,
    ServerWithTicket,
    ServerWithOffer,
    ResumingServer,
    ResumingServerWithTicket,
    ServerWithKey,
    ServerWithAny,
];
/// Those whose certificate is certain.
const CERTIFIED: &[Sender] = &[Server, ServerWithTicket];
const UNDECIDED: &[Sender] = &[ServerWithOffer, ServerWithAny];
const CLIENTS: &[Sender] = &[Client, ClientWithCertificate];

pub(super) const FROM_SERVER: &[Place] = &[
    Place::new(2, HELLO_VERIFY_REQUEST, 3..=3 + 255).optional(SERVERS),
    Place::new(4, SERVER_HELLO, SHORTEST_SERVER_HELLO..=LONGEST_OTHER).required(SERVERS),
    Place::new(4, CERTIFICATE, NO_CERTIFICATE..=LONGEST)
        .required(CERTIFIED)
        .optional(UNDECIDED),
    Place::new(4, SERVER_KEY_EXCHANGE, 2..=LONGEST_OTHER).optional(&[
        Server,
        ServerWithTicket,
        ServerWithOffer,
        ServerWithKey,
        ServerWithAny,
    ]),
    Place::new(4, CERTIFICATE_REQUEST, 3..=LONGEST).optional(&[
        Server,
        ServerWithTicket,
        ServerWithOffer,
        ServerWithAny,
    ]),
    Place::new(4, SERVER_HELLO_DONE, 0..=0)
        .required(&[Server, ServerWithTicket, ServerWithKey, ServerWithAny])
        .optional(&[ServerWithOffer]),
    // In one flight with a ServerHello that resumes.
    Place::new(4, NEW_SESSION_TICKET, 6..=LONGEST_OTHER)
        .required(&[ResumingServerWithTicket])
        .optional(&[ServerWithOffer]),
    Place::new(6, NEW_SESSION_TICKET, 6..=LONGEST_OTHER).required(&[ServerWithTicket]),
];

pub(super) const FROM_CLIENT: &[Place] = &[
    Place::new(1, CLIENT_HELLO, SHORTEST_CLIENT_HELLO..=LONGEST_OTHER).required(CLIENTS),
    Place::new(5, CERTIFICATE, NO_CERTIFICATE..=LONGEST).required(&[ClientWithCertificate]),
    Place::new(5, CLIENT_KEY_EXCHANGE, 1..=LONGEST_OTHER).required(CLIENTS),
    Place::new(5, CERTIFICATE_VERIFY, 4..=LONGEST_OTHER).optional(&[ClientWithCertificate]),
];
