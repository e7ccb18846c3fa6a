//! What an association holds on to, whatever is sent to it.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // The allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gio_ossl::engine::{Authentication, Config, Opened, Role, Step};

use engines::{Pair, config, datagrams, record};

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

const HANDSHAKE: u8 = 22;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_VERIFY: u8 = 15;
/// More than an idle association needs, and less than a flood brings.
const ROOM: isize = 100_000;

/// Counts each thread's bytes.
struct Counting;

thread_local! {
    static USED: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        USED.set(USED.get() + layout.size().cast_signed());
        // SAFETY: by the caller's guarantee.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.set(USED.get() - layout.size().cast_signed());
        // SAFETY: by the caller's guarantee.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The first byte of a message whose length these bytes are.
fn promise(kind: u8, length: [u8; 3], sequence: u8) -> Vec<u8> {
    let [l0, l1, l2] = length;
    let header = [kind, l0, l1, l2, 0, sequence, 0, 0, 0, 0, 0, 1];
    record(HANDSHAKE, 0, 0, &[&header[..], &[7]].concat())
}

#[test]
fn messages_that_never_became_whole_are_forgotten_with_the_handshake() {
    let before = USED.get();
    let server = Config {
        authentication: Authentication::Requested,
        ..config(Role::Server)
    };
    let mut pair = Pair::with(config(Role::Client), server);
    let steps = pair.run(|to, number, datagram| {
        let mut arriving = Vec::new();
        if (to, number) == (Role::Server, 1) {
            // A client without a certificate sends none.
            let forged = |length| (to, promise(CERTIFICATE_VERIFY, [0, 0x3f, length], 3));
            arriving.extend((0..20).map(forged));
        }
        arriving.push((to, datagram.to_vec()));
        arriving
    });
    assert!(matches!(steps, (Step::Established, Step::Established)));
    let used = USED.get() - before;
    assert!(used < ROOM, "{used}");
}

#[test]
fn long_datagrams_leave_nothing_behind() {
    let mut pair = Pair::established();
    let before = USED.get();
    for _ in 0..40 {
        pair.server.feed(&record(23, 1, 7, &[7; 60_000]));
    }
    assert_eq!(
        pair.server.open(&mut [0; 1 << 14]).unwrap(),
        Opened::Nothing
    );
    let used = USED.get() - before;
    assert!(used < ROOM, "{used}");
}

#[test]
fn half_an_association_holds_little() {
    let before = USED.get();
    let server = Config {
        authentication: Authentication::Required,
        ..config(Role::Server)
    };
    let mut pair = Pair::with(config(Role::Client), server);
    pair.client.handshake();
    pair.exchange();
    assert!(matches!(pair.server.handshake(), Step::NeedDatagram));
    assert!(!datagrams(&mut pair.server).is_empty());
    for length in 0..100 {
        pair.server
            .feed(&promise(CERTIFICATE, [1, 0x80, length], 1));
    }
    let used = USED.get() - before;
    assert!(used < 3 * ROOM, "{used}");
}
