//! Floods that do not end.

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use gio::prelude::*;
use gio_ossl::{DtlsConnection, prelude::*};

use crate::{floods::forged, outpost::Peer};

/// `SOL_SOCKET`, `SO_RCVBUF`.
const BUFFER: (i32, i32) = (1, 8);
/// The kernel keeps so many datagrams of a flood in one buffer.
pub const RUN: usize = 100;

/// Gives a connection's socket room for many datagrams.
pub fn make_room(end: &DtlsConnection, merges: bool) {
    let base = end
        .base_socket()
        .unwrap()
        .downcast::<gio::Socket>()
        .unwrap();
    base.set_option(BUFFER.0, BUFFER.1, 4 << 20).unwrap();
    end.set_receive_offloaded(merges);
}

/// Forgeries of equal length, each of which is worked on until it proves wrong.
pub fn run() -> Vec<u8> {
    (0..RUN as u64)
        .flat_map(|number| forged(23, 1, 1 << 20 | number))
        .collect()
}

/// How many were worked on.
pub fn dropped(end: &DtlsConnection) -> u64 {
    let numbers = end.statistics();
    numbers.dropped_malformed
        + numbers.dropped_unexpected
        + numbers.dropped_replayed
        + numbers.dropped_unauthenticated
        + numbers.dropped_overflowed
}

/// A flood in the peer's name, until this is dropped.
struct Flooding<'a>(&'a AtomicBool);

impl Drop for Flooding<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn flood(socket: &UdpSocket, ended: &AtomicBool) {
    let run = run();
    while !ended.load(Ordering::Relaxed) {
        socket.send(&run).unwrap();
    }
}

/// Runs `body` during a flood that has begun.
pub fn under_flood<T>(peer: &mut Peer, body: impl FnOnce(&mut Peer) -> T) -> T {
    peer.send_runs_of(run().len() / RUN);
    let socket = peer.socket.try_clone().unwrap();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let _flooding = Flooding(&ended);
        scope.spawn(|| flood(&socket, &ended));
        body(peer)
    })
}
