//! What becomes of OpenSSL's allocations that fail, each in turn.
//!
//! A case is a process of its own, forked from one that has what the work needs: OpenSSL keeps what went wrong
//! in some cases. Seen with OpenSSL 3.0.19, where it never crashes:
//!
//! - A provider's algorithm that is missed when it is first asked for is missing for ever: of 4,971 failures in
//!   a process's first association, 65 make later ones fail, too, whatever context they use.
//! - `SSL_CTX_new_ex` leaves out a cipher, a group or a signature, and says nothing: 22 cases.
//! - `X509_check_purpose` takes a certificate for invalid ever after: 6 cases.
//!
//! OpenSSL 3.5 and 3.6 crash in `SSL_free` where a handshake could not make the next epoch's record layer.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // The allocator that fails, and processes.

use gio::{TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::{Certificate, Error, FileDatabase};

use allocations::{alone, each};
use pki::{Issued, Leaf, Pki};
use plans::Plan;

#[path = "common/allocations.rs"]
mod allocations;
#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/forks.rs"]
mod forks;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/plans.rs"]
#[allow(dead_code)]
mod plans;

#[test]
fn each_allocation_of_an_association_may_fail() {
    let _alone = alone();
    let (plan, other) = (Plan::new(), Plan::new());
    // The process has made no context yet, which is left to each case. What OpenSSL misses here, it misses
    // later.
    each("first", 5, &|| plan.associate(), &|| other.associate());
    plan.associate().unwrap();
    let of = |name, step, plan: &Plan| {
        let spoiled = each(name, step, &|| plan.associate(), &|| other.associate());
        assert!(spoiled.is_empty());
    };
    of("certificate", 1, &plan);
    of("two certificates", 3, &Plan::with_two_certificates());
    of("pre-shared key", 1, &Plan::with_keys());
    of("resumed", 1, &Plan::resumed());
}

#[test]
fn each_allocation_of_a_reader_may_fail() {
    let _alone = alone();
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example").dns("server.example"));
    let chain = [&leaf, &pki.intermediate]
        .map(Issued::certificate_pem)
        .concat();
    let key = leaf.key_pem();
    let pem = || Certificate::from_pem(&chain, Some(&key)).map(drop);
    let mut container = openssl::pkcs12::Pkcs12::builder();
    container.cert(&leaf.certificate).pkey(&leaf.key);
    container.key_iter(1).mac_iter(1);
    let container = container.build2("password").unwrap().to_der().unwrap();
    let pkcs12 = || {
        let made = gio::Initable::builder::<Certificate>()
            .property("pkcs12-data", glib::ByteArray::from(&container[..]))
            .property("password", "password")
            .build(gio::Cancellable::NONE);
        Ok(made.map(drop)?)
    };
    // Once this one was read, it would not be read again.
    let other = Pki::new().issue(Leaf::new("other"));
    let after = || {
        let (certificate, key) = (other.certificate_pem(), other.key_pem());
        Certificate::from_pem(&certificate, Some(&key)).map(drop)
    };
    after().unwrap();
    assert!(each("PEM", 5, &pem, &after).is_empty());
    assert!(each("PKCS #12", 7, &pkcs12, &after).is_empty());
}

#[test]
fn no_failing_allocation_makes_a_database_trust_a_stranger() {
    let _alone = alone();
    let (pki, stranger) = (Pki::new(), Pki::new());
    let anchors = pki.root_file();
    let leaf = |pki: &Pki| {
        let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
        [&leaf, &pki.intermediate]
            .map(Issued::certificate_pem)
            .concat()
    };
    let (good, bad) = (leaf(&pki), leaf(&stranger));
    let verify = |chain: &str| -> Result<Flags, Error> {
        let database = FileDatabase::new(&anchors)?;
        Ok(database.verify_chain(
            &Certificate::from_pem(chain, None)?,
            "1.3.6.1.5.5.7.3.1",
            gio::SocketConnectable::NONE,
            gio::TlsInteraction::NONE,
            gio::TlsDatabaseVerifyFlags::NONE,
            gio::Cancellable::NONE,
        )?)
    };
    let trusted = || match verify(&good)? {
        flags if flags.is_empty() => Ok(()),
        flags => Err(Error::BadCertificate(format!("{flags:?}"))),
    };
    let refused = || {
        assert!(!verify(&bad)?.is_empty());
        Ok(())
    };
    trusted().unwrap();
    refused().unwrap();
    assert!(each("trusted", 2, &trusted, &trusted).is_empty());
    assert!(each("refused", 2, &refused, &trusted).is_empty());
}
