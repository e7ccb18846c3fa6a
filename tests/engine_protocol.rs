//! Suites, groups and signatures that two engines are told to use, and what they agree on.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/resumption.rs"]
#[allow(dead_code)]
mod resumption;

use std::process::Command;

use engines::{Pair, config, datagrams};
use gio_ossl::engine::{Config, Engine, Negotiated, Protocol, Resumption, Role, Step, Unusable};
use openssl::{pkey::PKey, x509::X509};
use resumption::{End, Site, shake_hands};

/// With this list of suites.
fn ciphers(list: &str) -> Protocol {
    let protocol = Protocol::default();
    protocol.with_cipher_list(Some(list), false).unwrap()
}

fn groups(list: &str) -> Protocol {
    Protocol::default().with_groups(list).unwrap()
}

fn speaking(role: Role, protocol: &Protocol) -> Config {
    Config {
        protocol: protocol.clone(),
        ..config(role)
    }
}

/// A server with a key of this kind, as `openssl req -newkey` has it, and a client.
fn pair(kind: &[&str], client: &Protocol, server: &Protocol) -> Pair {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-subj",
            "/CN=server.example",
            "-newkey",
        ])
        .args(kind)
        .args(["-keyout", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let certificate = X509::from_pem(&output.stdout).unwrap();
    let key = PKey::private_key_from_pem(&output.stdout).unwrap();
    let server = Config {
        credentials: Some((vec![certificate], key)),
        ..speaking(Role::Server, server)
    };
    Pair {
        client: Engine::new(&speaking(Role::Client, client)).unwrap(),
        server: Engine::new(&server).unwrap(),
        identity: None,
    }
}

const EC: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: &[&str] = &["rsa:2048"];

fn delivered(to: Role, _: usize, datagram: &[u8]) -> Vec<(Role, Vec<u8>)> {
    vec![(to, datagram.to_vec())]
}

/// What both ends say of a handshake that succeeds: the suite and the rest.
fn agreed(mut pair: Pair) -> (String, Negotiated) {
    assert_eq!(pair.client.negotiated(), Negotiated::default());
    let steps = pair.run(delivered);
    assert!(
        matches!(steps, (Step::Established, Step::Established)),
        "{steps:?}"
    );
    let [ours, theirs] = [&pair.client, &pair.server]
        .map(|engine| (engine.cipher_suite().unwrap(), engine.negotiated()));
    assert_eq!(ours, theirs);
    ours
}

fn fails(mut pair: Pair) {
    let steps = pair.run(delivered);
    assert!(
        matches!(steps, (Step::Failed(_), _) | (_, Step::Failed(_))),
        "{steps:?}"
    );
}

/// The numbers of the suites in a client's first message.
fn offered(protocol: &Protocol) -> Vec<u16> {
    let mut client = Engine::new(&speaking(Role::Client, protocol)).unwrap();
    assert!(matches!(client.handshake(), Step::NeedDatagram));
    let hello = datagrams(&mut client).concat();
    // The headers of the record and of the message, the version, and 32 random bytes.
    let mut rest = &hello[13 + 12 + 2 + 32..];
    for _ in ["session", "cookie"] {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    let numbers = rest[2..2 + length].chunks(2);
    numbers
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect()
}

/// The signalling value of RFC 5746.
const SIGNAL: u16 = 0x00ff;

#[test]
fn a_list_of_everything_offers_authenticated_suites_alone() {
    let offered = offered(&ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0"));
    for suite in &offered {
        let is_authenticated = matches!(
            suite,
            0x009c..=0x00a5 // GCM (RFC 5288), not DH_anon
            | 0xc02b..=0xc032 // with ECDHE (RFC 5289)
            | 0xc050..=0xc059 | 0xc05c..=0xc063 // ARIA (RFC 6209), not DH_anon
            | 0xc09c..=0xc0a3 | 0xc0ac..=0xc0af // CCM (RFC 6655, 7251)
            | 0xcca8..=0xccaa // ChaCha20 (RFC 7905)
        );
        assert!(is_authenticated || *suite == SIGNAL, "{suite:#06x}");
    }
    for suite in [0x009c, 0xc02b, 0xc0ae, 0xcca9] {
        assert!(offered.contains(&suite), "{suite:#06x}");
    }
}

#[test]
fn the_default_has_forward_secrecy() {
    for protocol in [Protocol::default(), ciphers("DEFAULT")] {
        for suite in offered(&protocol) {
            let has_ephemeral_keys = matches!(
                suite,
                0x009e | 0x009f // DHE with GCM (RFC 5288)
                | 0xc02b | 0xc02c | 0xc02f | 0xc030 // ECDHE with GCM (RFC 5289)
                | 0xcca8..=0xccaa // ChaCha20 (RFC 7905)
            );
            assert!(has_ephemeral_keys || suite == SIGNAL, "{suite:#06x}");
        }
    }
    fails(pair(RSA, &ciphers("kRSA"), &Protocol::default()));
    fails(pair(RSA, &Protocol::default(), &ciphers("kRSA")));
    for list in ["kRSA", "DEFAULT:!ECDHE:!DHE:kRSA"] {
        let (suite, negotiated) = agreed(pair(RSA, &ciphers(list), &ciphers(list)));
        assert_eq!(suite, "AES256-GCM-SHA384");
        assert_eq!(negotiated.group, None);
    }
    let (suite, _) = agreed(pair(RSA, &Protocol::default(), &Protocol::default()));
    assert_eq!(suite, "ECDHE-RSA-AES256-GCM-SHA384");
}

#[test]
fn the_default_has_neither_ccm_nor_pre_shared_keys() {
    let offered = offered(&Protocol::default());
    assert!(offered.contains(&0xc02b));
    for suite in [0xc0ac, 0xc0ae, 0xc0a0, 0x00a8, 0xc0a8, 0xccab] {
        assert!(!offered.contains(&suite), "{suite:#06x}");
    }
}

#[test]
fn suites_are_offered_in_the_order_of_the_list() {
    // From 3.2 on OpenSSL has short tags at level 0 alone.
    let list =
        "ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0";
    let mut offered = offered(&ciphers(list));
    // Not all versions send it.
    offered.retain(|suite| *suite != SIGNAL);
    assert_eq!(offered, [0xc0ae, 0xc02f]);
}

#[test]
fn the_chosen_suite_is_spoken_and_its_bits_are_told() {
    let any = Protocol::default();
    for (suite, bits) in [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", 128),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", 256),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", 256),
    ] {
        for (client, server) in [(&ciphers(suite), &any), (&any, &ciphers(suite))] {
            let (name, facts) = agreed(pair(EC, client, server));
            assert_eq!((name.as_str(), facts.cipher_bits), (suite, bits));
        }
    }
    for (suite, bits) in [
        ("ECDHE-ECDSA-AES128-CCM", 128),
        ("ECDHE-ECDSA-AES128-CCM8", 128),
        ("ECDHE-ECDSA-AES256-CCM8", 256),
        ("ECDHE-ECDSA-ARIA256-GCM-SHA384", 256),
    ] {
        // From 3.2 on OpenSSL has short tags at level 0 alone, and counts the tag's bits.
        let list = ciphers(&format!("{suite}:@SECLEVEL=0"));
        let is_new = openssl::version::number() >= 0x3020_0000;
        let bits = if is_new && suite.ends_with("CCM8") {
            64
        } else {
            bits
        };
        let (name, facts) = agreed(pair(EC, &list, &list));
        assert_eq!((name.as_str(), facts.cipher_bits), (suite, bits));
        // By default the other side does not speak it.
        fails(pair(EC, &list, &any));
    }
}

#[test]
fn key_transport_has_neither_group_nor_signature() {
    let list = ciphers("AES128-GCM-SHA256");
    let (_, facts) = agreed(pair(RSA, &list, &list));
    let expected = Negotiated {
        cipher_bits: 128,
        ..Negotiated::default()
    };
    assert_eq!(facts, expected);
}

#[test]
fn a_resumed_session_keeps_its_group_and_nobody_signs() {
    let site = Site::new();
    let (mut client, mut server) = (
        End::client(Resumption::Offer(site.session())),
        site.server(),
    );
    shake_hands(&mut client, &mut server);
    assert!(client.engine.is_resumed());
    let facts = client.engine.negotiated();
    assert_eq!(facts, server.engine.negotiated());
    assert_eq!(facts.group.as_deref(), Some("x25519"));
    assert_eq!((facts.signature_scheme, facts.cipher_bits), (None, 256));
}

#[test]
fn the_chosen_group_is_used_and_told_by_its_registered_name() {
    let any = Protocol::default();
    for (list, name) in [
        ("X25519", "x25519"),
        ("X448", "x448"),
        ("P-256", "secp256r1"),
        ("prime256v1", "secp256r1"),
        ("secp384r1", "secp384r1"),
        ("P-521", "secp521r1"),
    ] {
        let (_, facts) = agreed(pair(RSA, &groups(list), &any));
        assert_eq!(facts.group.as_deref(), Some(name), "{list}");
        let (_, facts) = agreed(pair(RSA, &any, &groups(list)));
        assert_eq!(facts.group.as_deref(), Some(name), "{list}");
    }
    // The client's order counts.
    let pair_of = |ours, theirs| pair(RSA, &groups(ours), &groups(theirs));
    let (_, facts) = agreed(pair_of("P-384:X25519", "X25519:P-384"));
    assert_eq!(facts.group.as_deref(), Some("secp384r1"));
    fails(pair(EC, &groups("X25519"), &groups("P-256")));
}

#[test]
fn the_chosen_signature_is_used_and_told_by_its_registered_name() {
    let any = Protocol::default();
    let signing = |list| Protocol::default().with_signature_algorithms(list).unwrap();
    for (kind, list, name) in [
        (EC, "ECDSA+SHA256", "ecdsa_secp256r1_sha256"),
        (EC, "ECDSA+SHA384", "ecdsa_secp384r1_sha384"),
        (EC, "ecdsa_secp521r1_sha512", "ecdsa_secp521r1_sha512"),
        (RSA, "RSA+SHA256", "rsa_pkcs1_sha256"),
        (RSA, "RSA+SHA384", "rsa_pkcs1_sha384"),
        (RSA, "RSA+SHA512", "rsa_pkcs1_sha512"),
        (RSA, "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha256"),
        (RSA, "PSS+SHA384", "rsa_pss_rsae_sha384"),
        (RSA, "rsa_pss_rsae_sha512", "rsa_pss_rsae_sha512"),
    ] {
        for (client, server) in [(&signing(list), &any), (&any, &signing(list))] {
            let (_, facts) = agreed(pair(kind, client, server));
            assert_eq!(facts.signature_scheme, Some(name), "{list}");
        }
    }
    fails(pair(EC, &signing("ed25519"), &any));
}

#[test]
fn the_security_level_of_a_list_counts() {
    let sha1 = |list| {
        ciphers(list)
            .with_signature_algorithms("ECDSA+SHA1")
            .unwrap()
    };
    let weak = sha1("DEFAULT:@SECLEVEL=0");
    let (_, facts) = agreed(pair(EC, &weak, &weak));
    assert_eq!(facts.signature_scheme, Some("ecdsa_sha1"));
    let usual = sha1("DEFAULT");
    fails(pair(EC, &usual, &weak));

    let kept = offered(&ciphers("DEFAULT:kRSA@SECLEVEL=3"));
    assert!(
        kept.contains(&0xc02b) && !kept.contains(&0x009c),
        "{kept:x?}"
    );
    assert!(offered(&ciphers("DEFAULT:kRSA")).contains(&0x009c));
}

#[test]
fn suite_b_is_one_word() {
    let list = ciphers("SUITEB128");
    let (suite, facts) = agreed(pair(EC, &list, &Protocol::default()));
    assert_eq!(suite, "ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_eq!(facts.group.as_deref(), Some("secp256r1"));
}

#[test]
fn the_part_of_a_list_that_is_not_known_is_named() {
    let unknown = |token: &str| Err(Unusable::Unknown(token.into()));
    for (list, token) in [
        ("NONSENSE", "NONSENSE"),
        ("X25519:NONSENSE:P-256", "NONSENSE"),
        ("NONSENSE:X25519", "NONSENSE"),
        ("", ""),
    ] {
        assert_eq!(
            Protocol::default().with_groups(list),
            unknown(token),
            "{list}"
        );
    }
    for (list, token) in [
        ("ECDSA+SHA256:ECDSA+NONSENSE", "ECDSA+NONSENSE"),
        ("ed25519:rsa_nonsense_sha256", "rsa_nonsense_sha256"),
        ("a\0b", "a\0b"),
    ] {
        let result = Protocol::default().with_signature_algorithms(list);
        assert_eq!(result, unknown(token), "{list}");
    }
}
