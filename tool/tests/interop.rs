//! The programs of OpenSSL and GnuTLS, as servers and as clients.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

use common::{Files, IDENTITY, Server, run};

mod common;

fn connects_to(name: &str) {
    let files = Files::new();
    let server = Server::start(&files, name, &[]);
    let message = [
        "--send",
        "marker-one",
        "--send",
        "marker-two",
        "--count",
        "2",
    ];
    let trust = ["--ca-file", &files.authority, "--identity", IDENTITY];
    let arguments = ["connect", "127.0.0.1", &server.port];
    let ended = run(arguments.iter().chain(&message).chain(&trust)).with(0);
    assert_eq!(ended.output, "marker-one\nmarker-two\n");

    let server = Server::start(&files, name, &[]);
    let trust = ["--ca-file", &files.authority, "--identity", "wrong.example"];
    run(["connect", "127.0.0.1", &server.port].iter().chain(&trust))
        .with(5)
        .says(&["somebody else", IDENTITY]);
}

#[test]
fn connects_to_openssl() {
    connects_to("openssl");
}

#[test]
fn connects_to_gnutls() {
    connects_to("gnutls");
}

#[test]
fn server_without_our_version_is_told() {
    let files = Files::new();
    let server = Server::start(&files, "openssl-dtls1", &[]);
    run([
        "connect",
        "127.0.0.1",
        &server.port,
        "--ca-file",
        &files.authority,
    ])
    .with(4)
    .says(&["DTLS 1.2"]);
}

#[test]
fn server_that_speaks_something_else_is_told() {
    let files = Files::new();
    let server = Server::start(&files, "garbage", &[]);
    let options = ["--ca-file", &files.authority, "--timeout", "2"];
    run(["connect", "127.0.0.1", &server.port]
        .iter()
        .chain(&options))
    .with(3)
    .says(&["no session", "not DTLS"]);
}

/// Sends a line, waits until it has come back, and ends the client by ending its input.
fn converses(mut client: Child, input: &mut ChildStdin) -> String {
    writeln!(input, "marker").unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("marker") {
        assert!(output.read_line(&mut text).unwrap() > 0, "{text}");
    }
    client.kill().unwrap();
    client.wait().unwrap();
    let _ = output.read_to_string(&mut text);
    text
}

#[test]
fn openssl_connects() {
    let files = Files::new();
    let mut listener = files.listen(&["--echo", "--newline"]);
    let mut client = Command::new("openssl")
        .args(["s_client", "-dtls1_2", "-quiet", "-verify_return_error"])
        .args(["-connect", &format!("127.0.0.1:{}", listener.port)])
        .args(["-CAfile", &files.authority, "-verify_hostname", IDENTITY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    converses(client, &mut input);
    assert_eq!(listener.event("message")["text"], "marker\n");
}

#[test]
fn gnutls_connects() {
    let files = Files::new();
    let mut listener = files.listen(&["--echo", "--newline"]);
    let mut client = Command::new("gnutls-cli")
        .args(["--udp", "--port", &listener.port])
        .args([
            "--x509cafile",
            &files.authority,
            "--verify-hostname",
            IDENTITY,
        ])
        .arg("127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    converses(client, &mut input);
    assert_eq!(listener.event("message")["text"], "marker\n");
}
