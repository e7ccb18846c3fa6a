//! What clients with tickets make of messages that their servers have not sent.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/resumption.rs"]
#[allow(dead_code)]
mod resumption;

use gio_ossl::engine::Resumption;
use resumption::{End, Side, Site};

const FATAL: u8 = 2;
const HANDSHAKE_FAILURE: u8 = 40;

/// A plaintext record.
fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let header = [kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, length];
    [&header, payload].concat()
}

/// A handshake message with this number.
fn message(kind: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    let header = [kind, 0, 0, length, 0, sequence, 0, 0, 0, 0, 0, length];
    record(22, &[&header, body].concat())
}

/// All that a server may say behind its ServerHello, at each place where it might: who forges it knows
/// nothing of the handshake.
fn forgeries() -> Vec<Vec<u8>> {
    let ticket = [0, 0, 0, 9, 0, 3, 1, 2, 3];
    let kinds: [(u8, &[u8]); 4] = [(4, &ticket), (11, &[0; 3]), (13, &[0; 5]), (14, &[])];
    let all = kinds.map(|(kind, body)| (1..=5).map(move |number| message(kind, number, body)));
    let mut all: Vec<_> = all.into_iter().flatten().collect();
    all.push(record(21, &[FATAL, HANDSHAKE_FAILURE]));
    all.push(record(20, &[1]));
    all
}

/// Shakes hands; before the server's first answer, the client gets this datagram.
fn shake_hands_after(forged: &[u8], client: &mut End, server: &mut End) {
    for _ in 0..20 {
        client.advance();
        client.take().iter().for_each(|it| server.feed(it));
        client.feed(forged);
        let done = client.advance() & server.advance();
        let answer = server.take();
        answer.iter().for_each(|it| client.feed(it));
        if done && answer.is_empty() {
            return;
        }
    }
    panic!("the handshake does not end");
}

#[test]
fn nothing_that_comes_too_early_harms_a_resumption() {
    let site = Site::new();
    let session = site.session();
    for forged in forgeries() {
        let mut client = End::client(Resumption::Offer(session.clone()));
        let mut server = site.server();
        client.advance();
        client.feed(&forged);
        resumption::shake_hands(&mut client, &mut server);
        assert!(client.engine.is_resumed() && server.engine.is_resumed());
    }
}

#[test]
fn tickets_that_come_too_early_harm_no_full_handshake() {
    let site = Site::new();
    for theirs in [|| Resumption::Never, || Resumption::Allowed] {
        for forged in forgeries() {
            let mut client = End::client(Resumption::Allowed);
            let mut server = End::new(&site.config(theirs()));
            client.advance();
            client.feed(&forged);
            resumption::shake_hands(&mut client, &mut server);
            assert!(!client.engine.is_resumed());
        }
    }
}

#[test]
fn tickets_that_nobody_has_promised_are_noise_at_any_time() {
    let site = Site::new();
    for number in 1..=5 {
        let forged = message(4, number, &[0, 0, 0, 9, 0, 3, 1, 2, 3]);
        let mut server = End::new(&site.config(Resumption::Never));
        shake_hands_after(&forged, &mut End::client(Resumption::Allowed), &mut server);
        // The keys of its ticket are not new enough for another one.
        let mut client = End::client(Resumption::Offer(site.session()));
        shake_hands_after(&forged, &mut client, &mut site.server());
        assert!(client.engine.is_resumed());
    }
}
