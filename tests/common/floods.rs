//! What strangers send: hellos, garbage, forgeries, and what they have recorded.

use std::time::Duration;

use gio_ossl::engine::{Config, Engine, Role, Step};

use crate::engines::{Pair, datagrams, record};

const HANDSHAKE: u8 = 22;
/// Where a ClientHello has its random, behind the headers and the version.
const RANDOM: usize = 13 + 12 + 2;

/// splitmix64.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Random bytes, half of them behind the header of a record whose length is right.
pub fn garbage(state: &mut u64) -> Vec<u8> {
    let length = random(state) % 300;
    let mut bytes: Vec<u8> = (0..length).map(|_| random(state) as u8).collect();
    if let Some(rest) = bytes.len().checked_sub(13)
        && random(state).is_multiple_of(2)
    {
        bytes[0] = 20 + bytes[0] % 4;
        bytes[1..3].copy_from_slice(&[0xfe, 0xfd]);
        (bytes[3], bytes[4]) = (0, bytes[4] % 3);
        bytes[11..13].copy_from_slice(&u16::try_from(rest).unwrap().to_be_bytes());
    }
    bytes
}

/// A record that looks right.
pub fn forged(kind: u8, epoch: u8, number: u64) -> Vec<u8> {
    let mut forged = record(kind, epoch, 0, &[7; 60]);
    forged[5..11].copy_from_slice(&number.to_be_bytes()[2..]);
    forged
}

/// A part of a message of this length.
pub fn fragment(kind: u8, length: u32, sequence: u8, offset: u32, bytes: &[u8]) -> Vec<u8> {
    let [_, l0, l1, l2] = length.to_be_bytes();
    let [_, o0, o1, o2] = offset.to_be_bytes();
    let [_, f0, f1, f2] = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    let header = [kind, l0, l1, l2, 0, sequence, o0, o1, o2, f0, f1, f2];
    record(HANDSHAKE, 0, 0, &[&header[..], bytes].concat())
}

/// Nothing is repeated while a flood lasts.
pub fn patient(role: Role) -> Config {
    Config {
        initial_timeout: Duration::from_secs(3600),
        ..Config::new(role)
    }
}

pub fn pair() -> Pair {
    Pair::with(patient(Role::Client), patient(Role::Server))
}

pub fn hello() -> Vec<u8> {
    let mut client = Engine::new(&patient(Role::Client)).unwrap();
    client.handshake();
    datagrams(&mut client).remove(0)
}

/// The hello of a client that does not exist.
pub fn spoofed(hello: &[u8], number: u32) -> Vec<u8> {
    let mut spoofed = hello.to_vec();
    spoofed[RANDOM..RANDOM + 4].copy_from_slice(&number.to_be_bytes());
    spoofed
}

/// All datagrams of a session with a message each way, and to whom they went.
pub fn capture() -> Vec<(Role, Vec<u8>)> {
    let mut captured = Vec::new();
    let mut pair = pair();
    let steps = pair.run(|to, _, datagram| {
        captured.push((to, datagram.to_vec()));
        vec![(to, datagram.to_vec())]
    });
    assert!(matches!(steps, (Step::Established, Step::Established)));
    for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        pair.end(from).seal(b"captured").unwrap();
        let sealed = datagrams(pair.end(from));
        captured.extend(sealed.into_iter().map(|datagram| (to, datagram)));
    }
    captured
}
