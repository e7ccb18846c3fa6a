//! How long sessions can be resumed. The servers' keys are the whole process's, so that these tests take
//! turns at its clock.

#![allow(clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::sync::{Mutex, MutexGuard, PoisonError};

use common::simnet::SimNet;
use common::{client, database, handshakes, run, server};
use gio_ossl::engine::testing;
use gio_ossl::prelude::*;
use gio_ossl::{DtlsClientConnection, FileDatabase};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// The right to set the clock.
struct Clock {
    start: i64,
    _turn: MutexGuard<'static, ()>,
}

impl Clock {
    fn new() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        Clock {
            _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner),
            start: glib::real_time() / 1_000_000,
        }
    }

    fn set(&self, seconds: i64) {
        testing::set_clock(Some(self.start + seconds));
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        testing::set_clock(None);
    }
}

/// Whether a client resumes that was changed so; and the client.
fn visit(change: impl FnOnce(&DtlsClientConnection)) -> (bool, DtlsClientConnection) {
    let net = SimNet::new();
    let (client, server) = (client(&net.client()), server(&net.server()));
    change(&client);
    let (ours, theirs) = run(handshakes(&client, &server));
    ours.unwrap();
    theirs.unwrap();
    assert_eq!(client.is_session_resumed(), server.is_session_resumed());
    (client.is_session_resumed(), client)
}

/// The same, of clients that trust one database, and share their sessions for that.
fn resumes(database: &FileDatabase) -> bool {
    visit(|client| client.set_database(Some(database))).0
}

#[test]
fn kept_sessions_are_good_for_two_hours() {
    let (clock, ours) = (Clock::new(), database("ca"));
    clock.set(0);
    assert!(!resumes(&ours));
    clock.set(2 * HOUR - MINUTE);
    assert!(resumes(&ours));
    // The latest ticket is as old as its session.
    clock.set(2 * HOUR + MINUTE);
    assert!(!resumes(&ours));
    clock.set(3 * HOUR);
    assert!(resumes(&ours));
}

#[test]
fn chosen_sessions_are_good_for_two_hours() {
    let clock = Clock::new();
    clock.set(0);
    let session = visit(|_| {}).1.export_session().unwrap();
    let resumes = || visit(|client| client.import_session(&session).unwrap()).0;
    clock.set(2 * HOUR - MINUTE);
    assert!(resumes());
    clock.set(2 * HOUR + MINUTE);
    assert!(!resumes());
}

#[test]
fn tickets_are_honoured_under_earlier_keys_and_renewed() {
    let clock = Clock::new();
    clock.set(0);
    let (_, first) = visit(|_| {});
    clock.set(HOUR / 2);
    let (resumed, same_key) = visit(|client| client.copy_session(&first).unwrap());
    assert!(resumed);
    clock.set(HOUR + HOUR / 2);
    let (resumed, next_key) = visit(|client| client.copy_session(&first).unwrap());
    assert!(resumed);
    let name = |client: &DtlsClientConnection| ticket_key(&client.export_session().unwrap());
    assert_eq!(name(&same_key), name(&first));
    assert_ne!(name(&next_key), name(&first));
}

/// The name of the key that a session's ticket is protected with (RFC 5077, section 4): the ticket is
/// the first octet string of its length in OpenSSL's encoding, under tag 10.
fn ticket_key(session: &[u8]) -> Vec<u8> {
    const TICKET: [u8; 2] = [0xaa, 0x81];
    let start = session.windows(2).position(|it| it == TICKET).unwrap();
    // [10] length, OCTET STRING length, then the ticket.
    session.get(start + 6..start + 6 + 16).unwrap().to_vec()
}
