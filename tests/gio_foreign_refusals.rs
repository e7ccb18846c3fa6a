//! What is refused to peers of other makers, and how: versions, ciphers, renegotiation.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    net::UdpSocket,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use common::{
    NOW, PATIENCE, assert_fails, client, hurry,
    peers::{connect, port, udp_socket},
    pki_file, receive, run, send, server,
};
use gio::{IOErrorEnum, TlsError, prelude::*};
use gio_ossl::{DtlsServerConnection, prelude::DtlsExporterExt};

const SHORT: Option<Duration> = Some(Duration::from_millis(5));
const NONE: Option<&gio::Cancellable> = None;

/// A client in a process of its own, which ends with this object.
struct Foreign(Child);

impl Foreign {
    /// Starts it; the server has its first datagram before it.
    fn start(program: &str, options: &[&str]) -> (Self, DtlsServerConnection) {
        hurry();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        let mut command = Command::new(program);
        if program == "openssl" {
            let there = format!("127.0.0.1:{port}");
            command.args(["s_client", "-connect", &there]).args(options);
        } else {
            command.args(["--udp", "--no-ca-verification", "--port", &port]);
            command.args(options).arg("127.0.0.1");
        }
        let client = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (_, address) = socket.peek_from(&mut [0; 2048]).unwrap();
        socket.connect(address).unwrap();
        let base = gio::Socket::from_fd(OwnedFd::from(socket)).unwrap();
        (Self(client), server(&base))
    }

    /// Types a line, which the peer reads at once.
    fn say(&mut self, line: &str) {
        let line = format!("{line}\n");
        let input = self.0.stdin.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
    }

    /// Ends it, and tells all that it has said.
    fn end(mut self) -> String {
        drop(self.0.stdin.take());
        let mut said = String::new();
        for mut output in [
            Box::new(self.0.stdout.take().unwrap()) as Box<dyn std::io::Read>,
            Box::new(self.0.stderr.take().unwrap()),
        ] {
            output.read_to_string(&mut said).unwrap();
        }
        said
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Handshake = dyn Fn(&DtlsServerConnection) -> Result<(), glib::Error>;

/// The server's failure, and what the client says of it: the same for both ways of shaking hands.
fn failures(options: &[&str]) -> Vec<(glib::Error, String)> {
    let blocking = |server: &DtlsServerConnection| server.handshake(NONE);
    let in_loop =
        |server: &DtlsServerConnection| run(server.handshake_future(glib::Priority::DEFAULT));
    let ways: [&Handshake; 2] = [&blocking, &in_loop];
    ways.map(|handshake| {
        let (client, server) = Foreign::start("openssl", options);
        let error = handshake(&server).unwrap_err();
        let message = error.message().to_string();
        let again = receive(&server, PATIENCE).unwrap_err();
        assert_eq!(again.message(), message);
        (error, client.end())
    })
    .into()
}

#[test]
fn client_without_a_shared_cipher_is_told_so() {
    for (error, said) in failures(&["-dtls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]) {
        assert!(error.matches(TlsError::Misc), "{error:?}");
        assert!(error.message().contains("no shared cipher"), "{error}");
        assert!(said.contains("handshake failure"), "{said}");
    }
}

#[test]
fn client_that_speaks_dtls_1_0_only_is_told_so() {
    for fallback in [&["-dtls1"][..], &["-dtls1", "-fallback_scsv"]] {
        let options = [fallback, &["-cipher", "ALL:@SECLEVEL=0"]].concat();
        for (error, said) in failures(&options) {
            assert!(error.matches(TlsError::Misc), "{error:?}");
            assert!(error.message().contains("unsupported protocol"), "{error}");
            assert!(said.contains("protocol version"), "{said}");
        }
    }
}

#[test]
fn fallback_to_the_best_version_is_no_fallback() {
    let (mut client, server) = Foreign::start("openssl", &["-dtls1_2", "-fallback_scsv", "-quiet"]);
    server.handshake(NONE).unwrap();
    client.say("hello");
    assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"hello\n");
}

#[test]
fn renegotiation_is_refused_and_the_session_lives() {
    let (mut client, server) = Foreign::start("gnutls-cli", &["--inline-commands"]);
    server.handshake(NONE).unwrap();
    client.say("before");
    assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"before\n");
    let exported = || server.export_keying_material("EXPERIMENTAL x", None, 32);
    let before = exported().unwrap();
    client.say("^renegotiate^");
    // This client insists: it goes on asking, and is refused each time.
    let output = client.0.stdout.take().unwrap();
    let told = thread::spawn(|| {
        let mut lines = BufReader::new(output).lines().map(Result::unwrap);
        let refusals = lines
            .by_ref()
            .filter(|line| line.contains("No renegotiation"));
        refusals.take(2).count()
    });
    while !told.is_finished() {
        assert_fails(receive(&server, SHORT), IOErrorEnum::TimedOut);
    }
    assert_eq!(told.join().unwrap(), 2);
    assert_eq!(exported().unwrap(), before);
    send(&server, b"still here\n", PATIENCE).unwrap();
    assert_fails(receive(&server, NOW), IOErrorEnum::WouldBlock);
    server.close(NONE).unwrap();
}

/// The peer's authenticated alert arrives, and every call says so from then on.
fn assert_ended(connection: &(impl IsA<gio::DtlsConnection> + IsA<gio::DatagramBased>)) {
    let reason = receive(connection, PATIENCE).unwrap_err();
    assert!(reason.message().contains("handshake_failure"), "{reason}");
    let later = [
        receive(connection, NOW).unwrap_err(),
        send(connection, b"late", NOW).unwrap_err(),
        connection.handshake(NONE).unwrap_err(),
    ];
    for error in later {
        assert!(error.matches(TlsError::Misc), "{error:?}");
        assert_eq!(error.message(), reason.message());
    }
    connection.close(NONE).unwrap();
}

#[test]
fn client_that_insists_on_renegotiation_ends_the_session_itself() {
    let (mut client, server) = Foreign::start("openssl", &["-dtls1_2"]);
    server.handshake(NONE).unwrap();
    client.say("before");
    assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"before\n");
    client.say("R");
    assert_ended(&server);
    let said = client.end();
    assert!(said.contains("no renegotiation"), "{said}");
}

#[test]
fn server_that_insists_on_renegotiation_ends_the_session_itself() {
    hurry();
    let port = port(&udp_socket(0));
    let server = Command::new("openssl")
        .args([
            "s_server",
            "-dtls1_2",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ])
        .arg("-cert")
        .arg(pki_file("ecdsa.pem"))
        .arg("-key")
        .arg(pki_file("ecdsa.key"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut server = Foreign(server.unwrap());
    let socket = udp_socket(0);
    connect(&socket, port);
    let client = client(&socket);
    // Until it listens.
    while let Err(error) = client.handshake(NONE) {
        assert!(error.matches(IOErrorEnum::ConnectionRefused), "{error:?}");
    }
    server.say("hello");
    assert_eq!(receive(&client, PATIENCE).unwrap().unwrap(), b"hello\n");
    server.say("r");
    assert_ended(&client);
    let said = server.end();
    assert!(said.contains("no renegotiation"), "{said}");
}
