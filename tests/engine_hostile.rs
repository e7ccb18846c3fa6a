//! Floods from strangers: what they make an engine keep and say, and whether the peer notices.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/floods.rs"]
#[allow(dead_code)]
mod floods;
#[path = "common/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use engines::{Pair, datagrams, record};
use floods::{capture, forged, fragment, garbage, hello, pair, patient, random, spoofed};
use gio_ossl::engine::{Authentication, Config, Engine, Opened, Resumption, Role, Step};
use pki::{Leaf, Pki};

const CLIENT_HELLO: u8 = 1;
const CERTIFICATE: u8 = 11;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const FLOOD: u32 = 100_000;
/// So many datagrams are fed between two looks, as transports do.
const BATCH: u32 = 32;
/// Bytes that a flood may make an association keep.
const ROOM: usize = 250_000;

fn server_config(authentication: Authentication) -> Config {
    let issued = Pki::new().issue(Leaf::new("server.example").dns("server.example"));
    Config {
        credentials: Some((vec![issued.certificate], issued.key)),
        authentication,
        resumption: Resumption::Allowed,
        ..patient(Role::Server)
    }
}

/// Feeds a flood in batches, and lets the engine work on each. It says nothing to any of it.
fn flood(engine: &mut Engine, mut datagram: impl FnMut(u32) -> Vec<u8>) {
    for number in 0..FLOOD {
        engine.feed(&datagram(number));
        if number % BATCH == 0 {
            let step = engine.handshake();
            assert!(!matches!(step, Step::Failed(_)), "{number}: {step:?}");
            assert_eq!(engine.open(&mut [0; 16]).unwrap(), Opened::Nothing);
            assert!(engine.take_outgoing().is_empty(), "{number}");
        }
    }
}

/// A flood leaves memory as it is, give or take what one association may hold.
#[track_caller]
fn assert_holds_little(before: usize, limit: usize, what: &str) {
    let held = memory::used().saturating_sub(before);
    println!("{what}: {held} bytes are kept");
    assert!(held < limit, "{what}: {held} bytes");
}

#[track_caller]
fn assert_alive(pair: &mut Pair) {
    pair.say(b"up");
    assert_eq!(pair.hear().as_deref(), Some(b"up".as_slice()));
    pair.server.seal(b"down").unwrap();
    pair.exchange();
    let mut buffer = [0; 16];
    let opened = pair.client.open(&mut buffer).unwrap();
    let truncated = false;
    assert_eq!(
        opened,
        Opened::Message {
            length: 4,
            truncated
        }
    );
    assert_eq!(&buffer[..4], b"down");
}

/// Whose handshake is half over, and ends well all the same.
#[track_caller]
fn assert_ends_well(pair: &mut Pair) {
    let steps = pair.run(|to, _, datagram| vec![(to, datagram.to_vec())]);
    let established = matches!(steps, (Step::Established, Step::Established));
    assert!(established, "{steps:?}");
    assert_alive(pair);
}

/// A server that has answered its client, which has not heard it yet.
fn half_open() -> (Pair, Vec<Vec<u8>>) {
    let mut pair = pair();
    pair.client.handshake();
    pair.server.feed(&datagrams(&mut pair.client)[0]);
    pair.server.handshake();
    let flight = datagrams(&mut pair.server);
    (pair, flight)
}

#[test]
fn servers_that_were_called_for_in_vain_leave_nothing_behind() {
    let _alone = memory::alone();
    let (config, hello) = (server_config(Authentication::None), hello());
    let mut sent = 0;
    let mut before = 0;
    for number in 0..FLOOD {
        let mut server = Engine::new(&config).unwrap();
        server.feed(&spoofed(&hello, number));
        assert!(matches!(server.handshake(), Step::NeedDatagram));
        sent = server.take_outgoing().bytes().len();
        if number == FLOOD / 10 {
            before = memory::used();
        }
    }
    println!("{} bytes were answered with {sent}", hello.len());
    assert!(sent < 4 * hello.len() + 2000, "{sent}");
    assert_holds_little(before, ROOM, "after all servers");
}

#[test]
fn half_open_servers_hold_no_more_than_a_flight_and_its_buffers() {
    const SERVERS: usize = 500;
    let _alone = memory::alone();
    let (config, hello) = (server_config(Authentication::None), hello());
    let before = memory::used();
    let mut servers = Vec::new();
    for number in 0..SERVERS {
        let mut server = Engine::new(&config).unwrap();
        server.feed(&spoofed(&hello, u32::try_from(number).unwrap()));
        assert!(matches!(server.handshake(), Step::NeedDatagram));
        drop(server.take_outgoing());
        servers.push(server);
    }
    let each = (memory::used() - before) / SERVERS;
    println!("a half-open server holds {each} bytes");
    assert!(each < 150_000, "{each}");
}

#[test]
fn hellos_at_a_half_open_server_are_answered_once() {
    let _alone = memory::alone();
    let (mut pair, flight) = half_open();
    let hello = hello();
    let before = memory::used();
    flood(&mut pair.server, |number| {
        let mut hello = spoofed(&hello, number);
        // As a second hello, for which there is no reason, or as the first one again.
        hello[18] = u8::from(number % 2 == 0);
        hello
    });
    assert_holds_little(before, ROOM, "hellos at a half-open server");
    flight.iter().for_each(|it| pair.client.feed(it));
    assert_ends_well(&mut pair);
}

#[test]
fn hellos_at_an_established_server_are_not_answered() {
    let _alone = memory::alone();
    let mut pair = Pair::established();
    let hello = hello();
    let before = memory::used();
    flood(&mut pair.server, |number| spoofed(&hello, number));
    assert_holds_little(before, ROOM, "hellos at an established server");
    assert_alive(&mut pair);
}

#[test]
fn garbage_is_kept_nowhere_and_answered_by_nobody() {
    let _alone = memory::alone();
    for is_established in [false, true] {
        let (mut pair, flight) = if is_established {
            (Pair::established(), Vec::new())
        } else {
            half_open()
        };
        for role in [Role::Client, Role::Server] {
            let before = memory::used();
            let mut state = 1;
            flood(pair.end(role), |_| garbage(&mut state));
            let what = format!("garbage at a {role:?}, established: {is_established}");
            assert_holds_little(before, ROOM, &what);
        }
        flight.iter().for_each(|it| pair.client.feed(it));
        assert_ends_well(&mut pair);
    }
}

#[test]
fn records_of_later_epochs_take_no_memory() {
    let _alone = memory::alone();
    for is_established in [false, true] {
        let (mut pair, flight) = if is_established {
            (Pair::established(), Vec::new())
        } else {
            half_open()
        };
        for epoch in [1, 2, 0xff] {
            let before = memory::used();
            flood(&mut pair.server, |number| {
                let mut forged = record(20 + (number % 4) as u8, epoch, 0, &[7; 60]);
                forged[7..11].copy_from_slice(&number.to_be_bytes());
                forged
            });
            let what = format!("records of epoch {epoch}, established: {is_established}");
            assert_holds_little(before, ROOM, &what);
        }
        flight.iter().for_each(|it| pair.client.feed(it));
        assert_ends_well(&mut pair);
    }
}

#[test]
fn messages_that_overtake_the_end_of_the_handshake_arrive() {
    const MESSAGES: u8 = 20;
    let mut pair = pair();
    pair.until_verdict();
    pair.client.judge(gio_ossl::engine::Verdict::Accept);
    pair.client.handshake();
    datagrams(&mut pair.client)
        .iter()
        .for_each(|it| pair.server.feed(it));
    assert!(matches!(pair.server.handshake(), Step::Established));
    let last_flight = datagrams(&mut pair.server);
    for number in 0..MESSAGES {
        pair.server.seal(&[number]).unwrap();
    }
    datagrams(&mut pair.server)
        .iter()
        .for_each(|it| pair.client.feed(it));
    assert!(matches!(pair.client.handshake(), Step::NeedDatagram));
    last_flight.iter().for_each(|it| pair.client.feed(it));
    assert!(matches!(pair.client.handshake(), Step::Established));
    let mut seen = Vec::new();
    let mut buffer = [0; 16];
    while let Opened::Message { length, .. } = pair.client.open(&mut buffer).unwrap() {
        seen.extend_from_slice(&buffer[..length]);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..MESSAGES).collect::<Vec<_>>());
}

#[test]
fn fragments_that_overlap_or_promise_too_much_take_no_more_than_two_messages() {
    let _alone = memory::alone();
    let mut pair = Pair::with_two_certificates();
    pair.client.handshake();
    pair.server.feed(&datagrams(&mut pair.client)[0]);
    pair.server.handshake();
    let flight = datagrams(&mut pair.server);
    let before = memory::used();
    let mut state = 1;
    for number in 0..FLOOD {
        let length = 1 + (random(&mut state) % 110_000) as u32;
        let offset = (random(&mut state) % u64::from(length)) as u32;
        let size = (random(&mut state) % 200) as usize;
        let kind = [CERTIFICATE, CLIENT_KEY_EXCHANGE, CLIENT_HELLO, 99][number as usize % 4];
        let sequence = 1 + (number % 3) as u8;
        let bytes = vec![number as u8; size];
        pair.server
            .feed(&fragment(kind, length, sequence, offset, &bytes));
    }
    // All of one message, from both sides and from within.
    for number in 0..FLOOD {
        let offset = (random(&mut state) % 3_900) as u32;
        pair.server.feed(&fragment(
            CERTIFICATE,
            4_000,
            1,
            offset,
            &[number as u8 % 2; 100],
        ));
    }
    assert!(datagrams(&mut pair.server).is_empty());
    assert_holds_little(before, ROOM, "fragments");
    flight.iter().for_each(|it| pair.client.feed(it));
    assert_ends_well(&mut pair);
}

#[test]
fn replayed_session_does_not_touch_a_live_one() {
    let captured = capture();
    let mut live = Pair::established();
    for _ in 0..1_000 {
        for (to, datagram) in &captured {
            live.end(*to).feed(datagram);
            assert_eq!(live.end(*to).open(&mut [0; 16]).unwrap(), Opened::Nothing);
            assert!(live.end(*to).take_outgoing().is_empty());
        }
    }
    assert_alive(&mut live);
}

#[test]
fn replayed_session_does_not_establish_a_new_one() {
    let captured = capture();
    for role in [Role::Client, Role::Server] {
        let mut fresh = pair();
        let mut sent = 0;
        for _ in 0..1_000 {
            for (to, datagram) in &captured {
                assert!(!matches!(fresh.step(role), Step::Established));
                if *to == role {
                    fresh.end(role).feed(datagram);
                }
                sent += datagrams(fresh.end(role)).len();
            }
        }
        assert!(fresh.end(role).seal(b"no").is_err());
        // One flight, and perhaps an alert.
        assert!(sent <= 4, "{sent}");
    }
}

/// It is the latest, and as small as what came before is much.
#[test]
fn forgeries_do_not_crowd_out_the_last_message_of_a_handshake() {
    for role in [Role::Server, Role::Client] {
        let (mut pair, flight) = half_open();
        if role == Role::Client {
            flight.iter().for_each(|it| pair.client.feed(it));
            pair.step(Role::Client);
        }
        for number in 0..1_000 {
            pair.end(role).feed(&forged(22, 1, number));
        }
        pair.step(role);
        if role == Role::Server {
            flight.iter().for_each(|it| pair.client.feed(it));
            pair.step(Role::Client);
        }
        let last = datagrams(&mut pair.client);
        last.iter().for_each(|it| pair.server.feed(it));
        let server = pair.step(Role::Server);
        assert!(matches!(server, Step::Established), "{role:?}: {server:?}");
        let last = datagrams(&mut pair.server);
        last.iter().for_each(|it| pair.client.feed(it));
        let client = pair.step(Role::Client);
        assert!(matches!(client, Step::Established), "{role:?}: {client:?}");
        assert_alive(&mut pair);
    }
}
