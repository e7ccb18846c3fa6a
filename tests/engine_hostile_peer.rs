//! What a peer may do that has the keys: it asks for renegotiation without end, and sends what has no place in
//! a session.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/insider.rs"]
mod insider;
#[path = "common/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use engines::{Pair, config, datagrams};
use gio_ossl::engine::{Engine, Opened, Role, Step};
use insider::{Insider, insiders, telling};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const FLOOD: u32 = 10_000;
/// Bytes that a flood may make an established association keep: its buffers for records among them.
const ROOM: usize = 250_000;

/// An established pair, and who can speak for its client and for its server.
fn betrayed() -> (Pair, [Insider; 2]) {
    let mut pair = Pair::with(telling(config(Role::Client)), telling(config(Role::Server)));
    let mut hello = Vec::new();
    let steps = pair.run(|to, number, datagram| {
        if (to, number) == (Role::Client, 0) {
            hello = datagram.to_vec();
        }
        vec![(to, datagram.to_vec())]
    });
    assert!(matches!(steps, (Step::Established, Step::Established)));
    let insiders = insiders(&pair.client.take_keylog().remove(0), &hello);
    (pair, insiders)
}

/// What an end made of a flood.
struct Outcome {
    received: usize,
    answered: usize,
    kept: usize,
    ended: bool,
}

/// Feeds a flood, each datagram by itself, as far as the session lives.
fn flood(engine: &mut Engine, mut datagram: impl FnMut(u32) -> Vec<u8>) -> Outcome {
    let before = memory::used();
    let mut outcome = Outcome {
        received: 0,
        answered: 0,
        kept: 0,
        ended: false,
    };
    for number in 0..FLOOD {
        let datagram = datagram(number);
        outcome.received += datagram.len();
        engine.feed(&datagram);
        outcome.ended = !matches!(engine.open(&mut [0; 16]), Ok(Opened::Nothing));
        outcome.answered += datagrams(engine).iter().map(Vec::len).sum::<usize>();
        if outcome.ended {
            break;
        }
    }
    outcome.kept = memory::used().saturating_sub(before);
    outcome
}

#[track_caller]
fn assert_bounded(outcome: &Outcome, what: &str) {
    let Outcome {
        received,
        answered,
        kept,
        ended,
    } = outcome;
    // An alert, where the session ends at once.
    let most = received + 100;
    println!("{what}: {received} bytes, {answered} in answer, {kept} kept, ended: {ended}");
    assert!(*answered <= most, "{what}: {answered} for {received}");
    assert!(*kept < ROOM, "{what}: {kept}");
}

#[test]
fn insiders_records_are_authentic() {
    let (mut pair, [mut client, _]) = betrayed();
    pair.server.feed(&client.seal(APPLICATION_DATA, b"by hand"));
    assert_eq!(pair.hear().as_deref(), Some(b"by hand".as_slice()));
}

#[test]
fn thousands_of_hello_requests_harm_nothing() {
    let _alone = memory::alone();
    let (mut pair, [_, mut server]) = betrayed();
    let outcome = flood(&mut pair.client, |number| {
        server.say(HELLO_REQUEST, number as u16, &[])
    });
    assert_bounded(&outcome, "hello requests");
    assert!(!outcome.ended);
    pair.say(b"alive");
    assert_eq!(pair.hear().as_deref(), Some(b"alive".as_slice()));
}

#[test]
fn thousands_of_hellos_in_a_session_harm_nothing() {
    let _alone = memory::alone();
    let mut other = Engine::new(&config(Role::Client)).unwrap();
    other.handshake();
    let hello = datagrams(&mut other)[0][13 + 12..].to_vec();
    let (mut pair, [mut client, _]) = betrayed();
    let outcome = flood(&mut pair.server, |number| {
        client.say(CLIENT_HELLO, number as u16, &hello)
    });
    assert_bounded(&outcome, "hellos");
    assert!(!outcome.ended);
    pair.server.feed(&client.seal(APPLICATION_DATA, b"alive"));
    assert_eq!(pair.hear().as_deref(), Some(b"alive".as_slice()));
}

/// Most of it ends the session, which is the peer's own.
#[test]
fn nothing_that_an_insider_says_takes_memory_or_is_answered_at_length() {
    let _alone = memory::alone();
    for kind in [0, 1, 2, 4, 11, 14, 16, 20, 22, 24, 99] {
        for role in [Role::Client, Role::Server] {
            for sequences in [1, 200] {
                let (mut pair, [client, server]) = betrayed();
                let mut insider = match role {
                    Role::Client => server,
                    Role::Server => client,
                };
                let outcome = flood(pair.end(role), |number| {
                    insider.say(kind, (number % sequences) as u16, &[7; 100])
                });
                assert_bounded(&outcome, &format!("messages {kind} to a {role:?}"));
            }
        }
    }
    for (kind, body) in [
        (CHANGE_CIPHER_SPEC, &[1][..]),
        (ALERT, &[1, 90]),
        (ALERT, &[1]),
        (HANDSHAKE, &[1, 0]),
        (99, &[7; 20]),
    ] {
        let (mut pair, [mut client, _]) = betrayed();
        let outcome = flood(&mut pair.server, |_| client.seal(kind, body));
        assert_bounded(&outcome, &format!("records {kind} {body:?}"));
    }
}
