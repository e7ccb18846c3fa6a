//! Who decides about a client's certificate, and what both ends learn of it.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/authentication.rs"]
mod authentication;
mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use authentication::{Ends, anchors, client_leaf, credential};
use common::{NOW, assert_fails, certificate, database, in_threads, receive, send, simnet::SimNet};
use gio::{
    IOErrorEnum, TlsAuthenticationMode as Mode, TlsCertificateFlags as Flags, TlsDatabase,
    TlsError, prelude::*,
};
use gio_ossl::DtlsServerConnection;
use pki::Pki;

const BAD_CERTIFICATE: u8 = 42;
const CERTIFICATE_EXPIRED: u8 = 45;
const UNKNOWN_CA: u8 = 48;

#[test]
fn good_client_certificate_is_accepted_by_the_handler_alone() {
    for ends in [Mode::Requested, Mode::Required]
        .map(Ends::both)
        .into_iter()
        .flatten()
    {
        ends.client.set_certificate(&certificate("client"));
        let asked = ends.answer(true);
        let (ours, theirs) = ends.meet();
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(*asked.lock().unwrap(), [Flags::empty()]);
        let peer = ends.server.peer_certificate().unwrap();
        assert!(peer.is_same(&certificate("client")));
        assert!(ends.server.peer_certificate_errors().is_empty());
    }
}

#[test]
fn good_client_certificate_is_refused_without_a_handler() {
    for ends in [Mode::Requested, Mode::Required]
        .map(Ends::both)
        .into_iter()
        .flatten()
    {
        ends.client.set_certificate(&certificate("client"));
        ends.refuse(BAD_CERTIFICATE, TlsError::BadCertificate);
        assert!(ends.server.peer_certificate().is_some());
        assert!(ends.server.peer_certificate_errors().is_empty());
    }
}

#[test]
fn good_client_certificate_is_refused_by_the_handler() {
    for ends in Ends::both(Mode::Required) {
        ends.client.set_certificate(&certificate("client"));
        let asked = ends.answer(false);
        ends.refuse(BAD_CERTIFICATE, TlsError::BadCertificate);
        assert_eq!(*asked.lock().unwrap(), [Flags::empty()]);
    }
}

#[test]
fn first_handler_that_accepts_ends_the_question() {
    for ends in Ends::both(Mode::Required) {
        ends.client.set_certificate(&certificate("client"));
        let first = ends.answer(false);
        let second = ends.answer(true);
        let third = ends.answer(false);
        let (ours, theirs) = ends.meet();
        ours.unwrap();
        theirs.unwrap();
        let calls = [first, second, third].map(|calls| calls.lock().unwrap().len());
        assert_eq!(calls, [1, 1, 0]);
    }
}

#[test]
fn client_certificate_of_a_stranger_is_refused_as_unknown_ca() {
    for ends in Ends::both(Mode::Required) {
        ends.client.set_certificate(&certificate("client"));
        ends.server.set_database(Some(&database("other-ca")));
        let asked = ends.answer(false);
        ends.refuse(UNKNOWN_CA, TlsError::BadCertificate);
        assert_eq!(*asked.lock().unwrap(), [Flags::UNKNOWN_CA]);
        assert_eq!(ends.server.peer_certificate_errors(), Flags::UNKNOWN_CA);
    }
}

#[test]
fn client_certificate_of_a_stranger_may_be_accepted_and_its_errors_stay() {
    for ends in Ends::both(Mode::Required) {
        ends.client.set_certificate(&certificate("client"));
        ends.server.set_database(TlsDatabase::NONE);
        let asked = ends.answer(true);
        let (ours, theirs) = ends.meet();
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(*asked.lock().unwrap(), [Flags::UNKNOWN_CA]);
        assert_eq!(ends.server.peer_certificate_errors(), Flags::UNKNOWN_CA);
    }
}

#[test]
fn expired_client_certificate_is_refused_as_expired() {
    let pki = Pki::new();
    for ends in Ends::both(Mode::Required) {
        ends.server.set_database(Some(&anchors(&pki.root_file())));
        let leaf = pki.issue(client_leaf().expired());
        ends.client.set_certificate(&credential(&leaf, &[]));
        ends.refuse(CERTIFICATE_EXPIRED, TlsError::BadCertificate);
        assert_eq!(ends.server.peer_certificate_errors(), Flags::EXPIRED);
    }
}

#[test]
fn certificate_for_servers_is_no_client_certificate() {
    let ends = Ends::new(Mode::Required);
    ends.client.set_certificate(&certificate("ecdsa"));
    let asked = ends.answer(false);
    let (ours, theirs) = ends.meet();
    assert_fails(ours, TlsError::BadCertificate);
    assert_fails(theirs, TlsError::BadCertificate);
    assert_eq!(*asked.lock().unwrap(), [Flags::GENERIC_ERROR]);
}

#[test]
fn refused_client_is_told_the_name_of_the_alert() {
    let ends = Ends::new(Mode::Required);
    ends.client.set_certificate(&certificate("client"));
    ends.server.set_database(Some(&database("other-ca")));
    let (ours, _) = ends.meet();
    let error = ours.unwrap_err();
    assert!(error.matches(TlsError::BadCertificate));
    assert!(error.message().contains("unknown_ca"), "{error}");

    let ends = Ends::new(Mode::Required);
    ends.client.set_certificate(&certificate("client"));
    let (ours, _) = ends.meet();
    let error = ours.unwrap_err();
    assert!(error.message().contains("bad_certificate"), "{error}");
}

/// The names of the properties that the server announces about its peer.
fn peer_announcements(server: &DtlsServerConnection) -> Arc<Mutex<Vec<String>>> {
    let names = Arc::new(Mutex::new(Vec::new()));
    let noted = names.clone();
    server.connect_notify(None, move |server, property| {
        if property.name().starts_with("peer-certificate") {
            assert!(server.peer_certificate().is_some());
            noted.lock().unwrap().push(property.name().to_string());
        }
    });
    names
}

#[test]
fn server_announces_the_clients_certificate_once_accepted_or_not() {
    for accept in [true, false] {
        for ends in Ends::both(Mode::Required) {
            ends.client.set_certificate(&certificate("client"));
            ends.answer(accept);
            let names = peer_announcements(&ends.server);
            assert_eq!(ends.meet().1.is_ok(), accept);
            let expected = ["peer-certificate", "peer-certificate-errors"];
            assert_eq!(*names.lock().unwrap(), expected);
        }
    }
}

#[test]
fn blocking_server_asks_its_handler_in_its_own_thread() {
    in_threads(
        &SimNet::new(),
        |base| {
            let client = common::client(&base);
            client.set_certificate(&certificate("client"));
            client.handshake(gio::Cancellable::NONE).unwrap();
        },
        |base| {
            let server = common::server(&base);
            server.set_authentication_mode(Mode::Required);
            server.set_database(Some(&database("ca")));
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = calls.clone();
            let here = thread::current().id();
            server.connect_accept_certificate(move |_, _, _| {
                assert_eq!(thread::current().id(), here);
                counted.fetch_add(1, Ordering::Relaxed);
                true
            });
            server.handshake(gio::Cancellable::NONE).unwrap();
            assert_eq!(calls.load(Ordering::Relaxed), 1);
        },
    );
}

#[test]
fn blocking_calls_refuse_the_client_on_both_ends() {
    in_threads(
        &SimNet::new(),
        |base| {
            let client = common::client(&base);
            client.set_certificate(&certificate("client"));
            assert_fails(send(&client, b"x", None), TlsError::BadCertificate);
        },
        |base| {
            let server = common::server(&base);
            server.set_authentication_mode(Mode::Requested);
            assert_fails(receive(&server, None), TlsError::BadCertificate);
        },
    );
}

#[test]
fn servers_handler_cannot_block_on_its_own_handshake() {
    let ends = Ends::new(Mode::Required);
    ends.client.set_certificate(&certificate("client"));
    ends.server.connect_accept_certificate(|server, _, _| {
        let none = gio::Cancellable::NONE;
        assert_fails(server.handshake(none), IOErrorEnum::Failed);
        assert_fails(server.close(none), IOErrorEnum::Failed);
        assert_fails(receive(server, None), IOErrorEnum::Failed);
        assert_fails(send(server, b"x", None), IOErrorEnum::Failed);
        assert_fails(receive(server, NOW), IOErrorEnum::WouldBlock);
        assert_fails(send(server, b"x", NOW), IOErrorEnum::WouldBlock);
        true
    });
    let (ours, theirs) = ends.meet();
    ours.unwrap();
    theirs.unwrap();
}
