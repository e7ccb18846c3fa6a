//! `GTlsBackendOssl` as GIO uses it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use std::sync::Once;

use gio::{TlsError, prelude::*};
use gio_ossl::{Backend, Certificate, Database, FileDatabase};

use pki::{Issued, Leaf, Pki};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

/// Makes ours the process's backend: the priority outranks everything installed.
fn backend() -> gio::TlsBackend {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        glib::log_set_always_fatal(
            glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING,
        );
        // GIO sets its extension points up along with the first of them that is asked for.
        let _ = gio::Vfs::default();
        gio::IOExtensionPoint::implement(
            "gio-tls-backend",
            Backend::static_type(),
            "ossl-test",
            i32::MAX,
        );
    });
    gio::TlsBackend::default()
}

fn stream() -> gio::IOStream {
    gio::SimpleIOStream::new(
        &gio::MemoryInputStream::new(),
        &gio::MemoryOutputStream::new_resizable(),
    )
    .upcast()
}

fn assert_unavailable(error: &glib::Error) {
    assert!(error.matches(TlsError::Unavailable), "{error}");
    assert!(error.message().contains("GIO_USE_TLS"), "{error}");
}

#[test]
fn backend_has_its_conventional_name() {
    assert_eq!(backend().type_().name(), "GTlsBackendOssl");
}

#[test]
fn backend_supports_dtls_but_not_tls() {
    assert!(backend().supports_dtls());
    assert!(!backend().supports_tls());
}

#[test]
fn types_are_those_that_gio_asks_for() {
    let backend = backend();
    assert_eq!(backend.certificate_type(), Certificate::static_type());
    assert_eq!(backend.file_database_type(), FileDatabase::static_type());
    let client = backend.client_connection_type();
    assert!(client.is_a(gio::TlsClientConnection::static_type()));
    let server = backend.server_connection_type();
    assert!(server.is_a(gio::TlsServerConnection::static_type()));
}

#[test]
fn default_database_is_one_object() {
    let first = backend().default_database();
    assert!(first.is::<Database>());
    assert_eq!(first, backend().default_database());
    assert_eq!(first, glib::Object::new::<Backend>().default_database());
}

#[test]
fn certificates_come_from_this_backend() {
    backend();
    let leaf = Pki::new().issue(Leaf::new("server.example"));
    let certificate = gio::TlsCertificate::from_pem(&leaf.certificate_pem()).unwrap();
    assert!(certificate.is::<Certificate>());
}

#[test]
fn certificate_file_keeps_its_chain_without_the_root() {
    backend();
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    let pem = [&leaf, &pki.intermediate].map(Issued::certificate_pem);
    let file = pki.write("chain.pem", pem.concat() + &leaf.key_pem());
    let certificate = gio::TlsCertificate::from_file(file).unwrap();
    let issuer = certificate.issuer().unwrap();
    assert_eq!(
        issuer.subject_name().as_deref(),
        Some("CN=Test Intermediate")
    );
    assert_eq!(issuer.issuer(), None);
}

#[test]
fn certificate_file_with_strangers_is_its_first_certificate_alone() {
    backend();
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("server.example"));
    let pem = [&leaf, &pki.intermediate].map(Issued::certificate_pem);
    let file = pki.write("strangers.pem", pem.concat());
    assert_eq!(gio::TlsCertificate::from_file(file).unwrap().issuer(), None);
}

#[test]
fn certificate_lists_are_read_in_order() {
    backend();
    let pki = Pki::new();
    let pem = [&pki.intermediate, &pki.root].map(Issued::certificate_pem);
    let file = pki.write("list.pem", pem.concat());
    let names: Vec<_> = gio::TlsCertificate::list_new_from_file(file)
        .unwrap()
        .iter()
        .map(|certificate| certificate.subject_name().unwrap().to_string())
        .collect();
    assert_eq!(names, ["CN=Test Intermediate", "CN=Test Root"]);
}

#[test]
fn garbage_certificate_file_is_a_bad_certificate() {
    backend();
    let file = Pki::new();
    let path = file.write("garbage.pem", "garbage");
    let error = gio::TlsCertificate::from_file(path).unwrap_err();
    assert!(error.matches(TlsError::BadCertificate), "{error}");
}

#[test]
fn file_databases_come_from_this_backend() {
    backend();
    let pki = Pki::new();
    let database = gio::TlsFileDatabase::new(pki.root_file()).unwrap();
    assert!(database.is::<FileDatabase>());
}

#[test]
fn stream_clients_are_unavailable() {
    backend();
    let error = gio::TlsClientConnection::new(&stream(), gio::SocketConnectable::NONE);
    assert_unavailable(&error.unwrap_err());
}

#[test]
fn stream_servers_are_unavailable() {
    backend();
    let error = gio::TlsServerConnection::new(&stream(), gio::TlsCertificate::NONE);
    assert_unavailable(&error.unwrap_err());
}

#[test]
fn uninitialized_stream_types_are_inert() {
    let backend = backend();
    for kind in [
        backend.client_connection_type(),
        backend.server_connection_type(),
    ] {
        // SAFETY: what an uninitialized object does is what is tested.
        #[allow(unsafe_code)]
        let object = unsafe { glib::Object::new_internal(kind, &mut []) };
        for property in object.list_properties() {
            let value = object.property_value(property.name());
            let writable = property.flags().contains(glib::ParamFlags::WRITABLE)
                && !property.flags().contains(glib::ParamFlags::CONSTRUCT_ONLY);
            if writable {
                object.set_property_from_value(property.name(), &value);
            }
        }
        let connection = object.downcast::<gio::TlsConnection>().unwrap();
        assert_unavailable(&connection.handshake(gio::Cancellable::NONE).unwrap_err());
        let handshake = connection.handshake_future(glib::Priority::DEFAULT);
        let outcome = glib::MainContext::new().block_on(handshake);
        assert_unavailable(&outcome.unwrap_err());
        assert_eq!(connection.negotiated_protocol(), None);
        assert!(connection.close(gio::Cancellable::NONE).is_ok());
    }
}
