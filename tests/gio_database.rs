//! How `GioOsslFileDatabase` judges chains.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use std::{path::Path, sync::Barrier, thread};

use gio::{TlsCertificateFlags as Flags, TlsDatabaseVerifyFlags as Verify, prelude::*};
use gio_ossl::{Certificate, FileDatabase, subclass::SharedRef};

use foreign::Foreign;
use pki::{Issued, Leaf, Pki};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/foreign.rs"]
mod foreign;

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const NO_INTERACTION: Option<&gio::TlsInteraction> = None;
const NO_CANCELLABLE: Option<&gio::Cancellable> = gio::Cancellable::NONE;

fn strict() {
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
}

fn chain(certificates: &[&Issued]) -> gio::TlsCertificate {
    let pem: Vec<String> = certificates
        .iter()
        .map(|issued| issued.certificate_pem())
        .collect();
    Certificate::from_pem(&pem.concat(), None).unwrap().upcast()
}

fn database(anchors: &Path) -> FileDatabase {
    strict();
    FileDatabase::new(anchors).unwrap()
}

fn verify_for(database: &FileDatabase, chain: &gio::TlsCertificate, purpose: &str) -> Flags {
    database
        .verify_chain(
            chain,
            purpose,
            gio::SocketConnectable::NONE,
            NO_INTERACTION,
            Verify::NONE,
            NO_CANCELLABLE,
        )
        .unwrap()
}

fn verify(database: &FileDatabase, chain: &gio::TlsCertificate) -> Flags {
    verify_for(database, chain, SERVER)
}

#[test]
fn chain_to_an_anchor_is_valid() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("x").dns("server.example"));
    let database = database(&pki.root_file());
    let identity = gio::NetworkAddress::new("server.example", 4433);
    let flags = database.verify_chain(
        &chain(&[&leaf, &pki.intermediate]),
        SERVER,
        Some(&identity),
        NO_INTERACTION,
        Verify::NONE,
        NO_CANCELLABLE,
    );
    assert_eq!(flags.unwrap(), Flags::empty());
}

#[test]
fn wrong_identity_is_reported() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("x").dns("server.example"));
    let identity = gio::NetworkAddress::new("other.example", 4433);
    let flags = database(&pki.root_file()).verify_chain(
        &chain(&[&leaf]),
        SERVER,
        Some(&identity),
        NO_INTERACTION,
        Verify::NONE,
        NO_CANCELLABLE,
    );
    assert_eq!(flags.unwrap(), Flags::BAD_IDENTITY);
}

#[test]
fn strangers_are_unknown() {
    let pki = Pki::new();
    let stranger = Leaf::new("x").self_signed();
    let database = database(&pki.root_file());
    assert_eq!(verify(&database, &chain(&[&stranger])), Flags::UNKNOWN_CA);
}

#[test]
fn foreign_root_in_the_chain_is_unknown() {
    let pki = Pki::new();
    let root = Leaf::new("Foreign Root").authority().self_signed();
    let leaf = Leaf::new("x").signed_by(&root);
    let database = database(&pki.root_file());
    assert_eq!(
        verify(&database, &chain(&[&leaf, &root])),
        Flags::UNKNOWN_CA
    );
}

#[test]
fn intermediate_and_leaf_can_be_anchors() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("x"));
    for (name, anchor) in [("intermediate", &pki.intermediate), ("leaf", &leaf)] {
        let database = database(&pki.write(name, anchor.certificate_pem()));
        assert_eq!(
            verify(&database, &chain(&[&leaf])),
            Flags::empty(),
            "{name}"
        );
    }
}

#[test]
fn expired_and_future_certificates_are_reported() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let expired = pki.issue(Leaf::new("x").expired());
    let future = pki.issue(Leaf::new("x").not_yet_valid());
    assert_eq!(verify(&database, &chain(&[&expired])), Flags::EXPIRED);
    assert_eq!(verify(&database, &chain(&[&future])), Flags::NOT_ACTIVATED);
}

#[test]
fn purpose_must_fit_the_extended_key_usage() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let server = chain(&[&pki.issue(Leaf::new("x").usage("serverAuth"))]);
    assert_eq!(verify_for(&database, &server, SERVER), Flags::empty());
    for purpose in [CLIENT, CODE_SIGNING, "nonsense"] {
        let flags = verify_for(&database, &server, purpose);
        assert_eq!(flags, Flags::GENERIC_ERROR, "{purpose}");
    }
    let signer = chain(&[&pki.issue(Leaf::new("x").usage("codeSigning"))]);
    assert_eq!(verify_for(&database, &signer, CODE_SIGNING), Flags::empty());
    assert_eq!(verify_for(&database, &signer, SERVER), Flags::GENERIC_ERROR);
}

#[test]
fn cancelled_verification_is_an_error_with_a_flag() {
    let pki = Pki::new();
    let cancellable = gio::Cancellable::new();
    cancellable.cancel();
    let error = database(&pki.root_file()).verify_chain(
        &chain(&[&pki.root]),
        SERVER,
        gio::SocketConnectable::NONE,
        NO_INTERACTION,
        Verify::NONE,
        Some(&cancellable),
    );
    assert!(error.unwrap_err().matches(gio::IOErrorEnum::Cancelled));
}

#[test]
fn chains_are_judged_in_eight_threads_at_once_by_one_database() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let good = chain(&[
        &pki.issue_below_intermediate(Leaf::new("x")),
        &pki.intermediate,
    ]);
    let bad = chain(&[&Leaf::new("x").self_signed()]);
    let [good, bad] = [good, bad].map(SharedRef::new);
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            let (database, good, bad) = (&database, good.clone(), bad.clone());
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for _ in 0..50 {
                    assert_eq!(verify(database, &good), Flags::empty());
                    assert_eq!(verify(database, &bad), Flags::UNKNOWN_CA);
                }
            });
        }
    });
}

#[test]
fn verification_that_is_cancelled_before_its_result_is_fetched_is_an_error() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let context = glib::MainContext::new();
    for before in [true, false] {
        let cancellable = gio::Cancellable::new();
        let (sender, receiver) = std::sync::mpsc::channel();
        context
            .with_thread_default(|| {
                if before {
                    cancellable.cancel();
                }
                database.verify_chain_async(
                    &chain(&[&pki.root]),
                    SERVER,
                    gio::SocketConnectable::NONE,
                    NO_INTERACTION,
                    Verify::NONE,
                    Some(&cancellable),
                    move |result| sender.send(result).unwrap(),
                );
                cancellable.cancel();
            })
            .unwrap();
        let error = loop {
            match receiver.try_recv() {
                Ok(result) => break result.unwrap_err(),
                Err(_) => context.iteration(true),
            };
        };
        assert!(error.matches(gio::IOErrorEnum::Cancelled), "{error}");
    }
}

#[test]
fn asynchronous_verification_gives_the_same_flags() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let stranger = chain(&[&Leaf::new("x").self_signed()]);
    let flags = glib::MainContext::new().block_on(database.verify_chain_future(
        &stranger,
        SERVER,
        None::<&gio::SocketConnectable>,
        None::<&gio::TlsInteraction>,
        Verify::NONE,
    ));
    assert_eq!(flags.unwrap(), Flags::UNKNOWN_CA);
}

#[test]
fn certificates_of_other_classes_are_judged_by_their_encoding() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let leaf = pki.issue_below_intermediate(Leaf::new("x"));
    let [leaf, intermediate] =
        [&leaf, &pki.intermediate].map(|one| one.certificate.to_der().unwrap());
    let alone = Foreign::new(leaf.clone(), None).upcast();
    assert_eq!(verify(&database, &alone), Flags::UNKNOWN_CA);
    let linked = Foreign::new(leaf, Some(Foreign::new(intermediate, None))).upcast();
    assert_eq!(verify(&database, &linked), Flags::empty());
    let garbage = Foreign::new(b"garbage".to_vec(), None).upcast();
    assert_eq!(verify(&database, &garbage), Flags::GENERIC_ERROR);
}

#[test]
fn chain_to_a_root_through_trusted_intermediates_is_found() {
    let pki = Pki::new();
    let second = Leaf::new("Second").authority().signed_by(&pki.intermediate);
    let leaf = Leaf::new("x").signed_by(&second);
    let all = [&second, &pki.root, &pki.intermediate].map(Issued::certificate_pem);
    let database = database(&pki.write("anchors.pem", all.concat()));
    assert_eq!(verify(&database, &chain(&[&leaf])), Flags::empty());
}
