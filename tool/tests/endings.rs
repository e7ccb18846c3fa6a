//! How sessions end, and what keeps them from beginning.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    net::UdpSocket,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use common::{Files, connect, interrupt, program, run, signal};

mod common;

#[test]
fn one_session_is_enough_if_that_is_wanted() {
    let files = Files::new();
    let mut listener = files.listen(&["--once", "--echo"]);
    connect(&files, &listener.port, &["--send", "x", "--count", "1"]).with(0);
    let ended = listener.wait().with(0);
    assert_eq!(ended.events("message").len(), 1);
    assert_eq!(ended.events("closed").len(), 1);
}

#[test]
fn closed_port_and_silent_port_are_told_apart() {
    let files = Files::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    connect(&files, &port, &["--timeout", "0.1"])
        .with(3)
        .says(&["within 0.1 seconds", "firewall"]);
    drop(socket);
    connect(&files, &port, &[])
        .with(3)
        .says(&["nobody listens", "DTLS"]);
    // GIO knows both of its addresses.
    run(["connect", "localhost", &port])
        .with(3)
        .says(&["nobody listens", "all 2 addresses of localhost"]);
}

#[test]
fn answers_that_do_not_come_are_an_error_if_they_were_counted() {
    let files = Files::new();
    let listener = files.listen(&[]);
    let options = ["--send", "x", "--count", "1", "--wait", "0"];
    connect(&files, &listener.port, &options)
        .with(3)
        .says(&["only 0 of 1", "--wait"]);
}

#[test]
fn interrupted_client_closes_properly() {
    let files = Files::new();
    let mut listener = files.listen(&["--once"]);
    let mut client = program()
        .args(["connect", "127.0.0.1", &listener.port])
        .args(["--ca-file", &files.authority])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    listener.event("session");
    writeln!(client.stdin.as_mut().unwrap(), "x").unwrap();
    listener.event("message");
    interrupt(&client);
    assert!(client.wait().unwrap().success());
    assert_eq!(listener.wait().with(0).events("closed").len(), 1);
}

#[test]
fn interrupted_listener_closes_properly() {
    let files = Files::new();
    let mut listener = files.listen(&[]);
    let client = program()
        .args(["connect", "127.0.0.1", &listener.port, "--send", "x"])
        .args(["--ca-file", &files.authority, "--wait", "60"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    listener.event("message");
    listener.interrupt();
    let ended = listener.wait().with(0);
    assert_eq!(ended.events("totals").len(), 1);
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("has closed the session"));
}

#[test]
fn interrupted_before_there_is_a_session_is_a_failure() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let client = program()
        .args(["connect", "127.0.0.1", &port])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The ClientHello is there, so the signal is caught.
    silent.recv(&mut [0; 2048]).unwrap();
    interrupt(&client);
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
}

#[test]
fn noise_at_the_listeners_port_disturbs_nobody() {
    let files = Files::new();
    let listener = files.listen(&["--echo", "--once"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = format!("127.0.0.1:{}", listener.port);
    for noise in [&b""[..], b"x", &[22, 0xfe, 0xfd], &[0xff; 1500]] {
        socket.send_to(noise, &to).unwrap();
    }
    connect(&files, &listener.port, &["--send", "x", "--count", "1"]).with(0);
}

#[test]
fn port_in_use_is_told() {
    let files = Files::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let credentials = ["--certificate", &files.certificate, "--key", &files.key];
    run(["listen", &port, "--address", "127.0.0.1"]
        .iter()
        .chain(&credentials))
    .with(3)
    .says(&[&port, "another program"]);
}

/// A named pipe, with both its ends open, which do not block.
fn pipe(files: &Files) -> (PathBuf, File) {
    let path = files.pki.folder().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK);
    let file = options.open(&path).unwrap();
    (path, file)
}

#[test]
fn client_that_waits_for_its_file_hears_messages_and_signals() {
    let files = Files::new();
    let mut listener = files.listen(&[]);
    let (pipe, _writer) = pipe(&files);
    let mut client = program()
        .args(["connect", "127.0.0.1", &listener.port, "--send", "hello"])
        .args(["--ca-file", &files.authority, "--file"])
        .arg(pipe)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    listener.event("message");
    listener.type_line("good day");
    let mut line = String::new();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "good day\n");
    interrupt(&client);
    assert!(client.wait().unwrap().success());
}

#[test]
fn second_signal_ends_a_program_whose_output_nobody_reads() {
    let files = Files::new();
    let mut listener = files.listen(&[]);
    let (pipe, mut other_end) = pipe(&files);
    while other_end.write(b"x").is_ok() {}
    let mut client = program()
        .args(["connect", "127.0.0.1", &listener.port, "--json"])
        .args(["--ca-file", &files.authority])
        .stdout(OpenOptions::new().write(true).open(pipe).unwrap())
        .spawn()
        .unwrap();
    listener.event("session");
    // Two of the same may become one.
    signal(&client, "-INT");
    signal(&client, "-TERM");
    assert_eq!(client.wait().unwrap().code(), Some(130));
}
