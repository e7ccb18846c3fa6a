//! Properties of both ends: defaults, who sets them, and when they are announced.

#![allow(deprecated)] // GLib discourages validation-flags, and they must work all the same.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{cell::RefCell, rc::Rc};

use common::{
    IDENTITY, client, database, established, handshakes, identity, run, server,
    simnet::{Endpoint, SimNet},
};
use gio::{
    TlsAuthenticationMode, TlsCertificateFlags, TlsDatabase, TlsInteraction, TlsProtocolVersion,
    prelude::*,
};
use gio_ossl::{DtlsClientConnection, DtlsServerConnection};

fn endpoint() -> Endpoint {
    SimNet::new().client()
}

fn assert_shared_defaults(connection: &impl IsA<gio::DtlsConnection>) {
    assert!(connection.interaction().is_none());
    assert!(connection.peer_certificate().is_none());
    assert!(connection.peer_certificate_errors().is_empty());
    assert!(connection.requires_close_notify());
    assert!(connection.advertised_protocols().is_empty());
    assert_eq!(connection.negotiated_protocol(), None);
    assert_eq!(connection.protocol_version(), TlsProtocolVersion::Unknown);
    assert_eq!(connection.ciphersuite_name(), None);
    assert!(connection.base_socket().is_some());
}

#[test]
fn client_has_its_defaults() {
    let base = endpoint();
    let client = DtlsClientConnection::new(&base, Some(&identity(IDENTITY))).unwrap();
    assert_shared_defaults(&client);
    assert!(client.certificate().is_none());
    assert_eq!(client.base_socket().as_ref(), Some(base.upcast_ref()));
    assert_eq!(client.validation_flags(), TlsCertificateFlags::VALIDATE_ALL);
    assert!(client.accepted_cas().is_empty());
    let identity = client.server_identity().downcast::<gio::NetworkAddress>();
    assert_eq!(identity.unwrap().hostname(), IDENTITY);
}

#[test]
fn server_has_its_defaults() {
    let server = server(&endpoint());
    assert_shared_defaults(&server);
    assert!(server.certificate().is_some());
    assert_eq!(server.authentication_mode(), TlsAuthenticationMode::None);
}

#[test]
fn database_that_was_never_set_is_the_default_one_each_time() {
    let first = DtlsClientConnection::new(&endpoint(), gio::SocketConnectable::NONE).unwrap();
    let second = DtlsClientConnection::new(&endpoint(), gio::SocketConnectable::NONE).unwrap();
    assert!(first.database().is_some());
    assert_eq!(first.database(), first.database());
    assert_eq!(first.database(), second.database());
}

#[test]
fn database_that_was_set_to_null_stays_null() {
    let client = DtlsClientConnection::new(&endpoint(), gio::SocketConnectable::NONE).unwrap();
    client.set_database(TlsDatabase::NONE);
    assert!(client.database().is_none());
    let ours = database("ca");
    client.set_database(Some(&ours));
    assert_eq!(client.database().as_ref(), Some(ours.upcast_ref()));
}

/// The names of the properties that `object` announces from now on.
fn announcements(object: &impl IsA<glib::Object>) -> Rc<RefCell<Vec<String>>> {
    let names = Rc::new(RefCell::new(Vec::new()));
    let noted = names.clone();
    object.connect_notify_local(None, move |_, property| {
        noted.borrow_mut().push(property.name().to_string());
    });
    names
}

#[test]
fn writing_a_property_announces_it() {
    let client = client(&endpoint());
    let names = announcements(&client);
    client.set_database(TlsDatabase::NONE);
    client.set_interaction(TlsInteraction::NONE);
    client.set_require_close_notify(false);
    client.set_advertised_protocols(&["coap"]);
    client.set_server_identity(&identity("other.example.com"));
    client.set_validation_flags(TlsCertificateFlags::EXPIRED);
    let expected = [
        "database",
        "interaction",
        "require-close-notify",
        "advertised-protocols",
        "server-identity",
        "validation-flags",
    ];
    assert_eq!(*names.borrow(), expected);
    assert_eq!(client.advertised_protocols(), ["coap"]);
    assert!(!client.requires_close_notify());
    assert_eq!(client.validation_flags(), TlsCertificateFlags::EXPIRED);
}

#[test]
fn client_announces_the_facts_of_a_handshake_in_order() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_advertised_protocols(&["coap"]);
        server.set_advertised_protocols(&["coap"]);
        let names = announcements(&client);
        handshakes(&client, &server).await.0.unwrap();
        let expected = [
            "peer-certificate",
            "peer-certificate-errors",
            "accepted-cas",
            "negotiated-protocol",
            "protocol-version",
            "ciphersuite-name",
        ];
        assert_eq!(*names.borrow(), expected);
    });
}

#[test]
fn server_announces_the_facts_of_a_handshake_in_order() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_advertised_protocols(&["coap"]);
        server.set_advertised_protocols(&["coap"]);
        let names = announcements(&server);
        let (_, theirs) = handshakes(&client, &server).await;
        theirs.unwrap();
        let mut seen = names.borrow().clone();
        // Announcing that there is no client certificate is allowed.
        seen.retain(|name| !name.starts_with("peer-certificate"));
        let expected = [
            "negotiated-protocol",
            "protocol-version",
            "ciphersuite-name",
        ];
        assert_eq!(seen, expected);
    });
}

#[test]
fn unchanged_facts_are_not_announced() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let names = announcements(&client);
        handshakes(&client, &server).await.0.unwrap();
        assert!(!names.borrow().iter().any(|it| it == "negotiated-protocol"));
    });
}

#[test]
fn refused_certificate_stays_readable_and_is_announced() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_server_identity(&identity("wrong.example.com"));
        let names = announcements(&client);
        handshakes(&client, &server).await.0.unwrap_err();
        let expected = [
            "peer-certificate",
            "peer-certificate-errors",
            "accepted-cas",
        ];
        assert_eq!(*names.borrow(), expected);
        assert!(client.peer_certificate().is_some());
    });
}

#[test]
fn facts_stay_after_close() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        client.close(gio::Cancellable::NONE).unwrap();
        assert!(client.peer_certificate().is_some());
        assert_eq!(client.protocol_version(), TlsProtocolVersion::Dtls12);
    });
}

#[test]
fn server_refuses_a_certificate_without_a_key() {
    let pem = std::fs::read_to_string(common::pki_file("ecdsa.pem")).unwrap();
    let keyless = gio_ossl::Certificate::from_pem(&pem, None).unwrap();
    let result = DtlsServerConnection::new(&endpoint(), Some(&keyless));
    common::assert_fails(result, gio::TlsError::BadCertificate);
}

#[test]
fn server_certificate_may_be_set_after_construction() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let server = DtlsServerConnection::new(&far, gio::TlsCertificate::NONE).unwrap();
        server.set_certificate(&common::certificate("ecdsa"));
        handshakes(&client(&near), &server).await.0.unwrap();
    });
}
