//! Judging certificates in GIO's terms.

use gio::TlsCertificateFlags as Flags;
use openssl::{asn1::Asn1Time, x509::X509Ref};

use super::{
    credentials::{Credentials, x509_of},
    identity,
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
        return dates(&leaf) | identity_problem(&leaf, expected);
    };
    let store = x509_of(authority)
        .ok()
        .and_then(|anchor| TrustStore::of([&anchor], []).ok());
    queue::clear();
    store.map_or(Flags::GENERIC_ERROR, |store| {
        chain(&store, certificate, Purpose::Any, expected)
    })
}

/// Judges a chain by trust anchors, purpose, and identity where one is expected.
pub(crate) fn chain(
    store: &TrustStore,
    certificate: &gio::TlsCertificate,
    purpose: Purpose,
    expected: Option<&gio::SocketConnectable>,
) -> Flags {
    let Ok(chain) = Credentials::links_of(certificate) else {
        return Flags::GENERIC_ERROR;
    };
    let Some(leaf) = chain.first() else {
        return Flags::GENERIC_ERROR;
    };
    let problems = store.verify(&Question {
        chain: &chain,
        purpose,
        host: expected.is_some_and(|expected| identity::server_name(expected).is_some()),
        time: clock::injected(),
    });
    flags(problems) | identity_problem(leaf, expected)
}

fn identity_problem(leaf: &X509Ref, expected: Option<&gio::SocketConnectable>) -> Flags {
    match expected {
        Some(expected) if !identity::matches(leaf, expected) => Flags::BAD_IDENTITY,
        _ => Flags::empty(),
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
