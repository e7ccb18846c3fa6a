//! What handlers of `psk-request` and `psk-lookup` may do while a handshake waits for them.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::NONE,
    certificate, handshakes, hurry, in_threads, receive,
    records::{finished_was_sent, plain_alerts},
    run, send,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, TlsAuthenticationMode, TlsCertificateFlags, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, prelude::*};

const KEY: &[u8] = b"of both";

/// Trusts no certificate, and is never asked about one.
fn keyless_client(base: &impl IsA<gio::DatagramBased>) -> DtlsClientConnection {
    let client = DtlsClientConnection::new(base, None::<&gio::NetworkAddress>).unwrap();
    client.set_database(gio::TlsDatabase::NONE);
    client.connect_accept_certificate(|_, _, _| panic!("there is no certificate"));
    client
}

fn client_with_key(base: &impl IsA<gio::DatagramBased>) -> DtlsClientConnection {
    let client = keyless_client(base);
    client.set_psk("sensor", KEY).unwrap();
    client
}

fn keyless_server(base: &impl IsA<gio::DatagramBased>) -> DtlsServerConnection {
    let server = DtlsServerConnection::new(base, None::<&gio::TlsCertificate>).unwrap();
    server.connect_accept_certificate(|_, _, _| panic!("there is no certificate"));
    server
}

fn knowing_server(base: &impl IsA<gio::DatagramBased>) -> DtlsServerConnection {
    let server = keyless_server(base);
    server.connect_psk_lookup(|_, _| Some(glib::Bytes::from_static(KEY)));
    server
}

/// The handshake of a server, until it is of no interest any more.
fn in_background(server: &DtlsServerConnection) -> glib::JoinHandle<Result<(), glib::Error>> {
    glib::spawn_future_local(server.handshake_future(glib::Priority::DEFAULT))
}

#[test]
fn a_clients_handler_that_is_gone_when_it_is_needed_has_no_key() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let (client, server) = (keyless_client(&near), knowing_server(&far));
        let gone = client.connect_psk_request(|_, _| panic!("it is gone"));
        let ours = client.handshake_future(glib::Priority::DEFAULT);
        let ours = glib::spawn_future_local(ours);
        until(|| !net.sent(Direction::ToServer).is_empty()).await;
        client.disconnect(gone);
        client.connect_psk_request(|_, _| false);
        let theirs = in_background(&server);
        assert_fails(ours.await.unwrap(), IOErrorEnum::NotFound);
        theirs.abort();
    });
}

/// The handshake of a client with a key and of this server, which does not end.
async fn assert_stalls(net: &SimNet, client: DtlsClientConnection, server: DtlsServerConnection) {
    let ours = client.handshake_future(glib::Priority::DEFAULT);
    let ours = glib::spawn_future_local(ours);
    let theirs = in_background(&server);
    until(|| finished_was_sent(net, Direction::ToServer)).await;
    let so_far = net.sent(Direction::ToClient).len();
    until(|| net.sent(Direction::ToClient).len() > so_far).await;
    ours.abort();
    theirs.abort();
    assert!(!finished_was_sent(net, Direction::ToClient));
    assert_eq!(plain_alerts(net, Direction::ToClient), []);
}

#[test]
fn a_server_whose_handlers_are_gone_or_have_no_proper_key_knows_nobody() {
    hurry();
    for answer in [None, Some(0), Some(513), Some(10_000)] {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let server = keyless_server(&far);
        let id = server.connect_psk_lookup(move |_, _| {
            answer.map(|size: usize| glib::Bytes::from_owned(vec![7; size]))
        });
        run(async {
            // It has begun, and waits for a client.
            assert_fails(send(&server, b"x", NOW), IOErrorEnum::WouldBlock);
            if answer.is_none() {
                server.disconnect(id);
            }
            assert_stalls(&net, client_with_key(&near), server).await;
        });
    }
}

#[test]
fn who_begins_to_listen_during_the_handshake_is_too_late() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let server = keyless_server(&far);
        assert_fails(send(&server, b"x", NOW), IOErrorEnum::WouldBlock);
        server.connect_psk_lookup(|_, _| panic!("it is too late"));
        let client = client_with_key(&near);
        let (ours, theirs) = handshakes(&client, &server).await;
        assert!(ours.is_err() && theirs.is_err());
    });
}

#[test]
fn closing_inside_a_handler_fails_and_the_handshake_goes_on() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let (client, server) = (keyless_client(&near), keyless_server(&far));
        client.connect_psk_request(|client, _| {
            assert_fails(client.close(NONE), IOErrorEnum::Failed);
            assert_fails(receive(client, NOW), IOErrorEnum::WouldBlock);
            client.set_psk("sensor", KEY).is_ok()
        });
        server.connect_psk_lookup(|server, _| {
            assert_fails(server.close(NONE), IOErrorEnum::Failed);
            assert_fails(receive(server, PATIENCE), IOErrorEnum::Failed);
            Some(glib::Bytes::from_static(KEY))
        });
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.and(theirs).unwrap();
    });
}

#[test]
#[allow(unsafe_code)] // GLib's word for it.
fn a_connection_that_is_disposed_of_inside_a_handler_is_closed() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let (client, server) = (client_with_key(&near), keyless_server(&far));
        server.connect_psk_lookup(|server, _| {
            // SAFETY: nobody uses the connection as more than a GObject afterwards.
            unsafe { server.run_dispose() };
            Some(glib::Bytes::from_static(KEY))
        });
        let ours = client.handshake_future(glib::Priority::DEFAULT);
        let ours = glib::spawn_future_local(ours);
        // It may have got to its end all the same.
        let _ = server.handshake_future(glib::Priority::DEFAULT).await;
        assert_fails(receive(&server, NOW), IOErrorEnum::Closed);
        assert_fails(send(&server, b"x", NOW), IOErrorEnum::Closed);
        ours.abort();
    });
}

#[test]
fn the_handshakes_time_goes_on_while_a_handler_thinks() {
    const LIMIT: Duration = Duration::from_millis(500);
    let net = SimNet::new();
    in_threads(
        &net,
        |base| {
            let client = keyless_client(&base);
            client.set_handshake_timeout(Some(LIMIT));
            client.connect_psk_request(|client, _| {
                client.set_psk("sensor", KEY).unwrap();
                let begun = Instant::now();
                while begun.elapsed() < LIMIT {
                    std::thread::yield_now();
                }
                true
            });
            assert_fails(client.handshake(NONE), IOErrorEnum::TimedOut);
            // No word of the key.
            let said = net.sent(Direction::ToServer);
            assert!(
                !said
                    .iter()
                    .any(|it| it.windows(6).any(|it| it == b"sensor"))
            );
        },
        |base| {
            let server = knowing_server(&base);
            server.set_handshake_timeout(Some(2 * LIMIT));
            assert!(server.handshake(NONE).is_err());
        },
    );
}

#[test]
fn a_key_may_be_set_by_another_thread_while_the_application_is_asked() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let (client, server) = (keyless_client(&near), knowing_server(&far));
        client.connect_psk_request(|client, _| {
            let client = client.clone();
            let other = std::thread::spawn(move || client.set_psk("sensor", KEY));
            other.join().unwrap().is_ok()
        });
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.and(theirs).unwrap();
        assert_fails(client.set_psk("sensor", KEY), IOErrorEnum::ReadOnly);
    });
}

#[test]
fn nobody_without_proof_passes_a_server_that_requires_it() {
    for has_certificate in [false, true] {
        let net = SimNet::new();
        let (near, far) = net.pair();
        run(async {
            let client = DtlsClientConnection::new(&near, None::<&gio::NetworkAddress>).unwrap();
            client.set_property("validation-flags", TlsCertificateFlags::empty());
            let server = knowing_server(&far);
            server.set_authentication_mode(TlsAuthenticationMode::Required);
            if has_certificate {
                server.set_certificate(&certificate("ecdsa"));
            }
            let (ours, theirs) = handshakes(&client, &server).await;
            assert!(ours.is_err());
            assert!(theirs.is_err());
        });
    }
}

#[test]
fn a_session_with_a_key_names_it_as_proof() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    run(async {
        let client = client_with_key(&near);
        let server = knowing_server(&far);
        server.set_certificate(&certificate("ecdsa"));
        server.set_authentication_mode(TlsAuthenticationMode::Required);
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.and(theirs).unwrap();
        for description in [client.description(), server.description()] {
            let line = description.lines().find(|line| line.starts_with("peer:"));
            let said = line.unwrap().trim_start_matches("peer:").trim();
            assert_eq!(said, "proved by a pre-shared key", "{description}");
            assert!(!description.contains("verification"), "{description}");
        }
        assert!(server.peer_certificate().is_none());
        assert_eq!(client.signature_scheme(), None);
        assert_eq!(server.signature_scheme(), None);
        assert!(!client.is_session_resumed());
        let label = "EXPERIMENTAL-ours";
        let exported = client.export_keying_material(label, None, 32).unwrap();
        let theirs = server.export_keying_material(label, None, 32).unwrap();
        assert_eq!(exported, theirs);
    });
}

#[test]
fn each_message_starts_a_handshake_in_which_handlers_are_asked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (of_client, of_server) = (asked.clone(), asked.clone());
    in_threads(
        &SimNet::new(),
        |base| {
            let client = keyless_client(&base);
            client.set_mtu(256);
            client.connect_psk_request(move |client, _| {
                of_client.fetch_add(1, Ordering::Relaxed);
                client.set_psk("sensor", KEY).is_ok()
            });
            send(&client, b"question", PATIENCE).unwrap();
            assert_eq!(receive(&client, PATIENCE).unwrap().unwrap(), b"answer");
        },
        move |base| {
            let server = keyless_server(&base);
            server.set_mtu(256);
            server.connect_psk_lookup(move |_, _| {
                of_server.fetch_add(1, Ordering::Relaxed);
                Some(glib::Bytes::from_static(KEY))
            });
            assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"question");
            send(&server, b"answer", PATIENCE).unwrap();
        },
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
