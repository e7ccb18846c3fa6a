//! What others try against engines with a pre-shared key, and what a network does to them.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use engines::{PSK, PSK_IDENTITY, Pair, config, datagrams, record};
use gio_ossl::Error;
use gio_ossl::engine::{
    Authentication, Binding, Config, Engine, Key, KeyRequest, PreSharedKey, PreSharedKeys,
    Protocol, Role, Step, Verdict,
};

const HANDSHAKE: u8 = 22;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const SUITES: [&str; 3] = [
    "PSK-AES128-CCM8",
    "DHE-PSK-AES128-GCM-SHA256",
    "ECDHE-PSK-CHACHA20-POLY1305",
];

fn own() -> PreSharedKeys {
    PreSharedKeys::Own(PreSharedKey::new(PSK_IDENTITY, PSK).unwrap())
}

const ON_REQUEST: PreSharedKeys = PreSharedKeys::OnRequest { hint: None };

fn with_keys(role: Role, suite: Option<&str>, pre_shared_keys: PreSharedKeys) -> Config {
    let protocol = Protocol::default().with_cipher_list(suite, pre_shared_keys.are_used());
    Config {
        protocol: protocol.unwrap(),
        pre_shared_keys,
        ..config(role)
    }
}

/// Neither has a certificate.
fn pair(client: Config, server: Config) -> Pair {
    Pair {
        client: Engine::new(&client).unwrap(),
        server: Engine::new(&server).unwrap(),
        identity: None,
    }
}

fn undisturbed(pair: &mut Pair) -> (Step, Step) {
    pair.run(|to, _, datagram| vec![(to, datagram.to_vec())])
}

#[track_caller]
fn assert_established(steps: &(Step, Step), what: &str) {
    assert!(
        matches!(steps, (Step::Established, Step::Established)),
        "{what}: {steps:?}"
    );
}

/// A pair that agrees on this suite, over a path that carries little.
fn narrow_pair(suite: &str, keys: &PreSharedKeys, credentials: bool) -> Pair {
    let narrow = |role, keys| Config {
        mtu: 256,
        ..with_keys(role, Some(suite), keys)
    };
    let client = narrow(Role::Client, keys.clone());
    let server = narrow(Role::Server, ON_REQUEST);
    match credentials {
        true => Pair::with(client, server),
        false => pair(client, server),
    }
}

/// Whatever a network does to one datagram of each handshake.
fn each_datagram_may(suffer: impl Fn(Role, &[u8]) -> Vec<(Role, Vec<u8>)>) {
    for suite in SUITES {
        for (keys, credentials) in [(own(), false), (ON_REQUEST, true)] {
            let mut counts = [0, 0];
            let mut whole = narrow_pair(suite, &keys, credentials);
            let steps = whole.run(|to, number, datagram| {
                assert!(datagram.len() <= 256);
                counts[to as usize] = number + 1;
                vec![(to, datagram.to_vec())]
            });
            assert_established(&steps, suite);
            assert_eq!(whole.client.cipher_suite().as_deref(), Some(suite));
            for (victim, count) in [(Role::Client, counts[0]), (Role::Server, counts[1])] {
                for hit in 0..count {
                    let mut pair = narrow_pair(suite, &keys, credentials);
                    let steps = pair.run(|to, number, datagram| match (to, number) {
                        it if it == (victim, hit) => suffer(to, datagram),
                        _ => vec![(to, datagram.to_vec())],
                    });
                    assert_established(&steps, &format!("{suite}, {victim:?} {hit}"));
                    pair.say(b"alive");
                    assert_eq!(pair.hear().as_deref(), Some(b"alive".as_slice()));
                }
            }
        }
    }
}

#[test]
fn each_datagram_of_each_key_exchange_may_be_lost() {
    each_datagram_may(|_, _| Vec::new());
}

#[test]
fn each_datagram_of_each_key_exchange_may_come_twice_and_to_its_sender() {
    each_datagram_may(|to, datagram| {
        let from = match to {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        [to, from, to].map(|at| (at, datagram.to_vec())).into()
    });
}

#[test]
fn repetitions_while_the_application_thinks_are_of_no_account() {
    for suite in SUITES {
        let mut pair = Pair::with_keys(suite);
        for role in [Role::Client, Role::Server] {
            let mut flights: Vec<Vec<u8>> = Vec::new();
            let request = loop {
                pair.step_to_key(role);
                if let Step::NeedKey(request) = pair.end(role).handshake() {
                    break request;
                }
                flights = Vec::new();
                for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
                    for datagram in datagrams(pair.end(from)) {
                        pair.end(to).feed(&datagram);
                        if to == role {
                            flights.push(datagram);
                        }
                    }
                }
            };
            // On a busy machine its own flight may have been due again before.
            datagrams(pair.end(role));
            for _ in 0..100 {
                for datagram in &flights {
                    pair.end(role).feed(datagram);
                }
            }
            let Step::NeedKey(again) = pair.end(role).handshake() else {
                panic!("{suite}: {role:?} does not wait for its key")
            };
            assert_eq!(again, request);
            assert!(datagrams(pair.end(role)).is_empty());
        }
        assert_established(&undisturbed(&mut pair), suite);
    }
}

/// At a server that has agreed on a suite with a key, and waits for the identity.
fn server_that_waits() -> Engine {
    let mut server = Engine::new(&with_keys(Role::Server, None, ON_REQUEST)).unwrap();
    let mut client = Engine::new(&with_keys(Role::Client, None, own())).unwrap();
    client.handshake();
    for datagram in datagrams(&mut client) {
        server.feed(&datagram);
    }
    assert!(matches!(server.handshake(), Step::NeedDatagram));
    server
}

/// The fragments of a ClientKeyExchange with this identity, in records that fit a datagram.
fn client_key_exchange(identity: &[u8]) -> Vec<Vec<u8>> {
    let length = u16::try_from(identity.len()).unwrap().to_be_bytes();
    let body = [&length[..], identity, &[1, 9]].concat();
    let [l0, l1] = u16::try_from(body.len()).unwrap().to_be_bytes();
    let fragments = body.chunks(1000).enumerate().map(|(index, chunk)| {
        let [o0, o1] = u16::try_from(index * 1000).unwrap().to_be_bytes();
        let [f0, f1] = u16::try_from(chunk.len()).unwrap().to_be_bytes();
        let header = [CLIENT_KEY_EXCHANGE, 0, l0, l1, 0, 1, 0, o0, o1, 0, f0, f1];
        record(HANDSHAKE, 0, 9, &[&header, chunk].concat())
    });
    fragments.collect()
}

#[test]
fn an_identity_is_never_taken_for_a_shorter_one() {
    for size in [257, 8000, 8189, 8190, 8191, 9000, 16_000] {
        let mut server = server_that_waits();
        for datagram in client_key_exchange(&vec![b'i'; size]) {
            server.feed(&datagram);
        }
        let mut step = server.handshake();
        if let Step::NeedKey(KeyRequest::Identity(asked)) = step {
            assert_eq!(asked.len(), size);
            server.provide_key_of(Key::new(PSK).ok());
            step = server.handshake();
        }
        assert!(matches!(step, Step::Failed(Error::Tls(_))), "{size}");
    }
    let mut server = server_that_waits();
    for datagram in client_key_exchange(&vec![b'i'; 16_381]) {
        server.feed(&datagram);
    }
    assert!(matches!(server.handshake(), Step::NeedDatagram));
}

#[test]
fn an_identity_with_a_nul_is_asked_for_whole() {
    let mut server = server_that_waits();
    for datagram in client_key_exchange(b"sensor\0of others") {
        server.feed(&datagram);
    }
    let Step::NeedKey(KeyRequest::Identity(asked)) = server.handshake() else {
        panic!("not asked")
    };
    assert_eq!(asked, b"sensor\0of others");
}

#[test]
fn a_server_that_requires_proof_lets_nobody_in_without() {
    let server = || Config {
        authentication: Authentication::Required,
        ..with_keys(Role::Server, None, ON_REQUEST)
    };
    // With a certificate of the server's, whose client shows none and has no key.
    let client = with_keys(Role::Client, None, PreSharedKeys::None);
    let (_, theirs) = undisturbed(&mut Pair::with(client, server()));
    let Step::Failed(Error::CertificateRequired) = theirs else {
        panic!("{theirs:?}")
    };
    // Without one.
    let client = with_keys(Role::Client, None, PreSharedKeys::None);
    let (_, theirs) = undisturbed(&mut pair(client, server()));
    let Step::Failed(Error::Tls(_)) = theirs else {
        panic!("{theirs:?}")
    };
}

#[test]
fn a_client_that_offers_keys_alone_speaks_to_no_certificate() {
    let client = with_keys(Role::Client, Some("PSK"), own());
    let server = with_keys(Role::Server, None, PreSharedKeys::None);
    let mut pair = Pair::with(client, server);
    let (ours, theirs) = undisturbed(&mut pair);
    assert!(
        matches!(ours, Step::Failed(_) | Step::NeedDatagram),
        "{ours:?}"
    );
    assert!(matches!(theirs, Step::Failed(_)), "{theirs:?}");
}

#[test]
fn a_certificate_that_was_not_shown_binds_nothing() {
    let client = with_keys(Role::Client, None, own());
    let mut pair = Pair::with(client, with_keys(Role::Server, None, ON_REQUEST));
    assert_established(&undisturbed(&mut pair), "both");
    for end in [&pair.client, &pair.server] {
        assert!(end.channel_binding(Binding::ServerEndPoint).is_err());
        assert_eq!(end.negotiated().signature_scheme, None);
    }
    let ends = [&pair.client, &pair.server];
    let unique = ends.map(|end| end.channel_binding(Binding::Unique).unwrap());
    assert_eq!(unique[0], unique[1]);
}

#[test]
fn a_key_in_place_of_a_verdict_is_no_verdict() {
    // Who has answered a request for a key has not judged a certificate.
    let client = with_keys(Role::Client, None, own());
    let mut pair = Pair::with(client, with_keys(Role::Server, None, PreSharedKeys::None));
    pair.until_verdict();
    pair.client
        .provide_key(PreSharedKey::new(PSK_IDENTITY, PSK).ok());
    assert!(matches!(pair.client.handshake(), Step::NeedVerdict(_)));
    pair.client.judge(Verdict::Accept);
    pair.finish();
}

#[test]
fn integers_for_diffie_hellman_have_2048_bits_at_least() {
    let mut longest = 0;
    let suite = "DHE-PSK-AES128-GCM-SHA256";
    let server = with_keys(Role::Server, Some(suite), ON_REQUEST);
    let client = with_keys(Role::Client, Some(suite), own());
    let steps = pair(client, server).run(|to, _, datagram| {
        if to == Role::Client {
            longest = longest.max(datagram.len());
        }
        vec![(to, datagram.to_vec())]
    });
    assert_established(&steps, suite);
    // Prime and public value.
    assert!(longest > 2 * 2048 / 8, "{longest}");
}
