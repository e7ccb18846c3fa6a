//! Messages as bytes: one or many in a call, and futures.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{future::poll_fn, task::Poll, thread};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::{NONE, SHORT, beside, each_role, each_role_established},
    established, receive, run, send,
    simnet::SimNet,
    until,
};
use gio::IOErrorEnum;
use gio_ossl::prelude::*;
use glib::Bytes;

const DEFAULT: glib::Priority = glib::Priority::DEFAULT;

fn messages(count: u8) -> Vec<Bytes> {
    (0..count).map(|number| Bytes::from(&[number; 5])).collect()
}

#[test]
fn batch_costs_one_call_of_the_base_each_way() {
    for (side, peer) in each_role_established() {
        let batch = messages(32);
        let before = side.base.calls();
        assert_eq!(side.end.send_many(&batch, None, NONE).unwrap(), 32);
        assert_eq!(side.base.calls().sum(), before.sum() + 1);
        assert_eq!(peer.receive_many(32, 100, NOW, NONE).unwrap(), batch);
        assert_eq!(peer.send_many(&batch, None, NONE).unwrap(), 32);
        let before = side.base.calls();
        assert_eq!(side.end.receive_many(64, 100, None, NONE).unwrap(), batch);
        assert_eq!(side.base.calls().sum(), before.sum() + 1);
    }
}

#[test]
fn long_batch_costs_one_call_for_64_messages() {
    for (side, peer) in each_role_established() {
        let batch = messages(200);
        let before = side.base.calls();
        assert_eq!(side.end.send_many(&batch, None, NONE).unwrap(), 200);
        assert_eq!(side.base.calls().sum(), before.sum() + 4);
        let mut received = Vec::new();
        while received.len() < 200 {
            received.extend(peer.receive_many(1000, 100, NOW, NONE).unwrap());
        }
        assert_eq!(received, batch);
    }
}

#[test]
fn receiving_many_waits_for_the_first_message_alone() {
    for (side, peer) in each_role_established() {
        assert_fails(
            side.end.receive_many(8, 9, NOW, NONE),
            IOErrorEnum::WouldBlock,
        );
        assert_fails(
            side.end.receive_many(8, 9, SHORT, NONE),
            IOErrorEnum::TimedOut,
        );
        let wait = || side.end.receive_many(8, 9, None, NONE).unwrap();
        let (received, ()) = beside(&side.base, wait, || send(&peer, b"one", NOW).unwrap());
        assert_eq!(received, [Bytes::from(b"one")]);
    }
}

#[test]
fn no_messages_are_the_end_and_the_limits_are_kept() {
    for (side, peer) in each_role_established() {
        assert_eq!(peer.send_many(&messages(5), None, NONE).unwrap(), 5);
        peer.close(NONE).unwrap();
        let three = side.end.receive_many(3, 2, NOW, NONE).unwrap();
        assert_eq!(three, [&[0, 0], &[1, 1], &[2, 2]].map(Bytes::from));
        assert_eq!(side.end.receive_many(9, 9, NOW, NONE).unwrap().len(), 2);
        for timeout in [NOW, None] {
            assert!(
                side.end
                    .receive_many(9, 9, timeout, NONE)
                    .unwrap()
                    .is_empty()
            );
            assert_eq!(side.end.receive_bytes(9, timeout, NONE).unwrap(), None);
        }
    }
}

#[test]
fn batch_performs_the_handshake() {
    for side in each_role() {
        let peer = side.peer();
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(peer.send_many(&messages(3), PATIENCE, NONE).unwrap(), 3));
            let mut received = Vec::new();
            while received.len() < 3 {
                received.extend(side.end.receive_many(8, 9, PATIENCE, NONE).unwrap());
            }
            assert_eq!(received, messages(3));
        });
    }
}

#[test]
fn arguments_without_room_are_named() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        for (max, size, name) in [(0, 9, "max"), (9, 0, "size")] {
            let error = client.receive_many(max, size, NOW, NONE).unwrap_err();
            assert!(error.matches(IOErrorEnum::InvalidArgument));
            assert!(error.message().contains(name), "{error}");
        }
        assert_fails(
            client.receive_bytes(0, NOW, NONE),
            IOErrorEnum::InvalidArgument,
        );
        assert_eq!(client.send_many(&[], NOW, NONE).unwrap(), 0);
    });
}

#[test]
fn batch_with_a_message_that_is_too_large_stops_before_it() {
    for (side, peer) in each_role_established() {
        let large = Bytes::from_owned(vec![0; 16_385]);
        let batch = [Bytes::from(b"a"), Bytes::from(b"b"), large];
        assert_eq!(side.end.send_many(&batch, None, NONE).unwrap(), 2);
        let rest = side.end.send_many(&batch[2..], None, NONE);
        assert_fails(rest, IOErrorEnum::MessageTooLarge);
        assert_eq!(peer.receive_many(9, 9, NOW, NONE).unwrap(), batch[..2]);
    }
}

#[test]
fn cancelled_and_closed_batches_fail() {
    for (side, _peer) in each_role_established() {
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        let cancelled = Some(&cancelled);
        assert_fails(
            side.end.send_many(&messages(2), None, cancelled),
            IOErrorEnum::Cancelled,
        );
        assert_fails(
            side.end.receive_many(2, 9, None, cancelled),
            IOErrorEnum::Cancelled,
        );
        side.end.close(NONE).unwrap();
        assert_fails(
            side.end.send_many(&messages(2), None, NONE),
            IOErrorEnum::Closed,
        );
        assert_fails(side.end.receive_many(2, 9, None, NONE), IOErrorEnum::Closed);
    }
}

#[test]
fn futures_perform_the_handshake_and_move_messages() {
    for side in each_role() {
        let peer = side.peer();
        run(async {
            let theirs = glib::spawn_future_local(peer.receive_bytes_future(9, DEFAULT));
            let question = Bytes::from(b"question");
            let sent = side.end.send_bytes_future(&question, DEFAULT).await;
            assert_eq!(sent.unwrap(), 8);
            assert_eq!(theirs.await.unwrap().unwrap().unwrap(), question);
            let ours = glib::spawn_future_local(side.end.receive_bytes_future(9, DEFAULT));
            peer.close(NONE).unwrap();
            assert_eq!(ours.await.unwrap().unwrap(), None);
            side.end.close(NONE).unwrap();
            let closed = side.end.receive_bytes_future(9, DEFAULT).await;
            assert_fails(closed, IOErrorEnum::Closed);
            let closed = side.end.send_bytes_future(&question, DEFAULT).await;
            assert_fails(closed, IOErrorEnum::Closed);
        });
    }
}

#[test]
fn futures_are_served_in_order() {
    for (side, peer) in each_role_established() {
        run(async {
            let futures: Vec<_> = (0..10)
                .map(|_| glib::spawn_future_local(side.end.receive_bytes_future(9, DEFAULT)))
                .collect();
            glib::timeout_future(std::time::Duration::ZERO).await;
            assert_eq!(peer.send_many(&messages(10), NOW, NONE).unwrap(), 10);
            for (future, message) in futures.into_iter().zip(messages(10)) {
                assert_eq!(future.await.unwrap().unwrap().unwrap(), message);
            }
        });
    }
}

#[test]
fn dropped_future_takes_no_message() {
    for (side, peer) in each_role_established() {
        run(async {
            let mut first = side.end.receive_bytes_future(9, DEFAULT);
            let second = glib::spawn_future_local(side.end.receive_bytes_future(9, DEFAULT));
            poll_fn(|task| {
                assert!(first.as_mut().poll(task).is_pending());
                Poll::Ready(())
            })
            .await;
            send(&peer, b"kept", NOW).unwrap();
            // The loop notices that the message is there, and the future has not looked yet.
            glib::timeout_future(std::time::Duration::from_millis(1)).await;
            drop(first);
            assert_eq!(&second.await.unwrap().unwrap().unwrap()[..], b"kept");
        });
    }
}

#[test]
fn send_futures_wait_for_the_base() {
    for (side, peer) in each_role_established() {
        run(async {
            side.net.block(side.sends, true);
            let message = Bytes::from(b"x");
            let sent = glib::spawn_future_local(side.end.send_bytes_future(&message, DEFAULT));
            let mut turns = 0;
            until(|| {
                turns += 1;
                turns > 5
            })
            .await;
            assert_fails(receive(&peer, NOW), IOErrorEnum::WouldBlock);
            side.net.block(side.sends, false);
            assert_eq!(sent.await.unwrap().unwrap(), 1);
            assert_eq!(receive(&peer, NOW).unwrap().unwrap(), b"x");
        });
    }
}
