//! Strangers who begin handshakes over real sockets and leave it at that, beside a live session.

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
#[path = "common/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "common/outpost.rs"]
#[allow(dead_code)]
mod outpost;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use common::calls::{Outcome, begin_handshake};
use gio::{IOErrorEnum, TlsError};
use gio_ossl::engine::{Role, testing};
use gio_ossl::{DtlsConnection, prelude::*};
use manners::{Closing, End, Manner, meet};
use outpost::Peer;

const STRANGERS: usize = 64;
const NONE: Option<&gio::Cancellable> = None;

/// Somebody who has sent a hello, and a server that has answered.
struct HalfOpen {
    stranger: Peer,
    end: DtlsConnection,
    outcome: Outcome,
}

/// What all of them have come to.
#[derive(Debug, Default)]
struct Total {
    errors: Vec<glib::Error>,
    sent: usize,
    answered: usize,
    held: usize,
}

fn begin(prepare: impl Fn(&DtlsConnection)) -> HalfOpen {
    let (mut stranger, end) = meet(Role::Server);
    prepare(&end);
    assert!(!stranger.step());
    let outcome = begin_handshake(&end, NONE);
    HalfOpen {
        stranger,
        end,
        outcome,
    }
}

/// Serves a live session in the same main loop, until it is closed.
fn beside_strangers(
    live: &DtlsConnection,
    manner: Manner,
    failed: &AtomicUsize,
    prepare: impl Fn(&DtlsConnection),
) -> Total {
    let serve = || {
        let context = glib::MainContext::ref_thread_default();
        let over = End::default();
        manner.attach(live, &context, over.clone());
        let before = memory::used();
        let all: Vec<_> = (0..STRANGERS).map(|_| begin(&prepare)).collect();
        let mut total = Total::default();
        while over.borrow().is_none() {
            context.iteration(true);
            total.held = total.held.max(memory::used().saturating_sub(before));
            let done = all.iter().filter(|it| it.outcome.borrow().is_some());
            failed.store(done.count(), Ordering::Relaxed);
        }
        for HalfOpen {
            stranger,
            end,
            outcome,
        } in all
        {
            total.errors.push(outcome.take().unwrap().unwrap_err());
            total.sent += stranger.sent.iter().map(Vec::len).sum::<usize>();
            drop(end);
            stranger.socket.set_nonblocking(true).unwrap();
            let mut buffer = [0; 2_000];
            while let Ok(length) = stranger.socket.recv(&mut buffer) {
                total.answered += length;
            }
        }
        total
    };
    glib::MainContext::new().with_thread_default(serve).unwrap()
}

fn count(of: &str) -> usize {
    fs::read_dir(format!("/proc/self/{of}")).unwrap().count()
}

/// What became of strangers whose connections were prepared so, while messages went both ways.
fn outcome_beside_a_session(manner: Manner, prepare: impl Fn(&DtlsConnection) + Send) -> Total {
    let (mut peer, live) = meet(Role::Server);
    live.set_initial_timeout(Duration::from_secs(60));
    // GLib has a thread of its own, which it starts when it is first needed.
    common::run(async {
        let first = begin(|_| ());
        glib::timeout_future(Duration::from_millis(1)).await;
        assert!(first.outcome.borrow().is_none());
    });
    let (descriptors, threads) = (count("fd"), count("task"));
    let failed = AtomicUsize::new(0);
    let total = thread::scope(|scope| {
        let closing = Closing(&live);
        let serving = scope.spawn(|| beside_strangers(&live, manner, &failed, prepare));
        peer.shake_hands();
        let mut messages = 0;
        while failed.load(Ordering::Relaxed) < STRANGERS {
            peer.ping(messages);
            messages += 1;
        }
        assert!(count("task") <= threads + 1);
        drop(closing);
        println!("{manner:?}: {messages} messages both ways meanwhile");
        serving.join().unwrap()
    });
    assert_eq!(count("fd"), descriptors);
    println!(
        "{STRANGERS} half-open handshakes: {} bytes each, {} bytes were answered with {}",
        total.held / STRANGERS,
        total.sent / STRANGERS,
        total.answered / STRANGERS
    );
    // A client's engine, which belongs to the test, is among it.
    assert!(total.held / STRANGERS < 250_000);
    total
}

#[test]
fn handshakes_that_never_finish_end_by_their_own_time_limit() {
    let _alone = memory::alone();
    for manner in [Manner::Source, Manner::Future] {
        let total = outcome_beside_a_session(manner, |end| {
            end.set_handshake_timeout(Some(Duration::from_millis(300)));
            end.set_initial_timeout(Duration::from_secs(60));
        });
        for error in total.errors {
            assert!(error.matches(IOErrorEnum::TimedOut), "{error:?}");
        }
        // One flight, however late.
        assert!(total.answered < 5 * total.sent);
    }
}

#[test]
fn handshakes_without_a_time_limit_end_after_twelve_repetitions() {
    let _alone = memory::alone();
    testing::set_initial_timeout(Duration::from_micros(100));
    let total = outcome_beside_a_session(Manner::Source, |_| ());
    for error in total.errors {
        assert!(error.matches(TlsError::Misc), "{error:?}");
    }
    assert!(total.answered <= 13 * 5 * total.sent);
}
