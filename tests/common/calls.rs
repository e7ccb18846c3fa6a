//! Both roles alike, calls that block beside others, and calls that answer later.

use std::{cell::RefCell, rc::Rc, sync::mpsc, thread, time::Duration};

use gio::prelude::*;
use gio_ossl::{
    DtlsClientConnection, DtlsConnection, DtlsServerConnection,
    subclass::datagram_based::{receive_batch, send_batch},
};

use super::{
    client, handshakes,
    meddler::Meddler,
    run, server,
    simnet::{Direction, SimNet},
};

pub const NONE: Option<&gio::Cancellable> = None;

/// A time limit that runs out.
pub const SHORT: Option<Duration> = Some(Duration::from_millis(2));

/// One end, over a base that counts, and its network.
pub struct Side {
    pub net: SimNet,
    pub base: Meddler,
    pub end: DtlsConnection,
    /// Where it sends.
    pub sends: Direction,
}

impl Side {
    fn new(sends: Direction) -> Self {
        let net = SimNet::new();
        let (base, end) = match sends {
            Direction::ToServer => {
                let base = Meddler::new(&net.client());
                let end = client(&base).upcast();
                (base, end)
            }
            Direction::ToClient => {
                let base = Meddler::new(&net.server());
                let end = server(&base).upcast();
                (base, end)
            }
        };
        Self {
            net,
            base,
            end,
            sends,
        }
    }

    /// Where it receives from.
    pub fn receives(&self) -> Direction {
        match self.sends {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        }
    }

    /// The other end, made now.
    pub fn peer(&self) -> DtlsConnection {
        match self.sends {
            Direction::ToServer => server(&self.net.server()).upcast(),
            Direction::ToClient => client(&self.net.client()).upcast(),
        }
    }
}

/// A fresh client, and a fresh server on another network.
pub fn each_role() -> [Side; 2] {
    Direction::BOTH.map(Side::new)
}

/// The same, each established with a peer.
pub fn each_role_established() -> [(Side, DtlsConnection); 2] {
    each_role().map(|side| {
        let peer = side.peer();
        let (ours, theirs) = run(handshakes(&side.end, &peer));
        ours.unwrap();
        theirs.unwrap();
        (side, peer)
    })
}

/// Established ends, the client's over a base that tells when it is waited for.
pub fn watched(net: &SimNet) -> (DtlsClientConnection, DtlsServerConnection, Meddler) {
    let (near, far) = net.pair();
    let base = Meddler::new(&near);
    let (client, server) = (client(&base), server(&far));
    run(handshakes(&client, &server)).0.unwrap();
    (client, server, base)
}

/// Runs `blocked` in another thread, and `then` once that waits for the base.
pub fn beside<T: Send, U>(
    base: &Meddler,
    blocked: impl FnOnce() -> T + Send,
    then: impl FnOnce() -> U,
) -> (T, U) {
    let waits = base.calls().wait;
    thread::scope(|scope| {
        let blocked = scope.spawn(blocked);
        while base.calls().wait == waits {
            thread::yield_now();
        }
        let other = then();
        (blocked.join().unwrap(), other)
    })
}

/// Runs something that must not hang. If it does, `rescue` lets it end.
pub fn must_end<T: Send>(work: impl FnOnce() -> T + Send, rescue: impl FnOnce()) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || sender.send(work()));
        receiver
            .recv_timeout(Duration::from_secs(10))
            .unwrap_or_else(|_| {
                rescue();
                panic!("hangs");
            })
    })
}

/// What an asynchronous call has answered so far.
pub type Outcome = Rc<RefCell<Option<Result<(), glib::Error>>>>;

/// An outcome that is open, and what fills it.
pub fn outcome() -> (Outcome, impl FnOnce(Result<(), glib::Error>) + 'static) {
    let open = Outcome::default();
    let filled = open.clone();
    (open, move |result| {
        filled.replace(Some(result));
    })
}

/// Starts an asynchronous handshake.
pub fn begin_handshake(end: &DtlsConnection, cancellable: Option<&gio::Cancellable>) -> Outcome {
    let (open, fill) = outcome();
    end.handshake_async(glib::Priority::DEFAULT, cancellable, fill);
    open
}

/// Starts an asynchronous close.
pub fn begin_close(end: &DtlsConnection, cancellable: Option<&gio::Cancellable>) -> Outcome {
    let (open, fill) = outcome();
    end.close_async(glib::Priority::DEFAULT, cancellable, fill);
    open
}

/// Receives one short message, cancellably.
pub fn receive_with(
    at: &impl IsA<gio::DatagramBased>,
    timeout: Option<Duration>,
    cancellable: &gio::Cancellable,
) -> Result<usize, glib::Error> {
    let at = at.upcast_ref();
    receive_batch(at, &mut [0; 64], 64, &mut [0], timeout, Some(cancellable))
}

/// Sends one byte, cancellably.
pub fn send_with(
    from: &impl IsA<gio::DatagramBased>,
    timeout: Option<Duration>,
    cancellable: &gio::Cancellable,
) -> Result<usize, glib::Error> {
    send_batch(from.upcast_ref(), b"x", 0, &[1], timeout, Some(cancellable))
}
