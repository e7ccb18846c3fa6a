//! Two engines back to back, without GLib, sockets or a clock of the tests' own.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use std::time::Duration;

use gio_ossl::Error;
use gio_ossl::engine::{
    Authentication, Binding, Config, Datagrams, Engine, MAX_PLAINTEXT, Opened, Refusal, Resumption,
    Role, Step, Verdict,
};
use pki::{Leaf, Pki};

const HANDSHAKE_FAILURE: u8 = 40;

fn config(role: Role) -> Config {
    Config {
        role,
        server_name: None,
        authentication: Authentication::None,
        authorities: Vec::new(),
        protocols: Vec::new(),
        credentials: None,
        mtu: 1400,
        initial_timeout: Duration::from_millis(20),
        resumption: Resumption::Never,
    }
}

fn datagrams(engine: &mut Engine) -> Vec<Vec<u8>> {
    let mut empty = Vec::new();
    let outgoing: Datagrams = engine.take_outgoing(Datagrams::default());
    let Some((mut start, ends)) = outgoing.tail(0) else {
        return empty;
    };
    for end in ends {
        empty.push(outgoing.bytes()[start..*end].to_vec());
        start = *end;
    }
    empty
}

/// A client, a server, and nothing lost between them.
struct Pair {
    client: Engine,
    server: Engine,
    _pki: Pki,
}

impl Pair {
    fn new() -> Self {
        Self::with(config(Role::Client), config(Role::Server))
    }

    fn with(client: Config, mut server: Config) -> Self {
        let pki = Pki::new();
        let leaf = pki.issue(Leaf::new("server.example").dns("server.example"));
        server.credentials = Some((vec![leaf.certificate], leaf.key));
        Pair {
            client: Engine::new(&client).unwrap(),
            server: Engine::new(&server).unwrap(),
            _pki: pki,
        }
    }

    /// Carries what each has to say to the other, once.
    fn exchange(&mut self) {
        for datagram in datagrams(&mut self.client) {
            self.server.feed(&datagram);
        }
        for datagram in datagrams(&mut self.server) {
            self.client.feed(&datagram);
        }
    }

    /// Runs both until the client is asked for a verdict.
    fn until_verdict(&mut self) {
        for _ in 0..10 {
            if let Step::NeedVerdict(chain) = self.client.handshake() {
                assert_eq!(chain.len(), 1);
                return;
            }
            self.server.handshake();
            self.exchange();
        }
        panic!("no verdict was asked for");
    }

    /// Runs both to the end.
    fn finish(&mut self) {
        for _ in 0..10 {
            let done = matches!(self.client.handshake(), Step::Established)
                & matches!(self.server.handshake(), Step::Established);
            self.exchange();
            if done {
                return;
            }
        }
        panic!("the handshake does not end");
    }

    fn established() -> Self {
        let mut pair = Self::new();
        pair.until_verdict();
        pair.client.judge(Verdict::Accept);
        pair.finish();
        pair
    }

    fn say(&mut self, message: &[u8]) {
        self.client.seal(message).unwrap();
        self.exchange();
    }

    fn hear(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; MAX_PLAINTEXT];
        match self.server.open(&mut buffer).unwrap() {
            Opened::Message { length, .. } => Some(buffer[..length].to_vec()),
            Opened::Nothing => None,
            Opened::End => panic!("the client has closed"),
        }
    }
}

fn plaintext_alert(level: u8, description: u8) -> Vec<u8> {
    vec![
        21,
        0xfe,
        0xfd,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        7,
        0,
        2,
        level,
        description,
    ]
}

#[test]
fn nothing_of_the_clients_second_flight_leaves_before_the_verdict() {
    let mut pair = Pair::new();
    pair.until_verdict();
    assert!(datagrams(&mut pair.client).is_empty());
    assert!(matches!(pair.client.seal(b"early"), Err(Error::Tls(_))));
    pair.client.judge(Verdict::Accept);
    pair.client.handshake();
    assert!(!datagrams(&mut pair.client).is_empty());
}

#[test]
fn a_refusal_ends_both_with_their_own_errors() {
    let mut pair = Pair::new();
    pair.until_verdict();
    let mine = Error::BadCertificate("mine".into());
    pair.client.judge(Verdict::Refuse(Refusal::UnknownCa, mine));
    let Step::Failed(error) = pair.client.handshake() else {
        panic!("not refused")
    };
    assert_eq!(error.to_string(), "mine");
    pair.exchange();
    while pair
        .server
        .timeout()
        .is_some_and(|left| left > Duration::ZERO)
    {
        std::thread::yield_now();
    }
    pair.server.on_deadline();
    let Step::Failed(error) = pair.server.handshake() else {
        panic!("not told")
    };
    assert!(matches!(&error, Error::BadCertificate(text) if text.contains("unknown_ca")));
}

#[test]
fn a_verdict_that_nobody_asked_for_is_ignored() {
    let mut pair = Pair::new();
    pair.client.judge(Verdict::Accept);
    pair.client.present(None);
    pair.until_verdict();
}

#[test]
fn messages_keep_their_boundaries() {
    let mut pair = Pair::established();
    for message in [b"a".as_slice(), b"bc", &[7; 1200], &[8; MAX_PLAINTEXT]] {
        pair.say(message);
        assert_eq!(pair.hear().as_deref(), Some(message));
        assert_eq!(pair.hear(), None);
    }
}

#[test]
fn several_records_in_one_datagram_are_several_messages() {
    let mut pair = Pair::established();
    pair.client.seal(b"one").unwrap();
    pair.client.seal(b"two").unwrap();
    let both = datagrams(&mut pair.client).concat();
    pair.server.feed(&both);
    assert_eq!(pair.hear().as_deref(), Some(b"one".as_slice()));
    assert!(pair.server.is_readable());
    assert_eq!(pair.hear().as_deref(), Some(b"two".as_slice()));
    assert!(!pair.server.is_readable());
}

#[test]
fn a_short_buffer_truncates_one_message_and_no_other() {
    let mut pair = Pair::established();
    pair.say(b"long enough");
    pair.say(b"next");
    let mut buffer = [0; 4];
    let opened = pair.server.open(&mut buffer).unwrap();
    assert_eq!(
        opened,
        Opened::Message {
            length: 4,
            truncated: true
        }
    );
    assert_eq!(&buffer, b"long");
    assert_eq!(pair.hear().as_deref(), Some(b"next".as_slice()));
    pair.say(b"x");
    let opened = pair.server.open(&mut []).unwrap();
    assert_eq!(
        opened,
        Opened::Message {
            length: 0,
            truncated: true
        }
    );
}

#[test]
fn too_large_messages_are_refused_and_empty_ones_send_nothing() {
    let mut pair = Pair::established();
    let error = pair.client.seal(&[0; MAX_PLAINTEXT + 1]).unwrap_err();
    assert!(matches!(
        error,
        Error::MessageTooLarge {
            limit: MAX_PLAINTEXT,
            ..
        }
    ));
    pair.client.seal(&[]).unwrap();
    assert!(datagrams(&mut pair.client).is_empty());
}

#[test]
fn noise_never_ends_an_established_association() {
    let mut pair = Pair::established();
    pair.client.seal(b"genuine").unwrap();
    let genuine = datagrams(&mut pair.client).concat();
    let mut tampered = genuine.clone();
    *tampered.last_mut().unwrap() ^= 1;
    for noise in [
        Vec::new(),
        vec![0; 2000],
        b"GET / HTTP/1.1".to_vec(),
        tampered,
        plaintext_alert(1, 0),
        plaintext_alert(2, HANDSHAKE_FAILURE),
    ] {
        pair.server.feed(&noise);
        assert_eq!(pair.hear(), None, "{noise:?}");
    }
    pair.server.feed(&genuine);
    assert_eq!(pair.hear().as_deref(), Some(b"genuine".as_slice()));
    pair.server.feed(&genuine);
    assert_eq!(pair.hear(), None, "a replay is a message");
}

#[test]
fn forged_alerts_do_not_stop_a_handshake_that_goes_on() {
    let mut pair = Pair::new();
    let forge = |pair: &mut Pair| {
        for alert in [plaintext_alert(1, 0), plaintext_alert(2, HANDSHAKE_FAILURE)] {
            pair.client.feed(&alert);
            pair.server.feed(&alert);
        }
    };
    for _ in 0..10 {
        if let Step::NeedVerdict(_) = pair.client.handshake() {
            break;
        }
        forge(&mut pair);
        pair.server.handshake();
        pair.exchange();
    }
    forge(&mut pair);
    pair.client.judge(Verdict::Accept);
    pair.client.handshake();
    forge(&mut pair);
    pair.exchange();
    pair.finish();
}

#[test]
fn a_plaintext_alert_is_believed_when_nothing_better_comes() {
    let mut pair = Pair::new();
    pair.client.handshake();
    pair.client.feed(&plaintext_alert(2, HANDSHAKE_FAILURE));
    assert!(matches!(pair.client.handshake(), Step::NeedDatagram));
    while pair
        .client
        .timeout()
        .is_some_and(|left| left > Duration::ZERO)
    {
        std::thread::yield_now();
    }
    pair.client.on_deadline();
    let Step::Failed(Error::Tls(text)) = pair.client.handshake() else {
        panic!("not believed")
    };
    assert!(text.contains("handshake_failure"), "{text}");
}

#[test]
fn close_reaches_the_peer_once_and_leaves_its_direction_open() {
    let mut pair = Pair::established();
    pair.client.close();
    pair.client.close();
    assert_eq!(pair.client.timeout(), None);
    pair.exchange();
    let mut buffer = [0; 16];
    assert_eq!(pair.server.open(&mut buffer).unwrap(), Opened::End);
    assert_eq!(pair.server.open(&mut buffer).unwrap(), Opened::End);
    pair.server.seal(b"still here").unwrap();
    pair.exchange();
    let opened = pair.client.open(&mut buffer).unwrap();
    assert_eq!(
        opened,
        Opened::Message {
            length: 10,
            truncated: false
        }
    );
}

#[test]
fn close_before_the_end_of_the_handshake_sends_nothing() {
    let mut pair = Pair::new();
    pair.client.close();
    assert!(datagrams(&mut pair.client).is_empty());
}

#[test]
fn channel_bindings_are_equal_on_both_sides() {
    let pair = Pair::established();
    for (binding, length) in [
        (Binding::Unique, 12),
        (Binding::ServerEndPoint, 32),
        (Binding::Exporter, 32),
    ] {
        let ours = pair.client.channel_binding(binding).unwrap();
        assert_eq!(ours.len(), length);
        assert_eq!(ours, pair.server.channel_binding(binding).unwrap());
    }
    assert!(Pair::new().client.channel_binding(Binding::Unique).is_err());
}

#[test]
fn the_clients_first_shared_protocol_is_chosen() {
    let protocols = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut client = config(Role::Client);
    client.protocols = protocols(&["a", "b"]);
    let mut server = config(Role::Server);
    server.protocols = protocols(&["z", "b", "a"]);
    let mut pair = Pair::with(client, server);
    pair.until_verdict();
    pair.client.judge(Verdict::Accept);
    pair.finish();
    assert_eq!(
        pair.client.application_protocol().as_deref(),
        Some(b"a".as_slice())
    );
    assert_eq!(
        pair.server.application_protocol().as_deref(),
        Some(b"a".as_slice())
    );
}

#[test]
fn a_lost_flight_is_repeated_when_its_time_is_up() {
    let mut pair = Pair::new();
    pair.client.handshake();
    let lost = datagrams(&mut pair.client);
    assert_eq!(lost.len(), 1);
    pair.client.on_deadline();
    while pair
        .client
        .timeout()
        .is_some_and(|left| left > Duration::ZERO)
    {
        std::thread::yield_now();
    }
    pair.client.on_deadline();
    assert_eq!(datagrams(&mut pair.client).len(), 1);
}
