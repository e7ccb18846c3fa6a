//! Properties of both ends: defaults, who sets them, and when they are announced.

#![allow(deprecated)] // GLib discourages validation-flags, and they must work all the same.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use common::{
    IDENTITY, client, database, established, handshakes, hurry, identity, run, server,
    simnet::{Endpoint, SimNet},
    ways::Way,
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

/// The names of the properties of GIO that `object` announces from now on, all of them in the thread that
/// does its handshake: the first one's.
fn announcements(object: &impl IsA<glib::Object>) -> Arc<Mutex<Vec<String>>> {
    let names = Arc::new(Mutex::new(Vec::new()));
    let noted = names.clone();
    let place = OnceLock::new();
    object.connect_notify(None, move |_, property| {
        let here = thread::current().id();
        assert_eq!(*place.get_or_init(|| here), here);
        if property.owner_type() != gio_ossl::DtlsConnection::static_type() {
            noted.lock().unwrap().push(property.name().to_string());
        }
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
    assert_eq!(*names.lock().unwrap(), expected);
    assert_eq!(client.advertised_protocols(), ["coap"]);
    assert!(!client.requires_close_notify());
    assert_eq!(client.validation_flags(), TlsCertificateFlags::EXPIRED);
}

/// A client and a server that have one protocol in common, and know each other.
fn ends() -> (DtlsClientConnection, DtlsServerConnection) {
    let (near, far) = SimNet::new().pair();
    let (client, server) = (client(&near), server(&far));
    client.set_advertised_protocols(&["coap"]);
    client.set_certificate(&common::certificate("client"));
    server.set_advertised_protocols(&["coap"]);
    server.set_database(Some(&database("ca")));
    (client, server)
}

#[test]
fn client_announces_the_facts_of_a_handshake_in_order() {
    for way in Way::BOTH {
        let (client, server) = ends();
        let names = announcements(&client);
        way.meet(&client, &server).0.unwrap();
        let expected = [
            "peer-certificate",
            "peer-certificate-errors",
            "accepted-cas",
            "negotiated-protocol",
            "protocol-version",
            "ciphersuite-name",
        ];
        assert_eq!(*names.lock().unwrap(), expected);
    }
}

#[test]
fn server_announces_the_facts_of_a_handshake_in_order() {
    for way in Way::BOTH {
        let (client, server) = ends();
        let names = announcements(&server);
        way.meet(&client, &server).1.unwrap();
        // Nothing about a certificate that was not asked for.
        let expected = [
            "negotiated-protocol",
            "protocol-version",
            "ciphersuite-name",
        ];
        assert_eq!(*names.lock().unwrap(), expected);
    }
}

#[test]
fn server_announces_the_clients_certificate_first() {
    for way in Way::BOTH {
        let (client, server) = ends();
        server.set_authentication_mode(TlsAuthenticationMode::Requested);
        let names = announcements(&server);
        server.connect_accept_certificate({
            let names = names.clone();
            move |_, _, _| names.lock().unwrap().is_empty()
        });
        way.meet(&client, &server).1.unwrap();
        let expected = [
            "peer-certificate",
            "peer-certificate-errors",
            "negotiated-protocol",
            "protocol-version",
            "ciphersuite-name",
        ];
        assert_eq!(*names.lock().unwrap(), expected);
    }
}

#[test]
fn unchanged_facts_are_not_announced() {
    for way in Way::BOTH {
        let (client, server) = ends();
        server.set_advertised_protocols(&[]);
        let names = [announcements(&client), announcements(&server)];
        way.meet(&client, &server).0.unwrap();
        for names in names {
            let names = names.lock().unwrap();
            assert!(!names.iter().any(|it| it == "negotiated-protocol"));
        }
    }
}

#[test]
fn refused_certificate_stays_readable_and_is_announced() {
    hurry();
    for way in Way::BOTH {
        let (client, server) = ends();
        client.set_server_identity(&identity("wrong.example.com"));
        let (ours, theirs) = (announcements(&client), announcements(&server));
        way.meet(&client, &server).0.unwrap_err();
        let expected = [
            "peer-certificate",
            "peer-certificate-errors",
            "accepted-cas",
        ];
        assert_eq!(*ours.lock().unwrap(), expected);
        assert!(theirs.lock().unwrap().is_empty());
        assert!(client.peer_certificate().is_some());
        assert_eq!(client.negotiated_protocol(), None);
        assert_eq!(client.ciphersuite_name(), None);
        assert_eq!(client.protocol_version(), TlsProtocolVersion::Unknown);
    }
}

#[test]
fn refused_client_stays_readable_and_is_announced() {
    hurry();
    for way in Way::BOTH {
        let (client, server) = ends();
        server.set_authentication_mode(TlsAuthenticationMode::Required);
        let names = announcements(&server);
        way.meet(&client, &server).1.unwrap_err();
        let expected = ["peer-certificate", "peer-certificate-errors"];
        assert_eq!(*names.lock().unwrap(), expected);
        assert!(server.peer_certificate().is_some());
        assert_eq!(server.negotiated_protocol(), None);
        assert_eq!(server.ciphersuite_name(), None);
        assert_eq!(server.protocol_version(), TlsProtocolVersion::Unknown);
    }
}

#[test]
fn servers_settings_are_announced_when_they_are_written() {
    let server = server(&endpoint());
    let names = announcements(&server);
    server.set_authentication_mode(TlsAuthenticationMode::Required);
    server.set_certificate(&common::certificate("rsa"));
    server.set_database(Some(&database("ca")));
    server.set_require_close_notify(false);
    let expected = [
        "authentication-mode",
        "certificate",
        "database",
        "require-close-notify",
    ];
    assert_eq!(*names.lock().unwrap(), expected);
    let mode = server.authentication_mode();
    assert_eq!(mode, TlsAuthenticationMode::Required);
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
