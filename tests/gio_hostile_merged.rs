//! Forgeries that the kernel hands over together with the peer's own datagrams.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/floods.rs"]
#[allow(dead_code)]
mod floods;
#[path = "common/manners.rs"]
#[allow(dead_code)]
mod manners;
#[path = "common/outpost.rs"]
#[allow(dead_code)]
mod outpost;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use std::thread;

use common::{NOW, PATIENCE};
use engines::record;
use floods::{forged, random};
use gio_ossl::engine::Role;
use gio_ossl::{DtlsConnection, prelude::*};
use glib::Bytes;
use manners::meet;
use outpost::Peer;

const NONE: Option<&gio::Cancellable> = None;
const APPLICATION_DATA: u8 = 23;
const ROLES: [Role; 2] = [Role::Client, Role::Server];
/// UDP's longest datagram.
const HUGE: usize = 65_507;

/// A connection whose socket merges, after the handshake.
fn merging(role: Role) -> (Peer, DtlsConnection) {
    let (mut peer, end) = meet(role);
    end.set_receive_offloaded(true);
    assert!(end.is_receive_offloaded());
    thread::scope(|scope| {
        scope.spawn(|| end.handshake(NONE).unwrap());
        peer.shake_hands();
    });
    (peer, end)
}

/// All that has arrived.
fn received(end: &DtlsConnection) -> Vec<Bytes> {
    let mut all = end.receive_many(32, 2_000, PATIENCE, NONE).unwrap();
    while let Ok(more) = end.receive_many(32, 2_000, NOW, NONE) {
        assert!(!more.is_empty());
        all.extend(more);
    }
    all
}

/// Longer than a record, and nothing says that it was merged.
#[test]
fn one_long_forgery_does_not_crowd_out_the_message_behind_it() {
    for role in ROLES {
        let (mut peer, end) = merging(role);
        let forgery = record(APPLICATION_DATA, 1, 0, &[7; 50]);
        for number in 0..20 {
            peer.inject(&forgery.repeat(HUGE / forgery.len()));
            peer.say(&[number]);
            assert_eq!(received(&end), [&[number][..]]);
        }
    }
}

/// In one piece of memory, which begins or ends with either.
#[test]
fn messages_are_parted_from_forgeries_that_they_are_merged_with() {
    const MESSAGES: usize = 40;
    for role in ROLES {
        let (mut peer, end) = merging(role);
        let mut state = 1;
        for round in 0..50 {
            let messages: Vec<_> = (0..MESSAGES)
                .map(|number| Bytes::from_owned(vec![number as u8; 100]))
                .collect();
            let mut run = Vec::new();
            let mut length = 0;
            for message in &messages {
                let honest = peer.seal(message);
                length = honest.len();
                for _ in 0..random(&mut state) % 3 {
                    run.push(match random(&mut state) % 3 {
                        0 => vec![random(&mut state) as u8; length],
                        1 => [&honest[..length - 1], &[!honest[length - 1]]].concat(),
                        _ => [&forged(APPLICATION_DATA, 1, 1 << 40), &vec![7; length][..]].concat(),
                    });
                    run.last_mut().unwrap().truncate(length);
                }
                run.push(honest);
            }
            // The last may be shorter.
            run.push(vec![round; 1 + usize::from(round)]);
            peer.send_runs_of(length);
            for piece in run.chunks(100) {
                peer.inject(&piece.concat());
            }
            assert_eq!(received(&end), messages, "{role:?} {round}");
        }
        assert_eq!(peer.drained(), 0);
    }
}
