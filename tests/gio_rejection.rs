//! Servers that a client must not talk to, and how it says so.

#![allow(deprecated)] // `validation-flags` is part of the interface all the same.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{cell::Cell, rc::Rc};

use common::{
    NOW, assert_fails, client, database, handshakes, hurry, identity, in_threads, receive,
    records::{finished_was_sent, plain_alerts},
    run, send, server_with,
    simnet::{Direction, SimNet},
    ways::Way,
};
use gio::{IOErrorEnum, TlsCertificateFlags, TlsDatabase, TlsError, prelude::*};
use gio_ossl::DtlsClientConnection;

const FATAL: u8 = 2;
const BAD_CERTIFICATE: u8 = 42;
const CERTIFICATE_EXPIRED: u8 = 45;
const UNKNOWN_CA: u8 = 48;

/// A client that `prepare` has changed meets a server with this certificate of the PKI: its result,
/// itself and the network.
fn meeting(
    credential: &str,
    prepare: impl FnOnce(&DtlsClientConnection),
) -> (Result<(), glib::Error>, DtlsClientConnection, SimNet) {
    hurry();
    let net = SimNet::new();
    let (near, far) = net.pair();
    let client = client(&near);
    prepare(&client);
    let server = server_with(&far, credential);
    let (ours, theirs) = run(handshakes(&client, &server));
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} but {theirs:?}");
    (ours, client, net)
}

/// The meeting fails with this flag and this alert, before our Finished.
#[track_caller]
fn refused(
    credential: &str,
    flags: TlsCertificateFlags,
    alert: u8,
    prepare: impl FnOnce(&DtlsClientConnection),
) -> DtlsClientConnection {
    let (result, client, net) = meeting(credential, prepare);
    assert_fails(result, TlsError::BadCertificate);
    assert_eq!(client.peer_certificate_errors(), flags);
    assert!(client.peer_certificate().is_some());
    assert_eq!(client.protocol_version(), gio::TlsProtocolVersion::Unknown);
    assert_eq!(client.ciphersuite_name(), None);
    assert_eq!(plain_alerts(&net, Direction::ToServer), [(FATAL, alert)]);
    assert!(!finished_was_sent(&net, Direction::ToServer));
    client
}

#[test]
fn client_rejects_wrong_host_with_alert() {
    refused(
        "ecdsa",
        TlsCertificateFlags::BAD_IDENTITY,
        BAD_CERTIFICATE,
        |client| {
            client.set_server_identity(&identity("wrong.example.com"));
        },
    );
}

#[test]
fn client_rejects_missing_identity() {
    hurry();
    let net = SimNet::new();
    let (near, far) = net.pair();
    let client = DtlsClientConnection::new(&near, gio::SocketConnectable::NONE).unwrap();
    client.set_database(Some(&database("ca")));
    let (result, _) = run(handshakes(&client, &server_with(&far, "ecdsa")));
    assert_fails(result, TlsError::BadCertificate);
    let flags = client.peer_certificate_errors();
    assert_eq!(flags, TlsCertificateFlags::BAD_IDENTITY);
}

#[test]
fn client_rejects_unknown_authority_with_alert() {
    refused(
        "ecdsa",
        TlsCertificateFlags::UNKNOWN_CA,
        UNKNOWN_CA,
        |client| {
            client.set_database(Some(&database("other-ca")));
        },
    );
}

#[test]
fn client_rejects_expired_certificate_with_alert() {
    refused(
        "expired",
        TlsCertificateFlags::EXPIRED,
        CERTIFICATE_EXPIRED,
        |_| {},
    );
}

#[test]
fn client_rejects_certificate_that_is_not_yet_valid_with_alert() {
    let flags = TlsCertificateFlags::NOT_ACTIVATED;
    refused("future", flags, BAD_CERTIFICATE, |_| {});
}

#[test]
fn client_without_a_database_trusts_nobody() {
    refused(
        "ecdsa",
        TlsCertificateFlags::UNKNOWN_CA,
        UNKNOWN_CA,
        |client| {
            client.set_database(TlsDatabase::NONE);
        },
    );
}

#[test]
fn several_problems_are_reported_together() {
    let flags = TlsCertificateFlags::UNKNOWN_CA | TlsCertificateFlags::BAD_IDENTITY;
    let (result, client, _) = meeting("ecdsa", |client| {
        client.set_database(Some(&database("other-ca")));
        client.set_server_identity(&identity("wrong.example.com"));
    });
    assert_fails(result, TlsError::BadCertificate);
    assert_eq!(client.peer_certificate_errors(), flags);
}

#[test]
fn refusal_is_final_for_every_later_call() {
    let client = refused(
        "expired",
        TlsCertificateFlags::EXPIRED,
        CERTIFICATE_EXPIRED,
        |_| {},
    );
    assert_fails(
        client.handshake(gio::Cancellable::NONE),
        TlsError::BadCertificate,
    );
    assert_fails(send(&client, b"x", NOW), TlsError::BadCertificate);
    assert_fails(receive(&client, NOW), TlsError::BadCertificate);
    assert_fails(receive(&client, None), TlsError::BadCertificate);
    client.close(gio::Cancellable::NONE).unwrap();
    assert_fails(receive(&client, NOW), IOErrorEnum::Closed);
}

#[test]
fn server_learns_of_the_refusal_as_a_bad_certificate() {
    hurry();
    let net = SimNet::new();
    let (near, far) = net.pair();
    let client = client(&near);
    client.set_database(Some(&database("other-ca")));
    let (_, theirs) = run(handshakes(&client, &server_with(&far, "ecdsa")));
    assert_fails(theirs, TlsError::BadCertificate);
}

#[test]
fn blocking_handshake_rejects_too() {
    hurry();
    in_threads(
        &SimNet::new(),
        |base| {
            let client = client(&base);
            let result = client.handshake(gio::Cancellable::NONE);
            assert_fails(result, TlsError::BadCertificate);
        },
        |base| {
            let result = server_with(&base, "expired").handshake(gio::Cancellable::NONE);
            assert_fails(result, TlsError::BadCertificate);
        },
    );
}

#[test]
fn first_message_rejects_too() {
    hurry();
    in_threads(
        &SimNet::new(),
        |base| assert_fails(send(&client(&base), b"x", None), TlsError::BadCertificate),
        |base| {
            let server = server_with(&base, "expired");
            assert_fails(receive(&server, None), TlsError::BadCertificate);
        },
    );
}

#[test]
fn masked_flags_are_tolerated_but_stay_visible() {
    let (result, client, _) = meeting("expired", |client| {
        client
            .set_validation_flags(TlsCertificateFlags::VALIDATE_ALL - TlsCertificateFlags::EXPIRED);
    });
    result.unwrap();
    let flags = client.peer_certificate_errors();
    assert_eq!(flags, TlsCertificateFlags::EXPIRED);
}

#[test]
fn mask_of_another_flag_does_not_help() {
    refused(
        "expired",
        TlsCertificateFlags::EXPIRED,
        CERTIFICATE_EXPIRED,
        |client| {
            client.set_validation_flags(
                TlsCertificateFlags::VALIDATE_ALL - TlsCertificateFlags::UNKNOWN_CA,
            );
        },
    );
}

/// A server's certificate, what is wrong with it, and what makes the client notice.
type Problem = (&'static str, TlsCertificateFlags, fn(&DtlsClientConnection));

fn problems() -> [Problem; 4] {
    [
        ("expired", TlsCertificateFlags::EXPIRED, |_| {}),
        ("future", TlsCertificateFlags::NOT_ACTIVATED, |_| {}),
        ("ecdsa", TlsCertificateFlags::UNKNOWN_CA, |client| {
            client.set_database(Some(&database("other-ca")));
        }),
        ("ecdsa", TlsCertificateFlags::BAD_IDENTITY, |client| {
            client.set_server_identity(&identity("wrong.example.com"));
        }),
    ]
}

#[test]
fn each_flag_is_masked_by_itself_alone() {
    hurry();
    for (credential, flag, prepare) in problems() {
        for masked in problems().map(|(_, flag, _)| flag) {
            let (result, client, _) = meeting(credential, |client| {
                prepare(client);
                client.set_validation_flags(TlsCertificateFlags::VALIDATE_ALL - masked);
            });
            assert_eq!(result.is_ok(), masked == flag, "{flag:?} under {masked:?}");
            assert_eq!(client.peer_certificate_errors(), flag);
        }
    }
}

#[test]
fn each_flag_counts_where_it_is_the_only_one_that_does() {
    hurry();
    for (credential, flag, prepare) in problems() {
        for relevant in problems().map(|(_, flag, _)| flag) {
            let (result, _, _) = meeting(credential, |client| {
                prepare(client);
                client.set_validation_flags(relevant);
                client.connect_accept_certificate(move |_, _, errors| {
                    assert_eq!((errors, relevant), (flag, flag));
                    false
                });
            });
            assert_eq!(
                result.is_err(),
                relevant == flag,
                "{flag:?} by {relevant:?}"
            );
        }
    }
}

#[test]
fn no_flags_at_all_tolerate_everything_and_ask_nobody() {
    for way in Way::BOTH {
        let (near, far) = SimNet::new().pair();
        let client = client(&near);
        client.set_database(TlsDatabase::NONE);
        client.set_server_identity(&identity("wrong.example.com"));
        client.set_validation_flags(TlsCertificateFlags::empty());
        client.connect_accept_certificate(|_, _, _| panic!("asked"));
        let (ours, theirs) = way.meet(&client, &server_with(&far, "expired"));
        ours.unwrap();
        theirs.unwrap();
        // Without a database only dates and identity are judged, and nobody is known.
        let all = TlsCertificateFlags::UNKNOWN_CA
            | TlsCertificateFlags::BAD_IDENTITY
            | TlsCertificateFlags::EXPIRED;
        assert_eq!(client.peer_certificate_errors(), all);
    }
}

#[test]
fn identity_may_change_until_the_handshake() {
    let (result, client, net) = meeting("ecdsa", |client| {
        client.set_server_identity(&identity("wrong.example.com"));
        client.set_server_identity(&identity("localhost"));
    });
    result.unwrap();
    assert!(client.peer_certificate_errors().is_empty());
    let hello = &net.sent(Direction::ToServer)[0];
    let names = |name: &[u8]| hello.windows(name.len()).any(|window| window == name);
    assert!(names(b"localhost") && !names(b"wrong.example.com"));
}

#[test]
fn address_is_checked_as_an_address_and_not_announced() {
    let (result, _, net) = meeting("ecdsa", |client| {
        client.set_server_identity(&identity("127.0.0.1"));
    });
    result.unwrap();
    let hello = &net.sent(Direction::ToServer)[0];
    assert!(!hello.windows(9).any(|window| window == b"127.0.0.1"));
}

#[test]
fn handler_is_asked_before_our_finished_and_may_accept() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    let client = client(&near);
    client.set_server_identity(&identity("wrong.example.com"));
    let calls = Rc::new(Cell::new(0));
    client.connect_accept_certificate({
        let (calls, net) = (calls.clone(), net.clone());
        move |client, _, errors| {
            calls.set(calls.get() + 1);
            assert_eq!(errors, TlsCertificateFlags::BAD_IDENTITY);
            assert!(client.peer_certificate().is_none());
            assert!(client.peer_certificate_errors().is_empty());
            assert!(!finished_was_sent(&net, Direction::ToServer));
            true
        }
    });
    let (ours, theirs) = run(handshakes(&client, &server_with(&far, "ecdsa")));
    ours.unwrap();
    theirs.unwrap();
    assert_eq!(calls.get(), 1);
    let flags = client.peer_certificate_errors();
    assert_eq!(flags, TlsCertificateFlags::BAD_IDENTITY);
}

#[test]
fn handler_sees_problems_that_the_mask_hides() {
    let seen = Rc::new(Cell::new(TlsCertificateFlags::empty()));
    let (result, _, _) = meeting("expired", |client| {
        client.set_server_identity(&identity("wrong.example.com"));
        client.set_validation_flags(TlsCertificateFlags::BAD_IDENTITY);
        let seen = seen.clone();
        client.connect_accept_certificate(move |_, _, errors| {
            seen.set(errors);
            true
        });
    });
    result.unwrap();
    let all = TlsCertificateFlags::EXPIRED | TlsCertificateFlags::BAD_IDENTITY;
    assert_eq!(seen.get(), all);
}

#[test]
fn handler_is_not_asked_about_a_good_certificate() {
    let (result, _, _) = meeting("ecdsa", |client| {
        client.connect_accept_certificate(|_, _, _| panic!("asked"));
    });
    result.unwrap();
}

#[test]
fn blocking_calls_from_the_handler_fail_instead_of_deadlocking() {
    let (result, _, _) = meeting("ecdsa", |client| {
        client.set_server_identity(&identity("wrong.example.com"));
        client.connect_accept_certificate(|client, _, _| {
            assert_fails(
                client.handshake(gio::Cancellable::NONE),
                IOErrorEnum::Failed,
            );
            assert_fails(client.close(gio::Cancellable::NONE), IOErrorEnum::Failed);
            assert_fails(receive(client, None), IOErrorEnum::Failed);
            assert_fails(receive(client, NOW), IOErrorEnum::WouldBlock);
            true
        });
    });
    result.unwrap();
}

#[test]
fn server_without_a_certificate_cannot_shake_hands() {
    hurry();
    let net = SimNet::new();
    let (near, far) = net.pair();
    let server = gio_ossl::DtlsServerConnection::new(&far, gio::TlsCertificate::NONE).unwrap();
    let (ours, theirs) = run(handshakes(&client(&near), &server));
    assert!(ours.is_err());
    assert_fails(theirs, TlsError::Misc);
}

#[test]
fn server_whose_certificate_lost_its_key_cannot_shake_hands() {
    hurry();
    let pem = std::fs::read_to_string(common::pki_file("ecdsa.pem")).unwrap();
    let keyless = gio_ossl::Certificate::from_pem(&pem, None).unwrap();
    for way in Way::BOTH {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server_with(&far, "ecdsa"));
        server.set_certificate(&keyless);
        let (ours, theirs) = way.meet(&client, &server);
        assert_fails(ours, TlsError::Misc);
        assert_fails(theirs, TlsError::Misc);
        assert!(client.peer_certificate().is_none());
    }
}
