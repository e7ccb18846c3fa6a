//! Whose turn it is: handshakes that overlap, calls that take a handshake over, one budget for all.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::{
        NONE, SHORT, begin_handshake, beside, each_role, each_role_established, must_end,
        receive_with, send_with,
    },
    receive, run, send, until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::DtlsConnection;
use glib::IOCondition;

type Call = fn(&DtlsConnection, &gio::Cancellable) -> Result<(), glib::Error>;

/// Every way to block in a handshake without a time limit, implicitly.
const IMPLICIT: [Call; 2] = [
    |end, it| receive_with(end, None, it).map(drop),
    |end, it| send_with(end, None, it).map(drop),
];

/// An asynchronous handshake in a main context that nobody runs, which is returned.
fn begin_in_idle_context(end: &DtlsConnection) -> glib::MainContext {
    let context = glib::MainContext::new();
    let begin = || drop(begin_handshake(end, NONE));
    context.with_thread_default(begin).unwrap();
    context
}

#[test]
fn explicit_handshake_of_either_role_is_pending_beside_another() {
    for side in each_role() {
        let cancellable = gio::Cancellable::new();
        let (first, ()) = beside(
            &side.base,
            || side.end.handshake(Some(&cancellable)),
            || {
                assert_fails(side.end.handshake(NONE), IOErrorEnum::Pending);
                let second = side.end.handshake_future(glib::Priority::DEFAULT);
                assert_fails(run(second), IOErrorEnum::Pending);
                cancellable.cancel();
            },
        );
        assert_fails(first, IOErrorEnum::Cancelled);
        run(async {
            let cancellable = gio::Cancellable::new();
            let first = begin_handshake(&side.end, Some(&cancellable));
            let second = begin_handshake(&side.end, NONE);
            thread::scope(|scope| {
                let third = scope.spawn(|| side.end.handshake(NONE));
                assert_fails(third.join().unwrap(), IOErrorEnum::Pending);
            });
            until(|| second.borrow().is_some()).await;
            assert_fails(second.take().unwrap(), IOErrorEnum::Pending);
            assert!(first.borrow().is_none());
            cancellable.cancel();
            until(|| first.borrow().is_some()).await;
            assert_fails(first.take().unwrap(), IOErrorEnum::Cancelled);
        });
    }
}

#[test]
fn blocking_calls_beside_an_asynchronous_handshake_that_nobody_runs_all_complete() {
    for side in each_role() {
        let rescue = &gio::Cancellable::new();
        let _context = begin_in_idle_context(&side.end);
        let end = &side.end;
        let all = || {
            thread::scope(|scope| {
                let calls = IMPLICIT.map(|call| scope.spawn(move || call(end, rescue)));
                let peer = side.peer();
                send(&peer, b"x", PATIENCE).unwrap();
                assert_eq!(receive(&peer, PATIENCE).unwrap().unwrap(), b"x");
                calls
                    .into_iter()
                    .for_each(|call| call.join().unwrap().unwrap());
            });
        };
        must_end(all, || rescue.cancel());
    }
}

#[test]
fn waiting_call_takes_over_from_one_that_timed_out() {
    for side in each_role() {
        let rescue = gio::Cancellable::new();
        let _context = begin_in_idle_context(&side.end);
        let end = &side.end;
        let patient = || receive_with(end, None, &rescue);
        let hasty = || {
            for _ in 0..20 {
                assert_fails(send(end, b"x", SHORT), IOErrorEnum::TimedOut);
            }
        };
        let all = || {
            thread::scope(|scope| {
                let hasty = scope.spawn(hasty);
                let patient = scope.spawn(patient);
                hasty.join().unwrap();
                send(&side.peer(), b"hello", PATIENCE).unwrap();
                assert_eq!(patient.join().unwrap().unwrap(), 1);
            });
        };
        must_end(all, || rescue.cancel());
    }
}

#[test]
fn call_without_waiting_beside_an_asynchronous_handshake_would_block() {
    for side in each_role() {
        run(async {
            let result = begin_handshake(&side.end, NONE);
            let end = &side.end;
            assert_fails(receive(end, NOW), IOErrorEnum::WouldBlock);
            assert_fails(send(end, b"x", NOW), IOErrorEnum::WouldBlock);
            assert_fails(receive(end, None), IOErrorEnum::Failed);
            assert_fails(receive(end, PATIENCE), IOErrorEnum::Failed);
            assert_fails(send(end, b"x", None), IOErrorEnum::Failed);
            assert_fails(send(end, b"x", PATIENCE), IOErrorEnum::Failed);
            let peer = side.peer();
            let theirs = begin_handshake(&peer, NONE);
            until(|| result.borrow().is_some() && theirs.borrow().is_some()).await;
            result.take().unwrap().unwrap();
            theirs.take().unwrap().unwrap();
        });
    }
}

#[test]
fn calls_that_wait_for_another_threads_handshake_end_by_their_own_rules() {
    for side in each_role() {
        let end = &side.end;
        let (first, ()) = beside(
            &side.base,
            || end.handshake(NONE),
            || {
                assert_fails(receive(end, NOW), IOErrorEnum::WouldBlock);
                assert_fails(send(end, b"x", NOW), IOErrorEnum::WouldBlock);
                assert_fails(receive(end, SHORT), IOErrorEnum::TimedOut);
                assert_fails(send(end, b"x", SHORT), IOErrorEnum::TimedOut);
                let wait = |limit| end.condition_wait(IOCondition::IN, limit, NONE);
                assert_fails(wait(NOW), IOErrorEnum::TimedOut);
                assert_fails(wait(SHORT), IOErrorEnum::TimedOut);
                for call in IMPLICIT {
                    let cancellable = gio::Cancellable::new();
                    thread::scope(|scope| {
                        let waiting = scope.spawn(|| call(end, &cancellable));
                        cancellable.cancel();
                        assert_fails(waiting.join().unwrap(), IOErrorEnum::Cancelled);
                    });
                }
                let waiting: Vec<Call> = vec![
                    |end, it| receive_with(end, None, it).map(drop),
                    |end, it| receive_with(end, PATIENCE, it).map(drop),
                    |end, it| send_with(end, PATIENCE, it).map(drop),
                    |end, it| end.condition_wait(IOCondition::IN, None, Some(it)),
                ];
                let rescue = gio::Cancellable::new();
                let close = || {
                    thread::scope(|scope| {
                        let waiting: Vec<_> = waiting
                            .iter()
                            .map(|call| scope.spawn(|| call(end, &rescue)))
                            .collect();
                        end.close(NONE).unwrap();
                        for call in waiting {
                            assert_fails(call.join().unwrap(), IOErrorEnum::Closed);
                        }
                    });
                };
                must_end(close, || rescue.cancel());
            },
        );
        assert_fails(first, IOErrorEnum::Closed);
    }
}

#[test]
fn handshake_and_message_share_one_budget() {
    // The timer must not be what limits a wait.
    gio_ossl::engine::testing::set_initial_timeout(Duration::from_secs(60));
    for side in each_role() {
        let limits = Arc::new(Mutex::new(Vec::new()));
        let (noted, end, peer) = (limits.clone(), side.end.downgrade(), side.peer());
        let sender = peer.clone();
        side.base.on_wait(move |limit| {
            noted.lock().unwrap().push(limit.unwrap());
            // This is the wait for the message itself.
            if end.upgrade().unwrap().ciphersuite_name().is_some() {
                send(&sender, b"late", None).unwrap();
            }
        });
        let message = thread::scope(|scope| {
            scope.spawn(|| {
                while side.base.calls().wait == 0 {
                    thread::yield_now();
                }
                peer.handshake(NONE).unwrap();
            });
            receive(&side.end, PATIENCE)
        });
        assert_eq!(message.unwrap().unwrap(), b"late");
        let mut limits = limits.lock().unwrap();
        // A client's second flight waits for no longer than the round trip suggests.
        limits.retain(|limit| *limit > Duration::from_secs(1));
        assert!(
            limits.len() > 1 && limits.iter().is_sorted_by(|a, b| a >= b),
            "{limits:?}"
        );
    }
}

#[test]
fn second_reader_and_writer_of_either_role_follow_their_own_time_limits() {
    for (side, peer) in each_role_established() {
        let end = &side.end;
        let (first, ()) = beside(
            &side.base,
            || receive(end, None),
            || {
                assert_fails(receive(end, NOW), IOErrorEnum::WouldBlock);
                assert_fails(receive(end, SHORT), IOErrorEnum::TimedOut);
                send(end, b"free", None).unwrap();
                send(&peer, b"x", None).unwrap();
            },
        );
        assert_eq!(first.unwrap().unwrap(), b"x");
        side.net.block(side.sends, true);
        let (first, ()) = beside(
            &side.base,
            || send(end, b"x", None),
            || {
                assert_fails(send(end, b"x", NOW), IOErrorEnum::WouldBlock);
                assert_fails(send(end, b"x", SHORT), IOErrorEnum::TimedOut);
                assert_fails(receive(end, NOW), IOErrorEnum::WouldBlock);
                side.net.block(side.sends, false);
            },
        );
        first.unwrap();
    }
}

#[test]
fn blocking_handshake_leaves_the_callers_main_context_alone() {
    for side in each_role() {
        let context = glib::MainContext::new();
        let body = || {
            let source = glib::idle_source_new(None, glib::Priority::HIGH, || {
                panic!("the handshake has run the caller's context")
            });
            source.attach(Some(&context));
            thread::scope(|scope| {
                scope.spawn(|| send(&side.peer(), b"x", None).unwrap());
                side.end.handshake(NONE).unwrap();
                assert!(receive(&side.end, None).unwrap().is_some());
            });
            source.destroy();
        };
        context.with_thread_default(body).unwrap();
    }
}
