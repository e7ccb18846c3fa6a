//! One `SSL` with its wire: the operations that the engine is made of.

use std::ffi::c_int;
use std::ptr::NonNull;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslRef, SslSession};

use super::bio::{self, Datagrams, Wire};
use super::context::{self, Hooks, Role};
use super::ledger::{Dropped, Ledger};
use super::queue::{self, Failure};
use super::sys;

use authentication::request_certificate;
use buffers::Buffers;
pub use config::{Config, DEFAULT_MTU};
pub use exporter::MOST_EXPORTER_INPUT;
pub use negotiated::{Negotiated, RecordLengths};
pub use path::{LONGEST_MTU, SHORTEST_MTU};
pub use protocol::{Protocol, Unusable};
pub use psk::{Given, Key, KeyExchange, LONGEST_HINT, PreSharedKey, PreSharedKeys};
pub use resumption::Resumption;
pub use saved::{Bound, SavedSession};
pub use srtp::SrtpProfile;
pub use timers::{Pace, Timer, from_microseconds, microseconds};

mod authentication;
mod buffers;
mod config;
mod exporter;
pub(super) mod keylog;
mod negotiated;
mod path;
mod protocol;
mod psk;
mod resumption;
mod saved;
mod srtp;
mod suites;
mod timers;

/// The longest plaintext of a record, in bytes (RFC 6347, section 4.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

/// Records without a message that one read passes over.
const MOST_DROPPED: usize = 32;

/// How far a handshake went.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is complete.
    Done,
    /// The next datagram of the peer is needed.
    WantDatagram,
    /// [`Session::set_verdict`] is needed.
    WantVerdict,
    /// [`Session::answer_certificate_request`] is needed.
    WantCertificate,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading {
    /// One message of so many bytes.
    Message(usize),
    /// Nothing until the next datagram.
    Nothing,
    /// The peer's close_notify.
    End,
}

/// Whether a server asks its client for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// It does not ask.
    #[default]
    None,
    /// It asks, and takes none for an answer.
    Requested,
    /// It asks, and ends the handshake without one.
    Required,
}

/// One side of one association.
pub struct Session {
    ssl: Ssl,
    /// Valid as long as `ssl`, which owns the BIO that owns it.
    wire: NonNull<Wire>,
    /// The earlier session that a client offers.
    offered: Option<SavedSession>,
    /// What OpenSSL's flights point to. It keeps them for repetition, also after the handshake, with a
    /// pointer to the session of that moment, but without a reference; a declined session and a new
    /// ticket put another in its place.
    sessions: Vec<SslSession>,
    /// Bytes that the datagrams of a flight have at most.
    flight_mtu: usize,
    buffers: Buffers,
}

// SAFETY: the wire belongs to the `SSL` and is reached through `&mut self` only.
unsafe impl Send for Session {}

impl Session {
    /// A session that has sent nothing yet.
    pub fn new(config: &Config) -> Result<Self, ErrorStack> {
        let mut ssl = Ssl::new(context::shared(config.role, config.keylog)?)?;
        ssl.set_ex_data(
            context::hooks_index()?,
            Hooks {
                verdict: None,
                presented: None,
                certificate_answered: false,
                timer: Timer::new(config.initial_timeout),
                protocols: config.protocols.to_vec(),
                keylog: config.keylog.then(Vec::new),
                given: Given::Nothing,
            },
        );
        // Of a failure the safe function does not tell.
        if ssl.ex_data(context::hooks_index()?).is_none() {
            return Err(ErrorStack::get());
        }
        let (bio, wire) = bio::new()?;
        // SAFETY: both are ours and valid; one reference to the BIO serves both directions.
        unsafe {
            openssl_sys::SSL_set_bio(ssl.as_ptr(), bio.as_ptr(), bio.as_ptr());
            sys::DTLS_set_timer_cb(ssl.as_ptr(), Some(context::next_timeout));
        }
        config.protocol.apply(&mut ssl)?;
        match config.role {
            Role::Client => {
                ssl.set_connect_state();
                if let Some(name) = config.server_name.as_deref() {
                    ssl.set_hostname(name)?;
                }
                let list = wire_format(&config.protocols);
                if !list.is_empty() {
                    ssl.set_alpn_protos(&list)?;
                }
            }
            Role::Server => {
                ssl.set_accept_state();
                request_certificate(&mut ssl, config)?;
            }
        }
        let mut session = Session {
            ssl,
            wire,
            offered: None,
            sessions: Vec::new(),
            flight_mtu: 0,
            buffers: Buffers::Used,
        };
        session.set_mtu(config.mtu);
        session.use_srtp(&config.srtp_profiles)?;
        config.pre_shared_keys.prepare(&mut session, config)?;
        Ok(session)
    }

    /// What the safe API tells about the session.
    pub fn ssl(&self) -> &SslRef {
        &self.ssl
    }

    /// The queues to and from the network.
    pub fn wire(&mut self) -> &mut Wire {
        // SAFETY: the wire lives as long as `self.ssl`; OpenSSL touches it only during calls that
        // borrow `self` mutably.
        unsafe { self.wire.as_mut() }
    }

    /// Takes the datagrams that wait to be sent.
    pub fn take_outgoing(&mut self) -> Datagrams {
        std::mem::take(&mut self.wire().outgoing)
    }

    /// Moves the handshake as far as it goes.
    pub fn handshake(&mut self) -> Result<Progress, Failure> {
        queue::clear();
        let wire = self.wire();
        wire.held &= !wire.stepwise;
        let written = wire.outgoing.len();
        // SAFETY: the `SSL` is valid.
        let result = unsafe { openssl_sys::SSL_do_handshake(self.ssl.as_ptr()) };
        self.hold_session();
        self.join(written);
        if result == 1 {
            return Ok(Progress::Done);
        }
        match self.outcome(result) {
            openssl_sys::SSL_ERROR_WANT_READ if self.wire().stepwise && self.is_resumed() => {
                Ok(Progress::WantVerdict)
            }
            openssl_sys::SSL_ERROR_WANT_READ => Ok(Progress::WantDatagram),
            openssl_sys::SSL_ERROR_WANT_X509_LOOKUP => Ok(Progress::WantCertificate),
            sys::SSL_ERROR_WANT_RETRY_VERIFY => Ok(Progress::WantVerdict),
            _ => Err(queue::drain()),
        }
    }

    /// Whether the peer's ChangeCipherSpec was the latest that an unfinished handshake has read.
    pub fn has_changed_ciphers(&self) -> bool {
        // OpenSSL's name for it on both sides.
        self.ssl.state_string() == "TRCCS"
    }

    fn hold_session(&mut self) {
        if let Some(session) = self.ssl.session()
            && self.sessions.last().map(|held| held.as_ptr()) != Some(session.as_ptr())
        {
            self.sessions.push(session.to_owned());
        }
    }

    /// The negotiated version as it stands on the wire.
    pub fn protocol_version(&self) -> u16 {
        // SAFETY: the `SSL` is valid.
        let version = unsafe { openssl_sys::SSL_version(self.ssl.as_ptr()) };
        u16::try_from(version).unwrap_or(0)
    }

    /// Decrypts the next message, which may be empty, into `buffer`. The rest of one that is longer is for
    /// [`discard_decrypted`](Self::discard_decrypted), lest the next read has it. The error queue must be
    /// empty.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Reading, Failure> {
        self.use_buffers()?;
        for _ in 0..MOST_DROPPED {
            let written = self.wire().outgoing.len();
            let mut length = 0;
            // SAFETY: `buffer` is writable for as many bytes as it says it has.
            let result = unsafe {
                openssl_sys::SSL_read_ex(
                    self.ssl.as_ptr(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    &mut length,
                )
            };
            self.join(written);
            if result == 1 {
                self.account(Ledger::used);
                return Ok(Reading::Message(length));
            }
            match self.outcome(result) {
                openssl_sys::SSL_ERROR_WANT_READ => {
                    self.account(Ledger::close);
                    return Ok(Reading::Nothing);
                }
                openssl_sys::SSL_ERROR_ZERO_RETURN => {
                    self.account(Ledger::used);
                    return Ok(Reading::End);
                }
                // After our close_notify OpenSSL stops at each handshake record, such as a repeated
                // Finished, that it drops.
                openssl_sys::SSL_ERROR_SYSCALL
                    if self.shutdown_state() & openssl_sys::SSL_SENT_SHUTDOWN != 0 =>
                {
                    queue::clear();
                }
                _ => return Err(queue::drain()),
            }
        }
        Ok(Reading::Nothing)
    }

    /// Whether something is decrypted and not read yet: the rest of a message, or messages that overtook the
    /// end of the handshake.
    pub fn has_decrypted(&self) -> bool {
        // SAFETY: the `SSL` is valid.
        unsafe { openssl_sys::SSL_pending(self.ssl.as_ptr()) > 0 }
    }

    /// Drops all that, and returns how many bytes it was.
    pub fn discard_decrypted(&mut self) -> usize {
        let mut discarded = 0;
        let mut bin = [0; 1024];
        while self.has_decrypted() {
            match self.read(&mut bin) {
                Ok(Reading::Message(length @ 1..)) => discarded += length,
                _ => break,
            }
        }
        discarded
    }

    /// From now on, notes what becomes of received datagrams.
    pub fn keep_accounts(&mut self) {
        self.wire().ledger = Some(Ledger::default());
    }

    /// The datagrams that were of no use since.
    pub fn dropped(&self) -> Dropped {
        // SAFETY: the wire lives as long as `self.ssl`, and nobody changes it while `self` is borrowed.
        let wire = unsafe { self.wire.as_ref() };
        let ledger = wire.ledger.as_ref();
        ledger.map(|ledger| ledger.dropped).unwrap_or_default()
    }

    fn account(&mut self, entry: impl FnOnce(&mut Ledger)) {
        if let Some(ledger) = &mut self.wire().ledger {
            entry(ledger);
        }
    }

    /// Whether a record, decrypted or not, waits to be read.
    pub fn has_pending(&mut self) -> bool {
        // SAFETY: the `SSL` is valid.
        self.wire().incoming() > 0 || unsafe { sys::SSL_has_pending(self.ssl.as_ptr()) } == 1
    }

    /// Protects `message`, which must not be empty, as one record in one datagram.
    pub fn write(&mut self, message: &[u8]) -> Result<(), Failure> {
        queue::clear();
        self.use_buffers()?;
        let size = c_int::try_from(message.len()).unwrap_or(c_int::MAX);
        // SAFETY: `message` has at least `size` readable bytes.
        let result =
            unsafe { openssl_sys::SSL_write(self.ssl.as_ptr(), message.as_ptr().cast(), size) };
        if result > 0 {
            Ok(())
        } else {
            Err(queue::drain())
        }
    }

    /// Queues close_notify, the first time.
    pub fn shut_down(&mut self) -> Result<(), Failure> {
        if self.shutdown_state() & openssl_sys::SSL_SENT_SHUTDOWN != 0 {
            return Ok(());
        }
        queue::clear();
        self.use_buffers()?;
        // SAFETY: the `SSL` is valid.
        let result = unsafe { openssl_sys::SSL_shutdown(self.ssl.as_ptr()) };
        if result < 0 && self.outcome(result) != openssl_sys::SSL_ERROR_WANT_READ {
            return Err(queue::drain());
        }
        Ok(())
    }

    /// Whether the peer's close_notify has arrived.
    pub fn is_closed_by_peer(&self) -> bool {
        self.shutdown_state() & openssl_sys::SSL_RECEIVED_SHUTDOWN != 0
    }

    fn shutdown_state(&self) -> c_int {
        // SAFETY: the `SSL` is valid.
        unsafe { openssl_sys::SSL_get_shutdown(self.ssl.as_ptr()) }
    }

    fn outcome(&self, result: c_int) -> c_int {
        // SAFETY: `result` is what the latest operation on this `SSL` returned in this thread.
        unsafe { openssl_sys::SSL_get_error(self.ssl.as_ptr(), result) }
    }

    fn hooks(&mut self) -> Option<&mut Hooks> {
        self.ssl.ex_data_mut(context::hooks_index().ok()?)
    }
}

/// ALPN's list: each protocol after its length in one byte. Names that have no such length cannot
/// be offered and are left out.
fn wire_format(protocols: &[Vec<u8>]) -> Vec<u8> {
    let mut list = Vec::new();
    for protocol in protocols {
        if let Ok(length @ 1..) = u8::try_from(protocol.len()) {
            list.push(length);
            list.extend_from_slice(protocol);
        }
    }
    list
}
