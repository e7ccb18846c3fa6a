//! Messages over an established connection.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{cell::Cell, rc::Rc, thread, time::Duration};

use common::{
    NOW, PATIENCE, assert_fails, established, receive, receive_many, run, send,
    simnet::{Direction, Fate, SimNet},
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::subclass::datagram_based::{receive_batch, send_batch};
use glib::{ControlFlow, IOCondition};

const MSG_TRUNC: i32 = 0x20;

/// One message received through GIO's own call: its bytes and flags.
fn receive_into(at: &impl IsA<gio::DatagramBased>, size: usize) -> (usize, i32) {
    let mut buffer = vec![0; size];
    let mut vectors = [gio::InputVector::new(&mut buffer)];
    let mut messages = [gio::InputMessage::new(None, &mut vectors, None)];
    let count = at
        .receive_messages::<[&mut [&mut [u8]]; 0], _>(&mut messages, 0, NOW, gio::Cancellable::NONE)
        .unwrap();
    assert_eq!(count, 1);
    (messages[0].bytes_received(), messages[0].flags())
}

#[test]
fn batches_cross_in_both_directions() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let sizes: Vec<usize> = (0..40).map(|i| 1 + i * 30).collect();
        let messages: Vec<Vec<u8>> = sizes.iter().map(|size| vec![*size as u8; *size]).collect();
        let ends: Vec<usize> = sizes
            .iter()
            .scan(0, |end, size| {
                *end += size;
                Some(*end)
            })
            .collect();
        let arena = messages.concat();
        for (from, to) in [
            (client.upcast_ref(), server.upcast_ref()),
            (server.upcast_ref(), client.upcast_ref()),
        ] {
            let from: &gio::DatagramBased = from;
            let to: &gio::DatagramBased = to;
            assert_eq!(send_batch(from, &arena, 0, &ends, NOW, None).unwrap(), 40);
            assert_eq!(receive_many(to, 64, NOW).unwrap(), messages);
        }
    });
}

#[test]
fn each_message_is_one_datagram() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        let before = net.sent(Direction::ToServer).len();
        assert_eq!(
            send_batch(client.upcast_ref(), b"abc", 0, &[1, 2, 3], NOW, None).unwrap(),
            3
        );
        assert_eq!(net.sent(Direction::ToServer).len(), before + 3);
    });
}

#[test]
fn hundred_messages_of_every_size_arrive_whole() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        for size in (1..=1200).step_by(12) {
            let message: Vec<u8> = (0..size).map(|i| (i * 7 + size) as u8).collect();
            send(&client, &message, NOW).unwrap();
            assert_eq!(receive(&server, NOW).unwrap().unwrap(), message);
            send(&server, &message, NOW).unwrap();
            assert_eq!(receive(&client, NOW).unwrap().unwrap(), message);
        }
    });
}

#[test]
fn nothing_to_receive_would_block_or_times_out() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        let short = Some(Duration::from_millis(2));
        assert_fails(receive(&client, short), IOErrorEnum::TimedOut);
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
    });
}

#[test]
fn receive_with_a_time_limit_returns_what_came_before_it() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"one", NOW).unwrap();
        let short = Some(Duration::from_millis(2));
        assert_eq!(receive_many(&client, 3, short).unwrap(), [b"one"]);
    });
}

#[test]
fn receive_without_a_time_limit_is_not_content_with_one_message() {
    run(async {
        // There is no second message: only the end of the datagrams ends the wait.
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        send(&server, b"one", NOW).unwrap();
        client.set_require_close_notify(false);
        let ender = thread::spawn({
            let net = net.clone();
            move || {
                let near = net.client();
                // The client has taken the first one when nothing is left to read.
                while near.condition_check(IOCondition::IN) == IOCondition::IN {
                    thread::yield_now();
                }
                net.end(Direction::ToClient);
            }
        });
        assert_eq!(receive_many(&client, 2, None).unwrap(), [b"one"]);
        ender.join().unwrap();
        assert_eq!(receive(&client, None).unwrap(), None);
    });
}

#[test]
fn flags_are_refused_before_anything_else() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"x", NOW).unwrap();
        let mut buffer = [0; 8];
        let mut vectors = [gio::InputVector::new(&mut buffer)];
        let mut messages = [gio::InputMessage::new(None, &mut vectors, None)];
        let peek = 2;
        let result = client.receive_messages::<[&mut [&mut [u8]]; 0], _>(
            &mut messages,
            peek,
            NOW,
            gio::Cancellable::NONE,
        );
        assert_fails(result, IOErrorEnum::InvalidArgument);
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"x");
        let vectors = [gio::OutputVector::new(b"y")];
        let mut messages = [gio::OutputMessage::new(
            gio::SocketAddress::NONE,
            &vectors,
            &[],
        )];
        let result = client.send_messages(&mut messages, 1, NOW, gio::Cancellable::NONE);
        assert_fails(result, IOErrorEnum::InvalidArgument);
    });
}

#[test]
fn cancelled_calls_touch_nothing() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        send(&server, b"kept", NOW).unwrap();
        let sent = net.all_sent().len();
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        let result = send_batch(client.upcast_ref(), b"x", 0, &[1], None, Some(&cancelled));
        assert_fails(result, IOErrorEnum::Cancelled);
        let result = receive_batch(
            client.upcast_ref(),
            &mut [0; 16],
            16,
            &mut [0],
            None,
            Some(&cancelled),
        );
        assert_fails(result, IOErrorEnum::Cancelled);
        assert_eq!(net.all_sent().len(), sent);
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"kept");
    });
}

#[test]
fn blocked_receiver_is_cancelled_from_another_thread() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let cancellable = gio::Cancellable::new();
        let canceller = thread::spawn({
            let cancellable = cancellable.clone();
            move || cancellable.cancel()
        });
        let result = receive_batch(
            client.upcast_ref(),
            &mut [0; 16],
            16,
            &mut [0],
            None,
            Some(&cancellable),
        );
        assert_fails(result, IOErrorEnum::Cancelled);
        canceller.join().unwrap();
    });
}

#[test]
fn too_large_message_is_refused_and_the_connection_lives_on() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let sent = net.all_sent().len();
        assert_fails(
            send(&client, &[0; 70_000], NOW),
            IOErrorEnum::MessageTooLarge,
        );
        assert_eq!(net.all_sent().len(), sent);
        send(&client, b"small", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"small");
    });
}

#[test]
fn messages_before_a_too_large_one_are_sent() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let arena = vec![b'm'; 70_001];
        let ends = [1, 70_001];
        assert_eq!(
            send_batch(client.upcast_ref(), &arena, 0, &ends, NOW, None).unwrap(),
            1
        );
        assert_eq!(receive_many(&server, 2, NOW).unwrap(), [b"m"]);
    });
}

#[test]
fn empty_message_succeeds_and_sends_nothing() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        let sent = net.all_sent().len();
        send(&client, b"", NOW).unwrap();
        assert_eq!(net.all_sent().len(), sent);
    });
}

#[test]
fn message_that_does_not_fit_is_cut_and_flagged() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"too long", NOW).unwrap();
        send(&server, b"next", NOW).unwrap();
        assert_eq!(receive_into(&client, 3), (3, MSG_TRUNC));
        assert_eq!(receive_into(&client, 4), (4, 0));
    });
}

#[test]
fn message_received_into_nothing_is_consumed_and_is_no_end() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"lost", NOW).unwrap();
        send(&server, b"kept", NOW).unwrap();
        assert_eq!(receive_into(&client, 0).0, 0);
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"kept");
    });
}

#[test]
fn several_records_of_one_datagram_are_several_messages() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let before = net.sent(Direction::ToClient).len();
        send(&server, b"first", NOW).unwrap();
        send(&server, b"second", NOW).unwrap();
        let near = net.client();
        receive_many(&near, 2, NOW).unwrap();
        let both = net.sent(Direction::ToClient)[before..].concat();
        net.inject(Direction::ToClient, &both);
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"first");
        assert_eq!(near.condition_check(IOCondition::IN), IOCondition::empty());
        assert_eq!(client.condition_check(IOCondition::IN), IOCondition::IN);
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"second");
    });
}

#[test]
fn replayed_forged_garbled_and_empty_datagrams_are_ignored() {
    run(async {
        let net = SimNet::scripted(|direction, _, bytes| match (direction, bytes.first()) {
            (Direction::ToClient, Some(0x17)) => Fate::Inject(vec![
                Vec::new(),
                b"garbage".to_vec(),
                bytes.iter().map(|byte| byte ^ 1).collect(),
                bytes.to_vec(),
            ]),
            _ => Fate::Deliver,
        });
        let (client, server) = established(&net).await;
        send(&server, b"one", NOW).unwrap();
        send(&server, b"two", NOW).unwrap();
        assert_eq!(receive_many(&client, 9, NOW).unwrap(), [b"one", b"two"]);
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
    });
}

#[test]
fn condition_names_exactly_what_holds() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let both = IOCondition::IN | IOCondition::OUT;
        assert_eq!(client.condition_check(both), IOCondition::OUT);
        send(&server, b"x", NOW).unwrap();
        assert_eq!(client.condition_check(both), both);
        assert_eq!(client.condition_check(IOCondition::IN), IOCondition::IN);
        net.block(Direction::ToServer, true);
        assert_eq!(client.condition_check(both), IOCondition::IN);
    });
}

#[test]
fn waiting_for_a_condition_times_out_or_is_cancelled_or_succeeds() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let short = Some(Duration::from_millis(1));
        let wait = |timeout, cancellable: Option<&gio::Cancellable>| {
            client.condition_wait(IOCondition::IN, timeout, cancellable)
        };
        assert_fails(wait(short, None), IOErrorEnum::TimedOut);
        assert_fails(wait(NOW, None), IOErrorEnum::TimedOut);
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        assert_fails(wait(None, Some(&cancelled)), IOErrorEnum::Cancelled);
        send(&server, b"x", NOW).unwrap();
        wait(PATIENCE, None).unwrap();
    });
}

#[test]
fn source_fires_for_each_message_and_stays_silent_without() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let fired = Rc::new(Cell::new(0));
        let noted = fired.clone();
        let source = client.create_source(
            IOCondition::IN,
            gio::Cancellable::NONE,
            None,
            glib::Priority::DEFAULT,
            move |client, condition| {
                assert_eq!(condition, IOCondition::IN);
                receive(client, NOW).unwrap();
                noted.set(noted.get() + 1);
                ControlFlow::Continue
            },
        );
        source.attach(glib::MainContext::thread_default().as_ref());
        for message in 1..=3 {
            send(&server, b"x", NOW).unwrap();
            common::until(|| fired.get() == message).await;
        }
        glib::timeout_future(Duration::from_millis(5)).await;
        assert_eq!(fired.get(), 3);
        source.destroy();
    });
}

#[test]
fn sender_waits_for_room_in_the_base() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        net.block(Direction::ToServer, true);
        assert_fails(send(&client, b"no", NOW), IOErrorEnum::WouldBlock);
        let short = Some(Duration::from_millis(1));
        assert_fails(send(&client, b"no", short), IOErrorEnum::TimedOut);
        let opener = thread::spawn({
            let net = net.clone();
            move || net.block(Direction::ToServer, false)
        });
        send(&client, b"yes", None).unwrap();
        opener.join().unwrap();
        let received = receive_many(&server, 9, NOW).unwrap();
        assert_eq!(received.last().unwrap(), b"yes");
    });
}
