//! Floods over real sockets, in the peer's name: live sessions pass their messages, handshakes end well.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/floods.rs"]
#[allow(dead_code)]
mod floods;
#[path = "common/insider.rs"]
#[allow(dead_code)]
mod insider;
#[path = "common/manners.rs"]
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

use std::{sync::atomic::Ordering, thread};

use engines::record;
use floods::{capture, forged, fragment, garbage, hello, patient, random, spoofed};
use gio::prelude::*;
use gio_ossl::engine::Role;
use gio_ossl::prelude::*;
use insider::{insiders, telling};
use manners::{Manner, beside_service, beside_service_with, meet, other};
use outpost::{Peer, queue};

const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const CERTIFICATE: u8 = 11;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const ROLES: [Role; 2] = [Role::Client, Role::Server];
/// Datagrams that a socket's buffer surely has room for.
const BURST: u32 = 64;
/// UDP's longest datagram, of which there is not room for as many.
const HUGE: usize = 65_507;
const FEW: u32 = 2;
/// Bytes that a flood may make a connection keep: its buffers for records among them.
const ROOM: usize = 250_000;

/// What is sent again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flood {
    Hellos,
    Garbage,
    Huge,
    Epochs,
    Numbers,
    Alerts,
    Fragments,
    Replay,
}

impl Flood {
    const ALL: [Self; 8] = [
        Self::Hellos,
        Self::Garbage,
        Self::Huge,
        Self::Epochs,
        Self::Numbers,
        Self::Alerts,
        Self::Fragments,
        Self::Replay,
    ];

    fn burst(self) -> u32 {
        if self == Self::Huge { FEW } else { BURST }
    }

    /// Its datagrams, by their number. `recorded` is what may be sent again.
    fn maker(self, recorded: Vec<Vec<u8>>) -> Box<dyn FnMut(u32) -> Vec<u8>> {
        let mut state = 1;
        match self {
            Self::Hellos => {
                let hello = hello();
                Box::new(move |number| spoofed(&hello, number))
            }
            Self::Garbage => Box::new(move |number| match number % 8 {
                0 => Vec::new(),
                // A half of a record.
                1 => record(22, 1, 0, &[7; 300])[..200].to_vec(),
                _ => garbage(&mut state),
            }),
            Self::Huge => Box::new(move |number| match number % 2 {
                0 => vec![number as u8; HUGE],
                _ => record(23, 1, 0, &[7; 50]).repeat(HUGE / 63),
            }),
            Self::Epochs => Box::new(|number| {
                let epoch = [2, 3, 0xff, 0][number as usize % 4];
                forged(23 - (number / 4 % 4) as u8, epoch, number.into())
            }),
            // On both sides of what the window of 64 numbers covers, and far beyond.
            Self::Numbers => Box::new(|number| {
                let number = u64::from(number);
                let far = [0, 1 << 20, (1 << 48) - 1, (1 << 48) - 64][number as usize % 4];
                forged(23, 1, (far + number / 4 % 200) % (1 << 48))
            }),
            Self::Alerts => Box::new(|number| {
                record(
                    ALERT,
                    0,
                    0,
                    &[1 + (number % 2) as u8, (number / 2 % 120) as u8],
                )
            }),
            Self::Fragments => Box::new(move |number| {
                let length = 4_000 + (random(&mut state) % 110_000) as u32;
                let offset = (random(&mut state) % u64::from(length)) as u32;
                let kind =
                    [CERTIFICATE, CLIENT_KEY_EXCHANGE, CLIENT_HELLO, 99][number as usize % 4];
                let bytes = vec![number as u8; (random(&mut state) % 200) as usize];
                fragment(kind, length, 1 + (number % 3) as u8, offset, &bytes)
            }),
            Self::Replay => {
                Box::new(move |number| recorded[number as usize % recorded.len()].clone())
            }
        }
    }
}

/// What is known of the peer's session, and a whole session of others.
fn recorded(peer: &Peer) -> Vec<Vec<u8>> {
    let others = capture().into_iter().map(|(_, datagram)| datagram);
    others.chain(peer.sent.iter().cloned()).collect()
}

/// Sends so many bursts, and does something after each.
fn pour(
    peer: &mut Peer,
    flood: Flood,
    recorded: Vec<Vec<u8>>,
    bursts: u32,
    mut after: impl FnMut(&mut Peer, u32),
) -> usize {
    let mut make = flood.maker(recorded);
    for burst in 0..bursts {
        for number in 0..flood.burst() {
            peer.inject(&make(burst * flood.burst() + number));
        }
        after(peer, burst);
    }
    (bursts * flood.burst()) as usize
}

/// The numbers of all floods in all roles and manners: the worst of each.
#[derive(Default)]
struct Worst {
    datagrams: usize,
    calls: usize,
    kept: usize,
}

impl Worst {
    fn note(&mut self, datagrams: usize, calls: usize, kept: usize) {
        self.datagrams += datagrams;
        self.calls += calls;
        self.kept = self.kept.max(kept);
    }
}

#[test]
fn live_sessions_bear_every_flood_in_the_name_of_their_peer() {
    const BURSTS: u32 = 200;
    let _alone = memory::alone();
    let mut worst: [Worst; Flood::ALL.len()] = Default::default();
    for (role, manner) in each() {
        beside_service(role, manner, |peer, end, calls| {
            peer.shake_hands();
            peer.ping(0);
            let echo = peer.received.last().unwrap().len() * BURSTS as usize;
            for (flood, worst) in Flood::ALL.into_iter().zip(&mut worst) {
                let recorded = recorded(peer);
                let (before, called, heard) =
                    (memory::used(), calls.load(Ordering::Relaxed), peer.heard);
                let sent = pour(peer, flood, recorded, BURSTS, |peer, burst| {
                    peer.ping(burst.into());
                });
                let kept = memory::used().saturating_sub(before);
                let called = calls.load(Ordering::Relaxed) - called;
                worst.note(sent, called, kept);
                // Nothing but the echoes, and a few rounds of a loop for a datagram at most.
                assert_eq!(peer.heard - heard, echo, "{role:?} {manner:?} {flood:?}");
                assert!(kept < ROOM, "{role:?} {manner:?} {flood:?}: {kept}");
                let most = 3 * sent + 10 * BURSTS as usize;
                assert!(called < most, "{role:?} {manner:?} {flood:?}: {called}");
            }
            assert_eq!(peer.drained(), 0);
            let numbers = end.statistics();
            assert_eq!(numbers.dropped_overflowed, 0);
            assert_eq!(numbers.messages_received, numbers.messages_sent);
        });
    }
    for (flood, worst) in Flood::ALL.iter().zip(worst) {
        println!(
            "{flood:?} at live sessions: {} datagrams, {} calls or rounds, {} bytes are kept",
            worst.datagrams, worst.calls, worst.kept
        );
    }
}

#[test]
fn handshakes_end_well_during_every_flood_that_no_honest_peer_could_send() {
    const BURSTS: u32 = 20;
    let _alone = memory::alone();
    for flood in Flood::ALL {
        // Of a recorded session, the next message might be this one's.
        if flood == Flood::Replay {
            continue;
        }
        let (mut datagrams, mut most) = (0, 0);
        for (role, manner) in each() {
            beside_service(role, manner, |peer, end, _| {
                // What the peer must answer next waits meanwhile.
                while !peer.step() {
                    let held = peer.take();
                    let (mut before, heard) = (0, peer.heard);
                    datagrams += pour(peer, flood, Vec::new(), BURSTS, |peer, burst| {
                        assert_eq!(peer.drained(), 0);
                        if burst == 0 {
                            // The thread has its memory for datagrams.
                            before = memory::used();
                        }
                    });
                    most = most.max(memory::used().saturating_sub(before));
                    assert_eq!(peer.heard, heard);
                    peer.engine.feed(&held);
                }
                (0..3).for_each(|number| peer.ping(number));
                assert_eq!(end.statistics().flights_retransmitted, 0);
            });
        }
        println!("{flood:?} at handshakes: {datagrams} datagrams, {most} bytes are kept");
        assert!(most < ROOM, "{flood:?}: {most}");
    }
}

fn each() -> impl Iterator<Item = (Role, Manner)> {
    let manners = |role| Manner::ALL.map(|manner| (role, manner));
    ROLES.into_iter().flat_map(manners)
}

#[test]
fn recorded_session_establishes_nothing_and_is_answered_with_no_more_than_a_flight() {
    let _alone = memory::alone();
    for role in ROLES {
        let (peer, end) = meet(role);
        let recorded = capture().into_iter();
        let recorded: Vec<_> = recorded.filter(|(to, _)| *to == role).collect();
        let cancellable = gio::Cancellable::new();
        thread::scope(|scope| {
            let shaking = scope.spawn(|| end.handshake(Some(&cancellable)));
            for _ in 0..100 {
                for (_, datagram) in &recorded {
                    peer.inject(datagram);
                }
                // Who has failed reads no more.
                while queue(peer.port).0 > 0 && !shaking.is_finished() {
                    thread::yield_now();
                }
            }
            cancellable.cancel();
            shaking.join().unwrap().unwrap_err();
        });
        peer.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2_000];
        let answers: Vec<usize> =
            std::iter::from_fn(|| peer.socket.recv(&mut buffer).ok()).collect();
        println!("a recorded session at a {role:?}: answers of {answers:?} bytes");
        assert!(answers.len() <= 3, "{answers:?}");
    }
}

#[test]
fn renegotiation_without_end_is_refused_and_the_session_lives() {
    const ALERT_LENGTH: usize = 39;
    const ECHO: usize = 41;
    const BURSTS: u32 = 100;
    let _alone = memory::alone();
    let hello = hello()[13 + 12..].to_vec();
    for (role, manner) in each() {
        beside_service_with(role, manner, telling(patient(other(role))), |peer, _, _| {
            peer.shake_hands();
            let line = peer.engine.take_keylog().remove(0);
            let (kind, body, hellos) = match role {
                Role::Client => (HELLO_REQUEST, &[][..], &peer.sent),
                Role::Server => (CLIENT_HELLO, &hello[..], &peer.received),
            };
            let [client, server] = insiders(&line, &hellos[0]);
            let mut insider = if role == Role::Client { server } else { client };
            let (before, heard) = (memory::used(), peer.heard);
            for number in 0..BURSTS * BURST {
                peer.inject(&insider.say(kind, number as u16, body));
                if number % BURST == BURST - 1 {
                    // In the same place: its numbers go up.
                    peer.inject(&insider.seal(APPLICATION_DATA, &number.to_be_bytes()));
                    assert_eq!(peer.hear(), number.to_be_bytes());
                }
            }
            let kept = memory::used().saturating_sub(before);
            let answered = peer.heard - heard;
            println!(
                "{kind} at a {role:?}, {manner:?}: {answered} bytes in answer, {kept} are kept"
            );
            assert!(answered <= (ALERT_LENGTH * BURST as usize + ECHO) * BURSTS as usize);
            assert!(kept < ROOM, "{kept}");
        });
    }
}
