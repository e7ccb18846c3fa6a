//! Handshakes of a client and a server of ours, in every form that GIO offers.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{cell::Cell, rc::Rc, thread, time::Duration};

use common::{
    IDENTITY, NOW, PATIENCE, assert_fails, client, established, handshakes, in_threads, receive,
    receive_many,
    records::finished_was_sent,
    run, send, server, server_with,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, prelude::*};

#[test]
fn blocking_handshake_succeeds_on_both_sides() {
    in_threads(
        &SimNet::new(),
        |base| client(&base).handshake(gio::Cancellable::NONE).unwrap(),
        |base| server(&base).handshake(gio::Cancellable::NONE).unwrap(),
    );
}

#[test]
fn asynchronous_handshakes_share_one_main_context() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let version = gio::TlsProtocolVersion::Dtls12;
        assert_eq!(client.protocol_version(), version);
        assert_eq!(server.protocol_version(), version);
        assert!(client.ciphersuite_name().is_some());
        assert_eq!(client.ciphersuite_name(), server.ciphersuite_name());
    });
}

#[test]
fn rsa_server_is_verified() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server_with(&far, "rsa"));
        handshakes(&client, &server).await.0.unwrap();
        let subject = client.peer_certificate().unwrap().subject_name().unwrap();
        assert_eq!(subject, format!("CN={IDENTITY}"));
    });
}

#[test]
fn blocking_handshake_completes_beside_an_asynchronous_one() {
    in_threads(
        &SimNet::new(),
        |base| client(&base).handshake(gio::Cancellable::NONE).unwrap(),
        |base| {
            run(async {
                let handshake = server(&base).handshake_future(glib::Priority::DEFAULT);
                handshake.await.unwrap();
            });
        },
    );
}

#[test]
fn asynchronous_handshake_never_answers_before_returning_to_the_loop() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let answered = Rc::new(Cell::new(false));
        let noted = answered.clone();
        client.handshake_async(
            glib::Priority::DEFAULT,
            gio::Cancellable::NONE,
            move |result| {
                result.unwrap();
                noted.set(true);
            },
        );
        assert!(!answered.get());
        until(|| answered.get()).await;
    });
}

#[test]
fn second_handshake_succeeds_and_sends_nothing() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let sent = net.all_sent().len();
        client.handshake(gio::Cancellable::NONE).unwrap();
        server.handshake(gio::Cancellable::NONE).unwrap();
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(net.all_sent().len(), sent);
    });
}

#[test]
fn receiving_without_waiting_starts_a_handshake_that_the_main_context_finishes() {
    run(async {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let (client, server) = (client(&near), server(&far));
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        assert_fails(receive(&server, NOW), IOErrorEnum::WouldBlock);
        until(|| finished_was_sent(&net, Direction::ToClient)).await;
        until(|| send(&client, b"after", NOW).is_ok()).await;
        assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"after");
    });
}

#[test]
fn sending_without_waiting_starts_a_handshake_that_the_main_context_finishes() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        assert_fails(receive(&server, NOW), IOErrorEnum::WouldBlock);
        until(|| send(&client, b"at last", NOW).is_ok()).await;
        assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"at last");
    });
}

#[test]
fn blocking_messages_perform_the_handshake() {
    in_threads(
        &SimNet::new(),
        |base| {
            let client = client(&base);
            send(&client, b"question", None).unwrap();
            assert_eq!(receive(&client, None).unwrap().unwrap(), b"answer");
        },
        |base| {
            let server = server(&base);
            assert_eq!(receive(&server, None).unwrap().unwrap(), b"question");
            send(&server, b"answer", None).unwrap();
        },
    );
}

#[test]
fn asking_for_no_messages_starts_no_handshake() {
    let net = SimNet::new();
    let client = client(&net.client());
    let none = Duration::from_secs(1);
    let mut messages: [gio::InputMessage; 0] = [];
    let count = client
        .receive_messages::<[&mut [&mut [u8]]; 0], _>(
            &mut messages,
            0,
            Some(none),
            gio::Cancellable::NONE,
        )
        .unwrap();
    assert_eq!(count, 0);
    assert!(net.all_sent().is_empty());
}

#[test]
fn overlapping_explicit_handshake_is_pending() {
    run(async {
        let (near, _far) = SimNet::new().pair();
        let client = client(&near);
        let cancellable = gio::Cancellable::new();
        let first = Rc::new(Cell::new(None));
        let noted = first.clone();
        client.handshake_async(glib::Priority::DEFAULT, Some(&cancellable), move |result| {
            noted.set(Some(result));
        });
        let second = client.handshake_future(glib::Priority::DEFAULT).await;
        assert_fails(second, IOErrorEnum::Pending);
        cancellable.cancel();
        let result = loop {
            if let Some(result) = first.take() {
                break result;
            }
            glib::timeout_future(Duration::from_millis(1)).await;
        };
        assert_fails(result, IOErrorEnum::Cancelled);
    });
}

#[test]
fn cancelled_cancellable_prevents_the_first_datagram() {
    let net = SimNet::new();
    let client = client(&net.client());
    let cancellable = gio::Cancellable::new();
    cancellable.cancel();
    assert_fails(client.handshake(Some(&cancellable)), IOErrorEnum::Cancelled);
    assert!(net.all_sent().is_empty());
}

#[test]
fn handshake_is_resumed_after_a_call_was_cancelled() {
    let net = SimNet::new();
    let client = client(&net.client());
    let cancellable = gio::Cancellable::new();
    let watcher = thread::spawn({
        let (net, cancellable) = (net.clone(), cancellable.clone());
        move || {
            let server = net.server();
            server
                .condition_wait(glib::IOCondition::IN, None, gio::Cancellable::NONE)
                .unwrap();
            cancellable.cancel();
        }
    });
    assert_fails(client.handshake(Some(&cancellable)), IOErrorEnum::Cancelled);
    watcher.join().unwrap();
    let far = net.clone();
    let server = thread::spawn(move || {
        server(&far.server())
            .handshake(gio::Cancellable::NONE)
            .unwrap()
    });
    client.handshake(gio::Cancellable::NONE).unwrap();
    server.join().unwrap();
}

#[test]
fn handshake_is_resumed_after_a_call_timed_out() {
    let net = SimNet::new();
    let client = client(&net.client());
    let soon = Some(Duration::from_millis(1));
    assert_fails(receive(&client, soon), IOErrorEnum::TimedOut);
    let far = net.clone();
    let server = thread::spawn(move || {
        let server = server(&far.server());
        send(&server, b"here", None).unwrap();
    });
    assert_eq!(receive(&client, None).unwrap().unwrap(), b"here");
    server.join().unwrap();
}

#[test]
fn application_protocol_follows_the_clients_order() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_advertised_protocols(&["a", "b"]);
        server.set_advertised_protocols(&["z", "b", "a"]);
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(client.negotiated_protocol().as_deref(), Some("a"));
        assert_eq!(server.negotiated_protocol().as_deref(), Some("a"));
    });
}

#[test]
fn no_common_application_protocol_is_no_failure() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_advertised_protocols(&["a"]);
        server.set_advertised_protocols(&["b"]);
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(client.negotiated_protocol(), None);
        assert_eq!(server.negotiated_protocol(), None);
    });
}

#[test]
fn client_flights_are_three_and_server_answers_each() {
    run(async {
        let net = SimNet::new();
        established(&net).await;
        // ClientHello; key exchange and Finished. Nothing is sent twice without loss.
        let sent = net.sent(Direction::ToServer);
        assert!((2..=3).contains(&sent.len()), "{} datagrams", sent.len());
    });
}

#[test]
fn finished_handshake_keeps_no_reference_on_the_connection() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        until(|| client.ref_count() == 1 && server.ref_count() == 1).await;
        assert_fails(receive_many(&client, 4, NOW), IOErrorEnum::WouldBlock);
        assert_eq!(client.ref_count(), 1);
        drop(client);
        assert_eq!(server.ref_count(), 1);
    });
}
