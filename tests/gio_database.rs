//! `GioOsslFileDatabase`: what it reads, and how it judges chains.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path, sync::Barrier, thread};

use gio::{TlsCertificateFlags as Flags, TlsDatabaseVerifyFlags as Verify, TlsError, prelude::*};
use gio_ossl::{Certificate, Error, FileDatabase, subclass::SharedRef};

use drafts::List;
use foreign::Foreign;
use pki::{Issued, Leaf, Pki};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;
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

fn refusal(anchors: &Path) -> glib::Error {
    strict();
    match FileDatabase::new(anchors).unwrap_err() {
        Error::Foreign(error) => error,
        other => panic!("{other:?}"),
    }
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
fn missing_and_unreadable_files_are_refused_by_name() {
    let folder = Pki::new();
    let missing = folder.folder().join("missing.pem");
    // Reading one's own memory from the beginning fails for everybody.
    for path in [
        missing.as_path(),
        folder.folder(),
        Path::new("/proc/self/mem"),
    ] {
        let error = refusal(path);
        assert!(error.matches(TlsError::Misc), "{error}");
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn files_without_readable_certificates_are_refused() {
    let pki = Pki::new();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let good = pki.root.certificate_pem();
    let unfinished = &good[..good.len() - 30];
    for contents in [
        "",
        "garbage",
        broken,
        &(good.clone() + broken),
        &(broken.to_owned() + &good),
        &(good.clone() + unfinished),
        &good.replace("END CERTIFICATE", "END X509 CRL"),
        // OpenSSL's own format, whose restrictions of trust would be lost.
        &good.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        &pki.root.key_pem(),
        &(good.clone() + "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
    ] {
        let error = refusal(&pki.write("bad.pem", contents));
        assert!(error.matches(TlsError::Misc), "{contents}: {error}");
        assert!(error.message().contains("bad.pem"), "{error}");
    }
}

#[test]
fn database_without_anchors_is_refused() {
    strict();
    let database = gio::Initable::builder::<FileDatabase>().build(NO_CANCELLABLE);
    assert!(database.unwrap_err().matches(TlsError::Misc));
}

#[test]
fn second_initialization_has_the_same_result() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let good = database(&anchors);
    fs::write(&anchors, "garbage").unwrap();
    #[allow(unsafe_code)]
    // SAFETY: the object is alive; a second call is allowed.
    unsafe { good.init(NO_CANCELLABLE) }.unwrap();
    let leaf = chain(&[&pki.issue(Leaf::new("x"))]);
    assert_eq!(verify(&good, &leaf), Flags::empty());
}

#[test]
fn cancelled_initialization_is_an_error() {
    let pki = Pki::new();
    let cancellable = gio::Cancellable::new();
    cancellable.cancel();
    let database = gio::Initable::builder::<FileDatabase>()
        .property("anchors", pki.root_file())
        .build(Some(&cancellable));
    assert!(database.unwrap_err().matches(gio::IOErrorEnum::Cancelled));
}

#[test]
fn texts_of_every_kind_are_read() {
    let pki = Pki::new();
    let root = pki.root.certificate_pem();
    let body: String = root.lines().filter(|line| !line.starts_with('-')).collect();
    let one_line = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----");
    let leaf = chain(&[&pki.issue(Leaf::new("x"))]);
    for (name, text) in [
        ("crlf", root.replace('\n', "\r\n")),
        ("no newline at the end", root.trim_end().to_owned()),
        ("trailing space", root.replace("-----\n", "----- \t\n")),
        ("old label", root.replace("CERTIFICATE", "X509 CERTIFICATE")),
        ("short lines", root.replace('M', "M\n")),
        ("one line", one_line),
        (
            "text around",
            format!("Root\n====\n\u{e9}{0}\n{root}more\n", "x".repeat(300)),
        ),
        (
            "keys beside",
            pki.root.key_pem() + &root + &pki.intermediate.key_pem(),
        ),
        ("twice", root.clone() + &root),
    ] {
        let database = FileDatabase::new(pki.write("anchors.pem", text));
        let database = database.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(verify(&database, &leaf), Flags::empty(), "{name}");
    }
}

#[test]
fn revocation_lists_beside_the_certificates_are_honoured() {
    let pki = Pki::new();
    let [good, bad] = [(), ()].map(|()| pki.issue(Leaf::new("x")));
    let list = List::of(&pki.root).revoking(&bad).pem();
    for text in [
        pki.root.certificate_pem() + &list,
        list + &pki.root.certificate_pem(),
    ] {
        let database = database(&pki.write("anchors.pem", text));
        assert_eq!(verify(&database, &chain(&[&good])), Flags::empty());
        assert_eq!(verify(&database, &chain(&[&bad])), Flags::REVOKED);
    }
}

#[test]
fn ten_thousand_certificates_are_no_matter() {
    let pki = Pki::new();
    // Distinct encodings with a name of their own, signed by nobody: as good as any in this place.
    let template = Leaf::new("Number 00000").authority().self_signed();
    let der = template.certificate.to_der().unwrap();
    let number = |number: usize| {
        let mut der = der.clone();
        let digits = format!("{number:05}");
        let mut from = 0;
        while let Some(at) = der[from..].windows(5).position(|part| part == b"00000") {
            der[from + at..from + at + 5].copy_from_slice(digits.as_bytes());
            from += at + 5;
        }
        let body = openssl::base64::encode_block(&der);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    };
    let text: String = (1..10_000).map(number).collect();
    let database = database(&pki.write("huge.pem", text + &pki.root.certificate_pem()));
    let leaf = chain(&[&pki.issue(Leaf::new("x"))]);
    assert_eq!(verify(&database, &leaf), Flags::empty());
    let stranger = chain(&[&Leaf::new("x").self_signed()]);
    assert_eq!(verify(&database, &stranger), Flags::UNKNOWN_CA);
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

#[test]
fn path_names_need_not_be_text() {
    let pki = Pki::new();
    let path = pki.folder().join(OsStr::from_bytes(b"caf\xe9 #1.pem"));
    fs::write(&path, pki.root.certificate_pem()).unwrap();
    let database = database(&path);
    let handle = database
        .create_certificate_handle(&chain(&[&pki.root]))
        .unwrap();
    let uri = glib::filename_to_uri(&path, None).unwrap();
    assert!(uri.ends_with("caf%E9%20%231.pem"), "{uri}");
    assert!(handle.starts_with(&format!("{uri}#")), "{handle}");
    let leaf = chain(&[&pki.issue(Leaf::new("x"))]);
    assert_eq!(verify(&database, &leaf), Flags::empty());
}

#[test]
fn changing_the_anchors_later_changes_only_the_property() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let database = database(&anchors);
    assert_eq!(
        database.property::<String>("anchors"),
        anchors.to_str().unwrap()
    );
    database.set_property("anchors", "/nowhere");
    assert_eq!(database.property::<String>("anchors"), "/nowhere");
    fs::write(&anchors, "garbage").unwrap();
    let leaf = chain(&[&pki.issue(Leaf::new("x"))]);
    assert_eq!(verify(&database, &leaf), Flags::empty());
}

#[test]
fn relative_anchors_are_ignored_with_a_warning() {
    const VARIABLE: &str = "GIO_OSSL_TEST_CHILD";
    if std::env::var_os(VARIABLE).is_some() {
        let error = FileDatabase::new("relative.pem").unwrap_err();
        assert!(glib::Error::from(error).matches(TlsError::Misc));
        return;
    }
    let pki = Pki::new();
    fs::write(
        pki.folder().join("relative.pem"),
        pki.root.certificate_pem(),
    )
    .unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "relative_anchors_are_ignored_with_a_warning",
            "--nocapture",
        ])
        .env(VARIABLE, "1")
        .current_dir(pki.folder())
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    let warning = String::from_utf8_lossy(&child.stderr);
    assert!(
        warning.contains("ignoring anchors \"relative.pem\""),
        "{warning}"
    );
}
