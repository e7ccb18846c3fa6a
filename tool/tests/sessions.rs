//! Messages between `gio-ossl connect` and `gio-ossl listen`.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use serde_json::Value;

use common::{Files, IDENTITY, connect, program, run};

mod common;

#[test]
fn messages_come_back_and_the_session_is_described() {
    let files = Files::new();
    let listener = files.listen(&["--echo", "--alpn", "coap,other"]);
    let ended = connect(
        &files,
        &listener.port,
        &[
            "--json", "--alpn", "coap", "--send", "one", "--send", "two", "--count", "2",
        ],
    )
    .with(0);
    let session = &ended.events("session")[0];
    assert_eq!(session["protocol"], "DTLS 1.2");
    assert_eq!(session["verified"], true);
    assert_eq!(session["application_protocol"], "coap");
    assert_eq!(session["certificates"][0]["dns_names"][0], IDENTITY);
    let pem = fs::read_to_string(&files.certificate).unwrap();
    assert_eq!(session["certificates"][0]["pem"], pem);
    let texts: Vec<Value> = ended
        .events("message")
        .iter()
        .map(|it| it["text"].clone())
        .collect();
    assert_eq!(texts, ["one", "two"]);
    assert_eq!(ended.events("totals")[0]["received"]["messages"], 2);
}

#[test]
fn output_is_the_messages_and_nothing_else() {
    let files = Files::new();
    let listener = files.listen(&["--echo"]);
    let options = ["--send", "one", "--send", "two\n", "--count", "2"];
    let ended = connect(&files, &listener.port, &options).with(0);
    assert_eq!(ended.output, "one\ntwo\n");
    let ended = ended.says(&["Session with", "cipher suite", "is trusted", "SHA-256"]);
    assert!(!ended.errors.contains('\r'), "no live counters in a file");

    let raw = [
        "--send", "one", "--send", "two", "--count", "2", "--raw", "--quiet",
    ];
    let ended = connect(&files, &listener.port, &raw).with(0);
    assert_eq!((&*ended.output, &*ended.errors), ("onetwo", ""));
}

#[test]
fn lines_of_the_input_become_messages() {
    let files = Files::new();
    let mut listener = files.listen(&[]);
    let mut client = program()
        .args(["connect", "127.0.0.1", &listener.port])
        .args(["--ca-file", &files.authority, "--wait", "0"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"first\r\n\nsecond").unwrap();
    drop(input);
    assert_eq!(listener.event("message")["text"], "first");
    assert_eq!(listener.event("message")["text"], "second");
    listener.event("closed");
    assert!(client.wait().unwrap().success());
}

#[test]
fn lines_of_the_listener_go_to_the_client_heard_last() {
    let files = Files::new();
    let mut listener = files.listen(&[]);
    let mut client = program()
        .args(["connect", "127.0.0.1", &listener.port, "--send", "hello"])
        .args([
            "--ca-file",
            &files.authority,
            "--count",
            "1",
            "--wait",
            "60",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    listener.event("message");
    listener.type_line("good day");
    let mut line = String::new();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "good day\n");
    assert!(client.wait().unwrap().success());
}

#[test]
fn files_arrive_whole() {
    let files = Files::new();
    let contents: Vec<u8> = (0..10_000_u32).map(|it| (it % 251) as u8).collect();
    let file = files.file("file.bin", &contents);
    let listener = files.listen(&["--echo"]);
    let fixed = [
        "connect",
        "127.0.0.1",
        &listener.port,
        "--ca-file",
        &files.authority,
    ];
    let options = [
        "--file", &file, "--size", "1000", "--count", "10", "--raw", "--quiet",
    ];
    let output = program().args(fixed).args(options).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, contents);
    assert_eq!(fs::read(file).unwrap(), contents);
}

#[test]
fn several_clients_are_served_at_once() {
    let files = Files::new();
    let listener = files.listen(&["--echo"]);
    let mut clients: Vec<_> = (0..8)
        .map(|number: u32| {
            let mut client = program()
                .args(["connect", "127.0.0.1", &listener.port, "--count", "2"])
                .args(["--ca-file", &files.authority, "--wait", "60"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let input = client.stdin.as_mut().unwrap();
            writeln!(input, "client {number}").unwrap();
            client
        })
        .collect();
    // Each has its first answer before any sends its second message.
    for (number, client) in clients.iter_mut().enumerate() {
        let mut line = Vec::new();
        let mut byte = [0];
        let output = client.stdout.as_mut().unwrap();
        while byte != *b"\n" {
            std::io::Read::read_exact(output, &mut byte).unwrap();
            line.push(byte[0]);
        }
        assert_eq!(line, format!("client {number}\n").into_bytes());
    }
    for mut client in clients {
        let input = client.stdin.as_mut().unwrap();
        writeln!(input, "again").unwrap();
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"again\n");
    }
}

#[test]
fn addresses_of_ipv6_may_stand_in_brackets() {
    let files = Files::new();
    let listener = files.listen(&["--echo", "--address", "::1"]);
    for host in ["::1", "[::1]"] {
        let trust = ["--ca-file", &files.authority, "--send", "x", "--count", "1"];
        run(["connect", host, &listener.port].iter().chain(&trust)).with(0);
    }
}
