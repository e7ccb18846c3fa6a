//! What two engines make of datagrams that neither of them has sent.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use engines::{HANDSHAKE_FAILURE, Pair, datagrams, let_time_pass, plaintext_alert};
use gio_ossl::Error;
use gio_ossl::engine::{Role, Step, Verdict};

const FATAL: u8 = 2;
const UNEXPECTED_MESSAGE: u8 = 10;

/// How many datagrams an undisturbed handshake takes to each end.
fn datagrams_of_a_handshake() -> [(Role, usize); 2] {
    let mut counts = [(Role::Client, 0), (Role::Server, 0)];
    let steps = Pair::new().run(|to, number, datagram| {
        counts[to as usize].1 = number + 1;
        vec![(to, datagram.to_vec())]
    });
    assert_established(&steps);
    counts
}

#[track_caller]
fn assert_established(steps: &(Step, Step)) {
    assert!(
        matches!(steps, (Step::Established, Step::Established)),
        "{steps:?}"
    );
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
    let_time_pass(&mut pair.client);
    assert!(matches!(pair.client.handshake(), Step::NeedDatagram));
    let_time_pass(&mut pair.client);
    let Step::Failed(Error::Tls(text)) = pair.client.handshake() else {
        panic!("not believed")
    };
    assert!(text.contains("handshake_failure"), "{text}");
}

#[test]
fn forged_alert_and_a_lost_datagram_do_not_end_a_handshake() {
    for (lost_to, count) in datagrams_of_a_handshake() {
        for lost in 0..count {
            for deceived in [
                &[Role::Client][..],
                &[Role::Server],
                &[Role::Client, Role::Server],
            ] {
                let steps = Pair::new().run(|to, number, datagram| {
                    if (to, number) != (lost_to, lost) {
                        return vec![(to, datagram.to_vec())];
                    }
                    let alert = plaintext_alert(FATAL, HANDSHAKE_FAILURE);
                    deceived.iter().map(|role| (*role, alert.clone())).collect()
                });
                assert_established(&steps);
            }
        }
    }
}

#[test]
fn first_of_several_alerts_is_the_reason() {
    let mut pair = Pair::new();
    pair.client.handshake();
    for description in [HANDSHAKE_FAILURE, UNEXPECTED_MESSAGE] {
        pair.client.feed(&plaintext_alert(FATAL, description));
        assert!(matches!(pair.client.handshake(), Step::NeedDatagram));
        let_time_pass(&mut pair.client);
    }
    let Step::Failed(error) = pair.client.handshake() else {
        panic!("not believed")
    };
    assert!(error.to_string().contains("handshake_failure"), "{error}");
}

#[test]
fn server_believes_no_alert_before_it_has_sent_anything() {
    let mut pair = Pair::new();
    pair.server.feed(&plaintext_alert(FATAL, HANDSHAKE_FAILURE));
    assert!(matches!(pair.server.handshake(), Step::NeedDatagram));
    assert_eq!(pair.server.timeout(), None);
    let steps = pair.run(|to, _, datagram| vec![(to, datagram.to_vec())]);
    assert_established(&steps);
}

#[test]
fn alert_is_forgotten_when_a_repeated_flight_is_answered() {
    let mut pair = Pair::new();
    pair.client.handshake();
    drop(datagrams(&mut pair.client));
    pair.client.feed(&plaintext_alert(FATAL, HANDSHAKE_FAILURE));
    let_time_pass(&mut pair.client);
    let repeated = datagrams(&mut pair.client);
    assert_eq!(repeated.len(), 1);
    pair.server.feed(&repeated[0]);
    pair.server.handshake();
    let answer = datagrams(&mut pair.server);
    assert!(pair.client.suspects_refusal());
    pair.client.feed(&answer[0]);
    assert!(!pair.client.suspects_refusal());
}

#[test]
fn alerts_that_are_believed_have_their_names_and_codes() {
    type IsRight = fn(&Error) -> bool;
    let cases: [(u8, &str, IsRight); 9] = [
        (40, "handshake_failure", |it| matches!(it, Error::Tls(_))),
        (42, "bad_certificate", |it| {
            matches!(it, Error::BadCertificate(_))
        }),
        (44, "certificate_revoked", |it| {
            matches!(it, Error::BadCertificate(_))
        }),
        (45, "certificate_expired", |it| {
            matches!(it, Error::BadCertificate(_))
        }),
        (48, "unknown_ca", |it| {
            matches!(it, Error::BadCertificate(_))
        }),
        (70, "protocol_version", |it| matches!(it, Error::Tls(_))),
        (71, "insufficient_security", |it| {
            matches!(it, Error::Tls(_))
        }),
        (86, "inappropriate fallback", |it| {
            matches!(it, Error::InappropriateFallback)
        }),
        (116, "required", |it| {
            matches!(it, Error::CertificateRequired)
        }),
    ];
    for (description, name, has_its_code) in cases {
        let mut pair = Pair::new();
        pair.client.handshake();
        pair.server.feed(&datagrams(&mut pair.client)[0]);
        pair.server.handshake();
        for role in [Role::Client, Role::Server] {
            let engine = pair.end(role);
            engine.feed(&plaintext_alert(FATAL, description));
            let_time_pass(engine);
            let_time_pass(engine);
            let Step::Failed(error) = engine.handshake() else {
                panic!("{name} is not believed")
            };
            assert!(has_its_code(&error), "{error:?}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
