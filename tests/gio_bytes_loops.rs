//! Asynchronous calls that move bytes, beside other threads, other main loops and other work of theirs.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{self, Poll},
    thread,
};

use common::{
    NOW, PATIENCE,
    asynchronous::{Message, answer, begin_receive, exhaust, receive_async, slot},
    calls::{NONE, beside, each_role_established},
    receive, run, send, until,
};
use gio_ossl::prelude::*;
use glib::ControlFlow;

const DEFAULT: glib::Priority = glib::Priority::DEFAULT;

/// Runs `work` in the main loop at the default priority.
fn idle(work: impl FnMut() -> ControlFlow + Send + 'static) -> glib::Source {
    let source = glib::idle_source_new(None, DEFAULT, work);
    source.attach(Some(&glib::MainContext::ref_thread_default()));
    source
}

/// Of a task that takes what is there, and nothing else.
#[test]
fn future_that_is_polled_once_finds_a_message_however_many_did_before() {
    const MESSAGES: usize = 100;
    for (side, peer) in each_role_established() {
        (0..MESSAGES).for_each(|_| send(&peer, b"x", NOW).unwrap());
        let mut received = 0;
        // Each that must let the loop go round costs one poll.
        for _ in 0..MESSAGES + 10 {
            let mut future = pin!(side.end.receive_bytes_future(9, DEFAULT));
            let once = |context: &mut task::Context<'_>| Poll::Ready(future.as_mut().poll(context));
            if let Poll::Ready(found) = run(poll_fn(once)) {
                assert_eq!(found.unwrap().unwrap(), b"x"[..]);
                received += 1;
            }
            exhaust();
        }
        assert_eq!(received, MESSAGES);
    }
}

#[test]
fn call_in_a_context_that_nobody_runs_holds_nobody_up() {
    for (side, peer) in each_role_established() {
        let context = glib::MainContext::new();
        let begin = || begin_receive(&side.end, NONE);
        let idle = context.with_thread_default(begin).unwrap();
        run(async {
            let received = begin_receive(&side.end, NONE);
            send(&peer, b"x", NOW).unwrap();
            assert_eq!(answer(&received).await.unwrap().unwrap(), b"x");
        });
        send(&peer, b"y", NOW).unwrap();
        while idle.borrow().is_none() {
            context.iteration(true);
        }
        assert_eq!(idle.take().unwrap().unwrap().unwrap(), b"y");
    }
}

#[test]
fn blocking_receive_in_another_thread_and_a_waiting_call_both_get_a_message() {
    for (side, peer) in each_role_established() {
        let blocked = || receive(&side.end, PATIENCE).unwrap().unwrap();
        let mut all = Vec::new();
        let (first, second) = beside(&side.base, blocked, || {
            run(async {
                let received = begin_receive(&side.end, NONE);
                exhaust();
                let checks = side.base.calls().sum();
                exhaust();
                assert_eq!(side.base.calls().sum(), checks, "it does not spin");
                send(&peer, b"1", NOW).unwrap();
                send(&peer, b"2", NOW).unwrap();
                answer(&received).await.unwrap().unwrap()
            })
        });
        all.extend([first, second]);
        all.sort();
        assert_eq!(all, [b"1", b"2"]);
    }
}

#[test]
fn calls_complete_in_the_context_they_were_made_in() {
    for (side, peer) in each_role_established() {
        let waiting = |number: u8| {
            let end = side.end.clone();
            move || {
                run(async {
                    let here = thread::current().id();
                    let (slot, fill) = slot::<Message>();
                    receive_async(&end, 100, DEFAULT, None, move |message| {
                        assert_eq!(thread::current().id(), here);
                        fill(message);
                    });
                    (number, answer(&slot).await.unwrap().unwrap())
                })
            }
        };
        thread::scope(|scope| {
            let threads = [0, 1, 2].map(|number| scope.spawn(waiting(number)));
            (0..3).for_each(|number| send(&peer, &[number], NOW).unwrap());
            let mut all = threads.map(|thread| thread.join().unwrap().1[0]);
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2]);
        });
    }
}

#[test]
fn flood_of_noise_leaves_the_loop_to_others() {
    for (side, peer) in each_role_established() {
        run(async {
            let received = begin_receive(&side.end, NONE);
            exhaust();
            (0..5_000).for_each(|_| side.net.inject(side.receives(), &[23; 40]));
            send(&peer, b"after all", NOW).unwrap();
            let others = Arc::new(AtomicUsize::new(0));
            let counted = others.clone();
            let source = idle(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                ControlFlow::Continue
            });
            assert_eq!(answer(&received).await.unwrap().unwrap(), b"after all");
            source.destroy();
            assert!(others.load(Ordering::SeqCst) > 50, "{others:?}");
        });
    }
}

#[test]
fn urgent_calls_go_before_idle_work_and_idle_ones_after_it() {
    for (priority, first) in [(glib::Priority::HIGH, true), (glib::Priority::LOW, false)] {
        for (side, peer) in each_role_established() {
            run(async {
                let order = Arc::new(Mutex::new(Vec::new()));
                let (noted, other) = (order.clone(), order.clone());
                receive_async(&side.end, 100, priority, None, move |_| {
                    noted.lock().unwrap().push(true);
                });
                exhaust();
                send(&peer, b"x", NOW).unwrap();
                idle(move || {
                    other.lock().unwrap().push(false);
                    ControlFlow::Break
                });
                until(|| order.lock().unwrap().len() == 2).await;
                assert_eq!(*order.lock().unwrap(), [first, !first]);
            });
        }
    }
}
