//! Ending a connection, one direction or both.

use super::imp::DtlsConnection;
use super::status::{Budget, Handshake, Lane, Status, check_cancelled};
use crate::engine::Datagrams;
use crate::error::Error;

impl DtlsConnection {
    /// Closes the given directions: wakes whoever blocks in them, waits until they are out, and tells
    /// the peer with close_notify when nothing more will be sent (RFC 5246, section 7.2.1). Does not
    /// wait for the peer's.
    pub fn shut_down(
        &self,
        read: bool,
        write: bool,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), Error> {
        check_cancelled(cancellable)?;
        {
            let mut status = self.shared.lock();
            let lanes = [Lane::Handshake, Lane::Receive, Lane::Send];
            if lanes.iter().any(|lane| status.is_held_here(*lane)) {
                return Err(Error::WouldDeadlock);
            }
            status.read_closed |= read;
            status.write_closed |= write;
        }
        self.shared.announce();
        self.shared
            .wait(Budget::Forever, cancellable, |status: &mut Status| {
                let busy = read && status.is_held(Lane::Receive)
                    || write && (status.is_held(Lane::Send) || status.is_held(Lane::Handshake));
                (!busy).then_some(())
            })?;
        if write { self.say_goodbye() } else { Ok(()) }
    }

    /// Sends close_notify, once, if a session was established; never blocks.
    fn say_goodbye(&self) -> Result<(), Error> {
        if !matches!(self.shared.lock().handshake, Handshake::Established) {
            return Ok(());
        }
        let goodbye = {
            let mut engine = self.engine()?;
            engine.close();
            engine.take_outgoing(Datagrams::default())
        };
        self.transport()?.send(&goodbye, 0).map(|_| ())
    }

    /// The last reference is gone: closes without waiting for anyone.
    pub fn drop_connection(&self) {
        let background = {
            let mut status = self.shared.lock();
            status.read_closed = true;
            status.write_closed = true;
            status.background.take()
        };
        if let Some(background) = background {
            background.destroy();
        }
        if let Err(error) = self.say_goodbye() {
            glib::g_debug!("GioOssl", "close_notify was not sent: {}", error);
        }
    }
}
