//! Associations that give the buffers for records back, by two engines.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code, reason = "each test program uses its part")]
mod engines;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use std::time::{Duration, Instant};

use engines::{Pair, datagrams, let_time_pass};
use gio_ossl::engine::{Engine, MAX_PLAINTEXT, Opened, Role, Step, Verdict};

/// Lets both be idle for long enough.
fn rest(pair: &mut Pair) {
    let now = Instant::now();
    for end in [&mut pair.client, &mut pair.server] {
        end.rest(now);
        assert!(end.rest(now + Duration::from_secs(1)));
    }
}

fn seal(pair: &mut Pair, from: Role, message: &[u8]) {
    pair.end(from).seal(message).unwrap();
    pair.exchange();
}

fn open(engine: &mut Engine) -> Option<Vec<u8>> {
    let mut buffer = vec![0; MAX_PLAINTEXT];
    match engine.open(&mut buffer).unwrap() {
        Opened::Message { length, .. } => Some(buffer[..length].to_vec()),
        Opened::Nothing => None,
        Opened::End => panic!("the peer has closed"),
    }
}

const BOTH: [(Role, Role); 2] = [(Role::Client, Role::Server), (Role::Server, Role::Client)];

#[test]
fn a_new_association_has_no_buffers_until_it_is_used() {
    let mut pair = Pair::established();
    assert!(!pair.client.wakes() && !pair.server.wakes());
    seal(&mut pair, Role::Client, b"message");
    assert!(pair.client.wakes());
    assert!(!pair.client.wakes(), "it was told");
    assert!(!pair.server.wakes());
    open(&mut pair.server);
    assert!(pair.server.wakes());
}

#[test]
fn either_may_be_the_first_to_speak_again() {
    for (from, to) in BOTH {
        let mut pair = Pair::established();
        for message in [b"short".as_slice(), &[7; MAX_PLAINTEXT]] {
            seal(&mut pair, from, message);
            assert_eq!(open(pair.end(to)).as_deref(), Some(message));
            rest(&mut pair);
        }
    }
}

#[test]
fn either_may_close_without_buffers_and_be_answered() {
    for (from, to) in BOTH {
        let mut pair = Pair::established();
        rest(&mut pair);
        pair.end(from).close();
        pair.exchange();
        let opened = pair.end(to).open(&mut [0; 16]).unwrap();
        assert_eq!(opened, Opened::End);
        rest(&mut pair);
        pair.end(to).close();
        pair.exchange();
        let opened = pair.end(from).open(&mut [0; 16]).unwrap();
        assert_eq!(opened, Opened::End);
    }
}

#[test]
fn buffers_in_use_are_kept() {
    let mut pair = Pair::established();
    let begin = Instant::now();
    for second in 0..5 {
        seal(&mut pair, Role::Client, b"message");
        let now = begin + Duration::from_secs(second);
        assert!(!pair.client.rest(now));
        assert!(!pair.client.rest(now), "no time has passed");
    }
    assert!(pair.client.rest(begin + Duration::from_secs(6)));
}

#[test]
fn a_record_that_waits_in_the_buffer_is_not_lost() {
    let mut pair = Pair::established();
    pair.client.seal(b"one").unwrap();
    pair.client.seal(b"two").unwrap();
    let both = datagrams(&mut pair.client).concat();
    pair.server.feed(&both);
    assert_eq!(open(&mut pair.server).as_deref(), Some(b"one".as_slice()));
    let now = Instant::now();
    pair.server.rest(now);
    assert!(!pair.server.rest(now + Duration::from_secs(1)));
    assert_eq!(open(&mut pair.server).as_deref(), Some(b"two".as_slice()));
    rest(&mut pair);
}

/// A pair whose server has established the association, and whose last flight is lost.
fn last_flight_lost() -> Pair {
    let mut pair = Pair::new();
    pair.until_verdict();
    pair.client.judge(Verdict::Accept);
    pair.client.handshake();
    pair.exchange();
    assert!(matches!(pair.server.handshake(), Step::Established));
    datagrams(&mut pair.server);
    pair
}

#[test]
fn without_buffers_the_last_flight_can_be_repeated() {
    let mut pair = last_flight_lost();
    let now = Instant::now();
    pair.server.rest(now);
    assert!(pair.server.rest(now + Duration::from_secs(1)));
    let_time_pass(&mut pair.client);
    pair.exchange();
    assert_eq!(open(&mut pair.server), None);
    pair.exchange();
    assert!(matches!(pair.client.handshake(), Step::Established));
    pair.say(b"message");
    assert_eq!(pair.hear().as_deref(), Some(b"message".as_slice()));
}

#[test]
fn messages_that_overtake_the_last_flight_survive_the_end_of_the_handshake() {
    let mut pair = last_flight_lost();
    pair.server.seal(b"early").unwrap();
    pair.exchange();
    pair.client.handshake();
    let_time_pass(&mut pair.client);
    pair.exchange();
    assert_eq!(open(&mut pair.server), None);
    pair.exchange();
    assert!(matches!(pair.client.handshake(), Step::Established));
    let now = Instant::now();
    pair.client.rest(now);
    pair.client.rest(now + Duration::from_secs(1));
    assert_eq!(open(&mut pair.client).as_deref(), Some(b"early".as_slice()));
    assert_eq!(open(&mut pair.client), None);
    rest(&mut pair);
}
