//! Sessions after sessions over UDP sockets in one process, and one session that lasts all the while:
//! nothing grows.
//!
//! `GIO_OSSL_SOAK_MESSAGES` and `GIO_OSSL_SOAK_SESSIONS` choose how many the long test has.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)] // These are tests.

mod common;
#[path = "common/memory.rs"]
#[allow(dead_code)]
mod memory;

use std::{env, fs};

use common::{
    PATIENCE, client,
    peers::{connect, port, udp_socket},
    run, server,
    ways::Way,
};
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, prelude::*};
use glib::{Bytes, WeakRef};

const NONE: Option<&gio::Cancellable> = None;
const DEFAULT: glib::Priority = glib::Priority::DEFAULT;
const SAMPLES: usize = 20;
/// Samples until caches are full and buffers as long as they get.
const WARM_UP: usize = SAMPLES / 4;
/// Messages that a socket's buffer surely has room for.
const BATCH: usize = 16;
/// What is no growth, in bytes: the page cache of the allocator, and what it holds for the next call.
const RESIDENT_ROOM: usize = 2 << 20;
const ALLOCATED_ROOM: usize = 1 << 18;

/// A client and a server that have shaken hands.
type Ends = (DtlsClientConnection, DtlsServerConnection);

/// Where nothing but the lasting session is alive.
#[derive(Debug)]
struct Sample {
    sessions: usize,
    messages: usize,
    resident: usize,
    allocated: usize,
    descriptors: usize,
    threads: usize,
    objects: usize,
}

struct Soak {
    lasting: Ends,
    /// Everything that the sessions so far were made of.
    traces: Vec<WeakRef<glib::Object>>,
    sessions: usize,
    messages: usize,
}

impl Soak {
    fn new() -> Self {
        let mut soak = Soak {
            lasting: connections(),
            traces: Vec::new(),
            sessions: 0,
            messages: 0,
        };
        soak.trace(&soak.lasting.clone());
        shake_hands(&soak.lasting, Way::Asynchronous);
        soak
    }

    fn trace(&mut self, ends: &Ends) {
        let (client, server) = ends;
        let objects = [
            client.clone().upcast(),
            server.clone().upcast(),
            client.base_socket().unwrap().upcast(),
            server.base_socket().unwrap().upcast(),
            client.database().unwrap().upcast(),
            server.certificate().unwrap().upcast::<glib::Object>(),
        ];
        self.traces.extend(objects.iter().map(ObjectExt::downgrade));
    }

    /// One session with so many messages, and as many in the lasting one.
    fn session(&mut self, messages: usize) {
        let ends = connections();
        self.trace(&ends);
        let way = Way::BOTH[self.sessions % 2];
        shake_hands(&ends, way);
        let peer = ends.0.peer_certificate().unwrap();
        self.traces.push(peer.upcast::<glib::Object>().downgrade());
        for ends in [&ends, &self.lasting] {
            for start in (0..messages).step_by(BATCH) {
                let count = BATCH.min(messages - start);
                converse(ends, way, count);
            }
        }
        // Some just vanish.
        if !self.sessions.is_multiple_of(3) {
            ends.0.close(NONE).unwrap();
            ends.1.close(NONE).unwrap();
        }
        self.sessions += 1;
        self.messages += 2 * messages;
    }

    fn sample(&mut self) -> Sample {
        self.traces.retain(|it| it.upgrade().is_some());
        let sample = Sample {
            sessions: self.sessions,
            messages: self.messages,
            resident: resident(),
            allocated: memory::used(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            threads: fs::read_dir("/proc/self/task").unwrap().count(),
            objects: self.traces.len(),
        };
        println!(
            "{:>9} {:>10} {:>13} {:>14} {:>11} {:>7} {:>7}",
            sample.sessions,
            sample.messages,
            sample.resident >> 10,
            sample.allocated >> 10,
            sample.descriptors,
            sample.threads,
            sample.objects
        );
        sample
    }
}

fn connections() -> Ends {
    let (near, far) = (udp_socket(0), udp_socket(0));
    connect(&near, port(&far));
    connect(&far, port(&near));
    (client(&near), server(&far))
}

fn shake_hands((client, server): &Ends, way: Way) {
    let (ours, theirs) = way.meet(client, server);
    ours.unwrap();
    theirs.unwrap();
}

/// So many messages from the client to the server and back, half of them each way.
fn converse((client, server): &Ends, way: Way, count: usize) {
    let message = |number: usize| Bytes::from_owned(vec![number as u8; 1 + number * 80]);
    let (up, down) = (count.div_ceil(2), count / 2);
    let (client, server) = (client.upcast_ref(), server.upcast_ref());
    for (from, to, count) in [(client, server, up), (server, client, down)] {
        let messages: Vec<Bytes> = (0..count).map(message).collect();
        let received = match way {
            Way::Asynchronous => run(by_futures(from, to, &messages)),
            Way::Blocking => by_calls(from, to, &messages),
        };
        assert_eq!(received, messages);
    }
}

fn by_calls(
    from: &gio_ossl::DtlsConnection,
    to: &gio_ossl::DtlsConnection,
    messages: &[Bytes],
) -> Vec<Bytes> {
    assert_eq!(
        from.send_many(messages, PATIENCE, NONE).unwrap(),
        messages.len()
    );
    let mut received = Vec::new();
    while received.len() < messages.len() {
        let more = to.receive_many(BATCH, 2_000, PATIENCE, NONE).unwrap();
        assert!(!more.is_empty());
        received.extend(more);
    }
    received
}

async fn by_futures(
    from: &gio_ossl::DtlsConnection,
    to: &gio_ossl::DtlsConnection,
    messages: &[Bytes],
) -> Vec<Bytes> {
    let mut received = Vec::new();
    for message in messages {
        from.send_bytes_future(message, DEFAULT).await.unwrap();
        received.push(
            to.receive_bytes_future(2_000, DEFAULT)
                .await
                .unwrap()
                .unwrap(),
        );
    }
    received
}

/// The process's resident memory, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() << 10
}

/// Runs it all, and returns the samples after the warming-up.
fn soak(messages: usize, sessions: usize) -> Vec<Sample> {
    let mut soak = Soak::new();
    println!("\n sessions   messages  resident kB   allocated kB descriptors threads objects");
    let mut samples = Vec::new();
    for number in 1..=SAMPLES {
        while soak.sessions < sessions * number / SAMPLES {
            soak.session(messages / sessions / 2);
        }
        samples.push(soak.sample());
    }
    samples.split_off(WARM_UP)
}

/// Of objects, descriptors and threads there are always as many.
fn assert_nothing_is_left(samples: &[Sample]) {
    let counts = |it: &Sample| (it.descriptors, it.threads, it.objects);
    let first = counts(&samples[0]);
    for sample in samples {
        assert_eq!(counts(sample), first, "{sample:?}");
    }
}

/// The last third needs no more memory than the first one.
fn assert_no_growth(samples: &[Sample], of: impl Fn(&Sample) -> usize, room: usize) {
    let third = samples.len() / 3;
    let most = |samples: &[Sample]| samples.iter().map(&of).max().unwrap();
    let (before, after) = (most(&samples[..third]), most(&samples[2 * third..]));
    assert!(after < before + room, "{after} is more than {before}");
}

#[test]
fn sessions_leave_no_objects_descriptors_and_threads_behind() {
    let samples = soak(2_000, 100);
    assert_nothing_is_left(&samples);
}

#[test]
#[ignore = "takes minutes: scripts/soak"]
fn nothing_grows_with_sessions_and_messages() {
    let number = |name, default| env::var(name).map_or(default, |it| it.parse().expect(name));
    let messages = number("GIO_OSSL_SOAK_MESSAGES", 1_000_000);
    let samples = soak(messages, number("GIO_OSSL_SOAK_SESSIONS", 10_000));
    assert_nothing_is_left(&samples);
    assert_no_growth(&samples, |it| it.resident, RESIDENT_ROOM);
    assert_no_growth(&samples, |it| it.allocated, ALLOCATED_ROOM);
}
