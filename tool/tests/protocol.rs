//! What is negotiated, and what is kept of a session.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use common::{Files, connect, pki::Leaf, run};

mod common;

#[test]
fn profile_of_srtp_is_negotiated_and_its_keys_are_not_shown() {
    let files = Files::new();
    let listener = files.listen(&["--echo", "--srtp", "SRTP_AEAD_AES_128_GCM"]);
    let profiles = "SRTP_AES128_CM_HMAC_SHA1_80,SRTP_AEAD_AES_128_GCM";
    let options = ["--srtp", profiles, "--send", "x", "--count", "1", "--json"];
    let ended = connect(&files, &listener.port, &options).with(0);
    let session = &ended.events("session")[0];
    assert_eq!(session["srtp_profile"], "SRTP_AEAD_AES_128_GCM");
    connect(&files, &listener.port, &["--srtp", "nonsense"])
        .with(2)
        .says(&["nonsense"]);
}

#[test]
fn secrets_go_to_the_key_log_alone() {
    let files = Files::new();
    let (ours, theirs) = (files.file("ours", ""), files.file("theirs", "# kept\n"));
    fs::remove_file(&ours).unwrap();
    let mut listener = files.listen(&["--echo", "--once", "--keylog", &theirs]);
    let options = ["--keylog", &ours, "--send", "x", "--count", "1"];
    let ended = connect(&files, &listener.port, &options).with(0);
    listener.wait().with(0);
    let log = fs::read_to_string(&ours).unwrap();
    assert!(log.starts_with("CLIENT_RANDOM "), "{log}");
    assert_eq!(
        fs::read_to_string(&theirs).unwrap(),
        format!("# kept\n{log}")
    );
    let mode = fs::metadata(&ours).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = log.trim_end().rsplit(' ').next().unwrap();
    assert!(!format!("{ended:?}").contains(secret));
    let folder = files.pki.folder().to_str().unwrap();
    connect(&files, &listener.port, &["--keylog", folder])
        .with(2)
        .says(&[folder]);
}

#[test]
fn suite_and_group_may_be_chosen() {
    let files = Files::new();
    let listener = files.listen(&["--echo", "--min-version", "1.2", "--max-version", "1.2"]);
    let suite = "ECDHE-ECDSA-CHACHA20-POLY1305";
    let options = ["--ciphers", suite, "--groups", "P-256"];
    let message = ["--send", "x", "--count", "1", "--json"];
    let options = [&options[..], &message].concat();
    let ended = connect(&files, &listener.port, &options).with(0);
    let session = &ended.events("session")[0];
    assert_eq!(session["cipher_suite"], suite);
    assert_eq!(session["group"], "secp256r1");
    assert_eq!(session["signature_scheme"], "ecdsa_secp256r1_sha256");
}

#[test]
fn unknown_words_of_the_protocol_are_named() {
    let files = Files::new();
    let listener = files.listen(&["--echo"]);
    for option in ["--ciphers", "--groups", "--signatures"] {
        connect(&files, &listener.port, &[option, "nonsense"])
            .with(2)
            .says(&["nonsense"]);
    }
    let (certificate, key) = (files.certificate.as_str(), files.key.as_str());
    let credentials = ["--certificate", certificate, "--key", key];
    run(["listen", "0", "--ciphers", "nonsense"]
        .iter()
        .chain(&credentials))
    .with(2)
    .says(&["nonsense"]);
}

#[test]
fn sides_without_a_common_suite_are_told_so() {
    let files = Files::new();
    let mut listener = files.listen(&["--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305"]);
    let suite = "ECDHE-ECDSA-AES128-GCM-SHA256";
    connect(&files, &listener.port, &["--ciphers", suite])
        .with(4)
        .says(&["no cipher suite, or no group, in common"]);
    assert_eq!(listener.event("error")["kind"], "handshake");
}

#[test]
fn mtu_may_be_chosen() {
    let files = Files::new();
    let listener = files.listen(&["--echo"]);
    let options = ["--mtu", "600", "--send", "x", "--count", "1", "--json"];
    let ended = connect(&files, &listener.port, &options).with(0);
    let fits = ended.events("session")[0]["max_payload"].as_u64().unwrap();
    assert!((500..600).contains(&fits), "{fits}");
    connect(&files, &listener.port, &["--mtu", "255"])
        .with(2)
        .says(&["--mtu"]);
}

#[test]
fn session_is_kept_for_oneself_and_resumed() {
    let files = Files::new();
    let mut listener = files.listen(&["--echo"]);
    // An empty file, which others may read.
    let kept = files.file("session", "");
    fs::set_permissions(&kept, Permissions::from_mode(0o644)).unwrap();
    let options = ["--session", &kept, "--send", "x", "--count", "1", "--json"];
    for resumed in [false, true, true] {
        let ended = connect(&files, &listener.port, &options).with(0);
        assert_eq!(ended.events("session")[0]["session_resumed"], resumed);
        assert_eq!(ended.events("session")[0]["verified"], true);
        assert_eq!(listener.event("session")["session_resumed"], resumed);
        let mode = fs::metadata(&kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    // It is verified again: whoever trusts somebody else does not resume.
    let other = Leaf::new("Another Root").authority().self_signed();
    let other = files.file("other.pem", other.certificate_pem());
    let trust = ["connect", "127.0.0.1", &listener.port, "--ca-file", &other];
    run(trust.iter().chain(&options)).with(5);
}

#[test]
fn file_without_a_session_is_told() {
    let files = Files::new();
    let listener = files.listen(&["--echo"]);
    connect(&files, &listener.port, &["--session", &files.certificate])
        .with(2)
        .says(&["server.pem"]);
    assert!(!fs::read(&files.certificate).unwrap().is_empty());
    // Before anything is sent.
    let folder = files.pki.folder().to_str().unwrap();
    connect(&files, "1", &["--session", folder])
        .with(2)
        .says(&[folder]);
}

#[test]
fn session_that_cannot_be_resumed_is_told_and_used() {
    let files = Files::new();
    // A server that asks for certificates gives no tickets.
    let listener = files.listen(&["--echo", "--request-certificate"]);
    let kept = files.pki.folder().join("session");
    let options = ["--session", kept.to_str().unwrap(), "--send", "x"];
    let options = [&options[..], &["--count", "1"]].concat();
    connect(&files, &listener.port, &options)
        .with(0)
        .says(&["WARNING: the session is not kept"]);
    assert_eq!(fs::read(&kept).unwrap(), b"");
}
