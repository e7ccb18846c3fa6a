//! Two engines back to back, without GLib, sockets or a clock of the tests' own.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use engines::{HANDSHAKE_FAILURE, Pair, config, datagrams, let_time_pass, plaintext_alert};
use gio_ossl::Error;
use gio_ossl::engine::{Binding, MAX_PLAINTEXT, Opened, Refusal, Role, Step, Verdict};

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
    let_time_pass(&mut pair.server);
    let_time_pass(&mut pair.server);
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
    let_time_pass(&mut pair.client);
    assert_eq!(datagrams(&mut pair.client).len(), 1);
}
