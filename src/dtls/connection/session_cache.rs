//! The sessions that clients of this process may resume.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};

use gio::TlsCertificateFlags as Flags;
use openssl::sha::Sha256;

use super::protocol::Protocol;
use super::settings::Settings;
use crate::certificate::credentials::x509_of;
use crate::certificate::identity;
use crate::engine::{Bound, SavedSession};
use crate::error::Error;
use crate::ossl::digest::sha256;
use crate::ossl::queue;
use crate::subclass::SharedRef;
use crate::subclass::serial::serial;

/// How many are kept; then the oldest goes.
const CAPACITY: usize = 256;

static CACHE: Mutex<Option<Cache>> = Mutex::new(None);

/// What two connections have in common if one may resume the other's session. Whatever a full
/// handshake would go by belongs here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Host and port.
    server: String,
    own_certificate: Option<[u8; 32]>,
    choices: Choices,
}

/// What is easily told of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Choices {
    /// The serial number of the database object.
    database: Option<u64>,
    validation_flags: Flags,
    protocols: Vec<CString>,
    protocol: Protocol,
}

impl Choices {
    fn of(settings: &Settings) -> Self {
        let database = settings.database.resolve();
        Choices {
            database: database.map(|database| serial(&database)),
            validation_flags: settings.validation_flags,
            protocols: settings.advertised_protocols.clone().unwrap_or_default(),
            protocol: settings.protocol.clone(),
        }
    }
}

/// The key of a connection's session, and what it was made of.
pub struct Plan {
    pub key: Key,
    identity: SharedRef<gio::SocketConnectable>,
    certificate: Option<SharedRef<gio::TlsCertificate>>,
}

impl Plan {
    /// None without an identity, or with a certificate that cannot be told: nobody knows whose session it
    /// would be. `host` is the identity's.
    pub fn of(settings: &Settings, host: &str) -> Option<Self> {
        let identity = settings.server_identity.clone()?;
        let certificate = settings.certificate.as_deref();
        Some(Plan {
            key: Key {
                server: identity::place(&identity, host)?,
                own_certificate: certificate.map(digest_of).transpose().ok()?,
                choices: Choices::of(settings),
            },
            identity,
            certificate: settings.certificate.clone(),
        })
    }

    /// Whether these settings would come to the same. Identities and certificates do not change.
    pub fn is_as_in(&self, settings: &Settings) -> bool {
        settings.server_identity.as_ref() == Some(&self.identity)
            && settings.certificate == self.certificate
            && Choices::of(settings) == self.key.choices
    }

    /// Whether the certificate is the one that was presented, if the server has asked for one.
    pub fn is_tied_like(&self, tie: &Tie) -> bool {
        tie.certificate == self.certificate
    }
}

/// What an exported or copied session is bound to: the server's host, the client's certificate, and
/// what was chosen of the key exchange, which is not done again. Everything else is judged or
/// negotiated again, or the application's own choice.
#[derive(Clone)]
pub struct Tie {
    host: String,
    certificate: Option<SharedRef<gio::TlsCertificate>>,
    key_exchange: [Option<String>; 2],
}

impl Tie {
    /// `host` is that of the server's identity, if it has one.
    pub fn of(settings: &Settings, host: Option<&str>) -> Self {
        let lists = settings.protocol.of_key_exchange();
        Tie {
            host: host.unwrap_or_default().to_owned(),
            certificate: settings.certificate.clone(),
            key_exchange: lists.map(|list| list.map(str::to_owned)),
        }
    }

    /// What goes with the session.
    pub fn digest(&self) -> Result<Bound, Error> {
        let certificate = self.certificate.as_deref().map(digest_of).transpose()?;
        let mut digest = Sha256::new();
        digest.update(&length(&self.host));
        digest.update(self.host.as_bytes());
        digest.update(certificate.as_ref().map_or(&[0; 32], |it| it));
        for list in &self.key_exchange {
            let list = list.as_deref().unwrap_or_default();
            digest.update(&length(list));
            digest.update(list.as_bytes());
        }
        Ok(digest.finish())
    }
}

/// The same on every machine.
fn length(text: &str) -> [u8; 8] {
    u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes()
}

/// The certificate that a client is to present. One that only failed to be told must not count as none: its
/// sessions would be those of a client without.
fn digest_of(certificate: &gio::TlsCertificate) -> Result<[u8; 32], Error> {
    let encoding = x509_of(certificate)?.to_der();
    let failed = |stack| queue::bad_certificate("Could not encode the certificate", &stack);
    Ok(sha256(&encoding.map_err(failed)?))
}

/// The session to offer now, if there is one.
pub fn find(key: &Key, now: i64) -> Option<SavedSession> {
    with(|cache| cache.find(key, now))
}

/// Keeps a session in place of an earlier one, and drops those that are too old by now.
pub fn keep(key: Key, session: SavedSession, now: i64) {
    with(|cache| cache.keep(key, session, now));
}

/// Drops the session, if there is one.
pub fn forget(key: &Key) {
    with(|cache| (!cache.sessions.is_empty()).then(|| cache.sessions.remove(key)));
}

fn with<R>(body: impl FnOnce(&mut Cache) -> R) -> R {
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    body(cache.get_or_insert_default())
}

/// The sessions, each with its number in the order in which they came.
#[derive(Default)]
struct Cache {
    sessions: HashMap<Key, (u64, SavedSession)>,
    count: u64,
}

impl Cache {
    fn find(&mut self, key: &Key, now: i64) -> Option<SavedSession> {
        let (_, session) = self.sessions.get(key)?;
        if session.is_fresh(now) {
            return Some(session.clone());
        }
        self.sessions.remove(key);
        None
    }

    fn keep(&mut self, key: Key, session: SavedSession, now: i64) {
        self.sessions.retain(|_, (_, kept)| kept.is_fresh(now));
        if self.sessions.len() >= CAPACITY && !self.sessions.contains_key(&key) {
            let oldest = self.sessions.iter().min_by_key(|(_, (number, _))| *number);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.sessions.remove(&oldest);
            }
        }
        self.count += 1;
        self.sessions.insert(key, (self.count, session));
    }
}
