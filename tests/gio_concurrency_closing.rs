//! Closing while other callers wait: who is woken, and with what.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::thread;

use common::{
    NOW, PATIENCE, assert_fails,
    calls::{NONE, SHORT, begin_handshake, beside, watched},
    client,
    meddler::Meddler,
    receive, run, send, server,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::DtlsConnection;
use glib::IOCondition;

#[test]
fn close_wakes_a_blocked_receive() {
    let (client, _server, base) = watched(&SimNet::new());
    let (received, closed) = beside(&base, || receive(&client, None), || client.close(NONE));
    assert_fails(received, IOErrorEnum::Closed);
    closed.unwrap();
}

#[test]
fn closing_the_other_direction_leaves_a_blocked_receive_alone() {
    let (client, server, base) = watched(&SimNet::new());
    let (received, ()) = beside(
        &base,
        || receive(&client, None),
        || {
            client.shutdown(false, true, NONE).unwrap();
            send(&server, b"still", NOW).unwrap();
        },
    );
    assert_eq!(received.unwrap().unwrap(), b"still");
}

#[test]
fn closing_the_receiving_side_wakes_a_blocked_receive() {
    let (client, server, base) = watched(&SimNet::new());
    let (received, ()) = beside(
        &base,
        || receive(&client, PATIENCE),
        || client.shutdown(true, false, NONE).unwrap(),
    );
    assert_fails(received, IOErrorEnum::Closed);
    send(&client, b"on", NOW).unwrap();
    assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"on");
}

#[test]
fn close_wakes_a_blocked_send() {
    let net = SimNet::new();
    let (client, _server, base) = watched(&net);
    net.block(Direction::ToServer, true);
    let (sent, _) = beside(
        &base,
        || send(&client, b"x", None),
        || client.shutdown(false, true, NONE),
    );
    assert_fails(sent, IOErrorEnum::Closed);
}

#[test]
fn close_wakes_a_blocked_condition_wait() {
    let (client, _server, base) = watched(&SimNet::new());
    let (waited, closed) = beside(
        &base,
        || client.condition_wait(IOCondition::IN, None, NONE),
        || client.close(NONE),
    );
    assert_fails(waited, IOErrorEnum::Closed);
    closed.unwrap();
}

#[test]
fn close_wakes_every_call_that_waits_for_a_handshake() {
    type Call = fn(&DtlsConnection) -> Result<(), glib::Error>;
    let calls: [Call; 4] = [
        |end| end.handshake(NONE),
        |end| receive(end, None).map(drop),
        |end| send(end, b"x", None),
        |end| {
            let result = receive(end, SHORT);
            assert!(result.is_err());
            end.condition_wait(IOCondition::IN, None, NONE)
        },
    ];
    for call in calls {
        for is_client in [true, false] {
            let net = SimNet::new();
            let base = Meddler::new(&if is_client {
                net.client()
            } else {
                net.server()
            });
            let end: DtlsConnection = if is_client {
                client(&base).upcast()
            } else {
                server(&base).upcast()
            };
            let (result, closed) = beside(&base, || call(&end), || end.close(NONE));
            // A receive that timed out just then is followed by the wait, which is closed as well.
            assert_fails(result, IOErrorEnum::Closed);
            closed.unwrap();
            assert_fails(end.handshake(NONE), IOErrorEnum::Closed);
        }
    }
}

#[test]
fn close_ends_an_asynchronous_handshake() {
    run(async {
        for from_elsewhere in [false, true] {
            let net = SimNet::new();
            let client = client(&net.client());
            let result = begin_handshake(client.upcast_ref(), NONE);
            until(|| !net.all_sent().is_empty()).await;
            if from_elsewhere {
                thread::scope(|scope| {
                    scope.spawn(|| client.close(NONE).unwrap());
                });
            } else {
                client.close(NONE).unwrap();
            }
            until(|| result.borrow().is_some()).await;
            assert_fails(result.take().unwrap(), IOErrorEnum::Closed);
        }
    });
}

#[test]
fn two_closes_at_once_both_succeed() {
    let net = SimNet::new();
    let (client, server, base) = watched(&net);
    let (received, ()) = beside(
        &base,
        || receive(&client, None),
        || {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| client.close(NONE).unwrap());
                }
            });
        },
    );
    assert_fails(received, IOErrorEnum::Closed);
    assert_eq!(common::records::alert_count(&net, Direction::ToServer), 1);
    assert_eq!(receive(&server, NOW).unwrap(), None);
}
