//! The sessions that clients of this process may resume.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use gio::TlsCertificateFlags as Flags;
use openssl::sha::{Sha256, sha256};

use super::protocol::Protocol;
use super::settings::Settings;
use crate::certificate::credentials::{Credentials, x509_of};
use crate::certificate::identity;
use crate::engine::{Bound, SavedSession};
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
    /// The serial number of the database object.
    database: Option<u64>,
    own_certificate: Option<[u8; 32]>,
    validation_flags: Flags,
    protocols: Vec<Vec<u8>>,
    protocol: Protocol,
}

impl Key {
    /// None without an identity: nobody knows whose session it would be.
    pub fn of(settings: &Settings) -> Option<Self> {
        let identity = settings.server_identity.as_deref()?;
        let database = settings.database.resolve();
        let protocols = settings.advertised_protocols.iter().flatten();
        Some(Key {
            server: identity::place(identity)?,
            database: database.map(|database| serial(&database)),
            own_certificate: own_certificate(settings),
            validation_flags: settings.validation_flags,
            protocols: protocols.map(|name| name.as_bytes().to_vec()).collect(),
            protocol: settings.protocol.clone(),
        })
    }
}

/// What an exported or copied session is bound to: the server's host, the client's certificate, and
/// what was chosen of the key exchange, which is not done again. Everything else is judged or
/// negotiated again, or the application's own choice.
pub fn bound(settings: &Settings) -> Bound {
    let identity = settings.server_identity.as_deref();
    let host = identity.and_then(identity::host).unwrap_or_default();
    let mut digest = Sha256::new();
    digest.update(&length(&host));
    digest.update(host.as_bytes());
    digest.update(own_certificate(settings).as_ref().map_or(&[0; 32], |it| it));
    for list in settings.protocol.of_key_exchange() {
        let list = list.unwrap_or_default();
        digest.update(&length(list));
        digest.update(list.as_bytes());
    }
    digest.finish()
}

/// The same on every machine.
fn length(text: &str) -> [u8; 8] {
    u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes()
}

/// The certificate that a client would present. One without its key counts as none, as in a
/// handshake.
fn own_certificate(settings: &Settings) -> Option<[u8; 32]> {
    let certificate = settings.certificate.as_deref()?;
    Credentials::check(certificate).ok()?;
    let der = x509_of(certificate).ok()?.to_der().ok()?;
    Some(sha256(&der))
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
    with(|cache| cache.sessions.remove(key));
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
