//! Servers of other makers, and real sockets to talk to them.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use gio::prelude::*;

use super::pki_file;

/// A server of `tests/interop/peers.py`, which ends with this object.
pub struct Peer {
    process: Child,
    pub port: u16,
}

impl Peer {
    /// Starts it with a certificate of the PKI and options of its own; it listens on return.
    pub fn serve(name: &str, credential: &str, options: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/peers.py");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .args(["serve", name, "--certificate"])
            .arg(pki_file(&format!("{credential}.pem")))
            .arg("--key")
            .arg(pki_file(&format!("{credential}.key")))
            .arg("--")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let port = line.split(' ').nth(1).expect("ready PORT LOG").parse();
        let port = port.unwrap();
        Self { process, port }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It serves until its standard input ends.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// A UDP socket on 127.0.0.1, at this port or any.
pub fn udp_socket(port: u16) -> gio::Socket {
    let socket = gio::Socket::new(
        gio::SocketFamily::Ipv4,
        gio::SocketType::Datagram,
        gio::SocketProtocol::Udp,
    )
    .unwrap();
    let here = gio::InetSocketAddress::from_string("127.0.0.1", port.into()).unwrap();
    socket.bind(&here, false).unwrap();
    socket
}

/// The port that a socket is bound to.
pub fn port(socket: &gio::Socket) -> u16 {
    let address = socket.local_address().unwrap();
    address.downcast::<gio::InetSocketAddress>().unwrap().port()
}

/// Fixes a socket's peer.
pub fn connect(socket: &gio::Socket, port: u16) {
    let there = gio::InetSocketAddress::from_string("127.0.0.1", port.into()).unwrap();
    SocketExt::connect(socket, &there, gio::Cancellable::NONE).unwrap();
}
