//! Closing, half closing and being closed.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use common::{
    NOW, assert_fails, client, established, receive,
    records::alert_count,
    run, send,
    simnet::{Direction, SimNet},
};
use gio::{IOErrorEnum, TlsError, prelude::*};
use glib::IOCondition;

const NONE: Option<&gio::Cancellable> = None;

#[test]
fn close_sends_one_close_notify_and_may_be_repeated() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        for _ in 0..3 {
            client.close(NONE).unwrap();
            assert_eq!(alert_count(&net, Direction::ToServer), 1);
        }
        client.shutdown(true, true, NONE).unwrap();
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
    });
}

#[test]
fn closed_connection_refuses_messages_and_handshakes() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        client.close(NONE).unwrap();
        assert_fails(send(&client, b"x", NOW), IOErrorEnum::Closed);
        assert_fails(receive(&client, NOW), IOErrorEnum::Closed);
        assert_fails(client.handshake(NONE), IOErrorEnum::Closed);
    });
}

#[test]
fn closed_connection_reports_hang_up_alone() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        client.close(NONE).unwrap();
        let both = IOCondition::IN | IOCondition::OUT;
        assert_eq!(client.condition_check(both), IOCondition::HUP);
    });
}

#[test]
fn close_before_the_handshake_sends_nothing() {
    let net = SimNet::new();
    let client = client(&net.client());
    client.close(NONE).unwrap();
    client.close(NONE).unwrap();
    assert_fails(receive(&client, NOW), IOErrorEnum::Closed);
    assert_fails(send(&client, b"x", NOW), IOErrorEnum::Closed);
    assert_fails(client.handshake(NONE), IOErrorEnum::Closed);
    assert!(net.all_sent().is_empty());
}

#[test]
fn peers_close_is_the_end_of_its_messages_on_every_call() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"last", NOW).unwrap();
        server.close(NONE).unwrap();
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"last");
        for _ in 0..3 {
            assert_eq!(receive(&client, NOW).unwrap(), None);
        }
        assert_eq!(receive(&client, None).unwrap(), None);
    });
}

#[test]
fn messages_can_still_be_sent_after_the_peers_close() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        server.shutdown(false, true, NONE).unwrap();
        assert_eq!(receive(&client, NOW).unwrap(), None);
        send(&client, b"still", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"still");
        client.close(NONE).unwrap();
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
    });
}

#[test]
fn closing_the_receiving_side_is_not_seen_by_the_peer() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let sent = net.all_sent().len();
        client.shutdown(true, false, NONE).unwrap();
        assert_eq!(net.all_sent().len(), sent);
        assert_fails(receive(&client, NOW), IOErrorEnum::Closed);
        send(&client, b"on", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"on");
    });
}

#[test]
fn closing_the_sending_side_lets_messages_come_in() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        client.shutdown(false, true, NONE).unwrap();
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
        assert_fails(send(&client, b"x", NOW), IOErrorEnum::Closed);
        send(&server, b"in", NOW).unwrap();
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"in");
        client.shutdown(true, false, NONE).unwrap();
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
    });
}

#[test]
fn cancelled_close_closes_nothing() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        assert_fails(client.close(Some(&cancelled)), IOErrorEnum::Cancelled);
        send(&client, b"open", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"open");
        client.close(NONE).unwrap();
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
    });
}

#[test]
fn asynchronous_close_completes_on_the_main_context() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let priority = glib::Priority::DEFAULT;
        client.close_future(priority).await.unwrap();
        client.close_future(priority).await.unwrap();
        client.shutdown_future(true, true, priority).await.unwrap();
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
        assert_eq!(receive(&server, NOW).unwrap(), None);
    });
}

#[test]
fn dropping_the_last_reference_sends_close_notify() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        drop(client);
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
        assert_eq!(receive(&server, NOW).unwrap(), None);
    });
}

#[test]
fn dropping_a_fresh_connection_sends_nothing() {
    let net = SimNet::new();
    drop(client(&net.client()));
    assert!(net.all_sent().is_empty());
}

#[test]
fn datagrams_ending_without_close_notify_are_an_error() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        net.end(Direction::ToClient);
        assert_fails(receive(&client, NOW), TlsError::Eof);
    });
}

#[test]
fn datagrams_ending_without_close_notify_are_the_end_if_that_is_allowed() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        client.set_require_close_notify(false);
        net.end(Direction::ToClient);
        assert_eq!(receive(&client, NOW).unwrap(), None);
    });
}

#[test]
fn close_leaves_the_base_socket_and_the_facts_alone() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        client.close(NONE).unwrap();
        send(&net.client(), b"raw", NOW).unwrap();
        assert!(client.peer_certificate().is_some());
        assert!(client.base_socket().is_some());
        drop(server);
    });
}
