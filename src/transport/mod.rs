//! Datagrams between an engine and a `GDatagramBased`: in batches, and the waiting for them.
//!
//! The base is used through its five virtual functions only, but for a plain `GSocket`, whose datagrams
//! go to and from the kernel directly. It is never bound, connected or closed here, and reconfigured
//! only where the application asks for it.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gio::prelude::*;
use glib::IOCondition;

use crate::engine::{Datagrams, MOST_WAITING};
use crate::error::Error;
use crate::subclass::SharedRef;
use crate::subclass::cancel::WaitToken;
use crate::subclass::datagram_based::{receive_batch, send_batch};
use crate::subclass::socket::{Arrival, DatagramSocket};

/// Bytes that the longest record takes on the wire: plaintext, expansion and header (RFC 5246,
/// section 6.2.3, RFC 6347, section 4.1). OpenSSL takes no longer datagram either.
const SLOT: usize = (1 << 14) + 2048 + 13;
/// Datagrams that one call takes from the base.
const SLOTS: usize = 32;
/// The same where the kernel merges them: bytes that may arrive as one, the most datagrams in it
/// (`UDP_MAX_SEGMENTS`), and how many such an engine has room for.
const MERGED_SLOT: usize = 65_535;
const MOST_MERGED: usize = 128;
const MERGED_SLOTS: usize = 2;
const _: () = assert!(MERGED_SLOTS * MOST_MERGED <= MOST_WAITING);
/// What `GSocket` waits at least and at most: it counts in milliseconds, rounds down, and hands the
/// number to poll(2) as an int.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

thread_local! {
    /// Where datagrams land. Pages that no datagram reaches cost nothing.
    static ARENA: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What the base had for us.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// So many datagrams, at least one, and each of those that were merged.
    Datagrams(usize),
    /// Nothing yet.
    Nothing,
    /// The base has ended; a UDP socket never does.
    End,
}

/// A base socket.
pub struct Transport {
    base: SharedRef<gio::DatagramBased>,
    /// The same, if it is a plain datagram socket of the system's.
    direct: Option<DatagramSocket>,
    /// Whether an empty datagram is the base's end. It is for a sequenced-packet socket, whose end
    /// GSocket cannot tell from such a datagram; DTLS has no empty ones.
    ends_empty: bool,
    /// How many datagrams the latest receive brought, merged ones being one.
    arrived: AtomicUsize,
    /// Whether that was all there was, and no more than one.
    is_dialogue: AtomicBool,
}

impl Transport {
    /// Takes a base that can carry DTLS.
    pub fn new(base: gio::DatagramBased) -> Result<Self, Error> {
        let mut ends_empty = false;
        if let Some(socket) = base.downcast_ref::<gio::Socket>() {
            let datagrams = [gio::SocketType::Datagram, gio::SocketType::Seqpacket];
            ends_empty = socket.socket_type() == gio::SocketType::Seqpacket;
            if !datagrams.contains(&socket.socket_type()) {
                return Err(Error::NotSupported(
                    "The base socket is a stream: DTLS needs a datagram socket".into(),
                ));
            }
            // GSocket's datagram functions fail without an error when it has a time-out of its own.
            if socket.timeout() != 0 {
                return Err(Error::NotSupported(
                    "The base socket has a time-out of its own: set its timeout to 0".into(),
                ));
            }
        }
        Ok(Transport {
            direct: DatagramSocket::of(&base),
            base: SharedRef::new(base),
            ends_empty,
            arrived: AtomicUsize::new(0),
            is_dialogue: AtomicBool::new(false),
        })
    }

    /// How many datagrams may have arrived: twice those of the latest receive. A busy peer's would take
    /// a call of the base each where one is wanted at a time.
    pub fn expected(&self) -> usize {
        2 * self.arrived.load(Ordering::Relaxed)
    }

    /// Whether the next datagram is probably still to come, as the answers in a dialogue are, and waiting is
    /// as cheap as looking.
    pub fn is_dialogue(&self) -> bool {
        self.direct.is_some() && self.is_dialogue.load(Ordering::Relaxed)
    }

    /// Takes about `limit` datagrams at most that have arrived, where merged ones are one, and hands them to
    /// `sink`, without waiting.
    pub fn receive(
        &self,
        limit: usize,
        sink: impl FnOnce(&mut dyn Iterator<Item = &[u8]>),
    ) -> Result<Received, Error> {
        // A thread that ends has none left.
        let mut arena = ARENA.try_with(Cell::take).unwrap_or_default();
        if arena.is_empty() {
            arena = vec![0; SLOT * SLOTS];
        }
        let mut arrivals = [Arrival::default(); SLOTS];
        let (stride, most) = match &self.direct {
            Some(socket) if socket.may_merge() => (MERGED_SLOT, MERGED_SLOTS),
            _ => (SLOT, SLOTS),
        };
        let wanted = limit.clamp(1, most);
        let mut received = match arrivals.get_mut(..wanted) {
            Some(arrivals) => self.take(&mut arena, stride, arrivals),
            None => Ok(Received::Nothing),
        };
        let mut count = 0;
        if let Ok(Received::Datagrams(arrived)) = &mut received {
            count = *arrived;
            self.arrived.store(count, Ordering::Relaxed);
            let pieces = arena.chunks_exact(stride).zip(arrivals).take(count);
            let mut parted = 0;
            let parts = pieces.flat_map(|(slot, arrival)| datagrams(slot, arrival));
            sink(&mut parts.inspect(|_| parted += 1));
            *arrived = count.max(parted);
        }
        self.is_dialogue
            .store(count <= 1 && count < wanted, Ordering::Relaxed);
        let _ = ARENA.try_with(|cell| cell.set(arena));
        received
    }

    /// One call of the base.
    fn take(
        &self,
        arena: &mut [u8],
        stride: usize,
        arrivals: &mut [Arrival],
    ) -> Result<Received, Error> {
        if let Some(socket) = &self.direct {
            return match socket.receive(arena, stride, arrivals) {
                Ok(0) => Ok(Received::Nothing),
                Ok(count) => Ok(Received::Datagrams(count)),
                Err(error) => Err(Error::Foreign(error)),
            };
        }
        let mut lengths = [0; SLOTS];
        let Some(lengths) = lengths.get_mut(..arrivals.len()) else {
            return Ok(Received::Nothing);
        };
        let timeout = Some(Duration::ZERO);
        let count = match receive_batch(&self.base, arena, stride, lengths, timeout, None) {
            Ok(count) => count,
            Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => {
                return Ok(Received::Nothing);
            }
            Err(error) => return Err(Error::Foreign(error)),
        };
        let lengths = lengths.iter().take(count);
        // An end behind datagrams is told again by the next call.
        let lengths = lengths.take_while(|length| !self.ends_empty || **length > 0);
        let mut received = 0;
        for (arrival, length) in arrivals.iter_mut().zip(lengths) {
            arrival.length = *length;
            received += 1;
        }
        Ok(match received {
            0 => Received::End,
            _ => Received::Datagrams(received),
        })
    }

    /// Sends the datagrams after the first `sent` ones, without waiting, and adds those that went out
    /// to `sent`, even if it fails: a success that leaves some means that the base can take no more
    /// now.
    pub fn send(&self, datagrams: &Datagrams, sent: &mut usize) -> Result<(), Error> {
        let bytes = datagrams.bytes();
        while let Some((start, ends)) = datagrams.tail(*sent) {
            let count = match &self.direct {
                Some(socket) => socket.send(bytes, start, ends),
                None => send_batch(&self.base, bytes, start, ends, Some(Duration::ZERO), None),
            };
            match count {
                Ok(0) => break,
                Ok(count) => *sent += count,
                Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => break,
                Err(error) => return Err(Error::Foreign(error)),
            }
        }
        Ok(())
    }

    /// Whether datagrams of equal length go out as one.
    pub fn sends_runs(&self) -> bool {
        self.direct.as_ref().is_some_and(DatagramSocket::sends_runs)
    }

    /// Asks for that, or takes it back. A base that cannot does not.
    pub fn set_sends_runs(&self, wanted: bool) {
        if let Some(socket) = &self.direct {
            socket.set_sends_runs(wanted);
        }
    }

    /// Whether datagrams of equal length that arrive together may come as one.
    pub fn receives_merged(&self) -> bool {
        self.direct.as_ref().is_some_and(DatagramSocket::merges)
    }

    /// Asks for that, or takes it back. A base that cannot does not.
    pub fn set_receives_merged(&self, wanted: bool) {
        if let Some(socket) = &self.direct {
            socket.set_merges(wanted);
        }
    }

    /// The base, for a source to listen to.
    pub fn base(&self) -> &SharedRef<gio::DatagramBased> {
        &self.base
    }

    /// Whether the base is a socket that the application has closed: each call fails from now on, but
    /// nothing else tells it.
    pub fn is_closed(&self) -> bool {
        let socket = self.base.downcast_ref::<gio::Socket>();
        socket.is_some_and(SocketExt::is_closed)
    }

    /// The base, if it is a datagram socket of the system's.
    pub fn socket(&self) -> Option<&gio::Socket> {
        let socket = self.base.downcast_ref::<gio::Socket>();
        socket.filter(|socket| socket.socket_type() == gio::SocketType::Datagram)
    }

    /// Which of the conditions hold.
    pub fn check(&self, condition: IOCondition) -> IOCondition {
        // A socket whose peer is gone is hung up and readable at once, which GIO's wrapper criticizes.
        match self.base.downcast_ref::<gio::Socket>() {
            Some(socket) => SocketExt::condition_check(socket, condition),
            None => self.base.condition_check(condition),
        }
    }

    /// Blocks until the condition holds. `Ok(false)`: the time is up, or `waker` was triggered. Very
    /// short and very long times are adjusted to what a base can keep: look again at the clock.
    pub fn wait(
        &self,
        condition: IOCondition,
        timeout: Option<Duration>,
        waker: &WaitToken,
    ) -> Result<bool, Error> {
        let timeout = timeout.map(|time| match time {
            Duration::ZERO => time,
            _ => time.clamp(SHORTEST_WAIT, LONGEST_WAIT),
        });
        if let Some(socket) = &self.direct {
            return socket
                .wait(condition, timeout, waker)
                .map_err(Error::Foreign);
        }
        let cancellable = Some(waker.cancellable());
        match self.base.condition_wait(condition, timeout, cancellable) {
            Ok(()) => Ok(true),
            Err(error)
                if error.matches(gio::IOErrorEnum::TimedOut)
                    || error.matches(gio::IOErrorEnum::Cancelled) =>
            {
                Ok(false)
            }
            Err(error) => Err(Error::Foreign(error)),
        }
    }
}

/// The datagrams in a slot: the one that arrived, or those that the kernel has merged into it. Where it does not
/// say so any more, no honest datagram is as long, and they are taken to have one record each. A forged one may
/// look like any number of them, and must leave room for those of the next slot.
fn datagrams(slot: &[u8], arrival: Arrival) -> impl Iterator<Item = &[u8]> {
    let piece = slot.get(..arrival.length).unwrap_or_default();
    let size = match arrival.segment {
        0 if piece.len() > SLOT => first_record(piece),
        0 => piece.len().max(1),
        size => size,
    };
    let (first, rest) = piece.split_at(size.min(piece.len()));
    // The first may be empty, which is a datagram as well.
    std::iter::once(first)
        .chain(rest.chunks(size))
        .take(MOST_MERGED)
}

/// The length of the first record (RFC 6347, section 4.1).
fn first_record(piece: &[u8]) -> usize {
    let length = piece.get(11..13).and_then(|length| length.try_into().ok());
    13 + usize::from(u16::from_be_bytes(length.unwrap_or_default()))
}
