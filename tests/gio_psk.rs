//! Connections with pre-shared keys: who is asked, when, and what comes of it.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::NONE,
    certificate, client, handshakes, hurry, in_threads,
    records::{finished_was_sent, plain_alerts},
    run, send,
    simnet::{Direction, Fate, SimNet},
    until,
};
use gio::{IOErrorEnum, TlsCertificateFlags, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, prelude::DtlsProtocolExt};

const HANDSHAKE_FAILURE: (u8, u8) = (2, 40);
const KEY: &[u8] = b"of both";

/// Neither trusts any certificate.
fn keyless_client(base: &impl IsA<gio::DatagramBased>) -> DtlsClientConnection {
    let client = DtlsClientConnection::new(base, None::<&gio::NetworkAddress>).unwrap();
    client.set_database(gio::TlsDatabase::NONE);
    client
}

/// It has no certificate, and knows the sensor.
fn knowing_server(base: &impl IsA<gio::DatagramBased>) -> DtlsServerConnection {
    let server = DtlsServerConnection::new(base, None::<&gio::TlsCertificate>).unwrap();
    server.connect_psk_lookup(|_, identity| {
        (identity == "sensor").then(|| glib::Bytes::from_static(KEY))
    });
    server
}

#[test]
fn a_set_key_needs_no_certificates() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let (client, server) = (keyless_client(&near), knowing_server(&far));
        client.set_psk("sensor", b"an earlier one").unwrap();
        client.set_psk("sensor", KEY).unwrap();
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        let suite = client.ciphersuite_name().unwrap();
        assert!(suite.contains("PSK"), "{suite}");
        assert_eq!(server.ciphersuite_name().unwrap(), suite);
        assert!(client.peer_certificate().is_none());
        assert_eq!(
            client.peer_certificate_errors(),
            TlsCertificateFlags::empty()
        );
    });
}

#[test]
fn both_applications_are_asked_in_blocking_handshakes() {
    let net = SimNet::new();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (of_client, of_server) = (asked.clone(), asked.clone());
    in_threads(
        &net,
        |base| {
            let client = keyless_client(&base);
            client.connect_psk_request(move |client, hint| {
                of_client
                    .lock()
                    .unwrap()
                    .push(hint.unwrap_or("none").to_owned());
                client.set_psk("sensor", KEY).unwrap();
                true
            });
            client.handshake(NONE).unwrap();
            let late = client.set_psk("sensor", KEY);
            assert_fails(late, IOErrorEnum::ReadOnly);
        },
        |base| {
            let server = DtlsServerConnection::new(&base, None::<&gio::TlsCertificate>).unwrap();
            server.set_psk_identity_hint(Some("sensors"));
            let seen = of_server.clone();
            server.connect_psk_lookup(move |_, identity| {
                seen.lock().unwrap().push(identity.to_owned());
                Some(glib::Bytes::from_static(KEY))
            });
            server.handshake(NONE).unwrap();
        },
    );
    assert_eq!(*asked.lock().unwrap(), ["sensors", "sensor"]);
}

#[test]
fn handlers_are_asked_in_turn_until_one_has_a_key() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    let asked = Arc::new(AtomicUsize::new(0));
    run(async {
        let client = keyless_client(&near);
        let server = DtlsServerConnection::new(&far, None::<&gio::TlsCertificate>).unwrap();
        for last in [false, true] {
            let count = asked.clone();
            client.connect_psk_request(move |client, hint| {
                assert_eq!(hint, None);
                count.fetch_add(1, Ordering::Relaxed);
                last && client.set_psk("grüß", KEY).is_ok()
            });
            let count = asked.clone();
            server.connect_psk_lookup(move |_, identity| {
                assert_eq!(identity, "grüß");
                count.fetch_add(1, Ordering::Relaxed);
                last.then(|| glib::Bytes::from_static(KEY))
            });
        }
        client.connect_psk_request(|_, _| panic!("there is a key"));
        server.connect_psk_lookup(|_, _| panic!("there is a key"));
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
    });
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[test]
fn a_client_without_a_key_is_not_found_and_the_server_is_told() {
    for (sets, returns) in [(false, true), (false, false), (true, false)] {
        let net = SimNet::new();
        let (near, far) = net.pair();
        run(async {
            let (client, server) = (keyless_client(&near), knowing_server(&far));
            client.connect_psk_request(move |client, _| {
                if sets {
                    client.set_psk("sensor", KEY).unwrap();
                }
                returns
            });
            let theirs = server.handshake_future(glib::Priority::DEFAULT);
            let theirs = glib::spawn_future_local(theirs);
            let ours = client.handshake_future(glib::Priority::DEFAULT).await;
            assert_fails(ours, IOErrorEnum::NotFound);
            theirs.abort();
        });
        assert_eq!(plain_alerts(&net, Direction::ToServer), [HANDSHAKE_FAILURE]);
    }
}

#[test]
fn an_unknown_identity_and_a_wrong_key_end_by_cancelling_alone() {
    hurry();
    let too_long = glib::Bytes::from_owned(vec![1; 513]);
    let answers: [Option<glib::Bytes>; 3] = [
        None,
        Some(glib::Bytes::from_static(b"another")),
        Some(too_long),
    ];
    for answer in answers {
        let net = SimNet::new();
        let (near, far) = net.pair();
        run(async {
            let client = keyless_client(&near);
            client.set_psk("stranger", KEY).unwrap();
            let server = DtlsServerConnection::new(&far, None::<&gio::TlsCertificate>).unwrap();
            server.connect_psk_lookup(move |_, _| answer.clone());
            let ours = client.handshake_future(glib::Priority::DEFAULT);
            let ours = glib::spawn_future_local(ours);
            let theirs = server.handshake_future(glib::Priority::DEFAULT);
            let theirs = glib::spawn_future_local(theirs);
            // Both have repeated their last flights.
            until(|| {
                [Direction::ToServer, Direction::ToClient]
                    .iter()
                    .all(|direction| net.sent(*direction).len() > 4)
            })
            .await;
            ours.abort();
            theirs.abort();
        });
        assert!(finished_was_sent(&net, Direction::ToServer));
        assert!(!finished_was_sent(&net, Direction::ToClient));
        assert_eq!(plain_alerts(&net, Direction::ToClient), []);
    }
}

#[test]
fn a_blocking_handshake_with_a_wrong_key_can_be_cancelled() {
    hurry();
    let net = SimNet::new();
    let given_up = gio::Cancellable::new();
    let (ours, theirs) = (given_up.clone(), given_up.clone());
    let watched = net.clone();
    std::thread::scope(|scope| {
        let near = net.client();
        let far = net.server();
        scope.spawn(move || {
            let client = keyless_client(&near);
            client.set_psk("sensor", b"wrong").unwrap();
            assert_fails(client.handshake(Some(&ours)), IOErrorEnum::Cancelled);
        });
        scope.spawn(move || {
            let server = knowing_server(&far);
            assert_fails(server.handshake(Some(&theirs)), IOErrorEnum::Cancelled);
        });
        while !finished_was_sent(&watched, Direction::ToServer) {
            std::thread::yield_now();
        }
        given_up.cancel();
    });
}

#[test]
fn calls_inside_the_handlers_fail_cleanly() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let client = keyless_client(&near);
        client.connect_psk_request(|client, _| {
            assert_fails(client.handshake(NONE), IOErrorEnum::Failed);
            assert_fails(send(client, b"x", PATIENCE), IOErrorEnum::Failed);
            assert_fails(send(client, b"x", NOW), IOErrorEnum::WouldBlock);
            client.set_psk("sensor", KEY).is_ok()
        });
        let server = DtlsServerConnection::new(&far, None::<&gio::TlsCertificate>).unwrap();
        server.connect_psk_lookup(|server, _| {
            assert_fails(server.handshake(NONE), IOErrorEnum::Failed);
            assert_fails(send(server, b"x", PATIENCE), IOErrorEnum::Failed);
            Some(glib::Bytes::from_static(KEY))
        });
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
    });
}

#[test]
fn an_identity_that_is_no_text_is_unknown() {
    hurry();
    let net = SimNet::scripted(|direction, _, datagram| {
        let name = datagram.windows(6).position(|it| it == b"sensor");
        match (direction, name) {
            // No UTF-8 any more.
            (Direction::ToServer, Some(offset)) => Fate::Corrupt { offset, mask: 0x80 },
            _ => Fate::Deliver,
        }
    });
    let (near, far) = net.pair();
    run(async {
        let client = keyless_client(&near);
        client.set_psk("sensor", KEY).unwrap();
        let server = DtlsServerConnection::new(&far, None::<&gio::TlsCertificate>).unwrap();
        server.connect_psk_lookup(|_, _| panic!("nobody can have that name"));
        let ours = client.handshake_future(glib::Priority::DEFAULT);
        let ours = glib::spawn_future_local(ours);
        let theirs = server.handshake_future(glib::Priority::DEFAULT);
        let theirs = glib::spawn_future_local(theirs);
        until(|| net.sent(Direction::ToClient).len() > 3).await;
        ours.abort();
        theirs.abort();
    });
}

#[test]
fn certificates_serve_those_without_a_key() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let client = client(&near);
        let server = DtlsServerConnection::new(&far, Some(&certificate("ecdsa"))).unwrap();
        server.connect_psk_lookup(|_, _| panic!("the client has no key"));
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        assert!(client.peer_certificate().is_some());
    });
}

#[test]
fn a_servers_certificate_is_judged_though_there_is_a_key() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let client = keyless_client(&near);
        client.set_psk("sensor", KEY).unwrap();
        let server = DtlsServerConnection::new(&far, Some(&certificate("ecdsa"))).unwrap();
        let theirs = server.handshake_future(glib::Priority::DEFAULT);
        let theirs = glib::spawn_future_local(theirs);
        let ours = client.handshake_future(glib::Priority::DEFAULT).await;
        assert_fails(ours, gio::TlsError::BadCertificate);
        theirs.abort();
    });
}

#[test]
fn keys_and_identities_that_cannot_be_sent_are_invalid() {
    let net = SimNet::new();
    let client = keyless_client(&net.client());
    for (identity, key) in [
        ("sensor", &b""[..]),
        ("sensor", &[0; 513]),
        (&"i".repeat(256), b"k"),
        ("a\0b", b"k"),
    ] {
        assert_fails(client.set_psk(identity, key), IOErrorEnum::InvalidArgument);
    }
    client.set_psk(&"i".repeat(255), &[0; 512]).unwrap();
    client.close(NONE).unwrap();
    assert_fails(client.set_psk("sensor", KEY), IOErrorEnum::Closed);
}

#[test]
fn a_hint_that_cannot_be_sent_is_invalid() {
    let net = SimNet::new();
    let built: Result<DtlsServerConnection, _> = gio::Initable::builder()
        .property("base-socket", net.server())
        .property("psk-identity-hint", "h".repeat(256))
        .build(NONE);
    assert_fails(built, IOErrorEnum::InvalidArgument);
    let server = knowing_server(&net.server());
    server.set_psk_identity_hint(Some(&"h".repeat(256)));
    let error = server.handshake(NONE).unwrap_err();
    assert!(error.matches(IOErrorEnum::InvalidArgument), "{error:?}");
    assert!(error.message().contains("psk-identity-hint"), "{error:?}");
    server.set_psk_identity_hint(Some("sensors"));
    assert_eq!(server.psk_identity_hint().as_deref(), Some("sensors"));
}

#[test]
fn a_cipher_list_chooses_among_suites_with_a_key_too() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let (client, server) = (keyless_client(&near), knowing_server(&far));
        client.set_psk("sensor", KEY).unwrap();
        client.set_cipher_list(Some("PSK-AES128-CCM8"));
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(client.ciphersuite_name().unwrap(), "PSK-AES128-CCM8");
    });
}
