//! What certificates and databases say of a chain.

use std::path::Path;

use gio::{TlsCertificateFlags as Flags, TlsDatabaseVerifyFlags as Verify, prelude::*};
use gio_ossl::{Certificate, FileDatabase};
use openssl::error::ErrorStack;

use crate::pki::{Issued, Pki};

pub const SERVER: &str = "1.3.6.1.5.5.7.3.1";

/// The chain as it is given, leaf first, whoever issued whom.
pub fn object(chain: &[&Issued]) -> gio::TlsCertificate {
    let link = |issuer: Option<gio::TlsCertificate>, one: &&Issued| {
        let object = gio::Initable::builder::<Certificate>()
            .property("certificate-pem", one.certificate_pem())
            .property("issuer", issuer)
            .build(gio::Cancellable::NONE);
        Some(object.unwrap().upcast())
    };
    chain.iter().rev().fold(None, link).unwrap()
}

/// The opinion of a database of these anchors on this chain.
pub fn judge_for(purpose: &str, anchors: &[&Issued], chain: &[&Issued]) -> Flags {
    judge_by(&pem(anchors), purpose, chain)
}

/// The same for a server.
pub fn judge(anchors: &[&Issued], chain: &[&Issued]) -> Flags {
    judge_for(SERVER, anchors, chain)
}

/// The opinion on a server that should be this host.
pub fn judge_as(anchors: &[&Issued], chain: &[&Issued], host: &str) -> Flags {
    let folder = Pki::new();
    let flags = database(folder.write("anchors.pem", pem(anchors))).verify_chain(
        &object(chain),
        SERVER,
        Some(&gio::NetworkAddress::new(host, 443)),
        gio::TlsInteraction::NONE,
        Verify::NONE,
        gio::Cancellable::NONE,
    );
    assert!(ErrorStack::get().errors().is_empty());
    flags.unwrap()
}

/// The opinion of a database of these anchors and revocation lists.
pub fn judge_with(anchors: &[&Issued], lists: &[String], chain: &[&Issued]) -> Flags {
    judge_by(&[pem(anchors), lists.concat()].concat(), SERVER, chain)
}

/// `g_tls_certificate_verify()` without identity.
pub fn trusting(chain: &[&Issued], authority: &Issued) -> Flags {
    let authority = object(&[authority]);
    let flags = object(chain).verify(gio::SocketConnectable::NONE, Some(&authority));
    assert!(ErrorStack::get().errors().is_empty());
    flags
}

/// What a database says without identity.
pub fn ask(database: &impl IsA<gio::TlsDatabase>, purpose: &str, chain: &[&Issued]) -> Flags {
    let flags = database.verify_chain(
        &object(chain),
        purpose,
        gio::SocketConnectable::NONE,
        gio::TlsInteraction::NONE,
        Verify::NONE,
        gio::Cancellable::NONE,
    );
    assert!(ErrorStack::get().errors().is_empty());
    flags.unwrap()
}

pub fn database(file: impl AsRef<Path>) -> FileDatabase {
    FileDatabase::new(file).unwrap()
}

fn judge_by(anchors: &str, purpose: &str, chain: &[&Issued]) -> Flags {
    let folder = Pki::new();
    ask(
        &database(folder.write("anchors.pem", anchors)),
        purpose,
        chain,
    )
}

fn pem(certificates: &[&Issued]) -> String {
    certificates
        .iter()
        .map(|one| one.certificate_pem())
        .collect()
}
