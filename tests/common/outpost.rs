//! A peer by hand: an engine over a plain UDP socket, through which a test sends whatever it likes in the peer's
//! name. The other end is a connection over a socket that is connected to it.

use std::{fs, net::UdpSocket, os::fd::OwnedFd, thread};

use gio::prelude::*;
use gio_ossl::engine::{Config, Engine, Opened, Role, Step, Verdict};
use openssl::{pkey::PKey, x509::X509};

use crate::{
    common::{
        PATIENCE,
        peers::{connect, port, udp_socket},
        pki_file,
    },
    engines::datagrams,
};

/// `SOL_UDP`, `UDP_SEGMENT`.
const RUNS: (i32, i32) = (17, 103);
/// The longest message that is exchanged here.
const LONGEST: usize = 2_000;
const ALERT: u8 = 21;
/// So many datagrams are kept.
const RECORDED: usize = 32;

/// The peer by hand.
pub struct Peer {
    pub engine: Engine,
    pub socket: UdpSocket,
    /// The port of the connection.
    pub port: u16,
    /// The first that was sent honestly.
    pub sent: Vec<Vec<u8>>,
    /// The first that has arrived.
    pub received: Vec<Vec<u8>>,
    /// How many bytes have arrived.
    pub heard: usize,
}

impl Peer {
    /// In this role, with what the connection's socket is.
    pub fn new(config: Config) -> (Self, gio::Socket) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(PATIENCE).unwrap();
        let base = udp_socket(0);
        connect(&base, socket.local_addr().unwrap().port());
        socket.connect(("127.0.0.1", port(&base))).unwrap();
        let credentials = (config.role == Role::Server).then(|| {
            let read = |name| fs::read(pki_file(name)).unwrap();
            let certificate = X509::from_pem(&read("ecdsa.pem")).unwrap();
            let key = PKey::private_key_from_pem(&read("ecdsa.key")).unwrap();
            (vec![certificate], key)
        });
        let config = Config {
            credentials,
            ..config
        };
        let peer = Self {
            engine: Engine::new(&config).unwrap(),
            socket,
            port: port(&base),
            sent: Vec::new(),
            received: Vec::new(),
            heard: 0,
        };
        (peer, base)
    }

    /// Sends a datagram in its own name.
    pub fn inject(&self, datagram: &[u8]) {
        self.socket.send(datagram).unwrap();
    }

    /// From now on the kernel takes what is longer apart, or leaves it as it is for who wants it merged.
    pub fn send_runs_of(&self, size: usize) {
        let socket = OwnedFd::from(self.socket.try_clone().unwrap());
        let socket = gio::Socket::from_fd(socket).unwrap();
        socket.set_option(RUNS.0, RUNS.1, size as i32).unwrap();
        self.socket.set_nonblocking(false).unwrap();
    }

    /// Sends what the engine has to say.
    fn flush(&mut self) {
        for datagram in datagrams(&mut self.engine) {
            self.inject(&datagram);
            if self.sent.len() < RECORDED {
                self.sent.push(datagram);
            }
        }
    }

    /// Waits for a datagram, and keeps it from the engine.
    pub fn take(&mut self) -> Vec<u8> {
        let mut datagram = vec![0; 20_000];
        let length = self.socket.recv(&mut datagram).unwrap();
        datagram.truncate(length);
        self.heard += length;
        if self.received.len() < RECORDED {
            self.received.push(datagram.clone());
        }
        datagram
    }

    /// Whether the handshake is over.
    pub fn step(&mut self) -> bool {
        loop {
            let step = self.engine.handshake();
            self.flush();
            match step {
                Step::NeedVerdict(_) => self.engine.judge(Verdict::Accept),
                Step::NeedDatagram => return false,
                Step::Established => return true,
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn shake_hands(&mut self) {
        while !self.step() {
            let datagram = self.take();
            self.engine.feed(&datagram);
        }
    }

    /// Protects a message.
    pub fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        self.engine.seal(message).unwrap();
        datagrams(&mut self.engine).remove(0)
    }

    pub fn say(&mut self, message: &[u8]) {
        self.engine.seal(message).unwrap();
        self.flush();
    }

    /// Waits for the next message. Alerts are for those who provoke them.
    pub fn hear(&mut self) -> Vec<u8> {
        let mut message = vec![0; LONGEST];
        loop {
            let opened = self.engine.open(&mut message).unwrap();
            self.flush();
            match opened {
                Opened::Message { length, .. } => {
                    message.truncate(length);
                    return message;
                }
                Opened::Nothing => {}
                Opened::End => panic!("the end"),
            }
            let datagram = self.take();
            if datagram[0] != ALERT {
                self.engine.feed(&datagram);
            }
        }
    }

    /// A message that comes back, as the first that does.
    #[track_caller]
    pub fn ping(&mut self, number: u64) {
        self.say(&number.to_be_bytes());
        assert_eq!(self.hear(), number.to_be_bytes());
    }

    /// Waits until everything at the connection's socket was taken from there, and tells how many datagrams
    /// it had no room for.
    pub fn drained(&self) -> usize {
        loop {
            let (waiting, lost) = queue(self.port);
            if waiting == 0 {
                return lost;
            }
            thread::yield_now();
        }
    }
}

/// Bytes that wait at the UDP socket of this port, and datagrams that were dropped there.
pub fn queue(port: u16) -> (usize, usize) {
    let here = format!("0100007F:{port:04X}");
    loop {
        let table = fs::read_to_string("/proc/net/udp").unwrap();
        let rows = table.lines().map(|line| line.split_whitespace());
        let mut rows = rows.map(Iterator::collect::<Vec<_>>);
        // One may be left out while others' sockets come and go.
        if let Some(row) = rows.find(|row| row[1] == here) {
            let (_, waiting) = row[4].split_once(':').unwrap();
            let waiting = usize::from_str_radix(waiting, 16).unwrap();
            return (waiting, row[12].parse().unwrap());
        }
    }
}
