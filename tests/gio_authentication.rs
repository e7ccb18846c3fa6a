//! Certificates in both directions: what a server asks of its clients, and who decides.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use common::{
    NOW, assert_fails, certificate, database, handshakes, hurry, identity, in_threads, receive,
    records::{finished_was_sent, plain_alerts},
    run, send, server_with,
    simnet::{Direction, SimNet},
    ways::{Outcome, Way},
};
use gio::{
    IOErrorEnum, TlsAuthenticationMode as Mode, TlsCertificateFlags as Flags, TlsDatabase,
    TlsError, prelude::*,
};
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection, FileDatabase};
use pki::{Issued, Leaf, Pki};

const FATAL: u8 = 2;
const HANDSHAKE_FAILURE: u8 = 40;
const BAD_CERTIFICATE: u8 = 42;
const CERTIFICATE_EXPIRED: u8 = 45;
const UNKNOWN_CA: u8 = 48;

/// A client and a server of this PKI that have not shaken hands.
struct Ends {
    way: Way,
    net: SimNet,
    client: DtlsClientConnection,
    server: DtlsServerConnection,
}

impl Ends {
    /// The same for blocking and for asynchronous handshakes.
    fn both(mode: Mode) -> [Self; 2] {
        hurry();
        Way::BOTH.map(|way| Self {
            way,
            ..Self::new(mode)
        })
    }

    /// The server asks in this way, and knows the PKI's anchor.
    fn new(mode: Mode) -> Self {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let (client, server) = (common::client(&near), common::server(&far));
        server.set_authentication_mode(mode);
        server.set_database(Some(&database("ca")));
        Self {
            way: Way::Asynchronous,
            net,
            client,
            server,
        }
    }

    /// The client's result and the server's.
    fn meet(&self) -> (Outcome, Outcome) {
        self.way.meet(&self.client, &self.server)
    }

    /// Has the server's handler answer this, and counts its calls and what it sees.
    fn answer(&self, accept: bool) -> Arc<Mutex<Vec<Flags>>> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        self.server
            .connect_accept_certificate(move |server, certificate, errors| {
                assert!(certificate.subject_name().is_some());
                assert!(server.peer_certificate().is_none());
                assert!(server.peer_certificate_errors().is_empty());
                noted.lock().unwrap().push(errors);
                accept
            });
        seen
    }

    /// Both ends fail, with this alert from the server and before its Finished.
    #[track_caller]
    fn refuse(&self, alert: u8, code: TlsError) {
        let (ours, theirs) = self.meet();
        assert_fails(ours, code);
        assert_fails(theirs, code);
        let alerts = plain_alerts(&self.net, Direction::ToClient);
        assert_eq!(alerts, [(FATAL, alert)]);
        assert!(!finished_was_sent(&self.net, Direction::ToClient));
        for end in [
            self.client.upcast_ref::<gio::DtlsConnection>(),
            self.server.upcast_ref(),
        ] {
            assert_eq!(end.protocol_version(), gio::TlsProtocolVersion::Unknown);
            assert_eq!(end.ciphersuite_name(), None);
            assert_fails(end.handshake(gio::Cancellable::NONE), code);
            assert_fails(send(end, b"x", NOW), code);
            assert_fails(receive(end, NOW), code);
        }
    }
}

/// A leaf with its key and these issuers.
fn credential(leaf: &Issued, issuers: &[&Issued]) -> Certificate {
    let mut text = leaf.certificate_pem();
    for issuer in issuers {
        text += &issuer.certificate_pem();
    }
    Certificate::from_pem(&text, Some(&leaf.key_pem())).unwrap()
}

fn anchors(path: &Path) -> FileDatabase {
    FileDatabase::new(path).unwrap()
}

fn client_leaf() -> Leaf {
    Leaf::new("client.example.com").usage("clientAuth")
}

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
