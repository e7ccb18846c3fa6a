//! Several callers at once: who waits, who is refused, who goes on.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::{NONE, SHORT, begin_handshake, beside, watched},
    client, established, handshakes, identity, in_threads,
    meddler::Meddler,
    receive, run, send, server,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::DtlsConnection;
use glib::IOCondition;

#[test]
fn reader_and_writer_of_both_ends_run_at_once() {
    let (client, server) = run(established(&SimNet::new()));
    let exchange = |end: &DtlsConnection, text: &'static [u8], expected: &'static [u8]| {
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..300 {
                    send(end, text, None).unwrap();
                }
            });
            for _ in 0..300 {
                assert_eq!(receive(end, None).unwrap().unwrap(), expected);
            }
        });
    };
    thread::scope(|scope| {
        scope.spawn(|| exchange(client.upcast_ref(), b"up", b"down"));
        scope.spawn(|| exchange(server.upcast_ref(), b"down", b"up"));
    });
}

#[test]
fn second_reader_polls_times_out_or_waits_for_its_turn() {
    let (client, server, base) = watched(&SimNet::new());
    let (first, second) = beside(
        &base,
        || receive(&client, None).unwrap().unwrap(),
        || {
            assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
            assert_fails(receive(&client, SHORT), IOErrorEnum::TimedOut);
            send(&client, b"writers are free", NOW).unwrap();
            assert!(receive(&server, NOW).unwrap().is_some());
            thread::scope(|scope| {
                let third = scope.spawn(|| receive(&client, None).unwrap().unwrap());
                send(&server, b"one", NOW).unwrap();
                send(&server, b"two", NOW).unwrap();
                third.join().unwrap()
            })
        },
    );
    let mut both = [first, second];
    both.sort();
    assert_eq!(both, [b"one", b"two"]);
}

#[test]
fn waiting_second_reader_is_cancelled() {
    let (client, server, base) = watched(&SimNet::new());
    let (first, ()) = beside(
        &base,
        || receive(&client, None).unwrap().unwrap(),
        || {
            let cancellable = gio::Cancellable::new();
            thread::scope(|scope| {
                let second = scope.spawn(|| {
                    gio_ossl::subclass::datagram_based::receive_batch(
                        client.upcast_ref(),
                        &mut [0; 8],
                        8,
                        &mut [0],
                        None,
                        Some(&cancellable),
                    )
                });
                cancellable.cancel();
                assert_fails(second.join().unwrap(), IOErrorEnum::Cancelled);
            });
            send(&server, b"one", NOW).unwrap();
        },
    );
    assert_eq!(first, b"one");
}

#[test]
fn second_writer_polls_times_out_or_waits_for_its_turn() {
    let net = SimNet::new();
    let (client, server, base) = watched(&net);
    net.block(Direction::ToServer, true);
    let ((), ()) = beside(
        &base,
        || send(&client, b"one", None).unwrap(),
        || {
            assert_fails(send(&client, b"no", NOW), IOErrorEnum::WouldBlock);
            assert_fails(send(&client, b"no", SHORT), IOErrorEnum::TimedOut);
            send(&server, b"in", NOW).unwrap();
            assert_eq!(receive(&client, None).unwrap().unwrap(), b"in");
            thread::scope(|scope| {
                scope.spawn(|| send(&client, b"two", None).unwrap());
                net.block(Direction::ToServer, false);
            });
        },
    );
    let mut both = [receive(&server, NOW), receive(&server, NOW)].map(|it| it.unwrap().unwrap());
    both.sort();
    assert_eq!(both, [b"one", b"two"]);
}

#[test]
fn explicit_handshake_beside_a_blocking_one_is_pending() {
    let net = SimNet::new();
    let base = Meddler::new(&net.client());
    let client = client(&base);
    let cancellable = gio::Cancellable::new();
    let (first, ()) = beside(
        &base,
        || client.handshake(Some(&cancellable)),
        || {
            assert_fails(client.handshake(NONE), IOErrorEnum::Pending);
            let second = run(client.handshake_future(glib::Priority::DEFAULT));
            assert_fails(second, IOErrorEnum::Pending);
            assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
            assert_fails(send(&client, b"x", NOW), IOErrorEnum::WouldBlock);
            assert_fails(receive(&client, SHORT), IOErrorEnum::TimedOut);
            cancellable.cancel();
        },
    );
    assert_fails(first, IOErrorEnum::Cancelled);
}

#[test]
fn blocking_handshake_beside_an_asynchronous_one_is_pending() {
    run(async {
        let net = SimNet::new();
        let client = client(&net.client());
        let cancellable = gio::Cancellable::new();
        let result = begin_handshake(client.upcast_ref(), Some(&cancellable));
        thread::scope(|scope| {
            let second = scope.spawn(|| client.handshake(NONE));
            assert_fails(second.join().unwrap(), IOErrorEnum::Pending);
        });
        cancellable.cancel();
        until(|| result.borrow().is_some()).await;
        assert_fails(result.take().unwrap(), IOErrorEnum::Cancelled);
    });
}

#[test]
fn explicit_handshake_joins_one_that_a_poll_began() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        assert_fails(receive(&server, NOW), IOErrorEnum::WouldBlock);
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
    });
}

#[test]
fn blocking_receive_after_handshake_async_completes_outside_the_loop() {
    // The only test that uses the global default context: no thread owns it.
    let net = SimNet::new();
    let client = client(&net.client());
    let result = begin_handshake(client.upcast_ref(), NONE);
    let far = net.clone();
    let peer = thread::spawn(move || send(&server(&far.server()), b"hello", None).unwrap());
    assert_eq!(receive(&client, None).unwrap().unwrap(), b"hello");
    peer.join().unwrap();
    assert!(result.borrow().is_none());
    let context = glib::MainContext::default();
    while result.borrow().is_none() {
        context.iteration(true);
    }
    result.take().unwrap().unwrap();
}

#[test]
fn io_after_handshake_async_inside_its_loop_cannot_block() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let result = begin_handshake(client.upcast_ref(), NONE);
        assert_fails(receive(&client, None), IOErrorEnum::Failed);
        assert_fails(send(&client, b"x", PATIENCE), IOErrorEnum::Failed);
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        assert_fails(send(&client, b"x", NOW), IOErrorEnum::WouldBlock);
        let theirs = begin_handshake(server.upcast_ref(), NONE);
        until(|| result.borrow().is_some() && theirs.borrow().is_some()).await;
        result.take().unwrap().unwrap();
        theirs.take().unwrap().unwrap();
        send(&client, b"later", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"later");
    });
}

#[test]
fn io_in_another_thread_waits_for_the_loops_handshake() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let ours = begin_handshake(client.upcast_ref(), NONE);
        let theirs = begin_handshake(server.upcast_ref(), NONE);
        let writer = thread::spawn({
            let client = client.clone();
            move || send(&client, b"across", None).unwrap()
        });
        until(|| ours.borrow().is_some() && theirs.borrow().is_some()).await;
        writer.join().unwrap();
        assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"across");
    });
}

#[test]
fn blocking_handshakes_handler_cannot_block_on_it() {
    in_threads(
        &SimNet::new(),
        |base| {
            let client = client(&base);
            client.set_server_identity(&identity("wrong.example.com"));
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = calls.clone();
            client.connect_accept_certificate(move |client, _, _| {
                counted.fetch_add(1, Ordering::SeqCst);
                assert_fails(client.handshake(NONE), IOErrorEnum::Failed);
                assert_fails(client.close(NONE), IOErrorEnum::Failed);
                assert_fails(receive(client, None), IOErrorEnum::Failed);
                assert_fails(receive(client, PATIENCE), IOErrorEnum::Failed);
                assert_fails(send(client, b"x", None), IOErrorEnum::Failed);
                assert_fails(receive(client, NOW), IOErrorEnum::WouldBlock);
                assert_fails(send(client, b"x", NOW), IOErrorEnum::WouldBlock);
                true
            });
            client.handshake(NONE).unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), 1);
        },
        |base| server(&base).handshake(NONE).unwrap(),
    );
}

#[test]
fn handler_that_runs_inside_a_receive_cannot_block_on_it() {
    in_threads(
        &SimNet::new(),
        |base| {
            let client = client(&base);
            client.set_server_identity(&identity("wrong.example.com"));
            client.connect_accept_certificate(|client, _, _| {
                assert_fails(client.handshake(NONE), IOErrorEnum::Failed);
                assert_fails(client.close(NONE), IOErrorEnum::Failed);
                assert_fails(receive(client, None), IOErrorEnum::Failed);
                assert_fails(send(client, b"x", None), IOErrorEnum::Failed);
                assert_fails(receive(client, NOW), IOErrorEnum::WouldBlock);
                let wait = client.condition_wait(IOCondition::IN, NOW, NONE);
                assert_fails(wait, IOErrorEnum::TimedOut);
                let wait = client.condition_wait(IOCondition::IN, None, NONE);
                assert_fails(wait, IOErrorEnum::Failed);
                true
            });
            assert_eq!(receive(&client, None).unwrap().unwrap(), b"done");
        },
        |base| send(&server(&base), b"done", None).unwrap(),
    );
}

/// Reads everything that can be read about an end.
fn look_at(end: &DtlsConnection) {
    for property in end.list_properties() {
        let readable = property.flags().contains(glib::ParamFlags::READABLE);
        if readable && property.name() != "accepted-cas" {
            let _ = end.property_value(property.name());
        }
    }
    let _ = end.condition_check(IOCondition::IN | IOCondition::OUT);
}

#[test]
fn properties_are_read_from_other_threads_all_the_time() {
    let over = AtomicBool::new(false);
    let net = SimNet::new();
    let (near, far) = net.pair();
    let (client, server) = (client(&near), server(&far));
    thread::scope(|scope| {
        for end in [
            client.upcast_ref::<DtlsConnection>(),
            server.upcast_ref::<DtlsConnection>(),
        ] {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    look_at(end);
                }
            });
        }
        run(handshakes(&client, &server)).0.unwrap();
        for _ in 0..200 {
            send(&client, b"x", None).unwrap();
            assert!(receive(&server, None).unwrap().is_some());
        }
        client.close(NONE).unwrap();
        over.store(true, Ordering::SeqCst);
    });
}
