//! The properties that choose versions, suites, groups and signatures, and the facts that follow from
//! them.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/choices.rs"]
mod choices;
mod common;

use std::sync::{Arc, Mutex};

use choices::{assert_refused, client_with, ends, server_with};
use common::{identity, ways::Way};
use gio::TlsProtocolVersion as Version;
use gio_ossl::prelude::*;

/// What cannot be used, and what the error names of it.
const BAD_LISTS: [(&str, &str, &str); 8] = [
    ("cipher-list", "AES128-GCM-SHA256:NONSENSE", "\"NONSENSE\""),
    ("cipher-list", "AES128-GCM-SHA256:!NONSENS", "\"!NONSENS\""),
    (
        "cipher-list",
        "AES128-SHA",
        "\"AES128-SHA\", which leaves no cipher suite",
    ),
    ("cipher-list", "", "leaves no cipher suite"),
    ("groups", "X25519:NONSENSE", "\"NONSENSE\""),
    ("groups", "", "\"\""),
    (
        "signature-algorithms",
        "ECDSA+SHA256:NONSENSE+SHA256",
        "\"NONSENSE+SHA256\"",
    ),
    ("signature-algorithms", "", "\"\""),
];

/// Versions that cannot be spoken, and what the error says of them.
const BAD_VERSIONS: [(&str, Version, &str); 6] = [
    (
        "min-protocol-version",
        Version::Tls12,
        "TLS1.2, which is no version of DTLS",
    ),
    ("min-protocol-version", Version::Tls13, "TLS1.3"),
    ("min-protocol-version", Version::Ssl30, "SSL3.0"),
    ("max-protocol-version", Version::Tls10, "TLS1.0"),
    ("max-protocol-version", Version::Tls11, "TLS1.1"),
    (
        "max-protocol-version",
        Version::Dtls10,
        "DTLS1.0, and older than every version that is supported: DTLS1.2",
    ),
];

#[test]
fn nothing_is_chosen_and_no_fact_known_at_first() {
    let (client, server) = ends("ecdsa");
    for end in [
        client.upcast_ref::<gio_ossl::DtlsConnection>(),
        server.upcast_ref(),
    ] {
        assert_eq!(end.min_protocol_version(), Version::Unknown);
        assert_eq!(end.max_protocol_version(), Version::Unknown);
        assert_eq!(end.cipher_list(), None);
        assert_eq!(end.groups(), None);
        assert_eq!(end.signature_algorithms(), None);
        assert_eq!(
            (end.group(), end.signature_scheme(), end.cipher_bits()),
            (None, None, 0)
        );
    }
}

#[test]
fn values_are_kept_and_announced() {
    let (client, _) = ends("ecdsa");
    let names = Arc::new(Mutex::new(Vec::new()));
    let noted = names.clone();
    client.connect_notify(None, move |_, spec| {
        noted.lock().unwrap().push(spec.name().to_owned())
    });
    client.set_min_protocol_version(Version::Dtls10);
    client.set_max_protocol_version(Version::Dtls12);
    client.set_cipher_list(Some("HIGH"));
    client.set_groups(Some("X25519"));
    client.set_signature_algorithms(Some("ECDSA+SHA256"));
    assert_eq!(client.min_protocol_version(), Version::Dtls10);
    assert_eq!(client.max_protocol_version(), Version::Dtls12);
    assert_eq!(client.cipher_list().as_deref(), Some("HIGH"));
    assert_eq!(client.groups().as_deref(), Some("X25519"));
    assert_eq!(
        client.signature_algorithms().as_deref(),
        Some("ECDSA+SHA256")
    );
    client.set_cipher_list(None);
    assert_eq!(client.cipher_list(), None);
    let expected = [
        "min-protocol-version",
        "max-protocol-version",
        "cipher-list",
        "groups",
        "signature-algorithms",
        "cipher-list",
    ];
    assert_eq!(*names.lock().unwrap(), expected);
}

#[test]
fn either_end_may_choose_and_both_tell_what_was_agreed_on() {
    for way in Way::BOTH {
        for by_client in [true, false] {
            let (client, server) = ends("rsa");
            let chooser: &gio_ossl::DtlsConnection = if by_client {
                client.upcast_ref()
            } else {
                server.upcast_ref()
            };
            chooser.set_min_protocol_version(Version::Dtls12);
            chooser.set_max_protocol_version(Version::Dtls12);
            chooser.set_cipher_list(Some("ECDHE-RSA-AES128-GCM-SHA256"));
            chooser.set_groups(Some("P-384"));
            chooser.set_signature_algorithms(Some("rsa_pss_rsae_sha512:ECDSA+SHA256"));
            let (ours, theirs) = way.meet(&client, &server);
            ours.unwrap();
            theirs.unwrap();
            for end in [
                client.upcast_ref::<gio_ossl::DtlsConnection>(),
                server.upcast_ref(),
            ] {
                assert_eq!(
                    end.ciphersuite_name().as_deref(),
                    Some("ECDHE-RSA-AES128-GCM-SHA256")
                );
                assert_eq!(end.group().as_deref(), Some("secp384r1"));
                assert_eq!(
                    end.signature_scheme().as_deref(),
                    Some("rsa_pss_rsae_sha512")
                );
                assert_eq!(end.cipher_bits(), 128);
            }
        }
    }
}

#[test]
fn facts_are_announced_once_when_all_are_known() {
    for way in Way::BOTH {
        let (client, server) = ends("ecdsa");
        let seen = [
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(Mutex::new(Vec::new())),
        ];
        let ends = [
            client.upcast_ref::<gio_ossl::DtlsConnection>(),
            server.upcast_ref(),
        ];
        for (end, seen) in ends.into_iter().zip(&seen) {
            for name in ["group", "signature-scheme", "cipher-bits"] {
                let seen = seen.clone();
                end.connect_notify(Some(name), move |end, spec| {
                    let facts = (end.group(), end.signature_scheme(), end.cipher_bits());
                    assert!(
                        facts.0.is_some() && facts.1.is_some() && facts.2 > 0,
                        "{facts:?}"
                    );
                    seen.lock().unwrap().push(spec.name().to_owned());
                });
            }
        }
        let (ours, theirs) = way.meet(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        for seen in seen {
            assert_eq!(
                *seen.lock().unwrap(),
                ["group", "signature-scheme", "cipher-bits"]
            );
        }
    }
}

#[test]
fn a_handshake_that_failed_leaves_no_facts() {
    let (client, server) = ends("ecdsa");
    client.set_server_identity(&identity("wrong.example.com"));
    Way::Asynchronous.meet(&client, &server).0.unwrap_err();
    assert_eq!(
        (
            client.group(),
            client.signature_scheme(),
            client.cipher_bits()
        ),
        (None, None, 0)
    );
}

#[test]
fn bad_value_at_construction_fails_the_initialisation() {
    for (property, value, named) in BAD_LISTS {
        let parts = [&format!("The property {property} "), named];
        assert_refused(client_with(property, value), &parts);
        assert_refused(server_with(property, value), &parts);
    }
    for (property, value, named) in BAD_VERSIONS {
        let parts = [&format!("The property {property} is "), named];
        assert_refused(client_with(property, value), &parts);
        assert_refused(server_with(property, value), &parts);
    }
    for property in ["min-protocol-version", "max-protocol-version"] {
        client_with(property, Version::Dtls12).unwrap();
    }
    client_with("min-protocol-version", Version::Dtls10).unwrap();
}

#[test]
fn suites_of_a_key_that_may_come_are_no_bad_value_before_the_handshake() {
    let client = client_with("cipher-list", "PSK-AES128-CCM8").unwrap();
    assert_refused(
        client.handshake(gio::Cancellable::NONE),
        &["cipher-list", "PSK-AES128-CCM8"],
    );
}

#[test]
fn oldest_version_beyond_the_newest_is_refused() {
    let (client, _) = ends("ecdsa");
    client.set_min_protocol_version(Version::Dtls12);
    client.set_max_protocol_version(Version::Dtls10);
    let parts = [
        "min-protocol-version is DTLS1.2",
        "max-protocol-version, which is DTLS1.0",
    ];
    assert_refused(client.handshake(gio::Cancellable::NONE), &parts);
}

#[test]
fn bad_value_that_is_set_later_fails_handshakes_until_it_is_a_good_one() {
    for way in Way::BOTH {
        for (property, value, named) in BAD_LISTS {
            let (client, server) = ends("ecdsa");
            client.set_property(property, value);
            server.set_property(property, value);
            let (ours, theirs) = way.meet(&client, &server);
            assert_refused(ours, &[property, named]);
            assert_refused(theirs, &[property, named]);
            client.set_property(property, None::<&str>);
            server.set_property(property, None::<&str>);
            let (ours, theirs) = way.meet(&client, &server);
            ours.unwrap();
            theirs.unwrap();
        }
    }
}

#[test]
fn messages_fail_as_the_handshake_does() {
    let (client, _) = ends("ecdsa");
    client.set_groups(Some("NONSENSE"));
    assert_refused(
        common::send(&client, b"hello", common::NOW),
        &["groups", "NONSENSE"],
    );
    assert_refused(
        common::receive(&client, common::PATIENCE),
        &["groups", "NONSENSE"],
    );
}

#[test]
fn choices_stay_as_they_are_once_the_handshake_has_begun() {
    let (client, server) = ends("ecdsa");
    let (ours, theirs) = Way::Asynchronous.meet(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    client.connect_notify(None, |_, spec| panic!("{} was announced", spec.name()));
    client.set_min_protocol_version(Version::Dtls12);
    client.set_max_protocol_version(Version::Dtls12);
    client.set_cipher_list(Some("HIGH"));
    client.set_groups(Some("X25519"));
    client.set_signature_algorithms(Some("ECDSA+SHA256"));
    assert_eq!(client.min_protocol_version(), Version::Unknown);
    assert_eq!(client.max_protocol_version(), Version::Unknown);
    assert_eq!(client.cipher_list(), None);
    assert_eq!(client.groups(), None);
    assert_eq!(client.signature_algorithms(), None);
}
