//! Full and resumed handshakes in turns: PKI KEY ROUNDS
//!
//! The two ends are connections over UDP sockets, each in a thread that does nothing else, so that the
//! processor time of each is known. The first handshakes warm up.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{env, fs, mem, thread};

use gio::Cancellable;
use gio_ossl::prelude::*;
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection, FileDatabase};

const HOST: &str = "server.example.com";
const WARM_UP: usize = 20;

/// What one handshake took.
struct Cost {
    client: Duration,
    server: Duration,
    wall: Duration,
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let [_, pki, key, rounds] = &arguments[..] else {
        panic!("usage: PKI KEY ROUNDS")
    };
    let pki = Path::new(pki);
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let read = |suffix| fs::read_to_string(pki.join(format!("{key}.{suffix}"))).unwrap();
    let pem = [read("pem"), read("key")];
    let database = FileDatabase::new(pki.join("ca.pem")).unwrap();

    let (jobs, work) = channel();
    let (done, times) = channel();
    let server = thread::spawn(move || serve(&pem, &work, &done));
    let (mut full, mut resumed) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + rounds {
        for (allowed, costs) in [(false, &mut full), (true, &mut resumed)] {
            let cost = shake_hands(&database, allowed, round > 0, &jobs, &times);
            if round >= WARM_UP {
                costs.push(cost);
            }
        }
    }
    drop(jobs);
    server.join().unwrap();
    for (what, cost) in [
        ("client, CPU", (|it| it.client) as fn(&Cost) -> Duration),
        ("server, CPU", |it| it.server),
        ("both, CPU", |it| it.client + it.server),
        ("wall", |it| it.wall),
    ] {
        let [full, resumed] = [&full, &resumed].map(|costs| median(costs, cost));
        let ratio = resumed / full;
        println!("| {key} | {what} | {full:.0} us | {resumed:.0} us | {ratio:.2} |");
    }
}

/// One handshake, as the client.
fn shake_hands(
    database: &FileDatabase,
    allowed: bool,
    is_known: bool,
    jobs: &Sender<UdpSocket>,
    times: &Receiver<Duration>,
) -> Cost {
    let [near, far] = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    near.connect(far.local_addr().unwrap()).unwrap();
    far.connect(near.local_addr().unwrap()).unwrap();
    let begin = Instant::now();
    jobs.send(far).unwrap();
    let before = processor_time();
    let identity = gio::NetworkAddress::new(HOST, 4433);
    let client = DtlsClientConnection::new(&base(near), Some(&identity)).unwrap();
    client.set_database(Some(database));
    client.set_session_resumption(allowed);
    client.handshake(Cancellable::NONE).unwrap();
    let cost = processor_time() - before;
    let server = times.recv().unwrap();
    let wall = begin.elapsed();
    assert_eq!(client.is_session_resumed(), allowed && is_known);
    Cost {
        client: cost,
        server,
        wall,
    }
}

/// The other end of each.
fn serve([certificate, key]: &[String; 2], work: &Receiver<UdpSocket>, done: &Sender<Duration>) {
    let certificate = Certificate::from_pem(certificate, Some(key)).unwrap();
    for socket in work {
        let before = processor_time();
        let server = DtlsServerConnection::new(&base(socket), Some(&certificate)).unwrap();
        server.handshake(Cancellable::NONE).unwrap();
        done.send(processor_time() - before).unwrap();
    }
}

fn base(socket: UdpSocket) -> gio::Socket {
    gio::Socket::from_fd(socket.into()).unwrap()
}

/// What the calling thread has used.
fn processor_time() -> Duration {
    // SAFETY: a plain structure, which is filled.
    let usage = unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &mut usage), 0);
        usage
    };
    [usage.ru_utime, usage.ru_stime]
        .map(|time| {
            let micros = time.tv_sec * 1_000_000 + time.tv_usec;
            Duration::from_micros(u64::try_from(micros).unwrap())
        })
        .iter()
        .sum()
}

/// In microseconds.
fn median(costs: &[Cost], part: fn(&Cost) -> Duration) -> f64 {
    let mut parts: Vec<Duration> = costs.iter().map(part).collect();
    parts.sort();
    parts[parts.len() / 2].as_secs_f64() * 1e6
}
