//! What both databases do with a set of trust anchors.

use gio::prelude::*;
use openssl::{
    hash::MessageDigest,
    x509::{X509, X509Name, X509NameRef, X509Ref},
};

use crate::{
    certificate::{Certificate, credentials::x509_of, verification},
    error::Error,
    ossl::{
        trust::{Purpose, TrustStore},
        x509::{clear_errors, is_issued_by},
    },
};

/// A call's result as long as the caller still wants it.
pub(super) fn check_cancelled(cancellable: Option<&gio::Cancellable>) -> Result<(), Error> {
    match cancellable {
        Some(cancellable) if cancellable.is_cancelled() => Err(Error::Cancelled),
        _ => Ok(()),
    }
}

/// `g_tls_database_verify_chain()` against these anchors.
pub(super) fn verify_chain(
    store: &TrustStore,
    chain: &gio::TlsCertificate,
    purpose: &str,
    identity: Option<&gio::SocketConnectable>,
) -> gio::TlsCertificateFlags {
    verification::chain(store, chain, Purpose::from(purpose), identity)
}

/// The handle of a certificate: where it is, and its SHA-256 digest.
pub(super) fn handle(place: &str, certificate: &X509Ref) -> Option<String> {
    let digest = certificate.digest(MessageDigest::sha256());
    clear_errors();
    let digest = digest.ok()?;
    let mut handle = format!("{place}#");
    for byte in digest.iter() {
        handle.push_str(&format!("{byte:02x}"));
    }
    Some(handle)
}

/// The certificate among these that has this handle.
pub(super) fn find_handle<'a>(
    certificates: &'a [X509],
    place: &str,
    wanted: &str,
) -> Option<&'a X509> {
    wanted.strip_prefix(place)?;
    certificates
        .iter()
        .find(|certificate| handle(place, certificate).as_deref() == Some(wanted))
}

/// The issuer among anchors of the right name: the one that really signed, or else the first.
pub(super) fn choose_issuer(candidates: &[X509], certificate: &X509Ref) -> Option<X509> {
    candidates
        .iter()
        .find(|candidate| is_issued_by(certificate, candidate))
        .or_else(|| candidates.first())
        .cloned()
}

/// Every certificate among these with this issuer, a DER distinguished name.
pub(super) fn issued_by(certificates: &[X509], issuer: &[u8]) -> Vec<gio::TlsCertificate> {
    let name = X509Name::from_der(issuer);
    clear_errors();
    let Ok(name) = name else {
        return Vec::new();
    };
    certificates
        .iter()
        .filter(|certificate| is_same_name(certificate.issuer_name(), &name))
        .map(object)
        .collect()
}

/// Whether two names are equal as a whole, by RFC 5280's comparison.
pub(super) fn is_same_name(one: &X509NameRef, other: &X509NameRef) -> bool {
    let equal = one.try_cmp(other).is_ok_and(|order| order.is_eq());
    clear_errors();
    equal
}

/// A certificate object for an anchor.
pub(super) fn object(certificate: &X509) -> gio::TlsCertificate {
    Certificate::from_x509(certificate.clone()).upcast()
}

/// The parsed form of a certificate object that a caller passed in; nothing if it cannot be read.
pub(super) fn parsed(certificate: &gio::TlsCertificate) -> Option<X509> {
    x509_of(certificate).ok()
}
