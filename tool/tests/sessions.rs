//! `gio-ossl connect` and `gio-ossl listen` with each other.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    net::UdpSocket,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

use common::{Ended, Files, IDENTITY, interrupt, pki::Leaf, program, run};

mod common;

/// Runs `connect` to a port of this machine, trusting the files' authority.
fn connect(files: &Files, port: &str, options: &[&str]) -> Ended {
    let fixed = ["connect", "127.0.0.1", port, "--ca-file", &files.authority];
    run(fixed.iter().chain(options))
}

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
fn one_session_is_enough_if_that_is_wanted() {
    let files = Files::new();
    let mut listener = files.listen(&["--once", "--echo"]);
    connect(&files, &listener.port, &["--send", "x", "--count", "1"]).with(0);
    let ended = listener.wait().with(0);
    assert_eq!(ended.events("message").len(), 1);
    assert_eq!(ended.events("closed").len(), 1);
}

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
fn addresses_of_ipv6_may_stand_in_brackets() {
    let files = Files::new();
    let listener = files.listen(&["--echo", "--address", "::1"]);
    for host in ["::1", "[::1]"] {
        let trust = ["--ca-file", &files.authority, "--send", "x", "--count", "1"];
        run(["connect", host, &listener.port].iter().chain(&trust)).with(0);
    }
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
    .says(&[&port]);
}

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
    while other_end.write(&[b'x']).is_ok() {}
    let mut client = program()
        .args(["connect", "127.0.0.1", &listener.port, "--json"])
        .args(["--ca-file", &files.authority])
        .stdout(OpenOptions::new().write(true).open(pipe).unwrap())
        .spawn()
        .unwrap();
    listener.event("session");
    interrupt(&client);
    interrupt(&client);
    assert_eq!(client.wait().unwrap().code(), Some(130));
}
