//! What both databases do: judging chains, and looking certificates up.

use std::{
    fmt::Write,
    fs::File,
    io::{self, Read},
    path::Path,
    sync::OnceLock,
};

use gio::{TlsCertificateFlags as Flags, TlsDatabaseLookupFlags as LookupFlags, prelude::*};
use glib::subclass::prelude::*;
use openssl::x509::{X509, X509Crl, X509Name, X509NameRef, X509Ref};

use super::anchors::{Anchors, Digest};
use crate::{
    certificate::{
        Certificate,
        credentials::{Credentials, x509_of},
        verification::{self, Expected},
    },
    error::Error,
    ossl::{
        digest::sha256,
        places, queue,
        trust::{Purpose, TrustStore, lists_from_pem},
        x509::is_issued_by,
    },
    subclass::{cancel::check_cancelled, tls_database::TlsDatabaseImpl},
};

/// More than any collection of anchors needs, and little enough to hold.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The certificates that a database trusts, some of them known to OpenSSL alone until they are needed.
pub(super) struct Authorities {
    /// What the handles begin with.
    place: String,
    /// The trusted certificates that OpenSSL finds by itself, and those that were needed before.
    store: TrustStore,
    /// All the others.
    collection: OnceLock<Anchors>,
    /// What the hashed directories list, for look-ups by anything but the subject.
    listing: OnceLock<Anchors>,
}

impl Authorities {
    /// Exactly these, which lie at a certain place.
    pub(super) fn of(place: String, anchors: Anchors, store: TrustStore) -> Self {
        Self {
            place,
            store,
            collection: OnceLock::from(anchors),
            listing: OnceLock::from(Anchors::default()),
        }
    }

    /// Those of the system: the hashed directories, and the collection. The usual collection holds what
    /// the directories hold, and is read only when they do not suffice; one that `SSL_CERT_FILE` names
    /// counts from the beginning, with its revocation lists.
    pub(super) fn system() -> Result<Self, Error> {
        let chosen = places::chosen_file().map(|file| read(file).unwrap_or_default());
        // As for OpenSSL, a file that is not all in order has nothing in it.
        let chosen = chosen.map(|text| contents(&text).unwrap_or_default());
        let lists = chosen.iter().flat_map(|(_, lists)| lists);
        let store = TrustStore::hashed(lists)
            .map_err(|stack| Error::tls("Could not open the system's trust anchors", stack))?;
        Ok(Self {
            place: "system-trust:".into(),
            store,
            collection: chosen.map_or_else(OnceLock::new, |(anchors, _)| OnceLock::from(anchors)),
            listing: OnceLock::new(),
        })
    }

    fn collection(&self) -> &Anchors {
        self.collection
            .get_or_init(|| certificates(places::usual_file()))
    }

    fn listing(&self) -> &Anchors {
        self.listing.get_or_init(|| {
            Anchors::concatenated(places::hashed_files().into_iter().map(certificates))
        })
    }

    /// What is wrong with a chain. The collection is not touched for one that is trusted without it.
    fn judge(
        &self,
        certificate: &gio::TlsCertificate,
        purpose: &str,
        identity: Option<&gio::SocketConnectable>,
    ) -> Flags {
        let Ok(links) = Credentials::links_of(certificate) else {
            return Flags::GENERIC_ERROR;
        };
        let expected = Expected::of(identity);
        let judge = || verification::chain(&self.store, &links, Purpose::from(purpose), &expected);
        let known = self.collection.get().is_none().then(judge);
        if let Some(problems) = known.filter(|problems| Flags::BAD_IDENTITY.contains(*problems)) {
            return problems;
        }
        let Ok(lent) = self.collection().lend(&self.store, &links) else {
            return Flags::GENERIC_ERROR;
        };
        match known {
            Some(problems) if !lent => problems,
            _ => judge(),
        }
    }

    /// The trusted certificate with this digest.
    fn by_digest(&self, digest: &Digest) -> Option<X509> {
        // What lies in a directory without being found under its hash is not trusted.
        let listed = || {
            let listed = self.listing().by_digest(digest);
            listed.filter(|certificate| self.is_in_store(certificate))
        };
        self.collection().by_digest(digest).or_else(listed).cloned()
    }

    /// The trusted certificates with this issuer.
    fn by_issuer(&self, name: &X509NameRef) -> Result<Vec<X509>, Error> {
        let mut found = Vec::new();
        add_new(&mut found, self.collection().by_issuer(name)?.into_iter());
        let listed = self.listing().by_issuer(name)?.into_iter();
        let listed = listed.filter(|certificate| self.is_in_store(certificate));
        add_new(&mut found, listed);
        Ok(found)
    }

    fn is_in_store(&self, certificate: &X509Ref) -> bool {
        self.store.contains(certificate).unwrap_or(false)
    }

    /// The complete DER name of each, as far as they are listed at all.
    pub(super) fn names(&self) -> Vec<Vec<u8>> {
        let collection = self.collection.get().into_iter();
        collection
            .flat_map(Anchors::subjects)
            .map(<[u8]>::to_vec)
            .collect()
    }

    fn handle(&self, certificate: &gio::TlsCertificate) -> Option<String> {
        let certificate = x509_of(certificate).ok()?;
        let digest = sha256(&certificate.to_der().ok()?);
        let known = self.is_in_store(&certificate) || self.by_digest(&digest).is_some();
        known.then(|| {
            let mut handle = format!("{}#", self.place);
            for byte in digest {
                // Writing into a string does not fail.
                let _ = write!(handle, "{byte:02x}");
            }
            handle
        })
    }

    fn by_handle(&self, handle: &str) -> Option<X509> {
        let digits = handle.strip_prefix(&self.place)?.strip_prefix('#')?;
        self.by_digest(&digest_of(digits)?)
    }

    /// Of the trusted certificates with the right name, the one that really signed, or else the first.
    fn issuer(&self, certificate: &X509) -> Result<Option<X509>, Error> {
        let name = certificate.issuer_name();
        let signed = |candidate: &&X509| is_issued_by(certificate, candidate);
        let known = self.store.by_subject(name).map_err(|stack| {
            queue::bad_certificate("Could not search the trust anchors", &stack)
        })?;
        if let Some(issuer) = known.iter().find(signed) {
            return Ok(Some(issuer.clone()));
        }
        let others = self.collection().by_subject(name)?;
        let issuer = others.iter().copied().find(signed);
        let issuer = issuer.or(known.first()).or(others.first().copied());
        Ok(issuer.cloned())
    }
}

/// A database whose certificates are [`Authorities`].
pub(super) trait Trusting: ObjectSubclass<Type: IsA<gio::TlsDatabase>> + ObjectImpl {
    /// The certificates, read at the first call.
    fn authorities(&self) -> Result<&Authorities, Error>;

    /// The certificates as long as the caller wants an answer, and has not asked for private keys,
    /// which there are none of.
    fn asked(
        &self,
        flags: LookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<&Authorities>, Error> {
        check_cancelled(cancellable)?;
        match flags.is_empty() {
            true => self.authorities().map(Some),
            false => Ok(None),
        }
    }
}

impl<T: Trusting> TlsDatabaseImpl for T {
    fn verify_chain(
        &self,
        chain: &gio::TlsCertificate,
        purpose: &str,
        identity: Option<&gio::SocketConnectable>,
        _interaction: Option<&gio::TlsInteraction>,
        _flags: gio::TlsDatabaseVerifyFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Flags, glib::Error> {
        check_cancelled(cancellable)?;
        Ok(self.authorities()?.judge(chain, purpose, identity))
    }

    fn create_certificate_handle(
        &self,
        certificate: &gio::TlsCertificate,
    ) -> Option<glib::GString> {
        let handle = self.authorities().ok()?.handle(certificate);
        queue::clear();
        handle.map(Into::into)
    }

    fn lookup_certificate_for_handle(
        &self,
        handle: &str,
        _interaction: Option<&gio::TlsInteraction>,
        flags: LookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<gio::TlsCertificate>, glib::Error> {
        let authorities = self.asked(flags, cancellable)?;
        let found = authorities.and_then(|authorities| authorities.by_handle(handle));
        Ok(found.map(object))
    }

    fn lookup_certificate_issuer(
        &self,
        certificate: &gio::TlsCertificate,
        _interaction: Option<&gio::TlsInteraction>,
        flags: LookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<gio::TlsCertificate>, glib::Error> {
        let Some(authorities) = self.asked(flags, cancellable)? else {
            return Ok(None);
        };
        let parsed = x509_of(certificate).ok();
        let found = parsed.map(|certificate| authorities.issuer(&certificate));
        Ok(found.transpose()?.flatten().map(object))
    }

    fn lookup_certificates_issued_by(
        &self,
        issuer: &[u8],
        _interaction: Option<&gio::TlsInteraction>,
        flags: LookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Vec<gio::TlsCertificate>, glib::Error> {
        let Some(authorities) = self.asked(flags, cancellable)? else {
            return Ok(Vec::new());
        };
        let name = X509Name::from_der(issuer);
        queue::clear();
        let found = name.map_or_else(|_| Ok(Vec::new()), |name| authorities.by_issuer(&name))?;
        Ok(found.into_iter().map(object).collect())
    }
}

/// The certificates and revocation lists of a PEM text.
pub(super) fn contents(text: &[u8]) -> Result<(Anchors, Vec<X509Crl>), Error> {
    Ok((Anchors::from_pem(text)?, lists_from_pem(text)?))
}

/// The certificates of one of the system's files; as for OpenSSL, one that cannot be read has none.
fn certificates(file: impl AsRef<Path>) -> Anchors {
    let text = read(file).unwrap_or_default();
    Anchors::from_pem(&text).unwrap_or_default()
}

/// What is in a file, unless it is too large.
pub(super) fn read(file: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut file = File::open(file)?.take(MAX_FILE + 1);
    file.read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("the file is too large"));
    }
    Ok(text)
}

fn add_new<'a>(list: &mut Vec<X509>, more: impl Iterator<Item = &'a X509>) {
    for certificate in more {
        if !list.contains(certificate) {
            list.push(certificate.clone());
        }
    }
}

/// The digest that exactly these lower-case hexadecimal digits mean.
fn digest_of(digits: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, &[high, low]) in digest.iter_mut().zip(pairs) {
        *byte = value_of(high)? << 4 | value_of(low)?;
    }
    Some(digest)
}

fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// A certificate object for a trusted certificate.
fn object(certificate: X509) -> gio::TlsCertificate {
    Certificate::from_x509(certificate).upcast()
}
