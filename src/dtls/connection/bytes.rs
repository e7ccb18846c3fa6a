//! Messages as plain bytes, for those who cannot fill a vector of buffers.

use std::time::Duration;

use gio::prelude::*;

use super::DtlsConnection;
use crate::subclass::datagram_based::{receive_one, send_one};

/// Sending and receiving plain bytes.
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
        receive_one(self.as_ref().upcast_ref(), size, timeout, cancellable)
    }
}

impl<T: IsA<DtlsConnection>> DtlsBytesExt for T {}
