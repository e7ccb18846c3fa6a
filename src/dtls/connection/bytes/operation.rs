//! What an asynchronous call does once the session is there.

use std::sync::Arc;
use std::time::Duration;

use glib::IOCondition;

use super::DtlsBytesExt;
use super::queue::Queue;
use crate::dtls::connection::status::{Lane, Status};
use crate::dtls::connection::{DtlsConnection, imp};
use crate::subclass::dtls_connection::Outcome;

/// Sending or receiving one message.
pub trait Operation: Send + Sized + 'static {
    /// What it returns.
    type Value: Outcome + 'static;
    /// Which lane it takes.
    const LANE: Lane;
    /// What it waits for.
    const CONDITION: IOCondition;

    /// Where it waits for its turn.
    fn queue(connection: &imp::DtlsConnection) -> &Arc<Queue<Self>>;

    /// Whether its direction was closed.
    fn is_closed(status: &Status) -> bool;

    /// Does it without waiting.
    fn attempt(&self, connection: &DtlsConnection) -> Result<Self::Value, glib::Error>;
}

/// Sends this message.
pub struct Sending(pub glib::Bytes);

impl Operation for Sending {
    type Value = usize;
    const LANE: Lane = Lane::Send;
    const CONDITION: IOCondition = IOCondition::OUT;

    fn queue(connection: &imp::DtlsConnection) -> &Arc<Queue<Self>> {
        &connection.sending
    }

    fn is_closed(status: &Status) -> bool {
        status.write_closed
    }

    fn attempt(&self, connection: &DtlsConnection) -> Result<usize, glib::Error> {
        connection.send(&self.0, Some(Duration::ZERO), gio::Cancellable::NONE)
    }
}

/// Receives a message of at most so many bytes.
pub struct Receiving(pub usize);

impl Operation for Receiving {
    type Value = Option<glib::Bytes>;
    const LANE: Lane = Lane::Receive;
    const CONDITION: IOCondition = IOCondition::IN;

    fn queue(connection: &imp::DtlsConnection) -> &Arc<Queue<Self>> {
        &connection.receiving
    }

    fn is_closed(status: &Status) -> bool {
        status.read_closed
    }

    fn attempt(&self, connection: &DtlsConnection) -> Result<Option<glib::Bytes>, glib::Error> {
        connection.receive_bytes(self.0, Some(Duration::ZERO), gio::Cancellable::NONE)
    }
}
