//! Certificates in both directions: what a server asks of its clients, and what they present.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/authentication.rs"]
mod authentication;
mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use authentication::{Ends, anchors, client_leaf, credential};
use common::{
    assert_fails, certificate, handshakes, identity, in_threads, receive, run, server_with,
    simnet::{Direction, SimNet},
};
use gio::{TlsAuthenticationMode as Mode, TlsError, prelude::*};
use gio_ossl::Certificate;
use pki::Pki;

const HANDSHAKE_FAILURE: u8 = 40;

#[test]
fn server_that_does_not_ask_gets_no_certificate() {
    for ends in Ends::both(Mode::None) {
        ends.client.set_certificate(&certificate("client"));
        let asked = ends.answer(false);
        let (ours, theirs) = ends.meet();
        ours.unwrap();
        theirs.unwrap();
        assert!(asked.lock().unwrap().is_empty());
        assert!(ends.server.peer_certificate().is_none());
        assert!(ends.client.accepted_cas().is_empty());
    }
}

#[test]
fn requested_certificate_may_be_missing_and_then_nobody_is_asked() {
    for ends in Ends::both(Mode::Requested) {
        let asked = ends.answer(false);
        let (ours, theirs) = ends.meet();
        ours.unwrap();
        theirs.unwrap();
        assert!(asked.lock().unwrap().is_empty());
        assert!(ends.server.peer_certificate().is_none());
        assert!(ends.server.peer_certificate_errors().is_empty());
    }
}

#[test]
fn missing_required_certificate_fails_as_that_on_both_ends() {
    for ends in Ends::both(Mode::Required) {
        ends.refuse(HANDSHAKE_FAILURE, TlsError::CertificateRequired);
    }
}

#[test]
fn missing_required_certificate_fails_blocking_calls_too() {
    in_threads(
        &SimNet::new(),
        |base| {
            let client = common::client(&base);
            let result = client.handshake(gio::Cancellable::NONE);
            assert_fails(result, TlsError::CertificateRequired);
        },
        |base| {
            let server = common::server(&base);
            server.set_authentication_mode(Mode::Required);
            let result = receive(&server, None);
            assert_fails(result, TlsError::CertificateRequired);
        },
    );
}

#[test]
fn client_certificate_without_its_key_counts_as_none() {
    let pem = std::fs::read_to_string(common::pki_file("client.pem")).unwrap();
    let keyless = Certificate::from_pem(&pem, None).unwrap();
    let ends = Ends::new(Mode::Required);
    ends.client.set_certificate(&keyless);
    ends.refuse(HANDSHAKE_FAILURE, TlsError::CertificateRequired);

    let ends = Ends::new(Mode::Requested);
    ends.client.set_certificate(&keyless);
    let (ours, theirs) = ends.meet();
    ours.unwrap();
    theirs.unwrap();
    assert!(ends.server.peer_certificate().is_none());
}

#[test]
fn certificates_that_were_changed_before_the_handshake_are_used() {
    let pki = Pki::new();
    let leaf = pki.issue(client_leaf());
    for ends in Ends::both(Mode::Required) {
        ends.server.set_database(Some(&anchors(&pki.root_file())));
        ends.server.set_certificate(&certificate("rsa"));
        ends.client.set_certificate(&certificate("client"));
        ends.client.set_certificate(&credential(&leaf, &[]));
        ends.answer(true);
        let (ours, theirs) = ends.meet();
        ours.unwrap();
        theirs.unwrap();
        let seen = ends.client.peer_certificate().unwrap();
        assert!(seen.is_same(&certificate("rsa")));
        let seen = ends.server.peer_certificate().unwrap();
        assert!(seen.is_same(&credential(&leaf, &[])));
    }
}

#[test]
fn client_presents_an_rsa_certificate_to_an_rsa_server() {
    let pki = Pki::new();
    let leaf = pki.issue(client_leaf().rsa(2048));
    let net = SimNet::new();
    let (near, far) = net.pair();
    let (client, server) = (common::client(&near), server_with(&far, "rsa"));
    server.set_authentication_mode(Mode::Required);
    server.set_database(Some(&anchors(&pki.root_file())));
    server.connect_accept_certificate(|_, _, errors| errors.is_empty());
    client.set_certificate(&credential(&leaf, &[]));
    let (ours, theirs) = run(handshakes(&client, &server));
    ours.unwrap();
    theirs.unwrap();
}

#[test]
fn client_that_refuses_the_server_presents_nothing() {
    for ends in Ends::both(Mode::Required) {
        ends.client.set_certificate(&certificate("client"));
        ends.client
            .set_server_identity(&identity("wrong.example.com"));
        let (ours, theirs) = ends.meet();
        assert_fails(ours, TlsError::BadCertificate);
        assert_fails(theirs, TlsError::BadCertificate);
        assert!(ends.server.peer_certificate().is_none());
        let der = certificate("client").certificate().unwrap().to_vec();
        let sent = ends.net.sent(Direction::ToServer).concat();
        assert!(
            !sent
                .windows(64)
                .any(|window| window == &der[der.len() - 64..])
        );
    }
}
