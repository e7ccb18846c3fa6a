//! What an engine counts.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use engines::{Pair, datagrams, let_time_pass};
use gio_ossl::engine::{Dropped, Role, Statistics};

#[test]
fn messages_and_their_bytes_are_counted_on_both_sides() {
    let mut pair = Pair::established();
    for message in [b"one".as_slice(), b"fourteen", &[7; 1200]] {
        pair.say(message);
        pair.hear().unwrap();
    }
    let sent = Statistics {
        messages_sent: 3,
        bytes_sent: 1211,
        ..Statistics::default()
    };
    assert_eq!(pair.client.statistics(), sent);
    let received = Statistics {
        messages_received: 3,
        bytes_received: 1211,
        ..Statistics::default()
    };
    assert_eq!(pair.server.statistics(), received);
}

#[test]
fn a_message_that_cannot_be_sent_is_not_counted() {
    let mut pair = Pair::established();
    pair.client.seal(&[0; 20_000]).unwrap_err();
    assert_eq!(pair.client.statistics(), Statistics::default());
}

#[test]
fn a_repeated_flight_is_counted_once() {
    let mut pair = Pair::new();
    pair.client.handshake();
    datagrams(&mut pair.client);
    let_time_pass(&mut pair.client);
    pair.client.on_deadline();
    assert_eq!(pair.client.statistics().flights_retransmitted, 1);
    assert_eq!(pair.server.statistics().flights_retransmitted, 0);
}

#[test]
fn each_useless_datagram_has_one_reason() {
    let mut pair = Pair::established();
    pair.client.seal(b"hello").unwrap();
    let honest = datagrams(&mut pair.client).concat();
    pair.client.seal(b"world").unwrap();
    let mut forged = datagrams(&mut pair.client).concat();
    *forged.last_mut().unwrap() ^= 1;
    let mut handshake = forged.clone();
    handshake[0] = 22;
    let garbage = b"GET / HTTP/1.1\r\n".to_vec();
    for datagram in [
        honest.clone(),
        honest,
        forged,
        handshake,
        garbage,
        Vec::new(),
    ] {
        pair.server.feed(&datagram);
    }
    assert_eq!(pair.hear().as_deref(), Some(b"hello".as_slice()));
    assert_eq!(pair.hear(), None);
    let expected = Dropped {
        malformed: 2,
        unexpected: 1,
        replayed: 1,
        unauthenticated: 1,
        overflowed: 0,
    };
    assert_eq!(pair.server.statistics().dropped, expected);
}

#[test]
fn noise_during_the_handshake_is_counted() {
    let mut pair = Pair::new();
    for noise in [
        b"noise".as_slice(),
        &[],
        &[23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7],
    ] {
        pair.client.feed(noise);
    }
    let dropped = pair.client.statistics().dropped;
    assert_eq!((dropped.malformed, dropped.unexpected), (2, 1));
}

#[test]
fn what_nobody_reads_overflows() {
    let mut pair = Pair::established();
    for _ in 0..300 {
        pair.client.seal(b"too many").unwrap();
    }
    for datagram in datagrams(&mut pair.client) {
        pair.server.feed(&datagram);
    }
    assert_eq!(pair.end(Role::Server).statistics().dropped.overflowed, 44);
    assert_eq!(std::iter::from_fn(|| pair.hear()).count(), 256);
}
