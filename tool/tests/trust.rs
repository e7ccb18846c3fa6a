//! Whom `gio-ossl connect` and `gio-ossl listen` believe.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use common::{Files, IDENTITY, connect, pki::Leaf, run};

mod common;

#[test]
fn clients_with_and_without_a_certificate_are_told_apart() {
    let files = Files::new();
    let issued = files.pki.issue(Leaf::new("a client").usage("clientAuth"));
    let client = files.both("client.pem", &issued);
    let required = [
        "--require-certificate",
        "--ca-file",
        &files.authority,
        "--echo",
    ];
    let message = ["--send", "x", "--count", "1"];

    let mut listener = files.listen(&required);
    let shown = [&message[..], &["--certificate", &client]].concat();
    connect(&files, &listener.port, &shown).with(0);
    let session = listener.event("session");
    assert_eq!(session["certificates"][0]["subject"], "CN=a client");
    assert_eq!(session["verified"], true);

    connect(&files, &listener.port, &message)
        .with(4)
        .says(&["--certificate"]);
    let error = listener.event("error");
    assert_eq!(error["kind"], "handshake");

    let stranger = Leaf::new("a stranger").usage("clientAuth").self_signed();
    let stranger = files.both("stranger.pem", &stranger);
    let shown = [&message[..], &["--certificate", &stranger]].concat();
    connect(&files, &listener.port, &shown).with(4);
    let error = listener.event("error");
    assert_eq!(error["kind"], "verification");
}

#[test]
fn untrusted_server_is_refused_with_advice() {
    let files = Files::new();
    let listener = files.listen(&["--echo"]);
    let port = listener.port.as_str();
    run([
        "connect",
        "127.0.0.1",
        port,
        "--ca-file",
        &files.certificate,
        "--identity",
        "x.example",
    ])
    .with(5)
    .says(&["somebody else", "--identity", IDENTITY, "--insecure"]);
    let other = Leaf::new("Another Root").authority().self_signed();
    let other = files.file("other.pem", other.certificate_pem());
    run(["connect", "127.0.0.1", port, "--ca-file", &other])
        .with(5)
        .says(&["no trusted authority", "CN=Test Root", "other.pem"]);
    run(["connect", "127.0.0.1", port])
        .with(5)
        .says(&["no trusted authority", "--ca-file"]);
}

#[test]
fn insecure_session_is_called_that() {
    let files = Files::new();
    let listener = files.listen(&["--echo"]);
    let options = [
        "--insecure",
        "--send",
        "x",
        "--count",
        "1",
        "--json",
        "--quiet",
    ];
    let ended = run(["connect", "127.0.0.1", &listener.port]
        .iter()
        .chain(&options))
    .with(0)
    .says(&["WARNING: --insecure"]);
    let session = &ended.events("session")[0];
    assert_eq!(session["verified"], false);
    assert_eq!(session["problems"][0], "UNKNOWN_CA");
}

#[test]
fn identity_may_differ_from_the_address() {
    let files = Files::new();
    let listener = files.listen(&["--echo"]);
    let options = ["--identity", IDENTITY, "--send", "x", "--count", "1"];
    connect(&files, &listener.port, &options).with(0);
}

#[test]
fn stranger_is_served_if_that_is_wanted() {
    let files = Files::new();
    let stranger = Leaf::new("a stranger").usage("clientAuth").self_signed();
    let stranger = files.both("stranger.pem", &stranger);
    let message = ["--send", "x", "--count", "1", "--certificate", &stranger];
    for options in [
        &["--accept-untrusted", "--echo"][..],
        &["--accept-untrusted", "--echo", "--require-certificate"],
    ] {
        let mut listener = files.listen(options);
        connect(&files, &listener.port, &message).with(0);
        let session = listener.event("session");
        assert_eq!(session["certificates"][0]["subject"], "CN=a stranger");
        assert_eq!(session["verified"], false);
        assert_eq!(session["problems"][0], "UNKNOWN_CA");
    }
}
