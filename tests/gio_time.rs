//! How long calls take: not at all, up to a limit, until cancelled; and that none of it ends a
//! handshake.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{thread, time::Duration};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::{NONE, SHORT, begin_handshake, receive_with, send_with},
    client, established, handshakes,
    meddler::Meddler,
    receive, run, send, server,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::DtlsConnection;
use glib::IOCondition;

/// More calls of the base than any wait needs, and far fewer than a busy loop makes.
const FEW: usize = 12;

/// Either end of a new network, as the interface that both have.
fn each_role() -> [(SimNet, DtlsConnection); 2] {
    let (ours, theirs) = (SimNet::new(), SimNet::new());
    let (client, server) = (client(&ours.client()), server(&theirs.server()));
    [(ours, client.upcast()), (theirs, server.upcast())]
}

/// The other end of a network on which one end exists.
fn opposite(net: &SimNet, end: &DtlsConnection) -> DtlsConnection {
    if end.is::<gio::DtlsClientConnection>() {
        server(&net.server()).upcast()
    } else {
        client(&net.client()).upcast()
    }
}

/// Cancels once `base` is being waited for more often than now, while `call` runs.
fn cancelled_while_waiting<T>(base: &Meddler, call: impl FnOnce(&gio::Cancellable) -> T) -> T {
    let cancellable = gio::Cancellable::new();
    let waits = base.calls().wait;
    thread::scope(|scope| {
        scope.spawn(|| {
            while base.calls().wait == waits {
                thread::yield_now();
            }
            cancellable.cancel();
        });
        call(&cancellable)
    })
}

#[test]
fn calls_before_an_unanswered_handshake_keep_their_time_limits() {
    for (net, end) in each_role() {
        run(async {
            for _ in 0..2 {
                assert_fails(receive(&end, NOW), IOErrorEnum::WouldBlock);
                assert_fails(send(&end, b"x", NOW), IOErrorEnum::WouldBlock);
                assert_fails(receive(&end, SHORT), IOErrorEnum::TimedOut);
                assert_fails(send(&end, b"x", SHORT), IOErrorEnum::TimedOut);
            }
            // None of that is remembered against the connection.
            let peer = opposite(&net, &end);
            let (ours, theirs) = handshakes(&end, &peer).await;
            ours.unwrap();
            theirs.unwrap();
        });
    }
}

#[test]
fn blocking_call_goes_on_after_one_that_timed_out() {
    for (net, end) in each_role() {
        assert_fails(receive(&end, SHORT), IOErrorEnum::TimedOut);
        let is_client = end.is::<gio::DtlsClientConnection>();
        thread::scope(|scope| {
            scope.spawn(|| {
                let peer: DtlsConnection = if is_client {
                    server(&net.server()).upcast()
                } else {
                    client(&net.client()).upcast()
                };
                send(&peer, b"hello", None).unwrap();
            });
            assert_eq!(receive(&end, None).unwrap().unwrap(), b"hello");
        });
    }
}

#[test]
fn blocking_calls_are_cancelled_while_the_peer_is_silent() {
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
        let result = cancelled_while_waiting(&base, |it| end.handshake(Some(it)));
        assert_fails(result, IOErrorEnum::Cancelled);
        let result = cancelled_while_waiting(&base, |it| receive_with(&end, None, it));
        assert_fails(result, IOErrorEnum::Cancelled);
        let result = cancelled_while_waiting(&base, |it| send_with(&end, PATIENCE, it));
        assert_fails(result, IOErrorEnum::Cancelled);
        let result = cancelled_while_waiting(&base, |it| {
            end.condition_wait(IOCondition::IN, None, Some(it))
        });
        assert_fails(result, IOErrorEnum::Cancelled);
        let (ours, theirs) = run(async { handshakes(&end, &opposite(&net, &end)).await });
        ours.unwrap();
        theirs.unwrap();
    }
}

#[test]
fn blocking_calls_of_an_established_connection_are_cancelled_and_harm_nothing() {
    run(async {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let base = Meddler::new(&near);
        let (client, server) = (client(&base), server(&far));
        handshakes(&client, &server).await.0.unwrap();
        let result = cancelled_while_waiting(&base, |it| receive_with(&client, None, it));
        assert_fails(result, IOErrorEnum::Cancelled);
        let result = cancelled_while_waiting(&base, |it| {
            client.condition_wait(IOCondition::IN, PATIENCE, Some(it))
        });
        assert_fails(result, IOErrorEnum::Cancelled);
        net.block(Direction::ToServer, true);
        let result = cancelled_while_waiting(&base, |it| send_with(&client, None, it));
        assert_fails(result, IOErrorEnum::Cancelled);
        net.block(Direction::ToServer, false);
        send(&client, b"fine", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"fine");
    });
}

#[test]
fn cancelled_cancellable_ends_every_call_before_anything_is_sent() {
    for (net, end) in each_role() {
        run(async {
            let cancelled = gio::Cancellable::new();
            cancelled.cancel();
            assert_fails(end.handshake(Some(&cancelled)), IOErrorEnum::Cancelled);
            for timeout in [None, NOW, SHORT] {
                let result = receive_with(&end, timeout, &cancelled);
                assert_fails(result, IOErrorEnum::Cancelled);
                let result = send_with(&end, timeout, &cancelled);
                assert_fails(result, IOErrorEnum::Cancelled);
                let result = end.condition_wait(IOCondition::IN, timeout, Some(&cancelled));
                assert_fails(result, IOErrorEnum::Cancelled);
            }
            let result = begin_handshake(&end, Some(&cancelled));
            until(|| result.borrow().is_some()).await;
            assert_fails(result.take().unwrap(), IOErrorEnum::Cancelled);
            assert!(net.all_sent().is_empty());
            let (ours, _) = handshakes(&end, &opposite(&net, &end)).await;
            ours.unwrap();
        });
    }
}

#[test]
fn asynchronous_handshake_may_be_cancelled_after_each_datagram_and_goes_on() {
    let net = SimNet::new();
    run(async { drop(established(&net).await) });
    let all = net.all_sent().len();
    for cancels_client in [true, false] {
        for datagrams in 0..all {
            run(async {
                let net = SimNet::new();
                let (near, far) = net.pair();
                let ends: [DtlsConnection; 2] = [client(&near).upcast(), server(&far).upcast()];
                let cancellables = [gio::Cancellable::new(), gio::Cancellable::new()];
                let results = [
                    begin_handshake(&ends[0], Some(&cancellables[0])),
                    begin_handshake(&ends[1], Some(&cancellables[1])),
                ];
                let which = usize::from(!cancels_client);
                let done = || results.iter().all(|result| result.borrow().is_some());
                until(|| net.all_sent().len() > datagrams || done()).await;
                cancellables[which].cancel();
                until(|| results[which].borrow().is_some()).await;
                if let Some(Err(error)) = results[which].take() {
                    assert!(error.matches(IOErrorEnum::Cancelled), "{error}");
                }
                // The other one is still at it, and the cancelled one takes part again.
                ends[which]
                    .handshake_future(glib::Priority::DEFAULT)
                    .await
                    .unwrap();
                let other = &results[1 - which];
                until(|| other.borrow().is_some()).await;
                other.take().unwrap().unwrap();
            });
        }
    }
}

#[test]
fn cancelled_asynchronous_handshake_is_resumed_by_a_blocking_one() {
    let net = SimNet::new();
    let end = client(&net.client()).upcast::<DtlsConnection>();
    run(async {
        let cancellable = gio::Cancellable::new();
        let result = begin_handshake(&end, Some(&cancellable));
        until(|| !net.all_sent().is_empty()).await;
        cancellable.cancel();
        until(|| result.borrow().is_some()).await;
        assert_fails(result.take().unwrap(), IOErrorEnum::Cancelled);
    });
    let far = net.clone();
    let peer = thread::spawn(move || server(&far.server()).handshake(NONE).unwrap());
    end.handshake(NONE).unwrap();
    peer.join().unwrap();
}

#[test]
fn waiting_for_a_condition_calls_the_base_a_few_times_only() {
    run(async {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let base = Meddler::new(&near);
        let (client, server) = (client(&base), server(&far));
        handshakes(&client, &server).await.0.unwrap();
        let before = base.calls().sum();
        let limit = Some(Duration::from_millis(50));
        let result = client.condition_wait(IOCondition::IN, limit, NONE);
        assert_fails(result, IOErrorEnum::TimedOut);
        let calls = base.calls().sum() - before;
        assert!(calls < FEW, "{calls} calls");
    });
}

#[test]
fn waiting_during_a_handshake_calls_the_base_a_few_times_only() {
    let net = SimNet::new();
    let base = Meddler::new(&net.client());
    let client = client(&base);
    assert_fails(receive(&client, SHORT), IOErrorEnum::TimedOut);
    for both in [IOCondition::IN, IOCondition::OUT] {
        let before = base.calls().sum();
        let limit = Some(Duration::from_millis(50));
        let result = client.condition_wait(both, limit, NONE);
        assert_fails(result, IOErrorEnum::TimedOut);
        let calls = base.calls().sum() - before;
        assert!(calls < FEW, "{calls} calls");
        let result = client.condition_wait(both, NOW, NONE);
        assert_fails(result, IOErrorEnum::TimedOut);
    }
}

#[test]
fn blocked_receive_calls_the_base_a_few_times_only() {
    run(async {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let base = Meddler::new(&near);
        let (client, server) = (client(&base), server(&far));
        handshakes(&client, &server).await.0.unwrap();
        let before = base.calls().sum();
        let limit = Some(Duration::from_millis(50));
        assert_fails(receive(&client, limit), IOErrorEnum::TimedOut);
        let calls = base.calls().sum() - before;
        assert!(calls < FEW, "{calls} calls");
    });
}

#[test]
fn fresh_and_failed_connections_are_ready_at_once() {
    for (_, end) in each_role() {
        let both = IOCondition::IN | IOCondition::OUT;
        assert_eq!(end.condition_check(both), both);
        end.condition_wait(IOCondition::IN, NOW, NONE).unwrap();
        end.condition_wait(IOCondition::OUT, None, NONE).unwrap();
    }
    run(async {
        let (near, far) = SimNet::new().pair();
        let client = client(&near);
        client.set_server_identity(&common::identity("wrong.example.com"));
        let server = server(&far).handshake_future(glib::Priority::DEFAULT);
        let _theirs = glib::spawn_future_local(server);
        let ours = client.handshake_future(glib::Priority::DEFAULT);
        ours.await.unwrap_err();
        client.condition_wait(IOCondition::IN, None, NONE).unwrap();
        client.condition_wait(IOCondition::OUT, NOW, NONE).unwrap();
    });
}

#[test]
fn nothing_is_ready_during_a_handshake() {
    for (_, end) in each_role() {
        assert_fails(receive(&end, SHORT), IOErrorEnum::TimedOut);
        let both = IOCondition::IN | IOCondition::OUT;
        assert_eq!(end.condition_check(both), IOCondition::empty());
    }
}

#[test]
fn waiting_for_a_condition_carries_a_handshake_through() {
    let net = SimNet::new();
    let client = client(&net.client());
    assert_fails(receive(&client, SHORT), IOErrorEnum::TimedOut);
    let far = net.clone();
    let peer = thread::spawn(move || send(&server(&far.server()), b"hi", None).unwrap());
    client.condition_wait(IOCondition::OUT, None, NONE).unwrap();
    client.condition_wait(IOCondition::IN, None, NONE).unwrap();
    assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"hi");
    peer.join().unwrap();
}

#[test]
fn room_in_the_base_ends_the_wait_for_it() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        net.block(Direction::ToServer, true);
        let result = client.condition_wait(IOCondition::OUT, SHORT, NONE);
        assert_fails(result, IOErrorEnum::TimedOut);
        let opener = thread::spawn({
            let net = net.clone();
            move || net.block(Direction::ToServer, false)
        });
        client.condition_wait(IOCondition::OUT, None, NONE).unwrap();
        opener.join().unwrap();
    });
}

#[test]
fn closed_connection_cannot_be_waited_for() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        client.close(NONE).unwrap();
        for timeout in [None, NOW, SHORT] {
            let result = client.condition_wait(IOCondition::IN, timeout, NONE);
            assert_fails(result, IOErrorEnum::Closed);
        }
    });
}

#[test]
fn garbage_that_looked_like_a_message_does_not_block_a_poll() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        net.inject(Direction::ToClient, b"garbage");
        assert_eq!(client.condition_check(IOCondition::IN), IOCondition::IN);
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        net.inject(Direction::ToClient, b"garbage");
        assert_fails(receive(&client, SHORT), IOErrorEnum::TimedOut);
    });
}
