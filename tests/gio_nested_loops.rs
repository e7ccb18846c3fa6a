//! Sources of one loop among others: callbacks that run it, several sources and loops of a connection.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/watched.rs"]
mod watched;

use std::{cell::Cell, rc::Rc};

use common::{
    NOW, assert_fails,
    calls::NONE,
    client, handshakes,
    peers::{connect, port, udp_socket},
    receive, run, send, server,
    simnet::SimNet,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::DtlsConnection;
use glib::{ControlFlow, IOCondition};
use watched::{Watched, exhaust, idle, on_own_context};

/// Iterations that a loop may take until it sleeps.
const FEW: usize = 10;

/// Two ends that have shaken hands, over sockets.
fn over_sockets() -> ([DtlsConnection; 2], [gio::Socket; 2]) {
    let sockets = [udp_socket(0), udp_socket(0)];
    connect(&sockets[0], port(&sockets[1]));
    connect(&sockets[1], port(&sockets[0]));
    let ends = shaken(client(&sockets[0]).upcast(), server(&sockets[1]).upcast());
    (ends, sockets)
}

/// Two ends that have shaken hands, over sockets, over bases of another kind, and over connections.
fn pairs() -> [[DtlsConnection; 2]; 3] {
    let nets = [SimNet::new(), SimNet::new()];
    let [plain, inner] = nets.map(|net| {
        let (near, far) = net.pair();
        shaken(client(&near).upcast(), server(&far).upcast())
    });
    let outer = shaken(client(&inner[0]).upcast(), server(&inner[1]).upcast());
    [over_sockets().0, plain, outer]
}

fn shaken(client: DtlsConnection, server: DtlsConnection) -> [DtlsConnection; 2] {
    let (ours, theirs) = run(handshakes(&client, &server));
    ours.unwrap();
    theirs.unwrap();
    [client, server]
}

/// Sends a message, and waits until it is there.
fn bring(from: &DtlsConnection, to: &DtlsConnection, message: &[u8]) {
    send(from, message, NOW).unwrap();
    to.condition_wait(IOCondition::IN, None, NONE).unwrap();
}

#[allow(unsafe_code)] // GLib's Rust interface has no such function.
fn allow_recursion(source: &glib::Source, recursion: bool) {
    use glib::{ffi, translate::*};
    // SAFETY: the source is alive.
    unsafe { ffi::g_source_set_can_recurse(source.to_glib_none().0, recursion.into_glib()) };
}

#[test]
fn callback_that_runs_the_loop_is_not_entered_again_and_the_loop_sleeps() {
    for recursion in [true, false] {
        for [near, far] in pairs() {
            on_own_context(|| {
                let calls = Rc::new(Cell::new(0));
                let counted = calls.clone();
                let watched = Watched::new(&near, IOCondition::IN, NONE, move |near| {
                    counted.set(counted.get() + 1);
                    let before = counted.get();
                    assert!(exhaust() < FEW);
                    assert_eq!(exhaust(), 0);
                    assert_eq!(counted.get(), before);
                    if before == 3 {
                        assert_eq!(receive(near, NOW).unwrap().unwrap(), b"x");
                    }
                    ControlFlow::Continue
                });
                allow_recursion(&watched.source, recursion);
                exhaust();
                bring(&far, &near, b"x");
                assert!(exhaust() < FEW);
                // What was not read was told again after the callback.
                assert_eq!(calls.get(), 3);
                bring(&far, &near, b"y");
                assert!(glib::MainContext::thread_default().unwrap().iteration(true));
            });
        }
    }
}

#[test]
fn loop_that_a_callback_runs_serves_the_others() {
    for [near, far] in pairs() {
        on_own_context(|| {
            let asker = near.clone();
            let _answering = Watched::new(&far, IOCondition::IN, NONE, move |far| {
                let message = receive(far, NOW).unwrap().unwrap();
                bring(far, &asker, &message);
                ControlFlow::Continue
            });
            let answerer = far.clone();
            let watched = Watched::new(&near, IOCondition::IN, NONE, move |near| {
                assert_eq!(receive(near, NOW).unwrap().unwrap(), b"1");
                bring(near, &answerer, b"2");
                assert!(exhaust() < FEW);
                assert_eq!(receive(near, NOW).unwrap().unwrap(), b"2");
                ControlFlow::Break
            });
            bring(&near, &far, b"1");
            exhaust();
            assert_eq!(watched.count(), 1);
        });
    }
}

#[test]
fn closing_in_a_loop_that_a_callback_runs_is_told_after_it() {
    for [near, far] in pairs() {
        on_own_context(|| {
            let watched = Watched::new(&near, IOCondition::IN, NONE, |near| {
                near.close(NONE).unwrap();
                assert!(exhaust() < FEW);
                ControlFlow::Continue
            });
            exhaust();
            send(&far, b"x", NOW).unwrap();
            let context = glib::MainContext::thread_default().unwrap();
            while watched.count() < 2 {
                context.iteration(true);
            }
            let seen = watched.seen.borrow();
            assert_eq!(seen[..], [IOCondition::IN, IOCondition::HUP]);
        });
    }
}

#[test]
fn message_is_told_to_one_of_several_sources_if_that_takes_it() {
    for [near, far] in pairs() {
        on_own_context(|| {
            let sources = [(); 3].map(|()| {
                Watched::new(&near, IOCondition::IN, NONE, |near| {
                    assert_eq!(receive(near, NOW).unwrap().unwrap(), b"x");
                    ControlFlow::Continue
                })
            });
            for round in 1..=3 {
                exhaust();
                bring(&far, &near, b"x");
                assert!(exhaust() < FEW);
                let calls: usize = sources.iter().map(Watched::count).sum();
                assert_eq!(calls, round);
            }
        });
    }
}

#[test]
fn message_that_another_callback_has_taken_is_not_told() {
    let ([near, far], sockets) = over_sockets();
    on_own_context(|| {
        let (taker, taken) = (near.clone(), Rc::new(Cell::new(0)));
        let counted = taken.clone();
        let priority = glib::Priority::DEFAULT;
        // One poll finds both ready, and this one comes first.
        let taking = SocketExtManual::create_source(
            &sockets[0],
            IOCondition::IN,
            NONE,
            None,
            priority,
            move |_, _| {
                assert_eq!(receive(&taker, NOW).unwrap().unwrap(), b"x");
                counted.set(counted.get() + 1);
                ControlFlow::Continue
            },
        );
        taking.attach(glib::MainContext::thread_default().as_ref());
        let watched = Watched::new(&near, IOCondition::IN, NONE, idle);
        for round in 1..=3 {
            exhaust();
            bring(&far, &near, b"x");
            assert!(exhaust() < FEW);
            assert_eq!((taken.get(), watched.count()), (round, 0));
        }
        taking.destroy();
    });
}

#[test]
fn sources_in_two_loops_both_hear_of_a_message_until_it_is_taken() {
    for [near, far] in pairs() {
        let contexts = [(); 2].map(|()| glib::MainContext::new());
        let watch = |context: &glib::MainContext| {
            let watched = || Watched::new(&near, IOCondition::IN, NONE, |_| ControlFlow::Break);
            context.with_thread_default(watched).unwrap()
        };
        let exhausted = |context: &glib::MainContext| context.with_thread_default(exhaust).unwrap();
        let watched = contexts.each_ref().map(watch);
        contexts.iter().for_each(|context| {
            exhausted(context);
        });
        bring(&far, &near, b"x");
        for (context, watched) in contexts.iter().zip(&watched) {
            assert!(exhausted(context) < FEW);
            assert_eq!(*watched.seen.borrow(), [IOCondition::IN]);
        }
        let later = contexts.each_ref().map(watch);
        assert_eq!(receive(&near, NOW).unwrap().unwrap(), b"x");
        for (context, watched) in contexts.iter().zip(&later) {
            assert!(exhausted(context) < FEW);
            assert_eq!(watched.count(), 0);
        }
    }
}

/// Puts what waits at the first of these sockets, that of `near`, into one datagram.
fn join_datagrams(near: &DtlsConnection, sockets: &[gio::Socket; 2], count: usize) {
    let mut all = Vec::new();
    for _ in 0..count {
        let mut datagram = [0; 2048];
        let length = sockets[0].receive(&mut datagram, NONE).unwrap();
        all.extend_from_slice(&datagram[..length]);
    }
    sockets[1].send(&all, NONE).unwrap();
    near.condition_wait(IOCondition::IN, None, NONE).unwrap();
}

#[test]
fn records_of_one_datagram_over_a_socket_are_each_told() {
    let ([near, far], sockets) = over_sockets();
    for message in [b"1", b"2", b"3"] {
        send(&far, message, NOW).unwrap();
    }
    join_datagrams(&near, &sockets, 3);
    on_own_context(|| {
        let watched = Watched::new(&near, IOCondition::IN, NONE, |near| {
            receive(near, NOW).unwrap().unwrap();
            ControlFlow::Continue
        });
        exhaust();
        assert_eq!(watched.count(), 3);
        assert_fails(receive(&near, NOW), IOErrorEnum::WouldBlock);
    });
}

#[test]
fn record_that_a_call_beside_the_loop_leaves_behind_is_told() {
    let ([near, far], sockets) = over_sockets();
    on_own_context(|| {
        let watched = Watched::new(&near, IOCondition::IN, NONE, |near| {
            assert_eq!(receive(near, NOW).unwrap().unwrap(), b"2");
            ControlFlow::Continue
        });
        exhaust();
        send(&far, b"1", NOW).unwrap();
        send(&far, b"2", NOW).unwrap();
        join_datagrams(&near, &sockets, 2);
        assert_eq!(receive(&near, NOW).unwrap().unwrap(), b"1");
        exhaust();
        assert_eq!(watched.count(), 1);
    });
}

#[test]
fn source_may_outlive_its_loop() {
    let ([near, far], _sockets) = over_sockets();
    let mut source = None;
    on_own_context(|| {
        let priority = glib::Priority::DEFAULT;
        let ignore = |_: &DtlsConnection, _| ControlFlow::Continue;
        let made = near.create_source(IOCondition::IN, NONE, None, priority, ignore);
        made.attach(glib::MainContext::thread_default().as_ref());
        exhaust();
        source = Some(made);
    });
    let source = source.unwrap();
    assert!(source.is_destroyed());
    send(&far, b"x", NOW).unwrap();
    near.close(NONE).unwrap();
    std::thread::spawn(move || drop(source)).join().unwrap();
    assert_eq!(near.ref_count(), 1);
}
