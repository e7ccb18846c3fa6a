//! Identities and hints of pre-shared keys: what the applications choose, and what stands on the wire.

use std::ffi::CString;

use gio_ossl::engine::{
    Config, Engine, KeyRequest, LONGEST_HINT, PreSharedKey, Role, Step, Verdict,
};

use crate::{
    assert_no_error_is_left,
    ends::{self, HASTE, KEY, keyed},
    engines::datagrams,
    script::Script,
};

const SUITES: [&str; 3] = [
    "PSK-AES128-GCM-SHA256",
    "ECDHE-PSK-CHACHA20-POLY1305",
    "DHE-PSK-AES128-GCM-SHA256",
];
/// Handshake messages with the hint and with the identity.
const SERVER_KEY_EXCHANGE: u8 = 12;
const CLIENT_KEY_EXCHANGE: u8 = 16;
/// A plaintext record's header and a handshake message's.
const RECORD: usize = 13;
const MESSAGE: usize = 12;

/// A first byte for the suite and for what happens; then a string after its length: the hint; and the rest
/// is the identity.
pub fn psk_identity(data: &[u8]) {
    let mut script = Script::new(data);
    let choice = script.byte();
    let suite = SUITES[usize::from(choice % 3)];
    let (hint, identity) = (script.bytes(), script.rest());
    match choice / 3 % 3 {
        0 => honest(suite, hint, identity),
        1 => garbled(suite, SERVER_KEY_EXCHANGE, hint, identity),
        _ => garbled(suite, CLIENT_KEY_EXCHANGE, hint, identity),
    }
    assert_no_error_is_left();
}

/// What each application says is what the other one's hears.
fn honest(suite: &str, hint: &[u8], identity: &[u8]) {
    let own = std::str::from_utf8(identity).ok();
    let own = own.and_then(|it| PreSharedKey::new(it, KEY).ok());
    let hint = CString::new(&hint[..hint.len().min(LONGEST_HINT)]).ok();
    let server = keyed(Role::Server, suite, hint.clone());
    let mut server = Engine::new(&server).expect("an engine");
    let mut client = Engine::new(&keyed(Role::Client, suite, None)).expect("an engine");
    let mut asked = [false; 2];
    for _ in 0..20 {
        let steps = [client.handshake(), server.handshake()];
        match &steps[0] {
            Step::NeedKey(KeyRequest::Hint(heard)) => {
                let said = hint.as_ref().map(|hint| hint.as_bytes());
                let heard = heard.as_deref();
                assert_eq!(heard.unwrap_or_default(), said.unwrap_or_default());
                asked[0] = true;
                client.provide_key(own.clone());
            }
            Step::Failed(_) => return assert!(own.is_none() && asked[0]),
            _ => {}
        }
        if let Step::NeedKey(KeyRequest::Identity(heard)) = &steps[1] {
            assert_eq!(heard, identity);
            asked[1] = true;
            ends::provide(&mut server, &KeyRequest::Identity(heard.clone()), KEY);
        }
        if matches!(steps, [Step::Established, Step::Established]) {
            assert_eq!(asked, [true; 2]);
            return;
        }
        datagrams(&mut client).iter().for_each(|it| server.feed(it));
        datagrams(&mut server).iter().for_each(|it| client.feed(it));
    }
    panic!("the handshake does not end");
}

/// A message has another body on its way: only an unchanged one leads to a session.
fn garbled(suite: &str, kind: u8, hint: &[u8], body: &[u8]) {
    let hint = CString::new(&hint[..hint.len().min(LONGEST_HINT)]).unwrap_or_default();
    let configs = [Role::Client, Role::Server].map(|role| Config {
        initial_timeout: HASTE,
        ..keyed(role, suite, Some(hint.clone()))
    });
    let [mut client, mut server] = configs.map(|it| Engine::new(&it).expect("an engine"));
    let mut is_changed = false;
    for _ in 0..40 {
        let steps = [step(&mut client), step(&mut server)];
        if steps.iter().any(|step| matches!(step, Step::Failed(_))) {
            assert!(is_changed, "{steps:?}");
            return;
        }
        if steps.iter().all(|step| matches!(step, Step::Established)) {
            assert!(!is_changed, "what was changed is noticed");
            return;
        }
        let (there, back) = (datagrams(&mut client), datagrams(&mut server));
        if there.is_empty() && back.is_empty() {
            // It is noise, or has made noise of what follows: the flights are repeated.
            client.on_deadline();
            server.on_deadline();
        }
        for (datagrams, to) in [(there, &mut server), (back, &mut client)] {
            for datagram in datagrams {
                let changed = with_body(&datagram, kind, body);
                is_changed |= changed != datagram;
                to.feed(&changed);
            }
        }
    }
    assert!(is_changed, "the handshake does not end");
}

fn step(engine: &mut Engine) -> Step {
    for _ in 0..4 {
        match engine.handshake() {
            Step::NeedKey(request) => {
                if let KeyRequest::Identity(identity) = &request {
                    assert!(identity.len() <= usize::from(u16::MAX));
                }
                ends::provide(engine, &request, KEY);
            }
            Step::NeedVerdict(_) => engine.judge(Verdict::Accept),
            step => return step,
        }
    }
    panic!("there is no end of questions");
}

/// The datagram with another body of each such message, whose lengths are right.
fn with_body(mut datagram: &[u8], kind: u8, body: &[u8]) -> Vec<u8> {
    let mut changed = Vec::new();
    while datagram.len() > RECORD {
        let length = usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
        let (record, rest) = datagram.split_at(RECORD + length);
        datagram = rest;
        let is_plaintext = record[3..5] == [0, 0];
        if is_plaintext && record[0] == 22 && record[RECORD] == kind {
            let size = (body.len() as u32).to_be_bytes();
            let length = ((MESSAGE + body.len()) as u16).to_be_bytes();
            changed.extend(&record[..11]);
            changed.extend(length);
            changed.push(kind);
            changed.extend(&size[1..]);
            changed.extend(&record[RECORD + 4..][..2]);
            changed.extend([0; 3]);
            changed.extend(&size[1..]);
            changed.extend(body);
        } else {
            changed.extend(record);
        }
    }
    changed
}
