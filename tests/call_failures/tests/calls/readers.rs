//! What reads certificates, keys and databases, and what they tell.

use std::ptr;

use gio::{ffi, prelude::*};
use gio_ossl::{Certificate, Error, FileDatabase};
use glib::translate::*;

use crate::cases::{Hunt, Usually::Succeeds};
use crate::pki::{Issued, Leaf, Pki};

const PASSWORD: &str = crate::plans::SECRET_PASSWORD;

pub fn run(hunt: &mut Hunt) {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("x").dns("server.example").ip("192.0.2.1"));
    let chain = [&leaf, &pki.intermediate]
        .map(Issued::certificate_pem)
        .concat();
    let key = leaf.key_pem();
    hunt.each("PEM", Succeeds, &|| {
        Certificate::from_pem(&chain, Some(&key)).map(drop)
    });
    let certificate = glib::ByteArray::from(&leaf.certificate.to_der().unwrap()[..]);
    let key = glib::ByteArray::from(&leaf.key.private_key_to_der().unwrap()[..]);
    hunt.each("DER, and properties", Succeeds, &|| {
        let made = gio::Initable::builder::<Certificate>()
            .property("certificate", &certificate)
            .property("private-key", &key)
            .build(gio::Cancellable::NONE)?;
        tell(&made)
    });
    pkcs12(hunt, &leaf);
    lookups(hunt, &pki, &leaf);
}

/// Every property has a value.
fn tell(certificate: &Certificate) -> Result<(), Error> {
    let given = [
        ("certificate", certificate.certificate().is_some()),
        ("certificate-pem", certificate.certificate_pem().is_some()),
        ("private-key", certificate.private_key().is_some()),
        ("private-key-pem", certificate.private_key_pem().is_some()),
        ("not-valid-before", certificate.not_valid_before().is_some()),
        ("not-valid-after", certificate.not_valid_after().is_some()),
        ("subject-name", certificate.subject_name().is_some()),
        ("issuer-name", certificate.issuer_name().is_some()),
        ("dns-names", !certificate.dns_names().is_empty()),
        ("ip-addresses", !certificate.ip_addresses().is_empty()),
        (
            "dates",
            certificate
                .verify(gio::SocketConnectable::NONE, gio::TlsCertificate::NONE)
                .is_empty(),
        ),
    ];
    match given.iter().find(|(_, is_given)| !is_given) {
        None => Ok(()),
        Some((name, _)) => Err(Error::BadCertificate(format!("there is no {name}"))),
    }
}

fn pkcs12(hunt: &mut Hunt, leaf: &Issued) {
    let mut container = openssl::pkcs12::Pkcs12::builder();
    container.cert(&leaf.certificate).pkey(&leaf.key);
    container.key_iter(1).mac_iter(2);
    let container = container.build2(PASSWORD).unwrap().to_der().unwrap();
    hunt.each("PKCS #12", Succeeds, &|| {
        let made = gio::Initable::builder::<Certificate>()
            .property("pkcs12-data", glib::ByteArray::from(&container[..]))
            .property("password", PASSWORD)
            .build(gio::Cancellable::NONE);
        Ok(made.map(drop)?)
    });
    // As some programs make it, with its key in the clear.
    let mut command = std::process::Command::new("openssl");
    let folder = Pki::new();
    let certificate = folder.write("leaf.pem", leaf.certificate_pem());
    let key = folder.write("leaf.key", leaf.key_pem());
    let plain = folder.folder().join("plain.p12");
    command.args([
        "pkcs12", "-export", "-passout", "pass:", "-keypbe", "NONE", "-certpbe", "NONE",
    ]);
    command
        .args(["-nomac", "-in"])
        .arg(certificate)
        .arg("-inkey")
        .arg(key)
        .arg("-out")
        .arg(&plain);
    assert!(command.status().unwrap().success());
    let container = std::fs::read(plain).unwrap();
    hunt.each("PKCS #12 without password", Succeeds, &|| {
        let made = gio::Initable::builder::<Certificate>()
            .property("pkcs12-data", glib::ByteArray::from(&container[..]))
            .build(gio::Cancellable::NONE);
        Ok(made.map(drop)?)
    });
}

fn lookups(hunt: &mut Hunt, pki: &Pki, leaf: &Issued) {
    let anchors = pki.write("anchors.pem", pki.intermediate.certificate_pem());
    let issuer = pki.intermediate.certificate.issuer_name().to_der().unwrap();
    let issuer = glib::ByteArray::from(&issuer[..]);
    let chain = leaf.certificate_pem();
    let missing = |what: &str| Error::BadCertificate(format!("there is no {what}"));
    hunt.each("look-ups", Succeeds, &|| {
        let database = FileDatabase::new(&anchors)?;
        let leaf = Certificate::from_pem(&chain, None)?;
        let found = issuer_in(&database, &leaf)?.ok_or_else(|| missing("issuer"))?;
        let handle = database.create_certificate_handle(&found);
        let handle = handle.ok_or_else(|| missing("handle"))?;
        by_handle(&database, &handle)?.ok_or_else(|| missing("certificate of this handle"))?;
        let (interaction, flags) = (gio::TlsInteraction::NONE, gio::TlsDatabaseLookupFlags::NONE);
        let nobody = gio::Cancellable::NONE;
        let issued = database.lookup_certificates_issued_by(&issuer, interaction, flags, nobody)?;
        issued
            .first()
            .map(drop)
            .ok_or_else(|| missing("certificate by this issuer"))
    });
}

/// The issuer, of which gtk-rs takes it for granted that there is one.
fn issuer_in(
    database: &FileDatabase,
    certificate: &Certificate,
) -> Result<Option<gio::TlsCertificate>, glib::Error> {
    let certificate: &gio::TlsCertificate = certificate.upcast_ref();
    // SAFETY: both are alive.
    looked_up(|error| unsafe {
        ffi::g_tls_database_lookup_certificate_issuer(
            database.upcast_ref::<gio::TlsDatabase>().to_glib_none().0,
            certificate.to_glib_none().0,
            ptr::null_mut(),
            ffi::G_TLS_DATABASE_LOOKUP_NONE,
            ptr::null_mut(),
            error,
        )
    })
}

/// The same for the certificate of a handle.
fn by_handle(
    database: &FileDatabase,
    handle: &str,
) -> Result<Option<gio::TlsCertificate>, glib::Error> {
    // SAFETY: the database is alive.
    looked_up(|error| unsafe {
        ffi::g_tls_database_lookup_certificate_for_handle(
            database.upcast_ref::<gio::TlsDatabase>().to_glib_none().0,
            handle.to_glib_none().0,
            ptr::null_mut(),
            ffi::G_TLS_DATABASE_LOOKUP_NONE,
            ptr::null_mut(),
            error,
        )
    })
}

/// What a look-up has found, which is owned.
fn looked_up(
    look_up: impl FnOnce(*mut *mut glib::ffi::GError) -> *mut ffi::GTlsCertificate,
) -> Result<Option<gio::TlsCertificate>, glib::Error> {
    let mut error = ptr::null_mut();
    let found = look_up(&mut error);
    // SAFETY: both are NULL, or new and the caller's.
    unsafe {
        if error.is_null() {
            Ok(from_glib_full(found))
        } else {
            Err(from_glib_full(error))
        }
    }
}
