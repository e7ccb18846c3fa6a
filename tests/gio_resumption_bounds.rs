//! How many sessions are kept: a test alone in its process, whose cache it fills.

#![allow(clippy::unwrap_used)] // These are tests.

mod common;

use common::simnet::SimNet;
use common::{IDENTITY, database, handshakes, run, server};
use gio_ossl::DtlsClientConnection;
use gio_ossl::prelude::*;

/// What the cache holds.
const CAPACITY: u16 = 256;

#[test]
fn the_oldest_session_goes_when_there_are_too_many() {
    let database = database("ca");
    let resumes = |port| {
        let net = SimNet::new();
        let identity = gio::NetworkAddress::new(IDENTITY, port);
        let client = DtlsClientConnection::new(&net.client(), Some(&identity)).unwrap();
        client.set_database(Some(&database));
        let (ours, theirs) = run(handshakes(&client, &server(&net.server())));
        ours.unwrap();
        theirs.unwrap();
        client.is_session_resumed()
    };
    for port in 1..=CAPACITY {
        assert!(!resumes(port));
    }
    // What is resumed is kept anew, and the second is the oldest now.
    assert!(resumes(1));
    assert!(!resumes(CAPACITY + 1));
    assert!(resumes(1));
    assert!(resumes(3));
    assert!(!resumes(2));
}
