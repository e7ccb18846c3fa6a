//! Resumptions on short paths that lose, double and reorder datagrams.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/resumption.rs"]
#[allow(dead_code)]
mod resumption;

use gio_ossl::engine::{Resumption, SavedSession, testing};
use resumption::{End, Side, Site};

/// Seconds after which a server gives a new ticket with the ServerHello.
const RENEWAL: i64 = 5400;
/// A flight with a ticket takes several datagrams.
const MTU: u16 = 256;

/// What arrives in place of a datagram of the server.
type Fate = fn(&mut Vec<Vec<u8>>, usize);

const FATES: [(&str, Fate); 3] = [
    ("lost", |flight, at| drop(flight.remove(at))),
    ("doubled", |flight, at| {
        flight.insert(at, flight[at].clone());
    }),
    ("overtaken", |flight, at| {
        let late = flight.remove(at);
        flight.push(late);
    }),
];

/// Resumes; in the server's flight of this number, if there is one, the datagram at this place suffers
/// this fate. How many datagrams the first flight had.
fn resume(site: &Site, session: &SavedSession, fate: Option<(usize, Fate)>) -> usize {
    let mut client = End::client(Resumption::Offer(session.clone()));
    let mut config = site.config(Resumption::Allowed);
    config.mtu = MTU;
    let mut server = End::new(&config);
    let mut first = None;
    for _ in 0..20 {
        let done = client.advance();
        client.take().iter().for_each(|it| server.feed(it));
        testing::set_clock(Some(session.established() + RENEWAL));
        let done = server.advance() & done;
        testing::set_clock(None);
        let mut flight = server.take();
        if done && flight.is_empty() {
            assert!(client.engine.is_resumed() && server.engine.is_resumed());
            assert_eq!(client.bindings(), server.bindings());
            assert_eq!(client.judged.len(), 1);
            return first.unwrap();
        }
        if flight.is_empty() {
            client.time_passes();
            server.time_passes();
        }
        if !flight.is_empty() && first.is_none() {
            first = Some(flight.len());
            if let Some((at, fate)) = fate {
                fate(&mut flight, at);
            }
        }
        flight.iter().for_each(|it| client.feed(it));
    }
    panic!("the handshake does not end");
}

#[test]
fn each_datagram_of_a_resumption_on_a_short_path_may_suffer() {
    let site = Site::new();
    let session = site.session();
    let count = resume(&site, &session, None);
    assert!(count > 1, "{count}");
    for (name, fate) in FATES {
        for at in 0..count {
            println!("{name}: {at} of {count}");
            resume(&site, &session, Some((at, fate)));
        }
    }
}
