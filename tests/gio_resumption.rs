//! Sessions that connections resume.

#![allow(unsafe_code)] // GIO's Rust interface has no channel bindings.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use common::simnet::SimNet;
use common::{
    NOW, PATIENCE, assert_fails, certificate, database, handshakes, in_threads, receive, run, send,
    server,
};
use gio::{IOErrorEnum as Io, TlsCertificateFlags as Flags, TlsError};
use gio_ossl::prelude::*;
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, FileDatabase};
use glib::translate::*;

/// A server that clients come back to: nobody else has its port.
struct Place {
    port: u16,
    database: FileDatabase,
}

impl Place {
    fn new() -> Self {
        static PORT: AtomicU16 = AtomicU16::new(1);
        Place {
            port: PORT.fetch_add(1, Ordering::Relaxed),
            database: database("ca"),
        }
    }

    fn identity(&self) -> gio::NetworkAddress {
        gio::NetworkAddress::new(common::IDENTITY, self.port)
    }

    fn client(&self, net: &SimNet) -> DtlsClientConnection {
        let client = DtlsClientConnection::new(&net.client(), Some(&self.identity())).unwrap();
        client.set_database(Some(&self.database));
        client
    }

    /// Whether the handshake of a client that was changed so resumes.
    fn resumes(&self, change: impl FnOnce(&DtlsClientConnection)) -> bool {
        let net = SimNet::new();
        let client = self.client(&net);
        change(&client);
        both_resume(&client, &server(&net.server()))
    }

    /// A client whose session is kept now.
    fn visit(&self) -> DtlsClientConnection {
        let net = SimNet::new();
        let client = self.client(&net);
        assert!(!both_resume(&client, &server(&net.server())));
        client
    }
}

/// Whether the handshake resumes; both ends agree about that.
fn both_resume(client: &DtlsClientConnection, server: &DtlsServerConnection) -> bool {
    let (ours, theirs) = run(handshakes(client, server));
    ours.unwrap();
    theirs.unwrap();
    assert_eq!(client.is_session_resumed(), server.is_session_resumed());
    client.is_session_resumed()
}

#[test]
fn sessions_may_be_resumed_by_default_and_nothing_is_resumed_before_the_handshake() {
    let net = SimNet::new();
    let (client, server) = (Place::new().client(&net), server(&net.server()));
    assert!(client.session_resumption() && server.session_resumption());
    assert!(!client.is_session_resumed() && !server.is_session_resumed());
}

#[test]
fn second_connection_resumes_and_is_verified_and_carries_messages() {
    let place = Place::new();
    let first = place.visit();
    let net = SimNet::new();
    let (client, server) = (place.client(&net), server(&net.server()));
    assert!(both_resume(&client, &server));
    assert_eq!(client.peer_certificate_errors(), Flags::empty());
    let chain = |connection: &DtlsClientConnection| {
        let certificate = connection.peer_certificate().unwrap();
        let links = std::iter::successors(Some(certificate), |it| it.issuer());
        let encodings: Vec<Option<glib::ByteArray>> =
            links.map(|it| it.property("certificate")).collect();
        encodings
    };
    assert_eq!(chain(&client), chain(&first));
    assert_eq!(client.ciphersuite_name(), first.ciphersuite_name());
    send(&client, b"there", NOW).unwrap();
    let heard = receive(&server, NOW).unwrap();
    assert_eq!(heard.as_deref(), Some(&b"there"[..]));
    send(&server, b"back", NOW).unwrap();
    let heard = receive(&client, NOW).unwrap();
    assert_eq!(heard.as_deref(), Some(&b"back"[..]));
}

#[test]
fn resumption_is_announced_once() {
    let place = Place::new();
    place.visit();
    let net = SimNet::new();
    let (client, server) = (place.client(&net), server(&net.server()));
    let count = Arc::new(AtomicUsize::new(0));
    for connection in [client.upcast_ref::<glib::Object>(), server.upcast_ref()] {
        let count = count.clone();
        connection.connect_notify(Some("session-resumed"), move |connection, _| {
            assert!(connection.property::<bool>("session-resumed"));
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
    assert!(both_resume(&client, &server));
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn blocking_calls_resume_too() {
    let place = Place::new();
    for expected in [false, true] {
        let resumed = in_threads(
            &SimNet::new(),
            |near| {
                let client = DtlsClientConnection::new(&near, Some(&place.identity())).unwrap();
                client.set_database(Some(&place.database));
                client.handshake(gio::Cancellable::NONE).unwrap();
                let said = receive(&client, PATIENCE).unwrap();
                assert_eq!(said.as_deref(), Some(&b"hello"[..]));
                client.is_session_resumed()
            },
            |far| {
                let server = server(&far);
                send(&server, b"hello", PATIENCE).unwrap();
                assert_eq!(server.is_session_resumed(), expected);
            },
        );
        assert_eq!(resumed, expected);
    }
}

#[test]
fn another_identity_does_not_resume() {
    let place = Place::new();
    place.visit();
    let other_port = gio::NetworkAddress::new(common::IDENTITY, place.port + 10_000);
    assert!(!place.resumes(|client| client.set_server_identity(&other_port)));
    let other_kind = gio::NetworkService::new("coaps", "udp", common::IDENTITY);
    assert!(!place.resumes(|client| client.set_server_identity(&other_kind)));
    let other_spelling = gio::NetworkAddress::new(&common::IDENTITY.to_uppercase(), place.port);
    assert!(place.resumes(|client| client.set_server_identity(&other_spelling)));
    assert!(place.resumes(|_| {}));
}

#[test]
fn connection_without_an_identity_never_resumes_by_itself() {
    for _ in 0..2 {
        let net = SimNet::new();
        let nobody = None::<&gio::NetworkAddress>;
        let client = DtlsClientConnection::new(&net.client(), nobody).unwrap();
        client.set_database(Some(&database("ca")));
        client.connect_accept_certificate(|_, _, errors| errors == Flags::BAD_IDENTITY);
        assert!(!both_resume(&client, &server(&net.server())));
    }
}

#[test]
fn another_database_does_not_resume() {
    let place = Place::new();
    place.visit();
    assert!(!place.resumes(|client| client.set_database(Some(&database("ca")))));
    let nobody_trusted = |client: &DtlsClientConnection| {
        client.set_database(gio::TlsDatabase::NONE);
        client.connect_accept_certificate(|_, _, _| true);
    };
    assert!(!place.resumes(nobody_trusted));
    assert!(place.resumes(|_| {}));
}

#[test]
fn another_certificate_of_the_client_does_not_resume() {
    let place = Place::new();
    place.visit();
    assert!(!place.resumes(|client| client.set_certificate(&certificate("client"))));
    assert!(place.resumes(|client| client.set_certificate(&certificate("client"))));
    assert!(!place.resumes(|client| client.set_certificate(&certificate("rsa"))));
    assert!(place.resumes(|_| {}));
}

#[test]
fn other_flags_or_protocols_or_suites_or_groups_do_not_resume() {
    let place = Place::new();
    place.visit();
    let lax = Flags::VALIDATE_ALL - Flags::EXPIRED;
    assert!(!place.resumes(|client| client.set_property("validation-flags", lax)));
    assert!(!place.resumes(|client| client.set_advertised_protocols(&["coap"])));
    assert!(place.resumes(|client| client.set_advertised_protocols(&["coap"])));
    let suites = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
    assert!(!place.resumes(|client| client.set_property("cipher-list", suites)));
    assert!(place.resumes(|client| client.set_property("cipher-list", suites)));
    assert!(!place.resumes(|client| client.set_property("groups", "P-384:P-256")));
    assert!(place.resumes(|_| {}));
}

#[test]
fn who_does_not_want_it_does_not_resume() {
    let place = Place::new();
    place.visit();
    assert!(!place.resumes(|client| client.set_session_resumption(false)));
    let net = SimNet::new();
    let (client, server) = (place.client(&net), server(&net.server()));
    server.set_session_resumption(false);
    assert!(!both_resume(&client, &server));
    // The refused session is gone, and there was no new one.
    assert_fails(client.export_session(), Io::NotSupported);
    assert!(!place.resumes(|_| {}));
    assert!(place.resumes(|_| {}));
}

#[test]
fn server_with_another_certificate_makes_a_full_handshake() {
    let place = Place::new();
    place.visit();
    let net = SimNet::new();
    let client = place.client(&net);
    assert!(!both_resume(
        &client,
        &common::server_with(&net.server(), "rsa")
    ));
    let net = SimNet::new();
    let client = place.client(&net);
    assert!(both_resume(
        &client,
        &common::server_with(&net.server(), "rsa")
    ));
}

#[test]
fn servers_that_ask_for_certificates_give_no_tickets() {
    let place = Place::new();
    for _ in 0..2 {
        let net = SimNet::new();
        let (client, server) = (place.client(&net), server(&net.server()));
        client.set_certificate(&certificate("client"));
        server.set_authentication_mode(gio::TlsAuthenticationMode::Required);
        server.connect_accept_certificate(|_, _, _| true);
        assert!(!both_resume(&client, &server));
        assert!(server.peer_certificate().is_some());
        assert_fails(client.export_session(), Io::NotSupported);
    }
}

#[test]
fn handler_is_asked_again_about_a_resumed_session_with_errors() {
    let place = Place::new();
    let strangers = database("other-ca");
    let visit = |answer: bool| {
        let net = SimNet::new();
        let (client, server) = (place.client(&net), server(&net.server()));
        client.set_database(Some(&strangers));
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        client.connect_accept_certificate(move |_, _, errors| {
            assert_eq!(errors, Flags::UNKNOWN_CA);
            counter.fetch_add(1, Ordering::Relaxed);
            answer
        });
        let (ours, theirs) = run(handshakes(&client, &server));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert_eq!(client.peer_certificate_errors(), Flags::UNKNOWN_CA);
        if answer {
            ours.unwrap();
            theirs.unwrap();
        } else {
            assert_fails(ours, TlsError::BadCertificate);
            assert_fails(theirs, TlsError::BadCertificate);
        }
        client.is_session_resumed()
    };
    common::hurry();
    assert!(!visit(true));
    assert!(visit(true));
    assert!(!visit(false));
    // The refused session is gone.
    assert!(!visit(true));
}

#[test]
fn two_connections_at_once_resume_the_same_session() {
    let place = Place::new();
    place.visit();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let visits = [(); 2].map(|()| {
            scope.spawn(|| {
                let net = SimNet::new();
                let (client, server) = (place.client(&net), server(&net.server()));
                barrier.wait();
                assert!(both_resume(&client, &server));
            })
        });
        for visit in visits {
            visit.join().unwrap();
        }
    });
}

#[test]
fn bindings_of_a_resumed_session_are_its_own_and_equal_on_both_sides() {
    use gio::TlsChannelBindingType::{Exporter, ServerEndPoint, Unique};
    let place = Place::new();
    let first = place.visit();
    let net = SimNet::new();
    let (client, server) = (place.client(&net), server(&net.server()));
    assert!(both_resume(&client, &server));
    for kind in [Exporter, ServerEndPoint, Unique] {
        let [ours, theirs, before] = [
            client.upcast_ref::<gio::DtlsConnection>(),
            server.upcast_ref(),
            first.upcast_ref(),
        ]
        .map(|it| binding(it, kind));
        assert_eq!(ours, theirs);
        assert_eq!(ours == before, kind == ServerEndPoint);
    }
}

/// Calls `g_dtls_connection_get_channel_binding_data()`.
fn binding(connection: &gio::DtlsConnection, kind: gio::TlsChannelBindingType) -> Vec<u8> {
    let data = glib::ByteArray::from(&[][..]);
    // SAFETY: a live connection and an array of ours, which is filled in place.
    let given = unsafe {
        gio::ffi::g_dtls_connection_get_channel_binding_data(
            connection.to_glib_none().0,
            kind.into_glib(),
            data.to_glib_none().0,
            std::ptr::null_mut(),
        )
    };
    assert_ne!(given, glib::ffi::GFALSE);
    data.to_vec()
}

#[test]
fn a_thousand_clients_resume_against_servers_of_one_process() {
    let place = Place::new();
    place.visit();
    for _ in 0..1000 {
        let net = SimNet::new();
        let (client, server) = (place.client(&net), server(&net.server()));
        assert!(both_resume(&client, &server));
        assert_eq!(client.peer_certificate_errors(), Flags::empty());
        assert!(client.peer_certificate().is_some());
    }
}

#[test]
fn a_thousand_clients_resume_at_once() {
    let place = Place::new();
    place.visit();
    let pairs: Vec<_> = std::iter::repeat_with(|| {
        let net = SimNet::new();
        (place.client(&net), server(&net.server()))
    })
    .take(1000)
    .collect();
    run(async {
        let all = pairs.into_iter().map(|(client, server)| {
            glib::spawn_future_local(async move {
                let (ours, theirs) = handshakes(&client, &server).await;
                ours.unwrap();
                theirs.unwrap();
                client.is_session_resumed() && server.is_session_resumed()
            })
        });
        for visit in all.collect::<Vec<_>>() {
            assert!(visit.await.unwrap());
        }
    });
}

#[test]
fn session_whose_resumption_was_given_up_is_not_offered_again() {
    let place = Place::new();
    place.visit();
    let client = place.client(&SimNet::new());
    assert_fails(receive(&client, NOW), Io::WouldBlock);
    drop(client);
    assert!(!place.resumes(|_| {}));
}
