//! `GioOsslDatabase`: where the system's authorities are found, and how little of them is read.
//!
//! The variables that say where they are count for a whole process, so each test judges in a child of
//! its own, which is this program again.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, fs::symlink, process::CommandExt},
    path::Path,
    process::Command,
    sync::Barrier,
    thread,
};

use gio::{TlsCertificateFlags as Flags, TlsDatabaseLookupFlags as Lookup, prelude::*};
use gio_ossl::{Certificate, Database, subclass::SharedRef};
use openssl::{hash::MessageDigest, x509::X509};

use children::{Child, DIRECTORY, FILE, NOWHERE, bytes_read, child, folder, hashed, run, verify};
use drafts::List;
use lookups::Asking;
use pki::Leaf;

#[path = "common/children.rs"]
mod children;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/lookups.rs"]
mod lookups;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

#[test]
fn file_and_directories_of_the_environment_are_honoured() {
    if let Some(child) = Child::here() {
        let database = Database::new();
        assert_eq!(child.judge(&database, "leaf.pem"), Flags::empty());
        assert_eq!(child.judge(&database, "stranger.pem"), Flags::UNKNOWN_CA);
        assert_eq!(child.judge(&database, "leaf.pem"), Flags::empty());
        return;
    }
    let pki = folder();
    let test = "file_and_directories_of_the_environment_are_honoured";
    let nowhere = Path::new(NOWHERE);
    let file = pki.root_file();
    let directory = hashed(&pki, "hashed", &[&pki.root]);
    let empty = hashed(&pki, "empty", &[]);
    let several = env::join_paths([nowhere, &empty, &directory]).unwrap();
    let garbage = pki.write("garbage.pem", "garbage");
    let crlf = pki.write("crlf.pem", pki.root.certificate_pem().replace('\n', "\r\n"));
    for (file, directory) in [
        (file.as_path(), nowhere),
        (&file, Path::new("")),
        (&crlf, &empty),
        (nowhere, &directory),
        (Path::new(""), &directory),
        (&garbage, &directory),
        (pki.folder(), &directory),
        (nowhere, Path::new(&several)),
        (&file, &directory),
    ] {
        child(test, &pki, &[(FILE, file), (DIRECTORY, directory)]);
    }
}

#[test]
fn nobody_is_trusted_where_there_are_no_authorities() {
    if let Some(child) = Child::here() {
        let database = Database::new();
        assert_eq!(child.judge(&database, "leaf.pem"), Flags::UNKNOWN_CA);
        let root = child.certificate("root.pem");
        assert_eq!(database.create_certificate_handle(&root), None);
        assert_eq!(Asking::of(&database).issuer(&root).unwrap(), None);
        return;
    }
    let pki = folder();
    let test = "nobody_is_trusted_where_there_are_no_authorities";
    let nowhere = Path::new(NOWHERE);
    let half = pki.root.certificate_pem()
        + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let half = pki.write("half.pem", half);
    let endless = Path::new("/dev/zero");
    // Found under no hash, and so not found by OpenSSL.
    let misplaced = pki.folder().join("misplaced");
    fs::create_dir(&misplaced).unwrap();
    fs::write(misplaced.join("00000000.0"), pki.root.certificate_pem()).unwrap();
    for (file, directory) in [
        (nowhere, nowhere),
        (Path::new(""), Path::new("")),
        (&half, nowhere),
        (endless, nowhere),
        (nowhere, &misplaced),
    ] {
        child(test, &pki, &[(FILE, file), (DIRECTORY, directory)]);
    }
}

#[test]
fn hashed_directory_spares_the_collection() {
    if let Some(child) = Child::here() {
        let database = Database::new();
        let chain = child.certificate("leaf.pem");
        // OpenSSL's configuration is read once.
        chain.verify(
            gio::SocketConnectable::NONE,
            Some(&child.certificate("root.pem")),
        );
        let before = bytes_read();
        assert_eq!(verify(&database, &chain), Flags::empty());
        let read = bytes_read() - before;
        let collection = fs::read("/usr/lib/ssl/cert.pem").unwrap_or_default().len();
        assert!(
            read < 10_000,
            "{read} bytes, where the collection has {collection}"
        );
        return;
    }
    let pki = folder();
    let directory = hashed(&pki, "hashed", &[&pki.root]);
    let test = "hashed_directory_spares_the_collection";
    child(test, &pki, &[(DIRECTORY, &directory)]);
}

#[test]
fn nothing_is_read_before_the_first_question() {
    if Child::here().is_some() {
        let backend = gio_ossl::Backend::get();
        drop(Database::new());
        let before = bytes_read();
        let own = backend.default_database();
        let other = Database::new();
        // The measurement itself reads a line or ten.
        assert!(bytes_read() - before < 1000);
        assert_ne!(
            own.upcast::<gio::TlsDatabase>(),
            other.upcast::<gio::TlsDatabase>()
        );
        return;
    }
    let pki = folder();
    let test = "nothing_is_read_before_the_first_question";
    child(test, &pki, &[(FILE, &pki.root_file())]);
}

#[test]
fn revocation_lists_of_the_environment_are_honoured() {
    if let Some(child) = Child::here() {
        let database = Database::new();
        assert_eq!(child.judge(&database, "leaf.pem"), Flags::empty());
        assert_eq!(child.judge(&database, "revoked.pem"), Flags::REVOKED);
        return;
    }
    let pki = folder();
    let revoked = pki.issue(Leaf::new("revoked"));
    pki.write("revoked.pem", revoked.certificate_pem());
    let list = List::of(&pki.root).revoking(&revoked).pem();
    let test = "revocation_lists_of_the_environment_are_honoured";
    let file = pki.write("both.pem", pki.root.certificate_pem() + &list);
    let with_root = hashed(&pki, "certificates", &[&pki.root]);
    let with_both = pki.folder().join("both");
    fs::create_dir(&with_both).unwrap();
    fs::write(with_both.join("root.pem"), pki.root.certificate_pem()).unwrap();
    fs::write(with_both.join("list.crl"), &list).unwrap();
    let rehash = Command::new("openssl")
        .arg("rehash")
        .arg(&with_both)
        .status();
    assert!(rehash.unwrap().success());
    for (file, directory) in [
        (file.as_path(), Path::new(NOWHERE)),
        (&file, &with_root),
        (Path::new(NOWHERE), &with_both),
    ] {
        child(test, &pki, &[(FILE, file), (DIRECTORY, directory)]);
    }
}

#[test]
fn anchors_are_found_by_handle_name_and_issuer() {
    if let Some(child) = Child::here() {
        let root = child.certificate("root.pem");
        let leaf = child.certificate("leaf.pem");
        let chain_issuer = leaf.issuer().unwrap();
        let der: glib::ByteArray = root.property("certificate");
        let x509 = X509::from_der(&der).unwrap();
        let digest = x509.digest(MessageDigest::sha256()).unwrap();
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        // A handle of one process and object is good in another.
        for database in [Database::new(), Database::new()] {
            let handle = database.create_certificate_handle(&root).unwrap();
            assert_eq!(handle, format!("system-trust:#{digest}"));
            assert_eq!(database.create_certificate_handle(&leaf), None);
            let asking = Asking::of(&database);
            assert!(asking.by_handle(&handle).unwrap().unwrap().is_same(&root));
            assert_eq!(asking.by_handle("system-trust:#00").unwrap(), None);
            let unknown = format!("system-trust:#{}", "0".repeat(64));
            assert_eq!(asking.by_handle(&unknown).unwrap(), None);
            assert!(
                asking
                    .issuer(&chain_issuer)
                    .unwrap()
                    .unwrap()
                    .is_same(&root)
            );
            assert_eq!(asking.issuer(&leaf).unwrap(), None);
            let name = x509.subject_name().to_der().unwrap();
            let issued = asking.issued_by(&name).unwrap();
            assert_eq!(issued.len(), 1);
            assert!(issued[0].is_same(&root));
            assert_eq!(asking.issued_by(b"garbage").unwrap().len(), 0);
            let asking = asking.flags(Lookup::KEYPAIR);
            assert_eq!(asking.by_handle(&handle).unwrap(), None);
            assert_eq!(asking.issuer(&chain_issuer).unwrap(), None);
            assert_eq!(asking.issued_by(&name).unwrap().len(), 0);
        }
        return;
    }
    let pki = folder();
    let test = "anchors_are_found_by_handle_name_and_issuer";
    let file = pki.root_file();
    let directory = hashed(&pki, "hashed", &[&pki.root]);
    for (file, directory) in [
        (file.as_path(), Path::new(NOWHERE)),
        (Path::new(NOWHERE), &directory),
        (&file, &directory),
    ] {
        child(test, &pki, &[(FILE, file), (DIRECTORY, directory)]);
    }
}

#[test]
fn first_questions_may_come_from_eight_threads_at_once() {
    if let Some(child) = Child::here() {
        let database = Database::new();
        let chains =
            ["leaf.pem", "stranger.pem"].map(|name| SharedRef::new(child.certificate(name)));
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                let (database, start, chains) = (&database, &start, &chains);
                scope.spawn(move || {
                    start.wait();
                    assert_eq!(verify(database, &chains[0]), Flags::empty());
                    assert_eq!(verify(database, &chains[1]), Flags::UNKNOWN_CA);
                });
            }
        });
        return;
    }
    let pki = folder();
    let test = "first_questions_may_come_from_eight_threads_at_once";
    let directory = hashed(&pki, "hashed", &[&pki.root]);
    child(
        test,
        &pki,
        &[(FILE, &pki.root_file()), (DIRECTORY, Path::new(NOWHERE))],
    );
    child(test, &pki, &[(DIRECTORY, &directory)]);
}

#[test]
fn programs_with_privileges_ignore_the_environment() {
    const NOBODY: u32 = 65534;
    if let Some(child) = Child::here() {
        assert_eq!(child.judge(&Database::new(), "leaf.pem"), Flags::UNKNOWN_CA);
        let root = child.certificate("root.pem");
        assert_eq!(Database::new().create_certificate_handle(&root), None);
        return;
    }
    let pki = folder();
    let program = pki.folder().join("privileged");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let mut command = Command::new(&program);
    if command.uid(NOBODY).arg("--list").output().is_err() {
        eprintln!("skipped: only root may start a program as somebody else");
        return;
    }
    let mut command = Command::new(&program);
    command.uid(NOBODY);
    let test = "programs_with_privileges_ignore_the_environment";
    let directory = hashed(&pki, "hashed", &[&pki.root]);
    run(
        command,
        test,
        &pki,
        &[(FILE, &pki.root_file()), (DIRECTORY, &directory)],
    );
}

#[test]
fn usual_anchors_are_found_without_the_environment() {
    if Child::here().is_some() {
        // Empty where no authorities are installed: then there is nothing to find.
        let bundle = fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
        let database = Database::new();
        for anchor in X509::stack_from_pem(&bundle).unwrap().iter().take(3) {
            let pem = String::from_utf8(anchor.to_pem().unwrap()).unwrap();
            let object: gio::TlsCertificate = Certificate::from_pem(&pem, None).unwrap().upcast();
            let handle = database.create_certificate_handle(&object).unwrap();
            let found = Asking::of(&database).by_handle(&handle).unwrap();
            assert!(found.unwrap().is_same(&object));
            let issuer = Asking::of(&database).issuer(&object).unwrap();
            assert!(issuer.unwrap().is_same(&object));
        }
        return;
    }
    child(
        "usual_anchors_are_found_without_the_environment",
        &folder(),
        &[],
    );
}

#[test]
fn links_that_lead_nowhere_are_passed_over() {
    if let Some(child) = Child::here() {
        // Where OpenSSL does so, too: some releases stop at such a link.
        let expected = if child.is_verified_by_openssl("root.pem") {
            Flags::empty()
        } else {
            Flags::UNKNOWN_CA
        };
        assert_eq!(child.judge(&Database::new(), "leaf.pem"), expected);
        if !expected.is_empty() {
            return;
        }
        let database = Database::new();
        let root = child.certificate("root.pem");
        let handle = database.create_certificate_handle(&root).unwrap();
        assert!(Asking::of(&database).by_handle(&handle).unwrap().is_some());
        return;
    }
    let pki = folder();
    let directory = hashed(&pki, "hashed", &[&pki.root]);
    let link = fs::read_dir(&directory)
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let link = link
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "0"))
        .unwrap();
    fs::rename(&link, link.with_extension("1")).unwrap();
    symlink(NOWHERE, &link).unwrap();
    let variables = [(FILE, Path::new(NOWHERE)), (DIRECTORY, &directory)];
    child("links_that_lead_nowhere_are_passed_over", &pki, &variables);
}
