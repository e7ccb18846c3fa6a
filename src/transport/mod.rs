//! Datagrams between an engine and a `GDatagramBased`: in batches, and the waiting for them.
//!
//! The base is used through its five virtual functions only. It is never bound, connected,
//! reconfigured or closed here.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gio::prelude::*;
use glib::IOCondition;

use crate::engine::Datagrams;
use crate::error::Error;
use crate::subclass::SharedRef;
use crate::subclass::datagram_based::{receive_batch, send_batch};

/// Bytes that the longest record takes on the wire: plaintext, expansion and header (RFC 5246,
/// section 6.2.3, RFC 6347, section 4.1). OpenSSL takes no longer datagram either.
const SLOT: usize = (1 << 14) + 2048 + 13;
/// Datagrams that one call takes from the base.
const SLOTS: usize = 32;
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
    /// So many datagrams, at least one.
    Datagrams(usize),
    /// Nothing yet.
    Nothing,
    /// The base has ended; a UDP socket never does.
    End,
}

/// A base socket.
pub struct Transport {
    base: SharedRef<gio::DatagramBased>,
    /// Whether an empty datagram is the base's end. It is for a sequenced-packet socket, whose end
    /// GSocket cannot tell from such a datagram; DTLS has no empty ones.
    ends_empty: bool,
    /// How many datagrams the latest receive brought.
    arrived: AtomicUsize,
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
            base: SharedRef::new(base),
            ends_empty,
            arrived: AtomicUsize::new(0),
        })
    }

    /// How many datagrams may have arrived: twice those of the latest receive. A busy peer's would take
    /// a call of the base each where one is wanted at a time.
    pub fn expected(&self) -> usize {
        2 * self.arrived.load(Ordering::Relaxed)
    }

    /// Takes at most `limit` datagrams that have arrived and hands them to `sink`, without waiting.
    pub fn receive(
        &self,
        limit: usize,
        sink: impl FnOnce(&mut dyn Iterator<Item = &[u8]>),
    ) -> Result<Received, Error> {
        let mut arena = ARENA.take();
        if arena.is_empty() {
            arena = vec![0; SLOT * SLOTS];
        }
        let mut lengths = [0; SLOTS];
        let wanted = limit.clamp(1, SLOTS);
        let received = match lengths.get_mut(..wanted) {
            Some(lengths) => receive_batch(
                &self.base,
                &mut arena,
                SLOT,
                lengths,
                Some(Duration::ZERO),
                None,
            ),
            None => Ok(0),
        };
        let received = match received {
            Ok(0) => Ok(Received::End),
            Ok(_) if self.ends_empty && lengths.first() == Some(&0) => Ok(Received::End),
            Ok(count) => {
                self.arrived.store(count, Ordering::Relaxed);
                let slots = arena.chunks_exact(SLOT).zip(lengths).take(count);
                // An end behind datagrams is told again by the next call.
                let datagrams = slots.filter(|(_, length)| !self.ends_empty || *length > 0);
                sink(&mut datagrams.filter_map(|(slot, length)| slot.get(..length)));
                Ok(Received::Datagrams(count))
            }
            Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => Ok(Received::Nothing),
            Err(error) => Err(Error::Foreign(error)),
        };
        ARENA.set(arena);
        received
    }

    /// Sends the datagrams after the first `sent` ones, without waiting, and adds those that went out
    /// to `sent`, even if it fails: a success that leaves some means that the base can take no more
    /// now.
    pub fn send(&self, datagrams: &Datagrams, sent: &mut usize) -> Result<(), Error> {
        while let Some((start, ends)) = datagrams.tail(*sent) {
            let bytes = datagrams.bytes();
            match send_batch(&self.base, bytes, start, ends, Some(Duration::ZERO), None) {
                Ok(0) => break,
                Ok(count) => *sent += count,
                Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => break,
                Err(error) => return Err(Error::Foreign(error)),
            }
        }
        Ok(())
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
        waker: &gio::Cancellable,
    ) -> Result<bool, Error> {
        let timeout = timeout.map(|time| match time {
            Duration::ZERO => time,
            _ => time.clamp(SHORTEST_WAIT, LONGEST_WAIT),
        });
        match self.base.condition_wait(condition, timeout, Some(waker)) {
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
