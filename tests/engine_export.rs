//! Exported keying material, keys for SRTP and the key log, beside plain OpenSSL.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/raw.rs"]
#[allow(dead_code)]
mod raw;
#[path = "common/raw_side.rs"]
mod raw_side;
#[path = "common/resumption.rs"]
#[allow(dead_code)]
mod resumption;

use gio_ossl::Error;
use gio_ossl::engine::{Binding, Config, Resumption, Role, SrtpKey, SrtpProfile};
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslOptions, SslVerifyMode};
use raw::Raw;
use resumption::{End, Site, config, shake_hands};

const LABEL: &str = "EXPERIMENTAL gio-ossl";
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";
const RESERVED: [&str; 5] = [
    "client finished",
    "server finished",
    "master secret",
    "key expansion",
    "extended master secret",
];

/// A client of ours with these profiles.
fn client(profiles: &[SrtpProfile]) -> End {
    End::new(&Config {
        srtp_profiles: profiles.to_vec(),
        keylog: true,
        ..config(Role::Client, Resumption::Never)
    })
}

/// A server of ours with these profiles.
fn server(profiles: &[SrtpProfile]) -> End {
    End::new(&Config {
        srtp_profiles: profiles.to_vec(),
        keylog: true,
        ..Site::new().config(Resumption::Never)
    })
}

/// What a client of plain OpenSSL goes by.
fn raw_client(profiles: &str, options: SslOptions) -> SslContext {
    let mut context = SslContextBuilder::new(SslMethod::dtls()).unwrap();
    context.set_options(SslOptions::NO_QUERY_MTU | options);
    context.set_verify(SslVerifyMode::NONE);
    context.set_tlsext_use_srtp(profiles).unwrap();
    context.build()
}

fn raw_export(raw: &Raw, label: &str, context: Option<&[u8]>, length: usize) -> Vec<u8> {
    let mut material = vec![0; length];
    raw.ssl()
        .export_keying_material(&mut material, label, context)
        .unwrap();
    material
}

fn export(end: &End, label: &str, context: Option<&[u8]>, length: usize) -> Vec<u8> {
    let material = end.engine.export_keying_material(label, context, length);
    material.unwrap().to_vec()
}

fn established(profiles: &[SrtpProfile]) -> (End, End) {
    let (mut client, mut server) = (client(profiles), server(profiles));
    shake_hands(&mut client, &mut server);
    (client, server)
}

#[track_caller]
fn assert_refused(result: Result<impl Sized, Error>, mention: &str) {
    match result {
        Err(Error::InvalidArgument(text)) => assert!(text.contains(mention), "{text}"),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("not refused: {mention}"),
    }
}

fn joined(key: &SrtpKey) -> (Vec<u8>, Vec<u8>) {
    (key.key.to_vec(), key.salt.to_vec())
}

#[test]
fn material_is_equal_on_both_ends_and_differs_by_label_context_and_session() {
    let (client, server) = established(&[]);
    let (other, _) = established(&[]);
    let mut seen = Vec::new();
    for label in [LABEL, "EXPERIMENTAL other"] {
        for context in [None, Some(b"".as_slice()), Some(b"\0"), Some(b"context")] {
            let ours = export(&client, label, context, 48);
            assert_eq!(ours, export(&server, label, context, 48));
            assert_eq!(ours[..20], export(&server, label, context, 20));
            assert_ne!(ours, export(&other, label, context, 48));
            assert!(!seen.contains(&ours));
            seen.push(ours);
        }
    }
}

#[test]
fn material_is_equal_to_plain_openssls() {
    let context = raw_client("SRTP_AES128_CM_SHA1_80", SslOptions::empty());
    let (mut client, mut server) = (Raw::connect(&context, None), server(&[]));
    shake_hands(&mut client, &mut server);
    for context in [None, Some(b"".as_slice()), Some(b"context")] {
        let theirs = raw_export(&client, LABEL, context, 100);
        assert_eq!(export(&server, LABEL, context, 100), theirs);
    }
}

#[test]
fn labels_of_tls_itself_and_the_empty_one_are_refused() {
    let (client, _) = established(&[]);
    for label in RESERVED {
        let longer = format!("{label} of mine");
        for label in [label, &longer] {
            let refused = client.engine.export_keying_material(label, None, 16);
            assert_refused(refused, label);
        }
    }
    assert_refused(client.engine.export_keying_material("", None, 16), "label");
    for label in ["client finish", "Master secret", " master secret"] {
        assert_eq!(export(&client, label, None, 16).len(), 16);
    }
}

#[test]
fn labels_of_other_purposes_give_what_these_have() {
    let (client, _) = established(&[SrtpProfile::AeadAes128Gcm]);
    let binding = client.engine.channel_binding(Binding::Exporter).unwrap();
    let empty = Some(b"".as_slice());
    assert_eq!(
        export(&client, "EXPORTER-Channel-Binding", empty, 32),
        binding
    );
    let keys = client.engine.srtp_keys().unwrap();
    let block = export(&client, SRTP_LABEL, None, 56);
    assert_eq!(block[..16], **keys.sending.key);
    assert_eq!(block[44..], **keys.receiving.salt);
}

#[test]
fn lengths_have_limits_that_the_error_names() {
    let (client, server) = established(&[]);
    for length in [0, 8161, usize::MAX] {
        let refused = client.engine.export_keying_material(LABEL, None, length);
        assert_refused(refused, "8160");
    }
    for length in [1, 8160] {
        let ours = export(&client, LABEL, None, length);
        assert_eq!(ours, export(&server, LABEL, None, length));
    }
}

#[test]
fn label_and_context_have_a_limit_together_that_openssl_has_room_for() {
    let (client, server) = established(&[]);
    let room = 958 - LABEL.len();
    let context = vec![7; room];
    let ours = export(&client, LABEL, Some(&context), 32);
    assert_eq!(ours, export(&server, LABEL, Some(&context), 32));
    let longer = vec![7; room + 1];
    let refused = client
        .engine
        .export_keying_material(LABEL, Some(&longer), 32);
    assert_refused(refused, "958");
    let label = "x".repeat(958);
    assert_eq!(export(&client, &label, None, 1).len(), 1);
    assert_eq!(export(&client, &label, Some(b""), 1).len(), 1);
    let refused = client
        .engine
        .export_keying_material(&"x".repeat(959), None, 1);
    assert_refused(refused, "958");
}

#[test]
fn there_is_nothing_to_export_before_the_end_of_the_handshake() {
    let client = client(&SrtpProfile::ALL);
    let material = client.engine.export_keying_material(LABEL, None, 16);
    assert!(matches!(material, Err(Error::NoSession)));
    assert!(matches!(client.engine.srtp_keys(), Err(Error::NoSession)));
    assert_eq!(client.engine.srtp_profile(), None);
}

#[test]
fn nothing_is_exported_without_extended_master_secret() {
    let context = raw_client("SRTP_AEAD_AES_128_GCM", raw::NO_EXTENDED_MASTER_SECRET);
    let (mut client, mut server) = (Raw::connect(&context, None), server(&SrtpProfile::ALL));
    shake_hands(&mut client, &mut server);
    assert_eq!(
        server.engine.srtp_profile(),
        Some(SrtpProfile::AeadAes128Gcm)
    );
    let material = server.engine.export_keying_material(LABEL, None, 16);
    let keys = server.engine.srtp_keys();
    for error in [material.err(), keys.err()] {
        let Some(Error::NotSupported(text)) = error else {
            panic!("{error:?}")
        };
        assert!(text.contains("extended master secret"), "{text}");
    }
}

#[test]
fn profiles_have_the_lengths_of_their_specifications_and_keys_cross() {
    for (profile, key, salt) in [
        (SrtpProfile::Aes128CmHmacSha1With80, 16, 14),
        (SrtpProfile::Aes128CmHmacSha1With32, 16, 14),
        (SrtpProfile::AeadAes128Gcm, 16, 12),
        (SrtpProfile::AeadAes256Gcm, 32, 12),
    ] {
        let (client, server) = established(&[profile]);
        assert_eq!(client.engine.srtp_profile(), Some(profile));
        assert_eq!(server.engine.srtp_profile(), Some(profile));
        let ours = client.engine.srtp_keys().unwrap();
        let theirs = server.engine.srtp_keys().unwrap();
        assert_eq!(joined(&ours.sending), joined(&theirs.receiving));
        assert_eq!(joined(&ours.receiving), joined(&theirs.sending));
        assert_ne!(ours.sending.key, ours.receiving.key);
        assert_ne!(ours.sending.salt, ours.receiving.salt);
        for end in [&ours.sending, &ours.receiving] {
            assert_eq!((end.key.len(), end.salt.len()), (key, salt));
        }
    }
}

#[test]
fn keys_are_plain_openssls_block_in_the_order_of_the_specification() {
    for (name, profile) in [
        (
            "SRTP_AES128_CM_SHA1_80",
            SrtpProfile::Aes128CmHmacSha1With80,
        ),
        (
            "SRTP_AES128_CM_SHA1_32",
            SrtpProfile::Aes128CmHmacSha1With32,
        ),
        ("SRTP_AEAD_AES_128_GCM", SrtpProfile::AeadAes128Gcm),
        ("SRTP_AEAD_AES_256_GCM", SrtpProfile::AeadAes256Gcm),
    ] {
        let context = raw_client(name, SslOptions::empty());
        let (mut client, mut server) = (Raw::connect(&context, None), server(&SrtpProfile::ALL));
        shake_hands(&mut client, &mut server);
        assert_eq!(server.engine.srtp_profile(), Some(profile));
        let keys = server.engine.srtp_keys().unwrap();
        let block = [
            &**keys.receiving.key,
            &**keys.sending.key,
            &**keys.receiving.salt,
            &**keys.sending.salt,
        ]
        .concat();
        let theirs = raw_export(&client, SRTP_LABEL, None, block.len());
        assert_eq!(block, theirs);
    }
}

#[test]
fn the_servers_order_decides_and_no_common_profile_is_none() {
    use SrtpProfile::{AeadAes128Gcm, AeadAes256Gcm};
    let mut client_end = client(&[AeadAes256Gcm, AeadAes128Gcm]);
    let mut server_end = server(&[AeadAes128Gcm, AeadAes256Gcm]);
    shake_hands(&mut client_end, &mut server_end);
    assert_eq!(client_end.engine.srtp_profile(), Some(AeadAes128Gcm));
    for (ours, theirs) in [
        (vec![AeadAes256Gcm], vec![AeadAes128Gcm]),
        (vec![AeadAes256Gcm], vec![]),
        (vec![], vec![AeadAes128Gcm]),
    ] {
        let (mut client, mut server) = (client(&ours), server(&theirs));
        shake_hands(&mut client, &mut server);
        for end in [&client, &server] {
            assert_eq!(end.engine.srtp_profile(), None);
            assert!(matches!(
                end.engine.srtp_keys(),
                Err(Error::NotSupported(text)) if text.contains("profile")
            ));
        }
    }
}

#[test]
fn both_ends_have_the_same_line_for_the_key_log_and_give_it_once() {
    let (mut client, mut server) = established(&[]);
    let ours = client.engine.take_keylog();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours, server.engine.take_keylog());
    let words: Vec<&str> = ours[0].split(' ').collect();
    assert_eq!(words[0], "CLIENT_RANDOM");
    assert_eq!((words[1].len(), words[2].len()), (64, 96));
    assert!(client.engine.take_keylog().is_empty());
    assert!(server.engine.take_keylog().is_empty());
}

#[test]
fn nothing_is_kept_for_a_key_log_that_nobody_wants() {
    let (mut client, mut server) = Site::new().first();
    assert!(client.engine.take_keylog().is_empty());
    assert!(server.engine.take_keylog().is_empty());
}

#[test]
fn a_resumed_session_has_a_line_and_material_of_its_own() {
    let site = Site::new();
    let with_log = |mut config: Config| {
        config.keylog = true;
        config.srtp_profiles = vec![SrtpProfile::AeadAes128Gcm];
        End::new(&config)
    };
    let mut seen = Vec::new();
    let mut resumption = Resumption::Allowed;
    for resumed in [false, true] {
        let mut client = with_log(config(Role::Client, resumption));
        let mut server = with_log(site.config(Resumption::Allowed));
        shake_hands(&mut client, &mut server);
        assert_eq!(client.engine.is_resumed(), resumed);
        let lines = client.engine.take_keylog();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines, server.engine.take_keylog());
        let material = export(&client, LABEL, None, 32);
        assert_eq!(material, export(&server, LABEL, None, 32));
        let ours = client.engine.srtp_keys().unwrap().sending;
        let theirs = server.engine.srtp_keys().unwrap().receiving;
        assert_eq!(joined(&ours), joined(&theirs));
        seen.push((lines, material, joined(&ours)));
        resumption = Resumption::Offer(client.session());
    }
    assert!(seen[0].0 != seen[1].0 && seen[0].1 != seen[1].1 && seen[0].2 != seen[1].2);
}
