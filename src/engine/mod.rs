//! One side of one DTLS association: no sockets, no GLib, no threads, no callbacks.
//!
//! The caller feeds datagrams, asks [`Engine::handshake`] what must happen next, sends whatever
//! [`Engine::take_outgoing`] hands out, and calls [`Engine::on_deadline`] when the time that
//! [`Engine::timeout`] names has passed.
//!
//! ```text
//! client                                server
//! ClientHello              -------->
//!                          <--------    ServerHello ... ServerHelloDone
//! NeedVerdict, NeedCertificate, NeedKey
//! [Certificate] ClientKeyExchange [CertificateVerify]
//! ChangeCipherSpec Finished -------->
//!                          <--------    ChangeCipherSpec Finished
//! Established                           Established
//! ```

#![forbid(unsafe_code)]

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use crate::error::Error;
use crate::ossl::queue::Failure;
pub use crate::ossl::session::{
    Authentication, Bound, Config, Key, LONGEST_HINT, MAX_PLAINTEXT, Negotiated, PreSharedKey,
    PreSharedKeys, Protocol, Resumption, SavedSession, SrtpProfile, Unusable,
};
use crate::ossl::session::{Progress, RecordLengths, Session};
use crate::ossl::{self, queue};
pub use crate::ossl::{Datagrams, Dropped, MAX_INCOMING as MOST_WAITING, Refusal, Role};

use alert::{Alert, Suspicion};
use early::Early;
use messages::Peer;
use noise::{Sieve, Sifted};

mod alert;
mod binding;
mod data;
mod early;
mod export;
mod keylog;
mod memory;
mod messages;
mod noise;
mod path;
mod psk;
mod resumption;
mod statistics;
pub mod testing;
mod timers;

pub use binding::Binding;
pub use data::Opener;
pub use export::{SrtpKey, SrtpKeys};
pub use path::{DEFAULT_MTU, LONGEST_MTU, SHORTEST_MTU};
pub use psk::KeyRequest;
pub use statistics::Statistics;

/// Records that may wait while the handshake is suspended, other than the messages that it needs.
const MOST_SUSPENDED: usize = 64;

/// What must happen next, in protocol order.
#[derive(Debug)]
pub enum Step {
    /// The peer's certificate, leaf first, waits for [`Engine::judge`].
    NeedVerdict(Vec<X509>),
    /// The server asks for a certificate of one of these authorities (DER names):
    /// [`Engine::present`].
    NeedCertificate(Vec<Vec<u8>>),
    /// A pre-shared key is needed: [`Engine::provide_key`] or [`Engine::provide_key_of`].
    NeedKey(KeyRequest),
    /// Nothing until the next datagram or the deadline.
    NeedDatagram,
    /// Application data may flow.
    Established,
    /// The association has ended.
    Failed(Error),
}

/// The judgement of the peer's certificate.
#[derive(Debug)]
pub enum Verdict {
    /// Go on.
    Accept,
    /// Send the alert of this refusal and fail with this error.
    Refuse(Refusal, Error),
}

/// What [`Engine::open`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// One message.
    Message {
        /// Bytes written to the buffer.
        length: usize,
        /// Whether the message was longer than the buffer.
        truncated: bool,
    },
    /// Nothing until the next datagram.
    Nothing,
    /// The peer has closed its direction.
    End,
}

/// The life of an association, in order.
enum State {
    Handshaking {
        /// Whether the peer may have given up.
        suspicion: Option<Suspicion>,
    },
    Judging(Vec<X509>),
    Refusing(Error),
    Choosing(Vec<Vec<u8>>),
    Asking(KeyRequest),
    Established,
    Failed(Error),
}

/// One side of one association.
pub struct Engine {
    session: Session,
    role: Role,
    /// During the handshake.
    sieve: Option<Sieve>,
    early: Early,
    state: State,
    /// Whether the server has asked for a certificate and got none.
    certificate_missing: bool,
    mtu: u16,
    /// Once the association is established.
    record_lengths: RecordLengths,
    statistics: Statistics,
    /// Whether [`Engine::wakes`] has told that there are buffers.
    is_awake: bool,
}

impl Engine {
    /// An association that has sent nothing yet.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let failed = |stack| {
            Error::tls(
                "Cannot start a DTLS session",
                queue::describe(&stack).reason,
            )
        };
        let mut session = Session::new(config).map_err(failed)?;
        if let Some((chain, key)) = &config.credentials {
            session.use_credentials(chain, key).map_err(|stack| {
                let reason = queue::describe(&stack).reason;
                Error::BadCertificate(format!("Cannot use the certificate: {reason}"))
            })?;
        }
        let mut pre_shared_suites = Vec::new();
        if config.pre_shared_keys.are_used() {
            pre_shared_suites = session.pre_shared_suites();
        } else {
            let resumption = &config.resumption;
            resumption.prepare(&mut session, config).map_err(failed)?;
        }
        let mut sieve = Sieve::new(Peer::of(config), pre_shared_suites);
        if let Some(offered) = session.offered() {
            sieve.expect_resumption(offered.id());
        }
        Ok(Engine {
            record_lengths: session.record_lengths(),
            session,
            role: config.role,
            sieve: Some(sieve),
            early: Early::default(),
            state: State::Handshaking { suspicion: None },
            certificate_missing: false,
            mtu: config.mtu,
            statistics: Statistics::default(),
            is_awake: false,
        })
    }

    /// Takes one received datagram. Whatever is not an honest peer's is dropped without a word.
    pub fn feed(&mut self, datagram: &[u8]) {
        match (&self.state, &mut self.sieve) {
            (State::Failed(_), _) => {}
            (_, Some(sieve)) => {
                let sifted = sieve.sift(datagram, &self.session.record_lengths());
                if !sifted.sign_of_life && sifted.alert.is_none() {
                    self.statistics.dropped.early(datagram);
                }
                self.feed_handshake(sifted);
            }
            (_, None) if datagram.is_empty() => self.statistics.dropped.early(datagram),
            (_, None) if !noise::is_sound(datagram, &self.record_lengths.protected) => {
                self.statistics.dropped.unauthentic(datagram);
            }
            (_, None) => self.session.wire().receive(datagram),
        }
    }

    fn feed_handshake(&mut self, sifted: Sifted) {
        // Where no flight of ours waits for an answer, nobody can have anything to complain about.
        let waiting = self.timeout().is_some();
        if let State::Handshaking { suspicion } = &mut self.state {
            if sifted.sign_of_life {
                *suspicion = None;
            }
            // The first says why: a peer that has given up may complain of our repetitions, too.
            if waiting && suspicion.is_none() {
                *suspicion = sifted.alert.map(Suspicion::new);
            }
        }
        if sifted.is_answer {
            self.session.answered();
        }
        let wire = self.session.wire();
        // One by one: a server that is held must not find the next record behind the last.
        for record in &sifted.messages {
            wire.receive(record);
        }
        // A flood must leave room for messages.
        if let Some(record) = sifted.cipher_change
            && wire.incoming() < MOST_SUSPENDED
        {
            wire.receive(&record);
        }
        self.early.take(sifted.protected, &mut self.session);
    }

    /// Moves the handshake as far as it goes.
    pub fn handshake(&mut self) -> Step {
        match &self.state {
            State::Judging(chain) => return Step::NeedVerdict(chain.clone()),
            State::Choosing(authorities) => return Step::NeedCertificate(authorities.clone()),
            State::Asking(request) => return Step::NeedKey(request.clone()),
            State::Established => return Step::Established,
            State::Failed(error) => return Step::Failed(error.clone()),
            State::Handshaking { .. } | State::Refusing(_) => {}
        }
        match self.take_records() {
            Ok(Progress::WantDatagram) => match self.session.presented() {
                Some(chain) => self.ask_for_verdict(chain),
                None => self.ask_for_key().unwrap_or(Step::NeedDatagram),
            },
            Ok(Progress::WantVerdict) => {
                let chain = self.session.peer_chain();
                self.ask_for_verdict(chain)
            }
            Ok(Progress::WantCertificate) => {
                let authorities = self.session.acceptable_authorities();
                self.state = State::Choosing(authorities.clone());
                Step::NeedCertificate(authorities)
            }
            Ok(Progress::Done) => self.establish(),
            Err(failure) => Step::Failed(self.fail("The DTLS handshake failed", failure)),
        }
    }

    /// OpenSSL stops at a record that is out of order, even though others wait behind it.
    fn take_records(&mut self) -> Result<Progress, Failure> {
        loop {
            let waiting = self.session.wire().incoming();
            let progress = self.session.handshake()?;
            let left = self.session.wire().incoming();
            let may_go_on = left > 0 && left != waiting;
            let has_more = self.early.release(&mut self.session, &progress) || may_go_on;
            if progress != Progress::WantDatagram || !has_more {
                return Ok(progress);
            }
        }
    }

    fn ask_for_verdict(&mut self, chain: Vec<X509>) -> Step {
        self.state = State::Judging(chain.clone());
        Step::NeedVerdict(chain)
    }

    /// Application data flows only where a verdict was given, or a key in place of certificates:
    /// success is never the mere absence of an error.
    fn establish(&mut self) -> Step {
        let had_key = self.session.take_key();
        let is_proved = if self.session.is_pre_shared() {
            had_key
        } else {
            let nobody =
                self.role == Role::Server && self.session.ssl().peer_certificate().is_none();
            nobody || self.session.verdict() == Some(ossl::Verdict::Accept)
        };
        if !is_proved {
            let error = Error::Tls("The handshake ended without a judgement of the peer".into());
            self.state = State::Failed(error.clone());
            return Step::Failed(error);
        }
        self.sieve = None;
        self.session.keep_accounts();
        self.record_lengths = self.session.record_lengths();
        self.session.release_buffers();
        self.state = State::Established;
        Step::Established
    }

    /// Answers [`Step::NeedVerdict`].
    pub fn judge(&mut self, verdict: Verdict) {
        if !matches!(self.state, State::Judging(_)) {
            return;
        }
        match verdict {
            Verdict::Accept => {
                self.session.set_verdict(ossl::Verdict::Accept);
                self.session.release();
                self.state = State::Handshaking { suspicion: None };
            }
            Verdict::Refuse(refusal, error)
                if self.role == Role::Server || self.session.is_resumed() =>
            {
                self.session.refuse_in_plaintext(refusal);
                self.state = State::Failed(error);
            }
            Verdict::Refuse(refusal, error) => {
                self.session.set_verdict(ossl::Verdict::Refuse(refusal));
                self.state = State::Refusing(error);
            }
        }
    }

    /// Answers [`Step::NeedCertificate`]; `None` presents no certificate.
    pub fn present(&mut self, credentials: Option<(&[X509], &PKey<Private>)>) {
        if !matches!(self.state, State::Choosing(_)) {
            return;
        }
        self.certificate_missing = credentials.is_none();
        self.state = match self.session.answer_certificate_request(credentials) {
            Ok(()) => State::Handshaking { suspicion: None },
            Err(stack) => {
                let reason = queue::describe(&stack).reason;
                State::Failed(Error::BadCertificate(format!(
                    "Cannot use the client certificate: {reason}"
                )))
            }
        };
    }

    /// Whether a plaintext alert has said that the peer has given up, and nothing has contradicted it.
    pub fn suspects_refusal(&self) -> bool {
        matches!(self.state, State::Handshaking { suspicion: Some(_) })
    }

    /// Takes the datagrams that wait to be sent.
    #[must_use]
    pub fn take_outgoing(&mut self) -> Datagrams {
        self.session.take_outgoing()
    }

    /// The negotiated version as it stands on the wire (0xfefd is DTLS 1.2).
    pub fn protocol_version(&self) -> u16 {
        self.session.protocol_version()
    }

    /// OpenSSL's name of the negotiated cipher suite.
    pub fn cipher_suite(&self) -> Option<String> {
        let cipher = self.session.ssl().current_cipher()?;
        Some(cipher.name().to_string())
    }

    /// What else was agreed on, once the association is established.
    pub fn negotiated(&self) -> Negotiated {
        match self.state {
            State::Established => self.session.negotiated(),
            _ => Negotiated::default(),
        }
    }

    /// The negotiated application protocol.
    pub fn application_protocol(&self) -> Option<Vec<u8>> {
        self.session
            .ssl()
            .selected_alpn_protocol()
            .map(<[u8]>::to_vec)
    }

    /// The failure that the peer's alert means. A server says in many ways that it wanted a
    /// certificate.
    fn told(&self, alert: Alert) -> Error {
        match self.state {
            State::Handshaking { .. } if self.certificate_missing => Error::CertificateRequired,
            _ => alert.into_error(),
        }
    }

    /// Ends the association: a refusal has its own error, everything else OpenSSL's or the peer's.
    fn fail(&mut self, what: &str, failure: Failure) -> Error {
        let error = match (&self.state, failure.alert) {
            (State::Refusing(error), _) => error.clone(),
            (_, Some(alert)) => self.told(Alert(alert)),
            _ if failure.missing_certificate => Error::CertificateRequired,
            _ => Error::tls(what, failure.reason),
        };
        self.state = State::Failed(error.clone());
        error
    }
}
