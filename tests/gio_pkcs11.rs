//! Certificates and keys on PKCS #11 tokens, through GIO's functions and in handshakes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use std::{path::PathBuf, sync::OnceLock};

use gio::{TlsAuthenticationMode, TlsCertificate, TlsError, prelude::*};
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection, FileDatabase};

use backend::backend;
use common::{IDENTITY, handshakes, identity, run, simnet::SimNet};
use pki::{Issued, Leaf, Pki};
use token::tokens;

#[path = "common/backend.rs"]
mod backend;
mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;
#[path = "common/token.rs"]
mod token;

/// A token that is opened with its PIN, and one that never is: who has logged in to a token has done
/// so for the whole process.
const OPEN: (&str, &str) = ("open", "1234");
const CLOSED: (&str, &str) = ("closed", "5678");

/// What is on the tokens.
struct Objects {
    root: PathBuf,
    ec: Issued,
    rsa: Issued,
}

fn objects() -> &'static Objects {
    static OBJECTS: OnceLock<Objects> = OnceLock::new();
    OBJECTS.get_or_init(|| {
        let tokens = tokens();
        backend();
        let pki = Pki::new();
        let ec = pki.issue(Leaf::new(IDENTITY).dns(IDENTITY));
        let rsa = pki.issue(Leaf::new(IDENTITY).dns(IDENTITY).rsa(2048));
        tokens.create(OPEN.0, OPEN.1);
        tokens.create(CLOSED.0, CLOSED.1);
        tokens.store(OPEN, "ec", &ec, true);
        tokens.store(OPEN, "rsa", &rsa, true);
        tokens.store(OPEN, "keyless", &ec, false);
        tokens.store(CLOSED, "ec", &ec, true);
        let root = tokens.write("root", "pem", &pki.root.certificate_pem());
        Objects { root, ec, rsa }
    })
}

fn from_uris(certificate: &str, key: Option<&str>) -> Result<TlsCertificate, glib::Error> {
    objects();
    TlsCertificate::from_pkcs11_uris(certificate, key)
}

fn on_open_token(label: &str) -> TlsCertificate {
    let uri = format!("pkcs11:token=open;object={label}?pin-value=1234");
    from_uris(&uri, None).unwrap()
}

/// What a handshake with these certificates comes to, at the client and at the server.
type Outcomes = (Result<(), glib::Error>, Result<(), glib::Error>);

fn shake_hands(server: &TlsCertificate, client: Option<&TlsCertificate>) -> Outcomes {
    let (near, far) = SimNet::new().pair();
    let server = DtlsServerConnection::new(&far, Some(server)).unwrap();
    let database = FileDatabase::new(&objects().root).unwrap();
    let connection = DtlsClientConnection::new(&near, Some(&identity(IDENTITY))).unwrap();
    connection.set_database(Some(&database));
    if let Some(certificate) = client {
        connection.set_certificate(certificate);
        server.set_authentication_mode(TlsAuthenticationMode::Required);
        server.set_database(Some(&database));
        server.connect_accept_certificate(|_, _, errors| errors.is_empty());
    }
    run(handshakes(&connection, &server))
}

fn assert_shake_hands(server: &TlsCertificate, client: Option<&TlsCertificate>) {
    let (ours, theirs) = shake_hands(server, client);
    ours.unwrap();
    theirs.unwrap();
}

/// The server's failure, of this kind.
fn assert_server_fails(server: &TlsCertificate, kind: TlsError, words: &str) {
    let (_, far) = SimNet::new().pair();
    let server = DtlsServerConnection::new(&far, Some(server)).unwrap();
    let error = server.handshake(gio::Cancellable::NONE).unwrap_err();
    assert!(error.matches(kind), "{error}");
    assert!(error.message().contains(words), "{error}");
}

#[test]
fn one_uri_names_the_certificate_and_its_key() {
    let certificate = on_open_token("ec");
    let expected = objects().ec.certificate.to_der().unwrap();
    assert_eq!(certificate.certificate().unwrap().as_ref(), expected);
    assert_shake_hands(&certificate, None);
}

#[test]
fn uris_are_read_back_and_the_key_is_not() {
    let uri = "pkcs11:token=open;object=ec;type=cert";
    let key = "pkcs11:token=open;object=ec;type=private?pin-value=1234";
    let certificate = from_uris(uri, Some(key)).unwrap();
    assert_eq!(certificate.pkcs11_uri().as_deref(), Some(uri));
    assert_eq!(certificate.private_key_pkcs11_uri().as_deref(), Some(key));
    assert_shake_hands(&certificate, None);
    assert!(certificate.private_key().is_none());
    assert_eq!(certificate.private_key_pem(), None);
    assert_eq!(on_open_token("ec").private_key_pkcs11_uri(), None);
}

#[test]
fn rsa_keys_serve_too() {
    assert_shake_hands(&on_open_token("rsa"), None);
}

#[test]
fn client_presents_a_certificate_from_a_token() {
    for label in ["ec", "rsa"] {
        assert_shake_hands(&on_open_token("ec"), Some(&on_open_token(label)));
    }
}

#[test]
fn identifiers_name_objects_as_labels_do() {
    let certificate = from_uris("pkcs11:token=open;id=%72%73%61?pin-value=1234", None).unwrap();
    let expected = objects().rsa.certificate.to_der().unwrap();
    assert_eq!(certificate.certificate().unwrap().as_ref(), expected);
    assert_shake_hands(&certificate, None);
}

#[test]
fn certificate_of_a_file_has_its_key_on_a_token() {
    let objects = objects();
    let certificate = gio::Initable::builder::<Certificate>()
        .property("certificate-pem", objects.ec.certificate_pem())
        .property(
            "private-key-pkcs11-uri",
            "pkcs11:token=open;object=ec?pin-value=1234",
        )
        .build(gio::Cancellable::NONE)
        .unwrap();
    assert_shake_hands(certificate.upcast_ref(), None);
}

#[test]
fn pin_is_read_from_the_file_that_the_uri_names() {
    let file = tokens().write("pin", "txt", "1234");
    let uri = format!(
        "pkcs11:token=open;object=ec?pin-source=file:{}",
        file.display()
    );
    assert_shake_hands(&from_uris(&uri, None).unwrap(), None);
}

#[test]
fn key_is_looked_for_when_it_is_needed() {
    let kind = TlsError::BadCertificatePassword;
    for (uri, words) in [
        ("pkcs11:token=closed;object=ec", "wants a PIN"),
        ("pkcs11:token=closed;object=ec?pin-value=0000", "PIN"),
    ] {
        let certificate = from_uris(uri, None).unwrap();
        // Also the second time, without trying the PIN again.
        assert_server_fails(&certificate, kind, words);
        assert_server_fails(&certificate, kind, words);
    }
}

#[test]
fn certificate_alone_is_one_without_a_key() {
    for uri in [
        "pkcs11:token=open;object=keyless;type=cert",
        "pkcs11:token=open;object=keyless?pin-value=1234",
    ] {
        let certificate = from_uris(uri, None).unwrap();
        let issued = objects().ec.certificate.to_der().unwrap();
        assert_eq!(certificate.certificate().unwrap().as_ref(), issued);
        assert_eq!(certificate.private_key_pem(), None);
    }
    let keyless = from_uris("pkcs11:token=open;object=keyless;type=cert", None).unwrap();
    let (_, far) = SimNet::new().pair();
    let error = DtlsServerConnection::new(&far, Some(&keyless)).unwrap_err();
    assert!(error.matches(TlsError::BadCertificate), "{error}");
}

#[test]
fn missing_objects_are_bad_certificates() {
    for uri in [
        "pkcs11:token=open;object=none?pin-value=1234",
        "pkcs11:token=none;object=ec",
    ] {
        let error = from_uris(uri, None).unwrap_err();
        assert!(error.matches(TlsError::BadCertificate), "{uri}: {error}");
    }
    // It may be among what only the PIN shows.
    let error = from_uris("pkcs11:token=closed;object=none", None).unwrap_err();
    assert!(error.matches(TlsError::BadCertificatePassword), "{error}");
    let key = "pkcs11:token=open;object=none?pin-value=1234";
    let certificate = from_uris("pkcs11:token=open;object=ec", Some(key)).unwrap();
    assert_server_fails(&certificate, TlsError::BadCertificate, "there is none");
}

#[test]
fn malformed_uris_are_refused() {
    objects();
    let good = "pkcs11:token=open;object=ec";
    for bad in ["", "ec", "pkcs11:ec", "slot_0-id_01", "pkcs11:object=%zz"] {
        for (certificate, key) in [(bad, None), (good, Some(bad))] {
            let error = from_uris(certificate, key).unwrap_err();
            assert!(error.matches(TlsError::BadCertificate), "{bad}: {error}");
            assert!(error.message().contains("malformed"), "{bad}: {error}");
        }
    }
}

#[test]
fn key_of_another_certificate_is_refused() {
    let key = "pkcs11:token=open;object=rsa?pin-value=1234";
    let certificate = from_uris("pkcs11:token=open;object=ec", Some(key)).unwrap();
    assert_server_fails(&certificate, TlsError::BadCertificate, "Cannot use");
}

#[test]
fn one_key_serves_many_threads() {
    objects();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for label in ["ec", "rsa", "ec", "rsa"] {
                    assert_shake_hands(&on_open_token(label), None);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn debug_output_has_no_pin() {
    let certificate = on_open_token("ec");
    let own = certificate.downcast_ref::<Certificate>().unwrap();
    assert!(!format!("{own:?}").contains("1234"));
}
