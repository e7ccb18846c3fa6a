//! Sessions that the application keeps: exported, imported, copied.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use common::simnet::SimNet;
use common::{assert_fails, certificate, client, database, handshakes, run, server};
use gio::IOErrorEnum as Io;
use gio_ossl::prelude::*;
use gio_ossl::{DtlsClientConnection, DtlsServerConnection};

/// Whether the handshake resumes. Each client of these tests has a database of its own, so that
/// nothing is resumed by itself.
fn resumes(client: &DtlsClientConnection, server: &DtlsServerConnection) -> bool {
    let (ours, theirs) = run(handshakes(client, server));
    ours.unwrap();
    theirs.unwrap();
    assert_eq!(client.is_session_resumed(), server.is_session_resumed());
    client.is_session_resumed()
}

/// A client whose handshake is finished.
fn established() -> DtlsClientConnection {
    let net = SimNet::new();
    let client = client(&net.client());
    assert!(!resumes(&client, &server(&net.server())));
    client
}

/// Whether a client that was changed so, and was given this session, resumes.
fn resumes_with(session: &[u8], change: impl FnOnce(&DtlsClientConnection)) -> bool {
    let net = SimNet::new();
    let client = client(&net.client());
    client.import_session(session).unwrap();
    change(&client);
    resumes(&client, &server(&net.server()))
}

#[test]
fn exported_session_is_resumed_and_verified_again() {
    let session = established().export_session().unwrap();
    for _ in 0..2 {
        assert!(resumes_with(&session, |_| {}));
    }
    // Its server is not trusted for its first client's sake.
    let net = SimNet::new();
    let client = client(&net.client());
    client.set_database(Some(&database("other-ca")));
    client.import_session(&session).unwrap();
    common::hurry();
    let (ours, _) = run(handshakes(&client, &server(&net.server())));
    assert_fails(ours, gio::TlsError::BadCertificate);
}

#[test]
fn session_of_a_resumed_connection_is_exported_too() {
    let mut session = established().export_session().unwrap();
    for _ in 0..3 {
        let net = SimNet::new();
        let client = client(&net.client());
        client.import_session(&session).unwrap();
        assert!(resumes(&client, &server(&net.server())));
        assert_eq!(
            client.peer_certificate_errors(),
            gio::TlsCertificateFlags::empty()
        );
        session = client.export_session().unwrap();
    }
}

#[test]
fn session_is_bound_to_what_its_handshake_went_by() {
    let first = established();
    // Nobody has presented this one.
    first.set_certificate(&certificate("client"));
    let session = first.export_session().unwrap();
    assert!(!resumes_with(&session, |client| {
        client.set_certificate(&certificate("client"));
    }));
    let other = gio::NetworkAddress::new("other.example", 1);
    first.set_server_identity(&other);
    let session = first.export_session().unwrap();
    assert!(resumes_with(&session, |_| {}));
    let net = SimNet::new();
    let client = client(&net.client());
    client.copy_session(&first).unwrap();
    assert!(resumes(&client, &server(&net.server())));
}

#[test]
fn chosen_session_is_for_the_same_groups_and_signatures() {
    let session = established().export_session().unwrap();
    for (list, other) in [
        ("groups", "P-384:P-256"),
        ("signature-algorithms", "ECDSA+SHA256"),
    ] {
        assert!(
            !resumes_with(&session, |client| client.set_property(list, other)),
            "{list}"
        );
    }
    assert!(resumes_with(&session, |_| {}));
}

#[test]
fn copied_session_is_resumed() {
    let first = established();
    let net = SimNet::new();
    let client = client(&net.client());
    client.copy_session(&first).unwrap();
    assert!(resumes(&client, &server(&net.server())));
}

#[test]
fn chosen_session_is_for_the_same_host_and_the_same_certificate_of_ours() {
    let session = established().export_session().unwrap();
    let other_port = gio::NetworkAddress::new(common::IDENTITY, 1);
    assert!(resumes_with(&session, |it| it.set_server_identity(&other_port)));
    let own = certificate("client");
    assert!(!resumes_with(&session, |it| it.set_certificate(&own)));
    let elsewhere = gio::NetworkAddress::new("elsewhere.example.com", 4433);
    assert!(!resumes_with(&session, |it| {
        it.set_server_identity(&elsewhere);
        it.connect_accept_certificate(|_, _, _| true);
    }));
    assert!(!resumes_with(&session, |it| it.set_session_resumption(false)));
    let other_suite = "ECDHE-ECDSA-CHACHA20-POLY1305";
    assert!(!resumes_with(&session, |it| it.set_property("cipher-list", other_suite)));
}

#[test]
fn there_is_no_session_before_the_handshake_and_after_closing() {
    let net = SimNet::new();
    let (early, late) = (client(&net.client()), established());
    assert_fails(early.export_session(), Io::NotConnected);
    assert_fails(early.copy_session(&early), Io::NotConnected);
    let session = late.export_session().unwrap();
    late.close(gio::Cancellable::NONE).unwrap();
    assert_fails(late.export_session(), Io::Closed);
    assert_fails(late.import_session(&session), Io::Closed);
    assert_fails(early.copy_session(&late), Io::Closed);
}

#[test]
fn session_that_cannot_be_resumed_is_not_exported() {
    let net = SimNet::new();
    let (client, server) = (client(&net.client()), server(&net.server()));
    client.set_session_resumption(false);
    assert!(!resumes(&client, &server));
    assert_fails(client.export_session(), Io::NotSupported);
}

#[test]
fn session_is_chosen_before_the_handshake() {
    let (first, second) = (established(), established());
    let session = first.export_session().unwrap();
    assert_fails(second.import_session(&session), Io::ReadOnly);
    assert_fails(second.copy_session(&first), Io::ReadOnly);
}

#[test]
fn bytes_that_are_no_session_are_refused() {
    let net = SimNet::new();
    let client = client(&net.client());
    let session = established().export_session().unwrap();
    for bytes in [&b""[..], b"garbage", &session[..session.len() - 1]] {
        assert_fails(client.import_session(bytes), Io::InvalidArgument);
    }
    let message = client.import_session(b"garbage").unwrap_err();
    let message = message.message();
    assert!(message.contains("Not an exported session"), "{message}");
    // The connection is none the worse for it.
    client.import_session(&session).unwrap();
    assert!(resumes(&client, &server(&net.server())));
}
