//! Sessions with pre-shared keys, with ourselves and with other programs.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use common::{Ended, Files, Listener, Server, run};

mod common;

const KEY: &str = "00112233445566778899aabbccddeeff";

/// Runs `connect` with a key.
fn connect(files: &Files, port: &str, identity: &str, key: &str, options: &[&str]) -> Ended {
    let key = files.file("key.hex", format!("{key}\n"));
    let fixed = ["connect", "127.0.0.1", port, "--psk-identity", identity];
    let key = ["--psk-key-file", key.as_str()];
    run(fixed.iter().chain(&key).chain(options))
}

fn listener(files: &Files) -> Listener {
    let keys = files.file("keys.txt", format!("# keys\nother:{KEY}\nsensor:7:{KEY}\n"));
    Listener::start(&["--psk-file", &keys, "--psk-hint", "here", "--echo"])
}

#[test]
fn key_takes_the_place_of_certificates() {
    let files = Files::new();
    let mut listener = listener(&files);
    let options = ["--send", "x", "--count", "1", "--json"];
    let ended = connect(&files, &listener.port, "sensor:7", KEY, &options).with(0);
    let session = &ended.events("session")[0];
    assert_eq!(session["pre_shared_key"], true);
    assert_eq!(session["verified"], true);
    assert_eq!(listener.event("session")["pre_shared_key"], true);
    assert!(!format!("{ended:?}").contains(KEY));
}

#[test]
fn wrong_key_and_unknown_identity_look_like_no_answer_and_are_explained() {
    let files = Files::new();
    let listener = listener(&files);
    for (identity, key) in [("sensor:7", "ffff"), ("nobody", KEY)] {
        connect(&files, &listener.port, identity, key, &["--timeout", "0.5"])
            .with(3)
            .says(&["--psk-identity", "looks like no answer"]);
    }
}

#[test]
fn server_with_keys_alone_explains_itself_to_a_client_without() {
    let files = Files::new();
    let listener = listener(&files);
    run(["connect", "127.0.0.1", &listener.port])
        .with(4)
        .says(&["--psk-identity"]);
}

#[test]
fn openssl_connects() {
    let files = Files::new();
    let mut listener = listener(&files);
    let mut client = Command::new("openssl")
        .args(["s_client", "-dtls1_2", "-quiet"])
        .args(["-psk_identity", "sensor:7", "-psk", KEY])
        .args(["-connect", &format!("127.0.0.1:{}", listener.port)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let input = client.stdin.as_mut().unwrap();
    writeln!(input, "marker").unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("marker") {
        assert!(output.read_line(&mut text).unwrap() > 0, "{text}");
    }
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(listener.event("session")["pre_shared_key"], true);
}

#[test]
fn connects_to_openssl_and_gnutls() {
    let files = Files::new();
    let passwords = files.file("gnutls.psk", format!("sensor7:{KEY}\n"));
    let openssl = ["-cipher", "PSK", "-psk", KEY, "-psk_identity", "sensor7"];
    let suites = "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK";
    let gnutls = ["--pskpasswd", &passwords, "--priority", suites];
    for (name, options) in [("openssl", &openssl[..]), ("gnutls", &gnutls[..])] {
        let server = Server::start(&files, name, options);
        let options = ["--send", "marker", "--count", "1", "--json"];
        let ended = connect(&files, &server.port, "sensor7", KEY, &options).with(0);
        assert_eq!(ended.events("session")[0]["pre_shared_key"], true);
        assert_eq!(ended.events("message")[0]["text"], "marker");
    }
}
