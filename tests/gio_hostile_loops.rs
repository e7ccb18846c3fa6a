//! Floods over real sockets that do not end: calls return when they must, and other connections have their turn.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/floods.rs"]
#[allow(dead_code)]
mod floods;
#[path = "common/manners.rs"]
#[allow(dead_code)]
mod manners;
#[path = "common/outpost.rs"]
#[allow(dead_code)]
mod outpost;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/torrents.rs"]
mod torrents;

use std::{cell::Cell, rc::Rc, thread, time::Duration};

use common::{NOW, PATIENCE, assert_fails, calls::must_end};
use floods::forged;
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::engine::Role;
use gio_ossl::{DtlsConnection, prelude::*};
use glib::{Bytes, IOCondition, Priority};
use manners::{End, Manner, meet};
use outpost::Peer;
use torrents::{RUN, dropped, make_room, run, under_flood};

const NONE: Option<&gio::Cancellable> = None;
const ROLES: [Role; 2] = [Role::Client, Role::Server];
const LOOPS: [Manner; 2] = [Manner::Source, Manner::Future];
/// A time limit that runs out.
const LIMIT: Duration = Duration::from_millis(30);

/// After the handshake, with room for many datagrams.
fn established(role: Role, merges: bool) -> (Peer, DtlsConnection) {
    let (mut peer, end) = meet(role);
    make_room(&end, merges);
    thread::scope(|scope| {
        scope.spawn(|| end.handshake(NONE).unwrap());
        peer.shake_hands();
    });
    (peer, end)
}

#[test]
fn a_call_that_does_not_wait_works_on_few_datagrams() {
    // What it has patience for, and the last batch.
    const MOST: u64 = 32 + 256;
    for merges in [false, true] {
        let (peer, end) = established(Role::Server, merges);
        peer.send_runs_of(run().len() / RUN);
        for _ in 0..20 {
            peer.inject(&run());
        }
        while dropped(&end) < 20 * RUN as u64 {
            let before = dropped(&end);
            assert_fails(end.receive_bytes(99, NOW, NONE), IOErrorEnum::WouldBlock);
            let worked = dropped(&end) - before;
            assert!(worked <= MOST, "{worked} datagrams, merges: {merges}");
        }
    }
}

#[test]
fn a_dispatch_works_on_few_datagrams_and_noise_leaves_the_loop_at_rest() {
    const MOST: u64 = 32 + 256;
    for manner in LOOPS {
        for merges in [false, true] {
            let (peer, end) = established(Role::Server, merges);
            peer.send_runs_of(run().len() / RUN);
            let context = glib::MainContext::new();
            context
                .with_thread_default(|| {
                    let over = End::default();
                    manner.attach(&end, &context, over.clone());
                    let rest = || (0..1000).take_while(|_| context.iteration(false)).count();
                    assert!(rest() < 10);
                    for _ in 0..20 {
                        peer.inject(&run());
                    }
                    let mut rounds = 0;
                    while dropped(&end) < 20 * RUN as u64 {
                        let before = dropped(&end);
                        context.iteration(true);
                        rounds += 1;
                        let worked = dropped(&end) - before;
                        assert!(worked <= MOST, "{worked} datagrams in {manner:?}, {merges}");
                    }
                    println!("{manner:?}, merges: {merges}: {rounds} rounds of the loop");
                    assert!(rounds < 3 * 20 * RUN);
                    let idle = rest();
                    assert!(idle < 10, "{idle} rounds for nothing");
                    assert!(over.borrow().is_none());
                })
                .unwrap();
        }
    }
}

/// Of a peer that has the keys and floods with messages.
#[test]
fn futures_that_find_everything_ready_let_the_loop_go_round() {
    const MESSAGES: usize = 1_000;
    // One that has waited, and those that need not.
    const MOST: usize = 1 + 64;
    let (mut peer, end) = established(Role::Server, false);
    let context = glib::MainContext::new();
    context
        .with_thread_default(|| {
            (0..MESSAGES).for_each(|_| peer.say(b"message"));
            let counts = Rc::new([Cell::new(0), Cell::new(0)]);
            let [receiver, sender] = [end.clone(), end.clone()];
            let noted = counts.clone();
            context.spawn_local(async move {
                while let Ok(Some(_)) = receiver.receive_bytes_future(99, Priority::DEFAULT).await {
                    noted[0].set(noted[0].get() + 1);
                }
            });
            let noted = counts.clone();
            let message = Bytes::from_static(b"answer");
            context.spawn_local(async move {
                while noted[1].get() < MESSAGES {
                    let sent = sender.send_bytes_future(&message, Priority::DEFAULT);
                    sent.await.unwrap();
                    noted[1].set(noted[1].get() + 1);
                }
            });
            while counts.iter().any(|it| it.get() < MESSAGES) {
                let before = [counts[0].get(), counts[1].get()];
                context.iteration(true);
                for (now, before) in counts.iter().zip(before) {
                    assert!(now.get() - before <= MOST, "{} at once", now.get() - before);
                }
            }
        })
        .unwrap();
}

#[test]
fn a_dispatch_of_a_handshake_works_on_few_datagrams() {
    const MOST: u64 = 512 + 256;
    for role in ROLES {
        for merges in [false, true] {
            let (mut peer, end) = meet(role);
            make_room(&end, merges);
            if role == Role::Server {
                assert!(!peer.step());
            }
            let context = glib::MainContext::new();
            context
                .with_thread_default(|| {
                    let (open, fill) = common::calls::outcome();
                    end.handshake_async(Priority::DEFAULT, NONE, fill);
                    while context.iteration(false) {}
                    // No peer's, as is known at once.
                    let run: Vec<u8> = (0..RUN as u64).flat_map(|it| forged(23, 2, it)).collect();
                    peer.send_runs_of(run.len() / RUN);
                    (0..20).for_each(|_| peer.inject(&run));
                    while dropped(&end) < 20 * RUN as u64 {
                        let before = dropped(&end);
                        context.iteration(true);
                        let worked = dropped(&end) - before;
                        assert!(worked <= MOST, "{worked} datagrams, merges: {merges}");
                    }
                    assert!(open.borrow().is_none());
                })
                .unwrap();
        }
    }
}

/// Calls that wait for what does not come, not long and not at all.
fn calls_end_in_time(end: &DtlsConnection, absent: IOCondition) {
    let rescue = gio::Cancellable::new();
    let receive = || end.receive_bytes(99, Some(LIMIT), Some(&rescue));
    assert_fails(must_end(receive, || rescue.cancel()), IOErrorEnum::TimedOut);
    let receive = || end.receive_bytes(99, NOW, Some(&rescue));
    assert_fails(
        must_end(receive, || rescue.cancel()),
        IOErrorEnum::WouldBlock,
    );
    let wait = || end.condition_wait(absent, Some(LIMIT), Some(&rescue));
    assert_fails(must_end(wait, || rescue.cancel()), IOErrorEnum::TimedOut);
}

#[test]
fn calls_return_during_a_flood_when_their_time_is_up() {
    for role in ROLES {
        for merges in [false, true] {
            let (mut peer, end) = established(role, merges);
            under_flood(&mut peer, |_| {
                let before = dropped(&end);
                (0..3).for_each(|_| calls_end_in_time(&end, IOCondition::ERR));
                println!(
                    "{} datagrams beside the calls of a {role:?}",
                    dropped(&end) - before
                );
            });
        }
    }
}

#[test]
fn calls_return_during_a_flood_when_they_are_cancelled_or_the_connection_is_closed() {
    for role in ROLES {
        let (mut peer, end) = established(role, false);
        under_flood(&mut peer, |_| {
            let cancellable = gio::Cancellable::new();
            let receive = || end.receive_bytes(99, None, Some(&cancellable));
            thread::scope(|scope| {
                let blocked = scope.spawn(receive);
                // It is at work.
                let before = dropped(&end);
                while dropped(&end) == before {
                    thread::yield_now();
                }
                cancellable.cancel();
                assert_fails(blocked.join().unwrap(), IOErrorEnum::Cancelled);
            });
            thread::scope(|scope| {
                let blocked = scope.spawn(|| end.receive_bytes(99, None, NONE));
                let before = dropped(&end);
                while dropped(&end) == before {
                    thread::yield_now();
                }
                must_end(|| end.close(NONE).unwrap(), || ());
                assert_fails(blocked.join().unwrap(), IOErrorEnum::Closed);
            });
        });
    }
}

#[test]
fn messages_are_sent_and_received_during_a_flood() {
    for role in ROLES {
        let (mut peer, end) = established(role, false);
        under_flood(&mut peer, |peer| {
            for number in 0..50 {
                end.send(&[number], PATIENCE, NONE).unwrap();
                assert_eq!(peer.hear(), [number]);
                // The flood leaves no room for each that is sent.
                thread::scope(|scope| {
                    let waiting = scope.spawn(|| end.receive_bytes(99, PATIENCE, NONE));
                    while !waiting.is_finished() {
                        peer.say(&[number]);
                    }
                    let message = waiting.join().unwrap().unwrap().unwrap();
                    assert!(message[0] <= number);
                });
            }
        });
    }
}

#[test]
fn a_loop_has_time_for_other_connections_and_timers_during_a_flood() {
    for manner in LOOPS {
        for merges in [false, true] {
            let (mut victim, flooded) = established(Role::Server, merges);
            let (mut peer, other) = established(Role::Server, false);
            thread::scope(|scope| {
                let closing = [&flooded, &other].map(manners::Closing);
                scope.spawn(|| serve_both(manner, [&flooded, &other]));
                let before = dropped(&flooded);
                under_flood(&mut victim, |_| {
                    (0..200).for_each(|number| peer.ping(number))
                });
                println!(
                    "{manner:?}, merges: {merges}: {} datagrams beside 200 messages",
                    dropped(&flooded) - before
                );
                victim.drained();
                victim.ping(7);
                drop(closing);
            });
        }
    }
}

/// In one loop, beside a timer that must go on.
fn serve_both(manner: Manner, ends: [&DtlsConnection; 2]) {
    let context = glib::MainContext::new();
    context
        .with_thread_default(|| {
            let over = ends.map(|end| {
                let over = End::default();
                manner.attach(end, &context, over.clone());
                over
            });
            while over.iter().any(|it| it.borrow().is_none()) {
                let timer = glib::timeout_future(Duration::from_millis(1));
                context.block_on(timer);
            }
        })
        .unwrap();
}

/// A connection whose handshake has begun and is flooded, and does not go on.
fn half_open(role: Role, body: impl FnOnce(&mut Peer, &DtlsConnection)) {
    let (mut peer, end) = meet(role);
    end.set_initial_timeout(LIMIT);
    if role == Role::Server {
        assert!(!peer.step());
    }
    under_flood(&mut peer, |peer| body(peer, &end));
}

#[test]
fn handshakes_return_during_a_flood_when_their_time_is_up() {
    for role in ROLES {
        half_open(role, |_, end| {
            calls_end_in_time(end, IOCondition::IN);
        });
        half_open(role, |_, end| {
            end.set_handshake_timeout(Some(LIMIT));
            let rescue = gio::Cancellable::new();
            let result = must_end(|| end.handshake(Some(&rescue)), || rescue.cancel());
            assert_fails(result, IOErrorEnum::TimedOut);
        });
        half_open(role, |_, end| {
            end.set_handshake_timeout(Some(LIMIT));
            let shake_hands = || common::run(end.handshake_future(Priority::DEFAULT));
            assert_fails(must_end(shake_hands, || ()), IOErrorEnum::TimedOut);
        });
    }
}

#[test]
fn lost_flights_are_repeated_during_a_flood() {
    const REPETITIONS: usize = 3;
    for role in ROLES {
        for in_loop in [false, true] {
            half_open(role, |peer, end| {
                let cancellable = gio::Cancellable::new();
                thread::scope(|scope| {
                    let shaking = scope.spawn(|| match in_loop {
                        false => end.handshake(Some(&cancellable)),
                        true => common::run(async {
                            let (open, fill) = common::calls::outcome();
                            end.handshake_async(Priority::DEFAULT, Some(&cancellable), fill);
                            common::until(|| open.borrow().is_some()).await;
                            open.take().unwrap()
                        }),
                    });
                    for _ in 0..=REPETITIONS {
                        peer.take();
                    }
                    cancellable.cancel();
                    assert_fails(shaking.join().unwrap(), IOErrorEnum::Cancelled);
                });
                assert!(end.statistics().flights_retransmitted >= REPETITIONS as u64);
            });
        }
    }
}
