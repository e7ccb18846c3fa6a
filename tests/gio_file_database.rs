//! `GioOsslFileDatabase`: which files it reads, and when.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use gio::{TlsCertificateFlags as Flags, TlsDatabaseVerifyFlags as Verify, TlsError, prelude::*};
use gio_ossl::{Certificate, Error, FileDatabase};

use drafts::List;
use pki::{Issued, Leaf, Pki};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

const SERVER: &str = "1.3.6.1.5.5.7.3.1";
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

fn verify(database: &FileDatabase, chain: &gio::TlsCertificate) -> Flags {
    database
        .verify_chain(
            chain,
            SERVER,
            gio::SocketConnectable::NONE,
            NO_INTERACTION,
            Verify::NONE,
            NO_CANCELLABLE,
        )
        .unwrap()
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
