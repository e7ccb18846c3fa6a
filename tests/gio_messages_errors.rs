//! What errors, time limits, cancellations and the end leave of the messages of a call.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/slots.rs"]
mod slots;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use common::{
    NOW, assert_fails, client, established, handshakes,
    meddler::Meddler,
    receive, receive_many, run, send, server,
    simnet::{Direction, SimNet},
};
use gio::{IOErrorEnum, TlsError, prelude::*};
use gio_ossl::{
    DtlsClientConnection, DtlsServerConnection,
    subclass::datagram_based::{receive_batch, send_batch},
};
use slots::{Slot, receive_slots, send_vectors};

/// Established ends, the client's over a base that can be made to fail.
async fn meddled(net: &SimNet) -> (DtlsClientConnection, DtlsServerConnection, Meddler) {
    let (near, far) = net.pair();
    let base = Meddler::new(&near);
    let (client, server) = (client(&base), server(&far));
    let (ours, theirs) = handshakes(&client, &server).await;
    ours.unwrap();
    theirs.unwrap();
    (client, server, base)
}

fn refused() -> glib::Error {
    glib::Error::new(IOErrorEnum::ConnectionRefused, "refused")
}

fn too_large() -> glib::Error {
    glib::Error::new(IOErrorEnum::MessageTooLarge, "EMSGSIZE")
}

#[test]
fn time_limit_is_one_for_the_whole_call() {
    run(async {
        let (client, server, base) = meddled(&SimNet::new()).await;
        let limit = Duration::from_millis(60);
        let stop = AtomicBool::new(false);
        let count = thread::scope(|scope| {
            scope.spawn(|| {
                // A message for each wait, well within a limit that would begin again with it: the
                // receiver would get all.
                let mut waits = 0;
                while !stop.load(Ordering::SeqCst) {
                    if base.calls().wait > waits {
                        waits = base.calls().wait;
                        thread::sleep(limit / 3);
                        send(&server, b"x", NOW).unwrap();
                    }
                    thread::yield_now();
                }
            });
            let received = receive_many(&client, 9, Some(limit));
            stop.store(true, Ordering::SeqCst);
            received.map(|messages| messages.len())
        });
        assert!(count.is_err() || count.unwrap() < 9);
    });
}

#[test]
fn receive_returns_what_it_has_and_the_bases_error_comes_next() {
    run(async {
        let (client, server, base) = meddled(&SimNet::new()).await;
        send(&server, b"one", NOW).unwrap();
        base.fail_receive(1, refused());
        let mut slots = [Slot::of(&[8]), Slot::of(&[8]), Slot::of(&[8])];
        assert_eq!(receive_slots(&client, &mut slots, -1, None).unwrap(), 1);
        let both = glib::IOCondition::IN | glib::IOCondition::OUT;
        assert!(client.condition_check(both).contains(glib::IOCondition::IN));
        let result = receive_slots(&client, &mut slots, 0, None);
        assert_fails(result, IOErrorEnum::ConnectionRefused);
        let result = receive_slots(&client, &mut slots, 0, None);
        assert_fails(result, IOErrorEnum::WouldBlock);
        send(&server, b"two", NOW).unwrap();
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"two");
    });
}

#[test]
fn cancelled_receive_returns_what_it_has() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        send(&server, b"one", NOW).unwrap();
        let cancellable = gio::Cancellable::new();
        let near = net.client();
        let canceller = thread::spawn({
            let cancellable = cancellable.clone();
            move || {
                // The message has been taken when the base is empty.
                while near.condition_check(glib::IOCondition::IN) == glib::IOCondition::IN {
                    thread::yield_now();
                }
                cancellable.cancel();
            }
        });
        let mut slots = [Slot::of(&[8]), Slot::of(&[8])];
        let count = receive_slots(&client, &mut slots, -1, Some(&cancellable)).unwrap();
        assert_eq!((count, slots[0].bytes_received), (1, 3));
        canceller.join().unwrap();
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
    });
}

#[test]
fn end_of_messages_comes_after_the_messages_before_it() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"one", NOW).unwrap();
        server.close(gio::Cancellable::NONE).unwrap();
        let mut slots = [Slot::of(&[8]), Slot::of(&[8])];
        assert_eq!(receive_slots(&client, &mut slots, -1, None).unwrap(), 1);
        for timeout in [-1, 0, 1000] {
            let count = receive_slots(&client, &mut slots, timeout, None);
            assert_eq!(count.unwrap(), 0);
        }
    });
}

#[test]
fn end_without_close_notify_comes_after_the_messages_before_it() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        send(&server, b"one", NOW).unwrap();
        net.end(Direction::ToClient);
        let mut slots = [Slot::of(&[8]), Slot::of(&[8])];
        assert_eq!(receive_slots(&client, &mut slots, -1, None).unwrap(), 1);
        let result = receive_slots(&client, &mut slots, -1, None);
        assert_fails(result, TlsError::Eof);
    });
}

#[test]
fn send_returns_what_went_out_before_an_error_of_the_base() {
    run(async {
        let net = SimNet::new();
        let (client, server, base) = meddled(&net).await;
        // More messages than are handed to the base at once.
        let bytes = vec![b'm'; 200];
        let messages: Vec<&[&[u8]]> = vec![&[b"m"]; 200];
        base.fail_send(1, refused());
        let (result, sent) = send_vectors(&client, &messages, -1);
        let count = result.unwrap();
        assert!(count < 200, "{count}");
        assert!(sent[..count].iter().all(|bytes| *bytes == 1));
        assert!(sent[count..].iter().all(|bytes| *bytes == 0));
        let ends: Vec<usize> = (1..=200 - count).collect();
        let next = send_batch(client.upcast_ref(), &bytes, 0, &ends, NOW, None);
        assert_fails(next, IOErrorEnum::ConnectionRefused);
        let rest = send_batch(client.upcast_ref(), &bytes, 0, &ends, NOW, None).unwrap();
        assert!(rest > 0);
        assert!(!receive_many(&server, 64, NOW).unwrap().is_empty());
    });
}

#[test]
fn error_of_the_base_when_nothing_was_sent_is_reported_once() {
    run(async {
        let (client, server, base) = meddled(&SimNet::new()).await;
        base.fail_send(0, refused());
        let (result, sent) = send_vectors(&client, &[&[b"lost"]], -1);
        assert_fails(result, IOErrorEnum::ConnectionRefused);
        assert_eq!(sent, [0]);
        send(&client, b"fine", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"fine");
    });
}

#[test]
fn message_too_large_for_the_base_is_reported_and_the_connection_lives_on() {
    run(async {
        let (client, server, base) = meddled(&SimNet::new()).await;
        base.fail_send(0, too_large());
        let result = send(&client, &[0; 9000], NOW);
        assert_fails(result, IOErrorEnum::MessageTooLarge);
        send(&client, b"fine", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"fine");
        send(&server, b"back", NOW).unwrap();
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"back");
    });
}

#[test]
fn blocked_send_keeps_what_went_out_before_its_time_limit() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        net.block(Direction::ToServer, true);
        let (result, sent) = send_vectors(&client, &[&[b"a"], &[b"b"]], 1000);
        assert_fails(result, IOErrorEnum::TimedOut);
        assert_eq!(sent, [0, 0]);
        let (result, _) = send_vectors(&client, &[&[b"a"], &[b"b"]], 0);
        assert_fails(result, IOErrorEnum::WouldBlock);
    });
}

#[test]
fn every_flag_is_refused_before_the_cancellation_and_the_close() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        client.close(gio::Cancellable::NONE).unwrap();
        for flag in [1, 2, 4, 0x40] {
            let mut buffer = [0; 8];
            let mut vectors = [gio::InputVector::new(&mut buffer)];
            let mut messages = [gio::InputMessage::new(None, &mut vectors, None)];
            let result = client.receive_messages::<[&mut [&mut [u8]]; 0], _>(
                &mut messages,
                flag,
                None,
                Some(&cancelled),
            );
            assert_fails(result, IOErrorEnum::InvalidArgument);
            let vectors = [gio::OutputVector::new(b"y")];
            let mut messages = [gio::OutputMessage::new(
                gio::SocketAddress::NONE,
                &vectors,
                &[],
            )];
            let result = client.send_messages(&mut messages, flag, None, Some(&cancelled));
            assert_fails(result, IOErrorEnum::InvalidArgument);
        }
    });
}

#[test]
fn cancellation_is_reported_before_the_close() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        client.close(gio::Cancellable::NONE).unwrap();
        let result = receive_slots(&client, &mut [Slot::of(&[8])], -1, Some(&cancelled));
        assert_fails(result, IOErrorEnum::Cancelled);
        assert_fails(receive(&client, None), IOErrorEnum::Closed);
        assert_fails(send(&client, b"x", None), IOErrorEnum::Closed);
    });
}

#[test]
fn buffered_records_survive_a_cancelled_and_a_timed_out_call() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let before = net.sent(Direction::ToClient).len();
        send(&server, b"first", NOW).unwrap();
        send(&server, b"second", NOW).unwrap();
        receive_many(&net.client(), 2, NOW).unwrap();
        let both = net.sent(Direction::ToClient)[before..].concat();
        net.inject(Direction::ToClient, &both);
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"first");
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        let result = receive_batch(
            client.upcast_ref(),
            &mut [0; 16],
            16,
            &mut [0],
            NOW,
            Some(&cancelled),
        );
        assert_fails(result, IOErrorEnum::Cancelled);
        // Nothing is at the base: only the buffered record can satisfy this.
        assert_eq!(receive(&client, None).unwrap().unwrap(), b"second");
    });
}
