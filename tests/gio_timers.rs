//! `initial-timeout` and `handshake-timeout`.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    thread,
    time::{Duration, Instant},
};

use common::{
    NOW, PATIENCE, assert_fails, client, handshakes, in_threads, receive, run, send, server,
    simnet::{Direction, Fate, SimNet},
    until,
};
use gio::{Cancellable, IOErrorEnum, TlsError};
use gio_ossl::{DtlsConnection, prelude::*};
use glib::{ControlFlow, IOCondition};

const LIMIT: Duration = Duration::from_millis(50);

/// A client whose server never answers, and whose handshake may take [`LIMIT`].
fn hopeless() -> DtlsConnection {
    let client = client(&SimNet::new().client());
    client.set_handshake_timeout(Some(LIMIT));
    client.upcast()
}

fn assert_says_the_limit(result: Result<(), glib::Error>) {
    let error = result.unwrap_err();
    assert!(error.matches(IOErrorEnum::TimedOut), "{error:?}");
    assert_eq!(
        error.message(),
        "The handshake was not finished within 50 milliseconds"
    );
}

#[test]
fn defaults_are_one_second_and_no_limit() {
    let client = client(&SimNet::new().client());
    assert_eq!(client.initial_timeout(), Duration::from_secs(1));
    assert_eq!(client.handshake_timeout(), None);
    client.set_handshake_timeout(Some(Duration::from_micros(1)));
    assert_eq!(client.handshake_timeout(), Some(Duration::from_millis(1)));
    client.set_handshake_timeout(None);
    assert_eq!(client.handshake_timeout(), None);
}

#[test]
fn lost_flight_is_repeated_after_the_initial_timeout() {
    run(async {
        let net = SimNet::with_fate(Direction::ToServer, 0, Fate::Drop);
        let (near, far) = net.pair();
        let (client, server) = (client(&near), server(&far));
        client.set_initial_timeout(Duration::from_millis(20));
        handshakes(&client, &server).await.0.unwrap();
        assert!(client.statistics().flights_retransmitted >= 1);
    });
}

#[test]
fn blocking_handshake_ends_for_good_when_its_time_is_up() {
    let client = hopeless();
    let begun = Instant::now();
    assert_says_the_limit(client.handshake(Cancellable::NONE));
    assert!(begun.elapsed() >= LIMIT);
    assert_says_the_limit(client.handshake(Cancellable::NONE));
}

#[test]
fn asynchronous_handshake_ends_for_good_when_its_time_is_up() {
    run(async {
        let client = hopeless();
        let priority = glib::Priority::DEFAULT;
        assert_says_the_limit(client.handshake_future(priority).await);
        assert_says_the_limit(client.handshake_future(priority).await);
    });
}

#[test]
fn handshake_in_the_background_ends_and_its_sources_fire() {
    run(async {
        let client = hopeless();
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        let ready = || client.condition_check(IOCondition::IN) == IOCondition::IN;
        assert!(!ready());
        until(ready).await;
        // GIO allows no call without a time limit of its own to time out.
        assert_fails(receive(&client, NOW), TlsError::Misc);
        assert_fails(send(&client, b"x", None), TlsError::Misc);
        assert_fails(receive(&client, PATIENCE), IOErrorEnum::TimedOut);
    });
}

#[test]
fn source_alone_notices_that_the_time_is_up() {
    let client = hopeless();
    let context = glib::MainContext::new();
    context
        .with_thread_default(|| {
            assert_fails(receive(&client, Some(LIMIT / 10)), IOErrorEnum::TimedOut);
            let source = client.create_source(
                IOCondition::IN,
                Cancellable::NONE,
                None,
                glib::Priority::DEFAULT,
                |_, _| ControlFlow::Break,
            );
            source.attach(Some(&context));
            while !source.is_destroyed() {
                context.iteration(true);
            }
            assert_says_the_limit(client.handshake(Cancellable::NONE));
        })
        .unwrap();
}

#[test]
fn everybody_who_waits_is_woken() {
    let client = hopeless();
    thread::scope(|scope| {
        let waiting = [
            scope.spawn(|| receive(&client, None).map(drop)),
            scope.spawn(|| send(&client, b"x", None)),
        ];
        assert_says_the_limit(client.handshake(Cancellable::NONE));
        for call in waiting {
            assert_fails(call.join().unwrap(), TlsError::Misc);
        }
    });
}

#[test]
fn calls_for_bytes_without_a_time_limit_fail_alike() {
    run(async {
        let client = hopeless();
        let priority = glib::Priority::DEFAULT;
        let receiving = glib::spawn_future_local(client.receive_bytes_future(1, priority));
        let message = glib::Bytes::from_static(b"x");
        assert_fails(
            client.send_bytes_future(&message, priority).await,
            TlsError::Misc,
        );
        assert_fails(receiving.await.unwrap(), TlsError::Misc);
        for timeout in [NOW, None] {
            let received = client.receive_bytes(1, timeout, Cancellable::NONE);
            assert_fails(received, TlsError::Misc);
        }
        let received = client.receive_bytes(1, PATIENCE, Cancellable::NONE);
        assert_fails(received, IOErrorEnum::TimedOut);
    });
}

/// Runs `wait` while the handshake is in the charge of a loop that nobody runs, and that has an owner.
fn beside_an_idle_loop(wait: impl FnOnce(DtlsConnection) + Send) {
    let client = hopeless();
    let idle = glib::MainContext::new();
    let _owned = idle.acquire().unwrap();
    idle.with_thread_default(|| {
        let done = |_: Result<(), glib::Error>| {};
        client.handshake_async(glib::Priority::DEFAULT, Cancellable::NONE, done);
        // The first step.
        idle.iteration(true);
    })
    .unwrap();
    thread::scope(|scope| {
        let client = client.clone();
        scope.spawn(move || wait(client));
    });
}

#[test]
fn call_that_waits_for_an_idle_loop_ends_when_the_time_is_up() {
    beside_an_idle_loop(|client| assert_fails(receive(&client, None), TlsError::Misc));
}

#[test]
fn source_that_waits_for_an_idle_loop_fires_when_the_time_is_up() {
    beside_an_idle_loop(|client| {
        let context = glib::MainContext::new();
        let source = client.create_source(
            IOCondition::IN,
            Cancellable::NONE,
            None,
            glib::Priority::DEFAULT,
            |_, _| ControlFlow::Break,
        );
        source.attach(Some(&context));
        let _owned = context.acquire().unwrap();
        while !source.is_destroyed() {
            context.iteration(true);
        }
        assert_fails(receive(&client, NOW), TlsError::Misc);
    });
}

#[test]
fn asynchronous_call_that_waits_for_an_idle_loop_ends_when_the_time_is_up() {
    beside_an_idle_loop(|client| {
        let priority = glib::Priority::DEFAULT;
        let received = run(client.receive_bytes_future(1, priority));
        assert_fails(received, TlsError::Misc);
    });
}

#[test]
fn a_call_with_less_time_leaves_the_handshake_its_own() {
    let client = hopeless();
    assert_fails(receive(&client, Some(LIMIT / 10)), IOErrorEnum::TimedOut);
    assert_says_the_limit(client.handshake(Cancellable::NONE));
}

#[test]
fn the_time_that_the_application_thinks_counts() {
    in_threads(
        &SimNet::new(),
        |base| {
            let client = client(&base);
            client.set_database(None::<&gio::TlsDatabase>);
            client.set_handshake_timeout(Some(LIMIT));
            client.connect_accept_certificate(|_, _, _| {
                let asked = Instant::now();
                while asked.elapsed() <= LIMIT {
                    thread::yield_now();
                }
                true
            });
            assert_says_the_limit(client.handshake(Cancellable::NONE));
        },
        |base| {
            let server = server(&base);
            server.set_handshake_timeout(Some(LIMIT));
            assert_fails(server.handshake(Cancellable::NONE), IOErrorEnum::TimedOut);
        },
    );
}

#[test]
fn established_connection_has_no_limit_any_more() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let limit = Duration::from_secs(5);
        client.set_handshake_timeout(Some(limit));
        server.set_handshake_timeout(Some(limit));
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        // The clock runs on, and nobody looks at it.
        assert_fails(receive(&client, Some(LIMIT)), IOErrorEnum::TimedOut);
        send(&client, b"hello", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"hello");
    });
}
