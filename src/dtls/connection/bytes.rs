//! Messages as plain bytes, for those who cannot fill a vector of buffers.

use std::pin::Pin;
use std::time::Duration;

use gio::prelude::*;
use glib::subclass::prelude::*;

pub use self::operation::{Receiving, Sending};
pub use self::queue::Queue;
use super::DtlsConnection;
use super::data::Enough;
use super::timers::reportable;
use crate::engine::MAX_PLAINTEXT;
use crate::subclass::datagram_based::{receive_bytes, send_bytes, send_one};
use crate::subclass::dtls_connection::Completion;

mod burst;
mod future;
mod operation;
mod queue;
mod server;

/// Sending and receiving plain bytes.
///
/// The futures do not block. Each direction serves the asynchronous calls of a main context in the
/// order in which they were made, or first polled: a future that is kept without being polled holds up
/// those behind it. One that is dropped before its end has taken no message from the others. Where many in
/// a row find what they need, one waits all the same, so that the loop can go round.
pub trait DtlsBytesExt: IsA<DtlsConnection> {
    /// Sends `buffer` as one message, after the handshake that it completes if need be.
    ///
    /// `timeout`: `None` waits as long as it takes, zero never waits. Returns the bytes sent, which
    /// are all of them; an empty buffer sends nothing.
    ///
    /// # Errors
    ///
    /// Those of [`DatagramBasedExtManual::send_messages`](gio::prelude::DatagramBasedExtManual).
    fn send(
        &self,
        buffer: &[u8],
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, glib::Error> {
        send_one(self.as_ref().upcast_ref(), buffer, timeout, cancellable)
    }

    /// Sends `message` as [`Self::send`] does, from the thread's default main loop.
    fn send_bytes_future(
        &self,
        message: &glib::Bytes,
        priority: glib::Priority,
    ) -> Pin<Box<dyn Future<Output = Result<usize, glib::Error>>>> {
        future::of(self.as_ref(), Sending(message.clone()), priority)
    }

    /// Sends messages in as few calls of the base as it takes, and returns how many were sent, counted
    /// from the front. It waits until all are, or as long as `timeout` allows.
    ///
    /// # Errors
    ///
    /// Those of [`Self::send`], if not even the first message was sent.
    fn send_many(
        &self,
        messages: &[glib::Bytes],
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, glib::Error> {
        send_bytes(self.as_ref().upcast_ref(), messages, timeout, cancellable)
    }

    /// Receives one message of at most `size` bytes; what is longer is cut off. `None` is the end of
    /// the peer's messages.
    ///
    /// `timeout`: `None` waits as long as it takes, zero never waits.
    ///
    /// # Errors
    ///
    /// Those of [`DatagramBasedExtManual::receive_messages`](gio::prelude::DatagramBasedExtManual).
    fn receive_bytes(
        &self,
        size: usize,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<glib::Bytes>, glib::Error> {
        self.receive_many(1, size, timeout, cancellable)
            .map(|messages| messages.into_iter().next())
    }

    /// Receives one message as [`Self::receive_bytes`] does, from the thread's default main loop.
    fn receive_bytes_future(
        &self,
        size: usize,
        priority: glib::Priority,
    ) -> Pin<Box<dyn Future<Output = Result<Option<glib::Bytes>, glib::Error>>>> {
        future::of(self.as_ref(), Receiving(size), priority)
    }

    /// Waits for a message as [`Self::receive_bytes`] does, and takes those with it that one call of
    /// the base brings, `max` at most. None at all are the end of the peer's messages.
    ///
    /// # Errors
    ///
    /// Those of [`Self::receive_bytes`].
    fn receive_many(
        &self,
        max: usize,
        size: usize,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Vec<glib::Bytes>, glib::Error> {
        let connection = self.as_ref().imp();
        receive_bytes(max, size.min(MAX_PLAINTEXT), |messages| {
            connection
                .receive(messages, 0, Enough::Any, timeout, cancellable)
                .map_err(|error| reportable(error, timeout).into())
        })
    }
}

impl<T: IsA<DtlsConnection>> DtlsBytesExt for T {}

impl DtlsConnection {
    /// Sends `message` when its turn has come, from the loop of the call's context.
    pub(crate) fn send_bytes_in_loop(
        &self,
        message: glib::Bytes,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        server::begin(self, Sending(message), priority, cancellable, completion);
    }

    /// Receives a message of at most `size` bytes when its turn has come, from the loop of the call's
    /// context.
    pub(crate) fn receive_bytes_in_loop(
        &self,
        size: usize,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        server::begin(self, Receiving(size), priority, cancellable, completion);
    }
}
