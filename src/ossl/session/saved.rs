//! A session as it is kept between two associations, in memory or in bytes.
//!
//! ```text
//! magic               8 bytes
//! version             1 byte
//! established         8 bytes, seconds since 1970
//! bound               32 bytes, what the session is for: the caller's business
//! session             4 bytes of length, then OpenSSL's SSL_SESSION (DER)
//! number of issuers   1 byte
//! certificate         each: 4 bytes of length, then DER; the leaf first
//! checksum            32 bytes, SHA-256 of all that is before
//! ```
//!
//! Numbers are big-endian. OpenSSL's own encoding keeps of the server's chain the leaf alone.

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::ssl::{SslSession, SslSessionRef};
use openssl::x509::{X509, X509Ref};
use zeroize::Zeroizing;

use super::MAX_PLAINTEXT;
use crate::error::Error;
use crate::ossl::digest::sha256;
use crate::ossl::{queue, sys, tickets};

const MAGIC: &[u8; 8] = b"GioOsslS";
const VERSION: u8 = 1;
const CHECKSUM: usize = 32;
/// The longest certificate and the longest session, in bytes: far more than any has.
const LONGEST: usize = 4 * MAX_PLAINTEXT;
/// Certificates in a chain.
const MOST_CERTIFICATES: u8 = 32;
/// For how long a session is offered at most, in seconds, whatever the server says of its ticket.
const LONGEST_LIFETIME: u64 = 6 * 60 * 60;
/// DTLS 1.2 as it stands on the wire.
const DTLS_1_2: i32 = 0xfefd;

/// What a session is for: who offers it to whom.
pub type Bound = [u8; 32];

/// A session that may be offered, with what it takes to judge its server again.
#[derive(Clone)]
pub struct SavedSession {
    session: SslSession,
    /// Leaf first.
    chain: Vec<X509>,
    /// When the full handshake was, in seconds since 1970.
    established: i64,
}

impl SavedSession {
    /// A session with the chain that its server presented, in a full handshake at this time.
    pub fn new(session: SslSession, chain: Vec<X509>, established: i64) -> Self {
        SavedSession {
            session,
            chain,
            established,
        }
    }

    /// OpenSSL's part.
    pub fn session(&self) -> &SslSessionRef {
        &self.session
    }

    /// The server's certificates, leaf first.
    pub fn chain(&self) -> &[X509] {
        &self.chain
    }

    /// When the full handshake was, in seconds since 1970.
    pub fn established(&self) -> i64 {
        self.established
    }

    /// Bytes of the ticket; none where the server keeps the session itself.
    pub fn ticket_length(&self) -> usize {
        let (mut ticket, mut length) = (std::ptr::null(), 0);
        // SAFETY: the session is valid, and both are local variables.
        unsafe {
            sys::SSL_SESSION_get0_ticket(self.session.as_ptr(), &mut ticket, &mut length);
        }
        length
    }

    /// Whether it may be offered at this time: it is not too old, and no certificate has expired that
    /// a full handshake might bring anew.
    pub fn is_fresh(&self, now: i64) -> bool {
        // SAFETY: the session is valid.
        let hint = unsafe { sys::SSL_SESSION_get_ticket_lifetime_hint(self.session.as_ptr()) };
        let lifetime = match hint {
            // Not said (RFC 5077, section 3.3).
            0 => tickets::LIFETIME,
            hint => hint.min(LONGEST_LIFETIME),
        };
        // A clock that was put back must not make it live longer.
        now.abs_diff(self.established) < lifetime
            && self
                .chain
                .iter()
                .all(|certificate| is_current(certificate, now))
    }

    /// Whether the chain is there and is that of the server which the session was made with.
    pub fn can_be_judged(&self) -> bool {
        // SAFETY: the session is valid and keeps its reference to the certificate.
        let leaf = unsafe {
            let leaf = sys::SSL_SESSION_get0_peer(self.session.as_ptr());
            (!leaf.is_null()).then(|| X509Ref::from_ptr(leaf))
        };
        match (
            leaf.map(X509Ref::to_der),
            self.chain.first().map(|it| it.to_der()),
        ) {
            (Some(Ok(theirs)), Some(Ok(ours))) => theirs == ours,
            _ => false,
        }
    }

    /// The bytes of an export. They contain the session's secret.
    pub fn to_bytes(&self, bound: &Bound) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed =
            |stack| Error::tls("Cannot export the session", queue::describe(&stack).reason);
        let session = Zeroizing::new(self.session.to_der().map_err(failed)?);
        let chain: Result<Vec<Vec<u8>>, ErrorStack> = self
            .chain
            .iter()
            .map(|certificate| certificate.to_der())
            .collect();
        let chain = chain.map_err(failed)?;
        let count = u8::try_from(chain.len())
            .ok()
            .filter(|count| *count <= MOST_CERTIFICATES);
        let too_large = || Error::NotSupported("The session is too large for an export".into());
        let count = count.ok_or_else(too_large)?;
        let parts = 4 + session.len() + chain.iter().map(|it| 4 + it.len()).sum::<usize>();
        // At once: a buffer that grows would leave copies of the secret behind.
        let size = MAGIC.len() + 1 + 8 + bound.len() + parts + 1 + CHECKSUM;
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.established.to_be_bytes());
        bytes.extend_from_slice(bound);
        push(&mut bytes, &session).ok_or_else(too_large)?;
        bytes.push(count);
        for certificate in &chain {
            push(&mut bytes, certificate).ok_or_else(too_large)?;
        }
        let checksum = sha256(&bytes);
        bytes.extend_from_slice(&checksum);
        Ok(bytes)
    }

    /// The session of an export, and what it is bound to.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, Bound), Error> {
        let result = parse(bytes).map_err(|problem| {
            Error::InvalidArgument(format!("Not an exported session: {problem}"))
        });
        queue::clear();
        result
    }
}

/// Appends bytes after their length.
fn push(bytes: &mut Vec<u8>, part: &[u8]) -> Option<()> {
    let length = u32::try_from(part.len())
        .ok()
        .filter(|_| part.len() <= LONGEST)?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(part);
    Some(())
}

fn parse(bytes: &[u8]) -> Result<(SavedSession, Bound), String> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err("it does not begin as one".into());
    };
    let (&version, _) = rest.split_first().ok_or("it is cut off")?;
    if version != VERSION {
        return Err(format!(
            "its format is version {version}, and only {VERSION} is known"
        ));
    }
    let (content, checksum) = bytes
        .split_last_chunk::<CHECKSUM>()
        .ok_or("it is cut off")?;
    if sha256(content) != *checksum {
        return Err("its checksum is wrong, or it is cut off".into());
    }
    let mut reader = Reader(content.get(MAGIC.len() + 1..).ok_or("it is cut off")?);
    let established = i64::from_be_bytes(reader.array()?);
    let bound: Bound = reader.array()?;
    let session = session_from_der(reader.part()?)?;
    let [count] = reader.array()?;
    if count == 0 || count > MOST_CERTIFICATES {
        return Err(format!("it has {count} certificates"));
    }
    let chain: Result<Vec<X509>, String> = (0..count)
        .map(|_| certificate_from_der(reader.part()?))
        .collect();
    let saved = SavedSession::new(session, chain?, established);
    if !reader.0.is_empty() {
        return Err("something follows its certificates".into());
    }
    if !saved.can_be_judged() {
        return Err("its certificates are not those of its session".into());
    }
    Ok((saved, bound))
}

fn session_from_der(der: &[u8]) -> Result<SslSession, String> {
    let session = SslSession::from_der(der).map_err(|_| "its session cannot be read")?;
    // What is left out or added is not ours.
    let again = session.to_der().map(Zeroizing::new);
    if again.map_or(true, |again| *again != der) {
        return Err("its session is not encoded as such".into());
    }
    // SAFETY: the session is valid.
    let (version, is_resumable) = unsafe {
        (
            openssl_sys::SSL_SESSION_get_protocol_version(session.as_ptr()),
            sys::SSL_SESSION_is_resumable(session.as_ptr()) == 1,
        )
    };
    if version != DTLS_1_2 {
        return Err("its session is not one of DTLS 1.2".into());
    }
    if !is_resumable {
        return Err("its session cannot be resumed".into());
    }
    Ok(session)
}

fn certificate_from_der(der: &[u8]) -> Result<X509, String> {
    crate::ossl::x509::certificate_from_der(der)
        .map_err(|error| format!("one of its certificates cannot be read: {error}"))
}

/// Takes bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (array, rest) = self.0.split_first_chunk().ok_or("it ends too early")?;
        self.0 = rest;
        Ok(*array)
    }

    /// Bytes after their length.
    fn part(&mut self) -> Result<&'a [u8], String> {
        let length = u32::from_be_bytes(self.array()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(format!("a part of {length} bytes is too long"));
        }
        let (part, rest) = self.0.split_at_checked(length).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(part)
    }
}

/// Whether a certificate has not expired at this time.
fn is_current(certificate: &X509Ref, now: i64) -> bool {
    let now = openssl::asn1::Asn1Time::from_unix(now);
    now.is_ok_and(|now| certificate.not_after() >= &*now)
}
