//! Retransmission time-outs, by two engines.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code, reason = "each test program uses its part")]
mod engines;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use std::time::{Duration, Instant};

use engines::{Pair, config, datagrams, let_time_pass};
use gio_ossl::engine::{Config, Engine, Role, Step, Verdict};

const MINUTE: Duration = Duration::from_secs(60);

/// A client with this initial time-out, which has had the server's whole flight.
fn second_flight(initial: Duration, repeat_first: bool) -> Engine {
    let client = Config {
        initial_timeout: initial,
        ..config(Role::Client)
    };
    let mut pair = Pair::with(client, config(Role::Server));
    pair.client.handshake();
    if repeat_first {
        let_time_pass(&mut pair.client);
    }
    pair.until_verdict();
    pair.client.judge(Verdict::Accept);
    assert!(matches!(pair.client.handshake(), Step::NeedDatagram));
    pair.client
}

#[test]
fn first_flight_waits_for_the_initial_timeout() {
    let mut client = Engine::new(&Config {
        initial_timeout: MINUTE,
        ..config(Role::Client)
    })
    .unwrap();
    assert_eq!(client.timeout(), None);
    client.handshake();
    assert!(client.timeout().unwrap() > MINUTE / 2);
    client.on_deadline();
    assert_eq!(client.retransmissions(), 0);
}

#[test]
fn no_flight_is_repeated_before_its_time() {
    // OpenSSL's own timer runs out 15 milliseconds early.
    for initial in [5, 10, 15, 30].map(Duration::from_millis) {
        let begun = Instant::now();
        let mut client = Engine::new(&Config {
            initial_timeout: initial,
            ..config(Role::Client)
        })
        .unwrap();
        client.handshake();
        for _ in 0..3 {
            let_time_pass(&mut client);
            let repeated = u32::try_from(client.retransmissions()).unwrap();
            assert!(begun.elapsed() >= initial * (2_u32.pow(repeated) - 1));
        }
    }
}

#[test]
fn next_flight_waits_for_the_measured_round_trip_and_not_for_the_initial_timeout() {
    let client = second_flight(MINUTE, false);
    assert!(client.timeout().unwrap() < MINUTE / 2);
}

#[test]
fn next_flight_after_a_repeated_one_waits_no_longer_than_the_latest_sending_teaches() {
    let initial = Duration::from_millis(400);
    let begun = Instant::now();
    let client = second_flight(initial, true);
    let answered = begun.elapsed() - initial;
    assert_eq!(client.retransmissions(), 1);
    let longest = (initial / 4).max(answered * 3 / 2).min(initial);
    assert!(client.timeout().unwrap() <= longest);
}

#[test]
fn retransmissions_are_counted() {
    let mut client = Engine::new(&config(Role::Client)).unwrap();
    client.handshake();
    let first = datagrams(&mut client);
    for count in 1..=3 {
        let_time_pass(&mut client);
        assert_eq!(client.retransmissions(), count);
        assert_eq!(datagrams(&mut client).len(), first.len());
    }
}

#[test]
fn a_repeated_flight_has_as_many_datagrams_as_the_first_time() {
    let patient = Config {
        initial_timeout: MINUTE,
        ..config(Role::Client)
    };
    let mut pair = Pair::with(patient, config(Role::Server));
    pair.client.handshake();
    pair.exchange();
    pair.server.handshake();
    let servers = datagrams(&mut pair.server);
    assert_eq!(servers.len(), 1);
    let_time_pass(&mut pair.server);
    assert_eq!(datagrams(&mut pair.server).len(), 1);
    pair.client.feed(&servers[0]);
    pair.until_verdict();
    pair.client.judge(Verdict::Accept);
    pair.client.handshake();
    assert_eq!(datagrams(&mut pair.client).len(), 1);
    let_time_pass(&mut pair.client);
    let repeated = datagrams(&mut pair.client);
    assert_eq!(repeated.len(), 1);
    pair.server.feed(&repeated[0]);
    assert!(matches!(pair.server.handshake(), Step::Established));
    assert_eq!(datagrams(&mut pair.server).len(), 1);
    // Nothing of it has arrived.
    let_time_pass(&mut pair.client);
    pair.server.feed(&datagrams(&mut pair.client)[0]);
    pair.server.open(&mut [0; 16]).unwrap();
    let last = datagrams(&mut pair.server);
    assert_eq!(last.len(), 1);
    pair.client.feed(&last[0]);
    assert!(matches!(pair.client.handshake(), Step::Established));
}

#[test]
fn suspended_handshake_has_no_timer() {
    let mut pair = Pair::new();
    pair.until_verdict();
    assert_eq!(pair.client.timeout(), None);
    pair.client.on_deadline();
    assert_eq!(pair.client.retransmissions(), 0);
}
