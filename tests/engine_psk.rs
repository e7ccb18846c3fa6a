//! Two engines with a pre-shared key.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use std::ffi::CString;

use engines::{
    HANDSHAKE_FAILURE, PSK, PSK_IDENTITY, Pair, config, datagrams, let_time_pass, record,
};
use gio_ossl::Error;
use gio_ossl::engine::{
    Authentication, Binding, Config, Engine, Key, KeyRequest, PreSharedKey, PreSharedKeys,
    Protocol, Role, Step, Verdict,
};

const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;

fn own(key: &[u8]) -> PreSharedKeys {
    PreSharedKeys::Own(PreSharedKey::new(PSK_IDENTITY, key).unwrap())
}

fn on_request(hint: Option<&str>) -> PreSharedKeys {
    PreSharedKeys::OnRequest {
        hint: hint.map(|hint| CString::new(hint).unwrap()),
    }
}

fn with_keys(role: Role, pre_shared_keys: PreSharedKeys) -> Config {
    let with_keys = pre_shared_keys.are_used();
    Config {
        protocol: Protocol::default()
            .with_cipher_list(None, with_keys)
            .unwrap(),
        pre_shared_keys,
        ..config(role)
    }
}

/// Neither has a certificate.
fn pair(client: PreSharedKeys, hint: Option<&str>) -> Pair {
    Pair {
        client: Engine::new(&with_keys(Role::Client, client)).unwrap(),
        server: Engine::new(&with_keys(Role::Server, on_request(hint))).unwrap(),
        identity: None,
    }
}

/// Runs both until this end asks for a key.
fn until_asked(pair: &mut Pair, role: Role) -> KeyRequest {
    for _ in 0..10 {
        pair.client.handshake();
        pair.server.handshake();
        if let Step::NeedKey(request) = pair.end(role).handshake() {
            return request;
        }
        pair.exchange();
    }
    panic!("no key was asked for");
}

fn undisturbed(pair: &mut Pair) -> (Step, Step) {
    pair.run(|to, _, datagram| vec![(to, datagram.to_vec())])
}

#[track_caller]
fn assert_established(steps: &(Step, Step)) {
    assert!(
        matches!(steps, (Step::Established, Step::Established)),
        "{steps:?}"
    );
}

/// A whole plaintext handshake message.
fn message(kind: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let [l0, l1] = u16::try_from(body.len()).unwrap().to_be_bytes();
    let header = [kind, 0, l0, l1, 0, sequence, 0, 0, 0, 0, l0, l1];
    record(HANDSHAKE, 0, 9, &[&header, body].concat())
}

/// The kinds of the plaintext handshake messages in a datagram.
fn kinds(mut datagram: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while datagram.len() > 13 {
        if datagram[0] == HANDSHAKE && datagram[4] == 0 {
            kinds.push(datagram[13]);
        }
        let length = usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
        datagram = &datagram[13 + length..];
    }
    kinds
}

#[test]
fn a_key_takes_the_place_of_certificates() {
    let mut pair = pair(own(PSK), None);
    assert_established(&undisturbed(&mut pair));
    let suite = pair.client.cipher_suite().unwrap();
    assert_eq!(suite, "ECDHE-PSK-CHACHA20-POLY1305");
    assert_eq!(pair.server.cipher_suite(), Some(suite));
    pair.say(b"hello");
    assert_eq!(pair.hear().unwrap(), b"hello");
    let ends = [&pair.client, &pair.server];
    let exported = ends.map(|end| end.channel_binding(Binding::Exporter).unwrap());
    assert_eq!(exported[0], exported[1]);
    let end_point = pair.client.channel_binding(Binding::ServerEndPoint);
    assert!(end_point.is_err());
}

#[test]
fn both_are_asked_with_what_the_other_has_said() {
    for hint in [None, Some("which sensor?")] {
        let mut pair = pair(on_request(None), hint);
        let asked = until_asked(&mut pair, Role::Client);
        let bytes = hint.map(|hint| hint.as_bytes().to_vec());
        assert_eq!(asked, KeyRequest::Hint(bytes));
        let key = PreSharedKey::new("who I am", b"k").unwrap();
        pair.client.provide_key(Some(key));
        let asked = until_asked(&mut pair, Role::Server);
        assert_eq!(asked, KeyRequest::Identity(b"who I am".to_vec()));
        pair.server.provide_key_of(Some(Key::new(b"k").unwrap()));
        pair.finish();
    }
}

#[test]
fn the_longest_key_and_the_longest_and_the_shortest_identity_work() {
    for identity in ["", &"i".repeat(255)] {
        let key = PreSharedKey::new(identity, &[7; 512]).unwrap();
        let mut pair = pair(PreSharedKeys::Own(key), Some(&"h".repeat(255)));
        let asked = until_asked(&mut pair, Role::Server);
        assert_eq!(asked, KeyRequest::Identity(identity.as_bytes().to_vec()));
        pair.server
            .provide_key_of(Some(Key::new(&[7; 512]).unwrap()));
        pair.finish();
    }
}

#[test]
fn keys_and_identities_have_limits() {
    let fails = |result: Result<PreSharedKey, Error>, what: &str| match result {
        Err(Error::InvalidArgument(text)) => assert!(text.contains(what), "{text}"),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("taken"),
    };
    fails(PreSharedKey::new("i", b""), "key has 0 bytes");
    fails(PreSharedKey::new("i", &[0; 513]), "key has 513 bytes");
    fails(
        PreSharedKey::new(&"i".repeat(256), b"k"),
        "identity has 256 bytes",
    );
    fails(PreSharedKey::new("a\0b", b"k"), "NUL");
}

#[test]
fn the_application_has_its_time_to_answer() {
    let mut pair = pair(on_request(None), None);
    until_asked(&mut pair, Role::Client);
    assert_eq!(pair.client.timeout(), None);
    pair.client
        .provide_key(PreSharedKey::new(PSK_IDENTITY, PSK).ok());
    assert!(pair.client.timeout().is_some());
    until_asked(&mut pair, Role::Server);
    assert_eq!(pair.server.timeout(), None);
    pair.server.on_deadline();
    assert!(datagrams(&mut pair.server).is_empty());
    pair.server.provide_key_of(Some(Key::new(PSK).unwrap()));
    pair.finish();
}

#[test]
fn a_client_without_a_key_fails_and_says_so() {
    let mut pair = pair(on_request(None), None);
    until_asked(&mut pair, Role::Client);
    pair.client.provide_key(None);
    let Step::Failed(Error::NoKey) = pair.client.handshake() else {
        panic!("it goes on")
    };
    let alerts = datagrams(&mut pair.client);
    assert!(alerts[0].ends_with(&[2, HANDSHAKE_FAILURE]), "{alerts:?}");
    pair.server.feed(&alerts[0]);
    let_time_pass(&mut pair.server);
    let_time_pass(&mut pair.server);
    let Step::Failed(error) = pair.server.handshake() else {
        panic!("not believed")
    };
    assert!(error.to_string().contains("handshake_failure"), "{error}");
}

/// What the server sends after the client's last flight, at once and at its next time-out: whether
/// in plaintext, and how long, for each datagram.
fn reaction(key_of_server: Option<&[u8]>) -> Vec<(u8, usize)> {
    let mut pair = pair(own(PSK), None);
    until_asked(&mut pair, Role::Server);
    let key = key_of_server.map(|key| Key::new(key).unwrap());
    pair.server.provide_key_of(key);
    assert!(matches!(pair.server.handshake(), Step::NeedDatagram));
    for datagram in datagrams(&mut pair.client) {
        pair.server.feed(&datagram);
    }
    assert!(matches!(pair.server.handshake(), Step::NeedDatagram));
    assert!(pair.server.timeout().is_some());
    let mut sent = datagrams(&mut pair.server);
    let_time_pass(&mut pair.server);
    assert!(matches!(pair.server.handshake(), Step::NeedDatagram));
    sent.extend(datagrams(&mut pair.server));
    let shape = sent.iter().map(|datagram| (datagram[4], datagram.len()));
    shape.collect()
}

#[test]
fn an_unknown_identity_looks_like_a_wrong_key() {
    let wrong = reaction(Some(b"another key"));
    assert_eq!(reaction(None), wrong);
    assert!(wrong.iter().all(|(epoch, _)| *epoch == 0), "{wrong:?}");
}

#[test]
fn a_wrong_key_establishes_nothing() {
    let mut pair = pair(own(b"a wrong key"), None);
    for _ in 0..3 {
        until_asked_or_nothing(&mut pair);
        for role in [Role::Client, Role::Server] {
            let_time_pass(pair.end(role));
            assert!(matches!(pair.end(role).handshake(), Step::NeedDatagram));
        }
        pair.exchange();
    }
}

/// Lets the server look the identity up, if it wants to.
fn until_asked_or_nothing(pair: &mut Pair) {
    for _ in 0..5 {
        pair.client.handshake();
        if let Step::NeedKey(_) = pair.server.handshake() {
            pair.server.provide_key_of(Some(Key::new(PSK).unwrap()));
        }
        pair.exchange();
    }
}

#[test]
fn an_identity_that_is_too_long_ends_the_handshake() {
    let identity = [&[1, 1][..], &[b'i'; 257], &[1, 9]].concat();
    let forged = message(CLIENT_KEY_EXCHANGE, 1, &identity);
    let mut server = Engine::new(&with_keys(Role::Server, on_request(None))).unwrap();
    let mut client = Engine::new(&with_keys(Role::Client, own(PSK))).unwrap();
    client.handshake();
    for datagram in datagrams(&mut client) {
        server.feed(&datagram);
    }
    server.handshake();
    server.feed(&forged);
    let Step::NeedKey(KeyRequest::Identity(asked)) = server.handshake() else {
        panic!("not asked")
    };
    assert_eq!(asked.len(), 257);
    server.provide_key_of(None);
    assert!(matches!(server.handshake(), Step::Failed(Error::Tls(_))));
}

#[test]
fn each_datagram_may_get_lost_once() {
    for client in [own(PSK), on_request(None)] {
        let mut counts = [0, 0];
        let mut whole = pair(client.clone(), Some("hint"));
        assert_established(&whole.run(|to, number, datagram| {
            counts[to as usize] = number + 1;
            vec![(to, datagram.to_vec())]
        }));
        for (lost_to, count) in [(Role::Client, counts[0]), (Role::Server, counts[1])] {
            for lost in 0..count {
                let mut pair = pair(client.clone(), Some("hint"));
                assert_established(&pair.run(|to, number, datagram| {
                    let is_lost = (to, number) == (lost_to, lost);
                    (!is_lost)
                        .then(|| (to, datagram.to_vec()))
                        .into_iter()
                        .collect()
                }));
            }
        }
    }
}

#[test]
fn datagrams_of_a_flight_may_arrive_in_any_order() {
    let mut pair = pair(own(PSK), Some("hint"));
    for _ in 0..6 {
        pair.client.handshake();
        if let Step::NeedKey(_) = pair.server.handshake() {
            pair.server.provide_key_of(Some(Key::new(PSK).unwrap()));
            pair.server.handshake();
        }
        for datagram in datagrams(&mut pair.client).iter().rev() {
            pair.server.feed(datagram);
        }
        for datagram in datagrams(&mut pair.server).iter().rev() {
            pair.client.feed(datagram);
        }
    }
    assert!(matches!(pair.client.handshake(), Step::Established));
    assert!(matches!(pair.server.handshake(), Step::Established));
}

#[test]
fn messages_out_of_turn_and_garbled_ones_do_not_end_a_handshake() {
    let garbled_hint = [0, 200, b'h'];
    let garbled_value = [0, 1, b'i', 200, 1, 2];
    let sound = [0, 0, 3, 0, 29, 1, 9];
    let mut forged = Vec::new();
    for sequence in 0..6 {
        for kind in [SERVER_KEY_EXCHANGE, CLIENT_KEY_EXCHANGE] {
            for body in [&garbled_hint[..], &garbled_value, b"", &[0; 90]] {
                forged.push(message(kind, sequence, body));
            }
        }
        forged.push(message(CERTIFICATE, sequence, &[0; 3]));
        forged.push(message(CERTIFICATE_VERIFY, sequence, &[0; 9]));
    }
    // The parameters of a server come after its ServerHello, and once.
    forged.extend([0, 2, 3, 4, 5].map(|number| message(SERVER_KEY_EXCHANGE, number, &sound)));
    for client in [own(PSK), on_request(None)] {
        let mut pair = pair(client, Some("hint"));
        let steps = pair.run(|to, _, datagram| {
            let mut arriving: Vec<_> = forged.iter().map(|it| (to, it.clone())).collect();
            arriving.push((to, datagram.to_vec()));
            arriving
        });
        assert_established(&steps);
    }
}

#[test]
fn a_server_with_a_key_presents_no_certificate_and_asks_for_none() {
    let mut server = with_keys(Role::Server, on_request(None));
    server.authentication = Authentication::Required;
    let mut pair = Pair::with(with_keys(Role::Client, own(PSK)), server);
    let mut seen = Vec::new();
    assert_established(&pair.run(|to, _, datagram| {
        seen.extend(kinds(datagram));
        vec![(to, datagram.to_vec())]
    }));
    assert!(seen.contains(&SERVER_HELLO) && seen.contains(&SERVER_HELLO_DONE));
    assert!(!seen.contains(&CERTIFICATE), "{seen:?}");
}

#[test]
fn a_forged_certificate_does_not_end_a_handshake_with_a_key() {
    let mut server = with_keys(Role::Server, on_request(None));
    server.authentication = Authentication::Requested;
    let mut pair = Pair::with(with_keys(Role::Client, own(PSK)), server);
    let steps = pair.run(|to, _, datagram| {
        // Nothing comes before the ServerHello has been sent.
        let early = to == Role::Server && kinds(datagram) == [1];
        let forged = message(CERTIFICATE, 1, &[0; 3]);
        let mut arriving = vec![(to, datagram.to_vec())];
        if !early {
            arriving.insert(0, (to, forged));
        }
        arriving
    });
    assert_established(&steps);
}

#[test]
fn certificates_are_judged_where_only_one_side_has_a_key() {
    for (client, server) in [
        (own(PSK), PreSharedKeys::None),
        (on_request(None), PreSharedKeys::None),
        (PreSharedKeys::None, on_request(None)),
    ] {
        let mut pair = Pair::with(
            with_keys(Role::Client, client),
            with_keys(Role::Server, server),
        );
        pair.until_verdict();
        pair.client.judge(Verdict::Accept);
        pair.finish();
        let suite = pair.client.cipher_suite().unwrap();
        assert!(!suite.contains("PSK"), "{suite}");
    }
}

#[test]
fn a_refused_certificate_is_refused_whatever_keys_there_are() {
    let mut pair = Pair::with(with_keys(Role::Client, own(PSK)), config(Role::Server));
    pair.until_verdict();
    let error = Error::BadCertificate("refused".into());
    let refusal = gio_ossl::engine::Refusal::UnknownCa;
    pair.client.judge(Verdict::Refuse(refusal, error));
    let Step::Failed(Error::BadCertificate(_)) = pair.client.handshake() else {
        panic!("accepted")
    };
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut pair = pair(own(PSK), None);
    pair.client.provide_key(None);
    pair.server.provide_key_of(None);
    pair.client.provide_key_of(None);
    assert_established(&undisturbed(&mut pair));
}
