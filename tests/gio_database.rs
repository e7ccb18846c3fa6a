//! `GioOsslFileDatabase` and `GioOsslDatabase` through GIO's methods.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use std::{cell::RefCell, ffi::c_void, path::Path, ptr, thread};

use gio::{
    TlsCertificateFlags as Flags, TlsDatabaseLookupFlags as Lookup,
    TlsDatabaseVerifyFlags as Verify, TlsError, ffi, prelude::*,
};
use gio_ossl::{Certificate, Database, Error, FileDatabase};
use glib::translate::*;
use openssl::hash::MessageDigest;

use pki::{Issued, Leaf, Pki};

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

fn handle_of(anchors: &Path, issued: &Issued) -> String {
    let digest = issued.certificate.digest(MessageDigest::sha256()).unwrap();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("file://{}#{digest}", anchors.display())
}

/// Looks an issuer up in both ways, for gtk-rs takes it for granted that one is found.
#[allow(unsafe_code)]
fn issuer_of(
    database: &impl IsA<gio::TlsDatabase>,
    certificate: &gio::TlsCertificate,
    flags: Lookup,
) -> Option<gio::TlsCertificate> {
    let database: *mut ffi::GTlsDatabase =
        database.upcast_ref::<gio::TlsDatabase>().to_glib_none().0;
    let mut error = ptr::null_mut();
    // SAFETY: all objects are alive, and the result is owned.
    let found: Option<gio::TlsCertificate> = unsafe {
        from_glib_full(ffi::g_tls_database_lookup_certificate_issuer(
            database,
            certificate.to_glib_none().0,
            ptr::null_mut(),
            flags.into_glib(),
            ptr::null_mut(),
            &mut error,
        ))
    };
    assert!(error.is_null());
    let result = wait(|callback, data| {
        // SAFETY: everything is alive during the call.
        unsafe {
            ffi::g_tls_database_lookup_certificate_issuer_async(
                database,
                certificate.to_glib_none().0,
                ptr::null_mut(),
                flags.into_glib(),
                ptr::null_mut(),
                callback,
                data,
            );
        }
    });
    // SAFETY: the result is that of the call, and what comes back is owned.
    let again: Option<gio::TlsCertificate> = unsafe {
        from_glib_full(ffi::g_tls_database_lookup_certificate_issuer_finish(
            database,
            result.to_glib_none().0,
            &mut error,
        ))
    };
    assert!(error.is_null());
    assert_eq!(found.is_some(), again.is_some());
    found
}

/// Looks a handle up asynchronously, for the same reason.
#[allow(unsafe_code)]
fn handle_async(database: &FileDatabase, handle: &str) -> Option<gio::TlsCertificate> {
    let database: *mut ffi::GTlsDatabase =
        database.upcast_ref::<gio::TlsDatabase>().to_glib_none().0;
    let result = wait(|callback, data| {
        // SAFETY: everything is alive during the call.
        unsafe {
            ffi::g_tls_database_lookup_certificate_for_handle_async(
                database,
                handle.to_glib_none().0,
                ptr::null_mut(),
                Lookup::NONE.into_glib(),
                ptr::null_mut(),
                callback,
                data,
            );
        }
    });
    let mut error = ptr::null_mut();
    // SAFETY: the result is that of the call, and what comes back is owned.
    let found = unsafe {
        from_glib_full(ffi::g_tls_database_lookup_certificate_for_handle_finish(
            database,
            result.to_glib_none().0,
            &mut error,
        ))
    };
    assert!(error.is_null());
    found
}

/// Starts an asynchronous call and runs a main context of its own until the call is done.
#[allow(unsafe_code)]
fn wait(start: impl FnOnce(ffi::GAsyncReadyCallback, *mut c_void)) -> gio::AsyncResult {
    unsafe extern "C" fn ready(
        _source: *mut glib::gobject_ffi::GObject,
        result: *mut ffi::GAsyncResult,
        place: *mut c_void,
    ) {
        // SAFETY: the place is the cell below, which outlives the call.
        let place = unsafe { &*place.cast::<RefCell<Option<gio::AsyncResult>>>() };
        // SAFETY: the result is alive during the call.
        place.replace(Some(unsafe { from_glib_none(result) }));
    }

    let context = glib::MainContext::new();
    let result = RefCell::new(None);
    context
        .with_thread_default(|| {
            start(Some(ready), (&raw const result).cast_mut().cast());
            assert!(result.borrow().is_none(), "called back too early");
            while result.borrow().is_none() {
                context.iteration(true);
            }
        })
        .unwrap();
    result.into_inner().unwrap()
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
fn chains_are_judged_in_several_threads_at_once() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let leaf = pki.issue(Leaf::new("x"));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let database = database(&anchors);
                for _ in 0..50 {
                    assert_eq!(verify(&database, &chain(&[&leaf])), Flags::empty());
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
fn handles_are_the_file_and_the_digest() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let database = database(&anchors);
    let root = chain(&[&pki.root]);
    let handle = database.create_certificate_handle(&root).unwrap();
    assert_eq!(handle, handle_of(&anchors, &pki.root));
    let found = database.lookup_certificate_for_handle(
        &handle,
        NO_INTERACTION,
        Lookup::NONE,
        NO_CANCELLABLE,
    );
    assert!(found.unwrap().unwrap().is_same(&root));
}

#[test]
fn strangers_have_no_handle() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("x"));
    let database = database(&pki.root_file());
    assert_eq!(database.create_certificate_handle(&chain(&[&leaf])), None);
}

#[test]
fn unknown_handles_find_nothing_without_error() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let database = database(&anchors);
    let other = handle_of(&anchors, &pki.intermediate);
    let cut = other[..other.len() - 1].to_owned();
    for handle in [other, cut, String::new(), "nonsense".into()] {
        let found = database.lookup_certificate_for_handle(
            &handle,
            NO_INTERACTION,
            Lookup::NONE,
            NO_CANCELLABLE,
        );
        assert_eq!(found.unwrap(), None, "{handle}");
    }
}

#[test]
fn issuer_is_found_by_its_name() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let leaf = chain(&[&pki.issue(Leaf::new("x"))]);
    let found = issuer_of(&database, &leaf, Lookup::NONE).unwrap();
    assert!(found.is_same(&chain(&[&pki.root])));
    assert_eq!(issuer_of(&database, &leaf, Lookup::KEYPAIR), None);
    let stranger = chain(&[&Leaf::new("x").self_signed()]);
    assert_eq!(issuer_of(&database, &stranger, Lookup::NONE), None);
}

#[test]
fn certificates_are_found_by_their_issuer() {
    let pki = Pki::new();
    let both = [&pki.root, &pki.intermediate].map(Issued::certificate_pem);
    let database = database(&pki.write("both.pem", both.concat()));
    let found = |name: &[u8]| {
        database
            .lookup_certificates_issued_by(
                &glib::ByteArray::from(name),
                NO_INTERACTION,
                Lookup::NONE,
                NO_CANCELLABLE,
            )
            .unwrap()
    };
    let name = pki.root.certificate.subject_name().to_der().unwrap();
    assert_eq!(found(&name).len(), 2);
    let name = pki
        .intermediate
        .certificate
        .subject_name()
        .to_der()
        .unwrap();
    assert!(found(&name).is_empty());
    assert!(found(b"garbage").is_empty());
}

#[test]
fn asynchronous_handle_look_up_finds_or_finds_nothing() {
    let pki = Pki::new();
    let anchors = pki.root_file();
    let database = database(&anchors);
    let handle = handle_of(&anchors, &pki.root);
    assert!(handle_async(&database, &handle).is_some());
    assert!(handle_async(&database, "nonsense").is_none());
}

#[test]
fn asynchronous_look_up_by_issuer_finds_or_finds_nothing() {
    let pki = Pki::new();
    let database = database(&pki.root_file());
    let root_name = pki.root.certificate.subject_name().to_der().unwrap();
    for (name, expected) in [(root_name.as_slice(), 1), (b"garbage", 0)] {
        let found =
            glib::MainContext::new().block_on(database.lookup_certificates_issued_by_future(
                &glib::ByteArray::from(name),
                None::<&gio::TlsInteraction>,
                Lookup::NONE,
            ));
        assert_eq!(found.unwrap().len(), expected);
    }
}

#[test]
fn missing_file_is_refused() {
    let error = refusal(&Pki::new().folder().join("missing.pem"));
    assert!(error.matches(TlsError::Misc), "{error}");
}

#[test]
fn files_without_readable_certificates_are_refused() {
    let pki = Pki::new();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let half = pki.root.certificate_pem() + broken;
    for contents in ["", "garbage", broken, &half] {
        let error = refusal(&pki.write("bad.pem", contents));
        assert!(error.matches(TlsError::Misc), "{contents}: {error}");
    }
}

#[test]
fn database_without_anchors_is_refused() {
    strict();
    let database = gio::Initable::builder::<FileDatabase>().build(NO_CANCELLABLE);
    assert!(database.unwrap_err().matches(TlsError::Misc));
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
    let leaf = chain(&[&pki.issue(Leaf::new("x"))]);
    assert_eq!(verify(&database, &leaf), Flags::empty());
}

#[test]
fn system_database_does_not_know_strangers() {
    strict();
    let database = Database::new();
    let stranger = chain(&[&Leaf::new("x").self_signed()]);
    let flags = database.verify_chain(
        &stranger,
        SERVER,
        gio::SocketConnectable::NONE,
        NO_INTERACTION,
        Verify::NONE,
        NO_CANCELLABLE,
    );
    assert_eq!(flags.unwrap(), Flags::UNKNOWN_CA);
    assert_eq!(database.create_certificate_handle(&stranger), None);
    assert_eq!(issuer_of(&database, &stranger, Lookup::NONE), None);
    let found = database.lookup_certificate_for_handle(
        "system-trust:#00",
        NO_INTERACTION,
        Lookup::NONE,
        NO_CANCELLABLE,
    );
    assert_eq!(found.unwrap(), None);
}

#[test]
fn system_anchors_are_found_by_handle_name_and_issuer() {
    strict();
    // Empty where no authorities are installed: then there is nothing to find.
    let bundle = std::fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
    let database = Database::new();
    for anchor in openssl::x509::X509::stack_from_pem(&bundle)
        .unwrap()
        .iter()
        .take(3)
    {
        let pem = String::from_utf8(anchor.to_pem().unwrap()).unwrap();
        let object: gio::TlsCertificate = Certificate::from_pem(&pem, None).unwrap().upcast();
        let handle = database.create_certificate_handle(&object).unwrap();
        assert!(handle.starts_with("system-trust:#"), "{handle}");
        let found = database
            .lookup_certificate_for_handle(&handle, NO_INTERACTION, Lookup::NONE, NO_CANCELLABLE)
            .unwrap();
        assert!(found.unwrap().is_same(&object));
        let issuer = issuer_of(&database, &object, Lookup::NONE).unwrap();
        assert!(issuer.is_same(&object));
        let name = glib::ByteArray::from(&anchor.issuer_name().to_der().unwrap());
        let issued = database
            .lookup_certificates_issued_by(&name, NO_INTERACTION, Lookup::NONE, NO_CANCELLABLE)
            .unwrap();
        assert!(issued.iter().any(|found| found.is_same(&object)));
    }
}
