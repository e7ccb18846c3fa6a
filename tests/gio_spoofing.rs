//! What an attacker may inject who can send but not read: it never ends or fails an association.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{thread, time::Duration};

use common::{
    NOW, assert_fails, client, established, handshakes, receive, receive_many,
    records::{ALERT, APPLICATION_DATA, HANDSHAKE},
    run, send, server,
    simnet::{Direction, Fate, SimNet},
};
use gio::{IOErrorEnum, prelude::*};
use glib::IOCondition;

/// A record in the clear, or one that claims to be protected.
fn record(kind: u8, epoch: u8, sequence: u8, fragment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(fragment.len()).unwrap().to_be_bytes();
    let mut bytes = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, sequence];
    bytes.extend(length);
    bytes.extend(fragment);
    bytes
}

/// Forgeries that need no knowledge of the association.
fn forgeries() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"garbage".to_vec(),
        vec![HANDSHAKE; 300],
        vec![0xff; 1400],
        record(ALERT, 0, 9, &[1, 0]),
        record(ALERT, 0, 9, &[2, 40]),
        record(ALERT, 0, 9, &[2, 0]),
        record(ALERT, 0, 9, &[2, 42]),
        record(ALERT, 1, 9, &[1, 0]),
        record(ALERT, 1, 9, &[7; 26]),
        record(APPLICATION_DATA, 0, 9, b"plain"),
        record(APPLICATION_DATA, 1, 9, &[7; 40]),
        record(HANDSHAKE, 1, 9, &[7; 60]),
        record(20, 0, 9, &[2]),
    ]
}

/// A plaintext HelloRequest: no honest peer sends one while a handshake is under way.
fn hello_request() -> Vec<u8> {
    record(HANDSHAKE, 0, 9, &[0; 12])
}

/// Messages cross in both directions and nothing else is received.
#[track_caller]
fn assert_alive(client: &impl IsA<gio::DatagramBased>, server: &impl IsA<gio::DatagramBased>) {
    send(client, b"up", NOW).unwrap();
    assert_eq!(receive(server, NOW).unwrap().unwrap(), b"up");
    send(server, b"down", NOW).unwrap();
    assert_eq!(receive(client, NOW).unwrap().unwrap(), b"down");
    assert_fails(receive(client, NOW), IOErrorEnum::WouldBlock);
    assert_fails(receive(server, NOW), IOErrorEnum::WouldBlock);
}

/// How many datagrams a handshake takes in each direction.
fn datagrams_of_a_handshake() -> [(Direction, usize); 2] {
    let net = SimNet::new();
    let ends = run(established(&net));
    let counts = Direction::BOTH.map(|direction| (direction, net.sent(direction).len()));
    drop(ends);
    counts
}

#[test]
fn forgeries_before_each_datagram_of_a_handshake_change_nothing() {
    for (direction, count) in datagrams_of_a_handshake() {
        for number in 0..count {
            let net = SimNet::with_fate(direction, number, Fate::Inject(forgeries()));
            let (client, server) = run(established(&net));
            assert_alive(&client, &server);
        }
    }
}

#[test]
fn each_forgery_alone_changes_nothing() {
    for forgery in forgeries() {
        for (direction, count) in datagrams_of_a_handshake() {
            for number in 0..count {
                let fate = Fate::Inject(vec![forgery.clone()]);
                let net = SimNet::with_fate(direction, number, fate);
                let (client, server) = run(established(&net));
                assert_alive(&client, &server);
            }
        }
    }
}

#[test]
fn replays_of_all_earlier_datagrams_change_nothing() {
    let mut earlier: [Vec<Vec<u8>>; 2] = Default::default();
    let net = SimNet::scripted(move |direction, _, bytes| {
        let seen = &mut earlier[direction as usize];
        let replays = seen.clone();
        seen.push(bytes.to_vec());
        Fate::Inject(replays)
    });
    let (client, server) = run(established(&net));
    assert_alive(&client, &server);
}

#[test]
fn datagrams_of_the_other_direction_change_nothing() {
    let net = SimNet::new();
    let (client, server) = run(established(&net));
    for direction in Direction::BOTH {
        for datagram in net.sent(direction) {
            for to in Direction::BOTH {
                net.inject(to, &datagram);
            }
        }
    }
    assert_alive(&client, &server);
}

#[test]
fn forgeries_do_not_touch_an_established_association() {
    let net = SimNet::new();
    let (client, server) = run(established(&net));
    for forgery in forgeries() {
        for direction in Direction::BOTH {
            net.inject(direction, &forgery);
        }
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        assert_fails(receive(&server, NOW), IOErrorEnum::WouldBlock);
        assert_alive(&client, &server);
    }
}

#[test]
fn handshake_of_a_stranger_does_not_touch_an_established_association() {
    let strange = SimNet::new();
    drop(run(established(&strange)));
    let net = SimNet::new();
    let (client, server) = run(established(&net));
    for direction in Direction::BOTH {
        for datagram in strange.sent(direction) {
            net.inject(direction, &datagram);
            assert_alive(&client, &server);
        }
    }
}

#[test]
fn altered_message_is_dropped_and_the_next_arrives() {
    let net = SimNet::new();
    let (client, server) = run(established(&net));
    send(&server, b"altered", NOW).unwrap();
    let mut datagram = net.sent(Direction::ToClient).pop().unwrap();
    let genuine = receive_many(&net.client(), 1, NOW).unwrap();
    assert_eq!(genuine, [datagram.clone()]);
    for index in 13..datagram.len() {
        datagram[index] ^= 1;
        net.inject(Direction::ToClient, &datagram);
        datagram[index] ^= 1;
    }
    assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
    net.inject(Direction::ToClient, &datagram);
    net.inject(Direction::ToClient, &datagram);
    assert_eq!(receive_many(&client, 9, NOW).unwrap(), [b"altered"]);
    assert_alive(&client, &server);
}

#[test]
fn forgeries_do_not_end_blocking_calls() {
    let net = SimNet::new();
    let (client, server) = run(established(&net));
    let attacker = thread::spawn({
        let net = net.clone();
        move || {
            for forgery in forgeries() {
                net.inject(Direction::ToClient, &forgery);
            }
            send(&server, b"genuine", NOW).unwrap();
            server
        }
    });
    assert_eq!(receive(&client, None).unwrap().unwrap(), b"genuine");
    let server = attacker.join().unwrap();
    assert_alive(&client, &server);
    let short = Some(Duration::from_millis(2));
    let result = client.condition_wait(IOCondition::IN, short, gio::Cancellable::NONE);
    assert_fails(result, IOErrorEnum::TimedOut);
}

#[test]
fn forgeries_before_the_first_flight_change_nothing() {
    let net = SimNet::new();
    for forgery in forgeries() {
        for direction in Direction::BOTH {
            net.inject(direction, &forgery);
        }
    }
    let (near, far) = net.pair();
    let (client, server) = (client(&near), server(&far));
    let (ours, theirs) = run(handshakes(&client, &server));
    ours.unwrap();
    theirs.unwrap();
    assert_alive(&client, &server);
}

#[test]
fn hello_request_before_each_datagram_of_a_handshake_changes_nothing() {
    for (direction, count) in datagrams_of_a_handshake() {
        for number in 0..count {
            let net = SimNet::with_fate(direction, number, Fate::Inject(vec![hello_request()]));
            let (client, server) = run(established(&net));
            assert_alive(&client, &server);
        }
    }
}

#[test]
fn hello_request_does_not_touch_an_established_association() {
    let net = SimNet::new();
    let (client, server) = run(established(&net));
    for direction in Direction::BOTH {
        net.inject(direction, &hello_request());
    }
    assert_alive(&client, &server);
}
