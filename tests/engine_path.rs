//! The size of datagrams, by two engines.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/engines.rs"]
mod engines;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use std::{collections::HashSet, time::Duration};

use engines::{Pair, config, datagrams, let_time_pass};
use gio_ossl::engine::{
    Authentication, Config, Engine, MAX_PLAINTEXT, Opened, Protocol, Role, Step, Verdict,
};
use pki::{Leaf, Pki};

/// More certificates than any datagram has room for.
const CHAIN: usize = 12;

/// Ends with long chains, of which the server's flights are fragmented to the MTU; both ask for a
/// certificate.
fn with_long_chains(mtu: u16) -> Pair {
    with_long_chains_and_timeout(mtu, config(Role::Client).initial_timeout)
}

fn with_long_chains_and_timeout(mtu: u16, initial_timeout: Duration) -> Pair {
    let mut pair = Pair::with_two_certificates();
    let leaf = Pki::new().issue(Leaf::new("server.example").dns("server.example"));
    let mut chain = vec![leaf.certificate];
    chain.extend((0..CHAIN).map(|_| pair.identity.as_ref().unwrap().certificate.clone()));
    let server = Config {
        authentication: Authentication::Required,
        credentials: Some((chain, leaf.key)),
        mtu,
        initial_timeout,
        ..config(Role::Server)
    };
    let client = Config {
        mtu,
        initial_timeout,
        ..config(Role::Client)
    };
    pair.server = Engine::new(&server).unwrap();
    pair.client = Engine::new(&client).unwrap();
    pair
}

fn assert_established(steps: (Step, Step)) {
    assert!(
        matches!(steps, (Step::Established, Step::Established)),
        "{steps:?}"
    );
}

#[test]
fn no_datagram_of_a_handshake_is_longer_than_the_mtu() {
    for mtu in [256, 300, 512, 1400, 4096, 9000, 65_507] {
        let mut pair = with_long_chains(mtu);
        let mut longest = 0;
        assert_established(pair.run(|to, _, datagram| {
            longest = longest.max(datagram.len());
            vec![(to, datagram.to_vec())]
        }));
        let limit = usize::from(mtu).min(4096);
        assert!(longest <= limit, "{longest} at {mtu}");
        assert!(longest > limit * 8 / 10, "{longest} at {mtu}");
    }
}

#[test]
fn what_protection_adds_to_the_last_message_of_a_flight_counts_as_well() {
    // The client's flight has about 640 bytes, and so its Finished ends somewhere near the MTU.
    for mtu in (560..=720).step_by(5) {
        let mut pair = Pair::with_two_certificates();
        pair.client.set_mtu(mtu);
        let mut longest = 0;
        assert_established(pair.run(|to, _, datagram| {
            if to == Role::Server {
                longest = longest.max(datagram.len());
            }
            vec![(to, datagram.to_vec())]
        }));
        assert!(longest <= mtu.into(), "{longest} at {mtu}");
    }
}

const SUITES: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-CCM",
    "ECDHE-ECDSA-AES256-CCM",
    "ECDHE-ECDSA-AES128-CCM8",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
];

/// Two ends that speak this suite.
fn established_with(suite: &str) -> Pair {
    // From 3.2 on OpenSSL has short tags at level 0 alone.
    let list = format!("{suite}:@SECLEVEL=0");
    let with_suite = |role| Config {
        protocol: Protocol::default()
            .with_cipher_list(Some(&list), false)
            .unwrap(),
        ..config(role)
    };
    let mut pair = Pair::with(with_suite(Role::Client), with_suite(Role::Server));
    pair.until_verdict();
    pair.client.judge(Verdict::Accept);
    pair.finish();
    assert_eq!(pair.client.cipher_suite().unwrap(), suite);
    pair
}

#[test]
fn longest_payload_fills_a_datagram_and_one_byte_more_does_not_fit() {
    for suite in SUITES {
        let mut pair = established_with(suite);
        for mtu in [256, 548, 1400, 9000] {
            pair.client.set_mtu(mtu);
            let payload = pair.client.max_payload();
            pair.client.seal(&vec![0; payload]).unwrap();
            pair.client.seal(&vec![0; payload + 1]).unwrap();
            let lengths: Vec<_> = datagrams(&mut pair.client).iter().map(Vec::len).collect();
            assert_eq!(lengths, [usize::from(mtu), usize::from(mtu) + 1], "{suite}");
        }
    }
    let mut pair = Pair::established();
    pair.client.set_mtu(u16::MAX);
    assert_eq!(pair.client.mtu(), 65_507);
    assert_eq!(pair.client.max_payload(), MAX_PLAINTEXT);
    pair.client.set_mtu(1);
    assert_eq!(pair.client.mtu(), 256);
}

#[test]
fn before_the_handshake_is_over_nothing_is_known_of_the_payload() {
    let mut pair = Pair::new();
    assert_eq!(pair.client.max_payload(), 0);
    pair.until_verdict();
    assert_eq!(pair.client.max_payload(), 0);
}

#[test]
fn a_flight_that_nothing_answers_gets_shorter_until_it_gets_through() {
    for (narrow, expected) in [(1300, 1232), (600, 548), (300, 256)] {
        let mut pair = with_long_chains(1400);
        assert_established(pair.run(|to, _, datagram| {
            let passes = datagram.len() <= narrow;
            passes
                .then(|| (to, datagram.to_vec()))
                .into_iter()
                .collect()
        }));
        assert_eq!(pair.server.mtu(), expected);
        assert!(pair.server.retransmissions() >= 2);
        assert_eq!(
            pair.server.statistics().flights_retransmitted,
            pair.server.retransmissions()
        );
    }
}

#[test]
fn the_second_time_out_in_a_row_shortens_a_flight_and_the_first_does_not() {
    let mut pair = with_long_chains(1400);
    pair.client.handshake();
    pair.exchange();
    pair.server.handshake();
    let mut limits = Vec::new();
    for _ in 0..7 {
        let flight = datagrams(&mut pair.server);
        let limit = pair.server.mtu();
        assert!(flight.iter().all(|it| it.len() <= limit.into()));
        limits.push(limit);
        let_time_pass(&mut pair.server);
    }
    assert_eq!(limits, [1400, 1400, 1232, 1232, 548, 548, 256]);
}

#[test]
fn a_flight_that_any_usual_path_carries_is_not_to_blame_as_soon() {
    let mut pair = Pair::new();
    pair.client.handshake();
    pair.exchange();
    pair.server.handshake();
    let flight = datagrams(&mut pair.server);
    assert!(flight.len() == 1 && (549..1232).contains(&flight[0].len()));
    let mut limits = Vec::new();
    for _ in 0..6 {
        let_time_pass(&mut pair.server);
        limits.push(pair.server.mtu());
    }
    assert_eq!(limits, [1400, 1400, 1400, 548, 548, 256]);
}

#[test]
fn a_short_flight_is_not_to_blame_for_its_time_outs() {
    let mut client = Engine::new(&config(Role::Client)).unwrap();
    client.handshake();
    let hello = datagrams(&mut client);
    assert!(hello[0].len() <= 256);
    for count in 1..=4 {
        let_time_pass(&mut client);
        assert_eq!(client.retransmissions(), count);
    }
    assert_eq!(client.mtu(), 1400);
}

#[test]
fn nothing_raises_the_mtu_above_what_was_set() {
    let mut pair = with_long_chains(400);
    assert!(!pair.server.narrow(9000, Some(8000)));
    assert_eq!(pair.server.mtu(), 400);
    assert!(!pair.server.narrow(9000, None));
    assert_eq!(pair.server.mtu(), 400);
    assert!(pair.server.narrow(390, None));
    assert_eq!(pair.server.mtu(), 256);
    assert!(!pair.server.narrow(256, None));
}

#[test]
fn what_the_base_knows_counts_more_than_a_guess() {
    let mut pair = with_long_chains(1400);
    assert!(pair.server.narrow(1400, Some(1372)));
    assert_eq!(pair.server.mtu(), 1372);
    // A limit that the datagram keeps to cannot be all.
    assert!(pair.server.narrow(1300, Some(1372)));
    assert_eq!(pair.server.mtu(), 1232);
}

/// What a base that takes `limit` bytes makes of a flight.
fn squeeze(engine: &mut Engine, limit: usize) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    let mut flight = engine.take_outgoing();
    let mut next = 0;
    while let Some(datagram) = flight.nth(next).map(<[u8]>::to_vec) {
        if datagram.len() <= limit {
            taken.push(datagram);
            next += 1;
        } else {
            flight = engine.refit(&flight, next, None).unwrap();
            next = 0;
        }
    }
    taken
}

#[test]
fn a_flight_that_the_base_refuses_goes_out_shorter_at_once_and_is_understood() {
    // Nothing may be repeated.
    let never = Duration::from_secs(60);
    for limit in [256, 548, 1232, 1370] {
        let mut pair = with_long_chains_and_timeout(1400, never);
        let mut steps = (Step::NeedDatagram, Step::NeedDatagram);
        for _ in 0..10 {
            steps = (pair.step(Role::Client), pair.step(Role::Server));
            for datagram in squeeze(&mut pair.client, limit) {
                pair.server.feed(&datagram);
            }
            for datagram in squeeze(&mut pair.server, limit) {
                pair.client.feed(&datagram);
            }
        }
        assert_established(steps);
        assert_eq!(
            (pair.client.retransmissions(), pair.server.retransmissions()),
            (0, 0)
        );
        assert!(usize::from(pair.server.mtu()) <= limit);
        pair.client.seal(b"data").unwrap();
        pair.exchange();
        let opened = pair.server.open(&mut [0; 16]).unwrap();
        assert!(matches!(opened, Opened::Message { length: 4, .. }));
    }
}

#[test]
fn a_repetition_of_a_shortened_flight_has_numbers_of_its_own() {
    let mut pair = with_long_chains(1400);
    pair.client.handshake();
    pair.exchange();
    pair.server.handshake();
    let first = squeeze(&mut pair.server, 548);
    let_time_pass(&mut pair.server);
    let second = datagrams(&mut pair.server);
    let number = |datagram: &Vec<u8>| u64::from_be_bytes(datagram[3..11].try_into().unwrap());
    let numbers: Vec<_> = first.iter().chain(&second).map(number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(second.iter().all(|datagram| datagram.len() <= 548));
}

/// Type, epoch and number of each record.
fn records(mut datagram: &[u8]) -> Vec<(u8, u64)> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let number = u64::from_be_bytes(datagram[3..11].try_into().unwrap());
        records.push((datagram[0], number));
        let length = u16::from_be_bytes(datagram[11..13].try_into().unwrap());
        datagram = &datagram[13 + usize::from(length)..];
    }
    records
}

#[test]
fn no_record_number_is_used_twice_however_often_flights_are_cut_and_repeated() {
    for limit in [1370, 548, 256] {
        let mut pair = with_long_chains(1400);
        let mut seen = [HashSet::new(), HashSet::new()];
        let mut random = 0x9e37_79b9_u32;
        loop {
            let steps = (pair.step(Role::Client), pair.step(Role::Server));
            assert!(
                !matches!(steps, (Step::Failed(_), _) | (_, Step::Failed(_))),
                "{steps:?}"
            );
            for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
                for datagram in squeeze(pair.end(from), limit) {
                    for record in records(&datagram) {
                        assert!(seen[from as usize].insert(record.1), "{record:?}");
                    }
                    // xorshift32: a third gets lost.
                    random ^= random << 13;
                    random ^= random >> 17;
                    random ^= random << 5;
                    if !random.is_multiple_of(3) {
                        pair.end(to).feed(&datagram);
                    }
                }
            }
            if let (Step::Established, Step::Established) = steps {
                break;
            }
            pair.client.on_deadline();
            pair.server.on_deadline();
        }
        let protected = seen.map(|numbers| numbers.iter().filter(|it| **it >> 48 == 1).count());
        assert!(protected.iter().all(|count| *count >= 1), "{protected:?}");
        pair.client.seal(b"data").unwrap();
        pair.exchange();
        let opened = pair.server.open(&mut [0; 16]).unwrap();
        assert!(matches!(opened, Opened::Message { length: 4, .. }));
    }
}
