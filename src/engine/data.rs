//! Application data: opening and sealing records, and close_notify.

use std::cell::Cell;

use super::{Engine, MAX_PLAINTEXT, Opened, State};
use crate::error::Error;
use crate::ossl::queue::{self, Failure};
use crate::ossl::session::Reading;

thread_local! {
    /// Where records are decrypted that the caller's buffer might be too short for.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// From so many bytes on, to copy a message takes longer than to find out that it need not be.
const WORTH_ASKING: usize = 4096;

/// Opens messages in a row. Nobody else uses OpenSSL in this thread meanwhile, so its error queue is looked at
/// once.
pub struct Opener<'a>(&'a mut Engine);

impl Opener<'_> {
    /// Decrypts the next message into `buffer`.
    pub fn open(&mut self, buffer: &mut [u8]) -> Result<Opened, Error> {
        self.0.open_next(buffer)
    }

    /// As [`Engine::is_readable`].
    pub fn is_readable(&mut self) -> bool {
        self.0.is_readable()
    }
}

impl Engine {
    /// Decrypts the next message into `buffer`.
    pub fn open(&mut self, buffer: &mut [u8]) -> Result<Opened, Error> {
        self.opener().open(buffer)
    }

    /// What decrypts messages in a row.
    pub fn opener(&mut self) -> Opener<'_> {
        queue::clear();
        Opener(self)
    }

    fn open_next(&mut self, buffer: &mut [u8]) -> Result<Opened, Error> {
        match &self.state {
            State::Established => {}
            State::Failed(error) => return Err(error.clone()),
            _ => return Ok(Opened::Nothing),
        }
        let room = buffer.len();
        if room >= MAX_PLAINTEXT {
            let reading = self.session.read(buffer);
            return self.opened(reading, room);
        }
        if room >= WORTH_ASKING && !self.session.has_decrypted() {
            let mut reading = self.session.read(buffer);
            if let Ok(Reading::Message(length)) = &mut reading
                && *length == room
            {
                *length += self.session.discard_decrypted();
            }
            return self.opened(reading, room);
        }
        // A thread that ends has none left.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        scratch.resize(MAX_PLAINTEXT, 0);
        let reading = self.session.read(&mut scratch);
        if let Ok(Reading::Message(length)) = reading {
            let kept = length.min(room);
            if let (Some(to), Some(from)) = (buffer.get_mut(..kept), scratch.get(..kept)) {
                to.copy_from_slice(from);
            }
        }
        let _ = SCRATCH.try_with(|cell| cell.set(scratch));
        self.opened(reading, room)
    }

    fn opened(&mut self, reading: Result<Reading, Failure>, room: usize) -> Result<Opened, Error> {
        match reading {
            Ok(Reading::Message(length)) => {
                self.statistics.messages_received += 1;
                self.statistics.bytes_received += u64::try_from(length).unwrap_or(0);
                Ok(Opened::Message {
                    length: length.min(room),
                    truncated: length > room,
                })
            }
            Ok(Reading::Nothing) => Ok(Opened::Nothing),
            Ok(Reading::End) => Ok(Opened::End),
            Err(failure) => Err(self.fail("The DTLS session failed", failure)),
        }
    }

    /// Whether [`open`](Self::open) has something to tell or to work on without a further datagram.
    pub fn is_readable(&mut self) -> bool {
        match self.state {
            State::Established => self.session.has_pending() || self.session.is_closed_by_peer(),
            State::Failed(_) => true,
            _ => false,
        }
    }

    /// Protects `message` as one record and queues it. An empty message cannot be expressed by
    /// OpenSSL and queues nothing.
    pub fn seal(&mut self, message: &[u8]) -> Result<(), Error> {
        match &self.state {
            State::Established => {}
            State::Failed(error) => return Err(error.clone()),
            _ => return Err(Error::Tls("The handshake is not finished".into())),
        }
        if message.len() > MAX_PLAINTEXT {
            return Err(Error::MessageTooLarge {
                size: message.len(),
                limit: MAX_PLAINTEXT,
            });
        }
        if message.is_empty() {
            return Ok(());
        }
        match self.session.write(message) {
            Ok(()) => {
                self.statistics.messages_sent += 1;
                self.statistics.bytes_sent += u64::try_from(message.len()).unwrap_or(0);
                Ok(())
            }
            Err(failure) => Err(self.fail("Cannot send", failure)),
        }
    }

    /// Queues close_notify, if there is an association to close.
    pub fn close(&mut self) {
        if matches!(self.state, State::Established) && self.session.shut_down().is_err() {
            // Nothing can be told to the peer any more; the caller is closing anyway.
            queue::clear();
        }
    }
}
