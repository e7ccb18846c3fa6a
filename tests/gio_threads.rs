//! Threads of the process. Alone in its program, so that no other test starts any.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::fs;

use common::{client, established, run, server, simnet::SimNet};
use gio::prelude::*;

fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn two_hundred_asynchronous_handshakes_on_one_loop_start_no_thread() {
    run(async {
        established(&SimNet::new()).await;
        let ends: Vec<_> = (0..200)
            .map(|_| {
                let (near, far) = SimNet::new().pair();
                (client(&near), server(&far))
            })
            .collect();
        let before = thread_count();
        let handshakes: Vec<_> = ends
            .iter()
            .flat_map(|(client, server)| {
                [
                    glib::spawn_future_local(client.handshake_future(glib::Priority::DEFAULT)),
                    glib::spawn_future_local(server.handshake_future(glib::Priority::DEFAULT)),
                ]
            })
            .collect();
        for handshake in handshakes {
            handshake.await.unwrap().unwrap();
            assert_eq!(thread_count(), before);
        }
        assert!(ends.iter().all(|(it, _)| it.peer_certificate().is_some()));
    });
}
