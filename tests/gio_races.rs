//! Two threads at work on one connection. `tests/races/run` watches these tests for data races.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)] // These are tests.

mod common;

use std::{
    cell::Cell,
    iter,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::{NONE, must_end},
    client, database, established, hurry, identity, in_threads, receive, receive_many,
    records::records,
    run, send, server,
    simnet::{Direction, Fate, SimNet},
    until,
};
use gio::IOErrorEnum;
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, prelude::*, subclass::SharedRef};
use glib::{ControlFlow, IOCondition};

const MESSAGES: usize = 200;

fn established_pair(net: &SimNet) -> (DtlsClientConnection, DtlsServerConnection) {
    run(established(net))
}

#[test]
fn one_thread_sends_while_another_receives() {
    let net = SimNet::new();
    let (client, server) = established_pair(&net);
    thread::scope(|scope| {
        for (end, other) in [
            (&client as &dyn End, &server as &dyn End),
            (&server, &client),
        ] {
            scope.spawn(move || end.send_all());
            scope.spawn(move || other.receive_all());
        }
    });
}

/// Either side.
trait End: Sync {
    fn send_all(&self);
    fn receive_all(&self);
}

impl<T: IsA<gio::DatagramBased> + Sync> End for T {
    fn send_all(&self) {
        (0..MESSAGES).for_each(|number| send(self, &[number as u8; 300], None).unwrap());
    }

    fn receive_all(&self) {
        for number in 0..MESSAGES {
            assert_eq!(receive(self, None).unwrap().unwrap(), [number as u8; 300]);
        }
    }
}

#[test]
fn two_receivers_get_each_message_once() {
    let net = SimNet::new();
    let (client, server) = established_pair(&net);
    let numbers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(message) = receive(&client, PATIENCE).unwrap() {
                    numbers.lock().unwrap().push(message[0]);
                }
            });
        }
        (0..100_u8).for_each(|number| send(&server, &[number], None).unwrap());
        server.close(NONE).unwrap();
    });
    let mut numbers = numbers.into_inner().unwrap();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..100));
}

#[test]
fn two_senders_do_not_mix_their_messages() {
    let net = SimNet::new();
    let (client, server) = established_pair(&net);
    thread::scope(|scope| {
        for byte in [1_u8, 2] {
            let client = &client;
            scope.spawn(move || {
                (0..100).for_each(|_| send(client, &[byte; 700], None).unwrap());
            });
        }
        let messages: Vec<_> = iter::from_fn(|| receive(&server, PATIENCE).unwrap())
            .take(200)
            .collect();
        for byte in [1_u8, 2] {
            let whole = messages.iter().filter(|it| **it == [byte; 700]);
            assert_eq!(whole.count(), 100);
        }
    });
}

#[test]
fn close_in_another_thread_wakes_a_blocked_receive() {
    for _ in 0..20 {
        let net = SimNet::new();
        let (client, _server) = established_pair(&net);
        thread::scope(|scope| {
            let blocked = scope.spawn(|| receive(&client, None).map(|_| ()));
            client.close(NONE).unwrap();
            assert_fails(blocked.join().unwrap(), IOErrorEnum::Closed);
        });
    }
}

#[test]
fn close_in_another_thread_wakes_a_blocked_send() {
    for _ in 0..20 {
        let net = SimNet::new();
        let (client, _server) = established_pair(&net);
        net.block(Direction::ToServer, true);
        thread::scope(|scope| {
            let blocked = scope.spawn(|| send(&client, b"x", None));
            client.close(NONE).unwrap();
            assert_fails(blocked.join().unwrap(), IOErrorEnum::Closed);
        });
    }
}

#[test]
fn close_in_another_thread_ends_a_handshake() {
    for _ in 0..20 {
        let client = client(&SimNet::new().client());
        thread::scope(|scope| {
            let blocked = scope.spawn(|| client.handshake(NONE));
            client.close(NONE).unwrap();
            assert_fails(blocked.join().unwrap(), IOErrorEnum::Closed);
        });
    }
}

#[test]
fn closing_the_sending_side_ends_a_handshake_that_a_receive_needs() {
    let net = SimNet::new();
    let client = client(&net.client());
    let rescue = gio::Cancellable::new();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| client.receive_bytes(100, None, Some(&rescue)));
        while net.sent(Direction::ToServer).is_empty() {
            thread::yield_now();
        }
        let shut_down = || client.shutdown(false, true, NONE);
        must_end(shut_down, || rescue.cancel()).unwrap();
        assert_fails(blocked.join().unwrap(), IOErrorEnum::Closed);
    });
}

#[test]
fn cancelling_in_another_thread_wakes_every_blocked_call() {
    for _ in 0..10 {
        let net = SimNet::new();
        let (client, server) = established_pair(&net);
        let cancellable = gio::Cancellable::new();
        thread::scope(|scope| {
            let receiving = scope.spawn(|| client.receive_bytes(100, None, Some(&cancellable)));
            let waiting =
                scope.spawn(|| server.condition_wait(IOCondition::IN, None, Some(&cancellable)));
            cancellable.cancel();
            assert_fails(receiving.join().unwrap(), IOErrorEnum::Cancelled);
            assert_fails(waiting.join().unwrap(), IOErrorEnum::Cancelled);
        });
        send(&client, b"lives", None).unwrap();
        assert_eq!(receive(&server, None).unwrap().unwrap(), b"lives");
    }
}

#[test]
fn properties_can_be_used_during_a_handshake() {
    for _ in 0..10 {
        let over = AtomicBool::new(false);
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let anchors: SharedRef<gio::TlsDatabase> = SharedRef::new(database("ca").upcast());
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _ = (client.peer_certificate(), client.peer_certificate_errors());
                    let _ = (client.ciphersuite_name(), server.protocol_version());
                    let _ = (client.negotiated_protocol(), client.accepted_cas());
                    let _ = client.condition_check(IOCondition::IN | IOCondition::OUT);
                    client.set_server_identity(&identity(common::IDENTITY));
                    client.set_database(Some(&*anchors));
                    server.set_advertised_protocols(&["one"]);
                }
            });
            scope.spawn(|| server.handshake(NONE).unwrap());
            client.handshake(NONE).unwrap();
            over.store(true, Ordering::Relaxed);
        });
        assert!(client.peer_certificate().is_some());
    }
}

#[test]
fn of_two_handshakes_at_once_one_is_pending_or_late() {
    in_threads(
        &SimNet::new(),
        |near| {
            let client = client(&near);
            thread::scope(|scope| {
                let other = scope.spawn(|| client.handshake(NONE));
                for result in [client.handshake(NONE), other.join().unwrap()] {
                    if let Err(error) = result {
                        assert!(error.matches(IOErrorEnum::Pending), "{error:?}");
                    }
                }
            });
            assert!(client.peer_certificate().is_some());
        },
        |far| server(&far).handshake(NONE).unwrap(),
    );
}

#[test]
fn messages_wake_a_source_in_another_threads_context() {
    let net = SimNet::new();
    let (client, server) = established_pair(&net);
    thread::scope(|scope| {
        scope.spawn(|| (0..MESSAGES).for_each(|_| send(&server, b"wake", None).unwrap()));
        let context = glib::MainContext::new();
        let seen = Rc::new(Cell::new(0));
        let counter = seen.clone();
        let priority = glib::Priority::DEFAULT;
        let source = client.create_source(IOCondition::IN, NONE, None, priority, move |end, _| {
            counter.set(counter.get() + receive_many(end, 8, NOW).unwrap().len());
            ControlFlow::Continue
        });
        source.attach(Some(&context));
        while seen.get() < MESSAGES {
            context.iteration(true);
        }
        source.destroy();
    });
}

#[test]
fn last_reference_may_go_in_any_thread() {
    for _ in 0..20 {
        let net = SimNet::new();
        let (client, server) = established_pair(&net);
        let trace: glib::SendWeakRef<_> = client.downgrade().into();
        let other = client.clone();
        thread::scope(|scope| {
            scope.spawn(move || send(&other, b"last", None).unwrap());
            scope.spawn(move || drop(client));
        });
        assert!(trace.upgrade().is_none());
        assert_eq!(receive(&server, None).unwrap().unwrap(), b"last");
        assert_eq!(receive(&server, None).unwrap(), None);
    }
}

#[test]
fn handshake_goes_on_when_the_context_that_began_it_is_gone() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let context = glib::MainContext::new();
        let begin = || assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        context.with_thread_default(begin).unwrap();
        drop(context);
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        let answer = server.handshake_future(glib::Priority::DEFAULT);
        let answer = glib::spawn_future_local(answer);
        let mut left = 5_000;
        until(|| {
            left -= 1;
            client.ciphersuite_name().is_some() || left == 0
        })
        .await;
        assert!(client.ciphersuite_name().is_some(), "nobody goes on");
        answer.await.unwrap().unwrap();
    });
}

#[test]
fn repeated_flight_does_not_fail_a_half_closed_connection() {
    hurry();
    let lost = Arc::new(Mutex::new(None));
    let keep = lost.clone();
    let net = SimNet::scripted(move |direction, _, datagram| {
        let finished = records(datagram).iter().any(|record| record.epoch > 0);
        let mut keep = keep.lock().unwrap();
        if direction == Direction::ToServer && finished && keep.is_none() {
            *keep = Some(datagram.to_vec());
            return Fate::Drop;
        }
        Fate::Deliver
    });
    let (client, server) = established_pair(&net);
    server.shutdown(false, true, NONE).unwrap();
    let late = lost.lock().unwrap().clone().unwrap();
    net.inject(Direction::ToServer, &late);
    send(&client, b"in", None).unwrap();
    assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"in");
}

#[test]
fn main_context_may_go_while_another_thread_wakes_its_sources() {
    const CONTEXTS: usize = 2_000;
    let client = client(&SimNet::new().client());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                client.close(NONE).unwrap();
            }
        });
        for _ in 0..CONTEXTS {
            let context = glib::MainContext::new();
            let priority = glib::Priority::DEFAULT;
            let ignore = |_: &DtlsClientConnection, _| ControlFlow::Continue;
            let source = client.create_source(IOCondition::IN, NONE, None, priority, ignore);
            source.attach(Some(&context));
            source.destroy();
        }
        over.store(true, Ordering::Relaxed);
    });
}
