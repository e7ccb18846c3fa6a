//! Judging certificates in GIO's terms.

use gio::TlsCertificateFlags as Flags;
use openssl::{
    asn1::Asn1Time,
    x509::{X509, X509Ref},
};

use super::{
    credentials::{Credentials, x509_of},
    identity::Identity,
};
use crate::ossl::{
    clock, queue,
    trust::{Problems, Purpose, Question, TrustStore},
};

/// `g_tls_certificate_verify()`: without an authority only dates and identity are judged.
pub(super) fn certificate(
    certificate: &gio::TlsCertificate,
    expected: Option<&gio::SocketConnectable>,
    trusted_ca: Option<&gio::TlsCertificate>,
) -> Flags {
    let Some(authority) = trusted_ca else {
        let Ok(leaf) = x509_of(certificate) else {
            return Flags::GENERIC_ERROR;
        };
        return dates(&leaf) | identity_problem(&leaf, &Expected::of(expected));
    };
    let store = x509_of(authority)
        .ok()
        .and_then(|anchor| TrustStore::of([&anchor], []).ok());
    queue::clear();
    let links = Credentials::links_of(certificate);
    match (store, links) {
        (Some(store), Ok(links)) => chain(&store, &links, Purpose::Any, &Expected::of(expected)),
        _ => Flags::GENERIC_ERROR,
    }
}

/// Whom a certificate must be for.
pub(crate) enum Expected {
    Anybody,
    /// `None`: something that no certificate can state.
    One(Option<Identity>),
}

impl Expected {
    pub(crate) fn of(connectable: Option<&gio::SocketConnectable>) -> Self {
        connectable.map_or(Self::Anybody, |one| Self::One(Identity::of(one)))
    }
}

/// Judges a chain, leaf first and with all that a path may lead through, by trust anchors, purpose,
/// and identity where one is expected.
pub(crate) fn chain(
    store: &TrustStore,
    links: &[X509],
    purpose: Purpose,
    expected: &Expected,
) -> Flags {
    let Some(leaf) = links.first() else {
        return Flags::GENERIC_ERROR;
    };
    let problems = store.verify(&Question {
        chain: links,
        purpose,
        host: matches!(expected, Expected::One(Some(Identity::Name(_)))),
        time: clock::injected(),
    });
    flags(problems) | identity_problem(leaf, expected)
}

fn identity_problem(leaf: &X509Ref, expected: &Expected) -> Flags {
    match expected {
        Expected::Anybody => Flags::empty(),
        Expected::One(Some(identity)) if identity.matches(leaf) => Flags::empty(),
        Expected::One(_) => Flags::BAD_IDENTITY,
    }
}

fn dates(certificate: &X509Ref) -> Flags {
    let now = match clock::injected() {
        Some(time) => Asn1Time::from_unix(time),
        None => Asn1Time::days_from_now(0),
    };
    let Ok(now) = now else {
        queue::clear();
        return Flags::GENERIC_ERROR;
    };
    let mut flags = Flags::empty();
    match certificate.not_before().compare(&now) {
        Ok(order) if order.is_gt() => flags |= Flags::NOT_ACTIVATED,
        Ok(_) => {}
        Err(_) => flags |= Flags::GENERIC_ERROR,
    }
    match certificate.not_after().compare(&now) {
        Ok(order) if order.is_lt() => flags |= Flags::EXPIRED,
        Ok(_) => {}
        Err(_) => flags |= Flags::GENERIC_ERROR,
    }
    queue::clear();
    flags
}

fn flags(problems: Problems) -> Flags {
    const TABLE: [(Problems, Flags); 6] = [
        (Problems::UNKNOWN_CA, Flags::UNKNOWN_CA),
        (Problems::NOT_ACTIVATED, Flags::NOT_ACTIVATED),
        (Problems::EXPIRED, Flags::EXPIRED),
        (Problems::REVOKED, Flags::REVOKED),
        (Problems::INSECURE, Flags::INSECURE),
        (Problems::OTHER, Flags::GENERIC_ERROR),
    ];
    TABLE
        .iter()
        .filter(|(problem, _)| problems.contains(*problem))
        .fold(Flags::empty(), |flags, (_, flag)| flags | *flag)
}
