//! Several callers at once: who waits, who is refused, who is woken.

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
    calls::{NONE, SHORT, begin_handshake, beside},
    client, established, handshakes, identity, in_threads,
    meddler::Meddler,
    receive, run, send, server,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsConnection, DtlsServerConnection};
use glib::IOCondition;

/// Established ends, the client's over a base that tells when it is waited for.
fn watched(net: &SimNet) -> (DtlsClientConnection, DtlsServerConnection, Meddler) {
    let (near, far) = net.pair();
    let base = Meddler::new(&near);
    let (client, server) = (client(&base), server(&far));
    run(handshakes(&client, &server)).0.unwrap();
    (client, server, base)
}

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
