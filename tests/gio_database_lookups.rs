//! The look-ups of a file database: by handle, issuer and issued-by, blocking and asynchronous.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use std::{path::Path, ptr};

use gio::{TlsDatabaseLookupFlags as Lookup, ffi, prelude::*};
use gio_ossl::{Certificate, FileDatabase};
use glib::translate::*;
use openssl::hash::MessageDigest;

use foreign::Foreign;
use lookups::{Asking, wait};
use pki::{Issued, Leaf, Pki};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/foreign.rs"]
mod foreign;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/lookups.rs"]
mod lookups;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

fn object(issued: &Issued) -> gio::TlsCertificate {
    let object = Certificate::from_pem(&issued.certificate_pem(), None);
    object.unwrap().upcast()
}

fn database(anchors: &Path) -> FileDatabase {
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
    FileDatabase::new(anchors).unwrap()
}

/// A file with these certificates.
fn database_of(pki: &Pki, certificates: &[&Issued]) -> FileDatabase {
    let pem: Vec<String> = certificates
        .iter()
        .map(|one| one.certificate_pem())
        .collect();
    database(&pki.write("anchors.pem", pem.concat()))
}

fn handle_of(anchors: &Path, issued: &Issued) -> String {
    let digest = issued.certificate.digest(MessageDigest::sha256()).unwrap();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("file://{}#{digest}", anchors.display())
}

fn subject_of(issued: &Issued) -> Vec<u8> {
    issued.certificate.subject_name().to_der().unwrap()
}

#[test]
fn handles_are_the_file_and_the_digest() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    for database in [database(&anchors), database(&anchors)] {
        let root = object(&pki.root);
        let handle = database.create_certificate_handle(&root).unwrap();
        assert_eq!(handle, handle_of(&anchors, &pki.root));
        let found = Asking::of(&database).by_handle(&handle).unwrap();
        assert!(found.unwrap().is_same(&root));
    }
}

#[test]
fn strangers_have_no_handle() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("x"));
    let database = database(&pki.root_file());
    assert_eq!(database.create_certificate_handle(&object(&leaf)), None);
    let garbage = Foreign::new(b"garbage".to_vec(), None);
    assert_eq!(database.create_certificate_handle(&garbage), None);
}

#[test]
fn certificates_of_other_classes_are_known_by_their_encoding() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let database = database(&anchors);
    let root = Foreign::new(pki.root.certificate.to_der().unwrap(), None);
    let handle = database.create_certificate_handle(&root).unwrap();
    assert_eq!(handle, handle_of(&anchors, &pki.root));
    let leaf = pki.issue(Leaf::new("x")).certificate.to_der().unwrap();
    let leaf = Foreign::new(leaf, None).upcast();
    let issuer = Asking::of(&database).issuer(&leaf).unwrap().unwrap();
    assert!(issuer.is_same(&root));
    let garbage = Foreign::new(b"garbage".to_vec(), None).upcast();
    assert_eq!(Asking::of(&database).issuer(&garbage).unwrap(), None);
}

#[test]
fn unknown_handles_find_nothing_without_error() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let known = handle_of(&anchors, &pki.root);
    let other_file = pki.write("other.pem", pki.root.certificate_pem());
    let database = database(&anchors);
    let (place, digest) = known.split_once('#').unwrap();
    for handle in [
        handle_of(&anchors, &pki.intermediate),
        handle_of(&other_file, &pki.root),
        known[..known.len() - 1].to_owned(),
        known.clone() + "0",
        format!("{place}#{}", digest.to_uppercase()),
        format!("{place}{digest}"),
        format!("{place}#"),
        format!("system-trust:#{digest}"),
        format!("{place}#{}", "é".repeat(32)),
        String::new(),
        "nonsense".into(),
    ] {
        let found = Asking::of(&database).by_handle(&handle);
        assert_eq!(found.unwrap(), None, "{handle}");
    }
    assert!(Asking::of(&database).by_handle(&known).unwrap().is_some());
}

#[test]
fn issuer_is_found_by_its_name() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let asking = Asking::of(&database);
    let leaf = object(&pki.issue(Leaf::new("x")));
    let found = asking.issuer(&leaf).unwrap().unwrap();
    assert!(found.is_same(&object(&pki.root)));
    let stranger = object(&Leaf::new("x").self_signed());
    assert_eq!(asking.issuer(&stranger).unwrap(), None);
}

#[test]
fn names_are_compared_as_a_whole_and_without_regard_to_case() {
    let pki = Pki::new();
    let named =
        |attributes: &[(&str, &str)]| Leaf::with_subject(attributes).authority().self_signed();
    let right = named(&[("O", "Example  Company"), ("CN", "Root")]);
    let same = named(&[("O", "EXAMPLE company"), ("CN", "root")]);
    let short = named(&[("CN", "Root")]);
    let longer = named(&[("O", "Example Company"), ("CN", "Root"), ("OU", "x")]);
    let database = database_of(&pki, &[&short, &longer, &right]);
    let leaf = Leaf::new("x").signed_by(&same);
    let found = Asking::of(&database).issuer(&object(&leaf)).unwrap();
    assert!(found.unwrap().is_same(&object(&right)));
    let found = Asking::of(&database).issued_by(&subject_of(&same)).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].is_same(&object(&right)));
}

#[test]
fn issuer_is_the_one_that_signed_among_those_of_one_name() {
    let pki = Pki::new();
    let roots = [(); 3].map(|()| Leaf::new("Twin").authority().self_signed());
    let database = database_of(&pki, &[&roots[0], &roots[1], &roots[2]]);
    for root in &roots {
        let leaf = object(&Leaf::new("x").signed_by(root));
        let found = Asking::of(&database).issuer(&leaf).unwrap().unwrap();
        assert!(found.is_same(&object(root)));
    }
    let impostor = Leaf::new("Twin").authority().self_signed();
    let leaf = object(&Leaf::new("x").signed_by(&impostor));
    let found = Asking::of(&database).issuer(&leaf).unwrap().unwrap();
    assert!(found.is_same(&object(&roots[0])), "the first of the name");
}

#[test]
fn certificates_are_found_by_their_issuer_in_the_order_of_the_file() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("x"));
    let certificates = [&leaf, &pki.root, &pki.intermediate, &pki.root];
    let database = database_of(&pki, &certificates);
    let asking = Asking::of(&database);
    let found = asking.issued_by(&subject_of(&pki.root)).unwrap();
    assert_eq!(found.len(), 3, "each once");
    for (found, expected) in found.iter().zip(certificates) {
        assert!(found.is_same(&object(expected)));
    }
    for name in [
        &subject_of(&pki.intermediate)[..],
        b"garbage",
        b"",
        &[0x30, 0x00],
    ] {
        assert_eq!(asking.issued_by(name).unwrap().len(), 0, "{name:?}");
    }
}

#[test]
fn private_keys_are_never_found() {
    let pki = Pki::new();
    let anchors = pki.write(
        "both.pem",
        pki.root.key_pem() + &pki.root.certificate_pem() + &pki.intermediate.key_pem(),
    );
    let database = database(&anchors);
    let asking = Asking::of(&database).flags(Lookup::KEYPAIR);
    let leaf = object(&pki.issue(Leaf::new("x")));
    assert_eq!(
        asking.by_handle(&handle_of(&anchors, &pki.root)).unwrap(),
        None
    );
    assert_eq!(asking.issuer(&leaf).unwrap(), None);
    assert_eq!(asking.issued_by(&subject_of(&pki.root)).unwrap().len(), 0);
}

#[test]
fn cancelled_look_ups_are_errors() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let database = database(&anchors);
    let cancellable = gio::Cancellable::new();
    cancellable.cancel();
    let asking = Asking::of(&database).cancellable(&cancellable);
    let leaf = object(&pki.issue(Leaf::new("x")));
    let handle = handle_of(&anchors, &pki.root);
    for error in [
        asking.by_handle(&handle).unwrap_err(),
        asking.issuer(&leaf).unwrap_err(),
        asking.issued_by(&subject_of(&pki.root)).unwrap_err(),
    ] {
        assert!(error.matches(gio::IOErrorEnum::Cancelled), "{error}");
    }
}

#[test]
fn look_up_that_is_cancelled_while_it_waits_is_an_error() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let database = database(&anchors);
    let cancellable = gio::Cancellable::new();
    let asking = Asking::of(&database).cancellable(&cancellable);
    let result = wait(|callback, data| {
        asking.start_by_handle(&handle_of(&anchors, &pki.root), callback, data);
        cancellable.cancel();
    });
    let error = asking.finish_by_handle(&result).unwrap_err();
    assert!(error.matches(gio::IOErrorEnum::Cancelled), "{error}");
}

#[test]
#[allow(unsafe_code)]
fn results_of_other_calls_are_refused() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let (database, other) = (database(&anchors), database(&anchors));
    let handle = handle_of(&anchors, &pki.root);
    let result =
        wait(|callback, data| Asking::of(&database).start_by_handle(&handle, callback, data));
    let error = Asking::of(&other).finish_by_handle(&result).unwrap_err();
    assert!(error.matches(gio::IOErrorEnum::InvalidArgument), "{error}");

    let database: &gio::TlsDatabase = database.upcast_ref();
    let mut error = ptr::null_mut();
    // SAFETY: both objects are alive, and the error is owned.
    let (flags, error): (_, glib::Error) = unsafe {
        let flags = ffi::g_tls_database_verify_chain_finish(
            database.to_glib_none().0,
            result.to_glib_none().0,
            &mut error,
        );
        (flags, from_glib_full(error))
    };
    assert_eq!(flags, ffi::G_TLS_CERTIFICATE_GENERIC_ERROR);
    assert!(error.matches(gio::IOErrorEnum::InvalidArgument), "{error}");
    assert!(
        Asking::of(database)
            .finish_by_handle(&result)
            .unwrap()
            .is_some()
    );
}
