//! Ending a connection, one direction or both.

use std::slice;

use glib::subclass::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::budget::Budget;
use super::imp::DtlsConnection;
use super::status::{Handshake, Lane, Status};
use crate::error::Error;
use crate::subclass::cancel::{OnCancel, check_cancelled};
use crate::subclass::dtls_connection::Completion;
use crate::subclass::source::{Causes, Running, SourceImpl, set_priority, worker_source};

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
        self.begin_to_close(read, write, cancellable)?;
        self.shared.wait(Budget::Forever, cancellable, |status| {
            (!is_busy(status, read, write)).then_some(())
        })?;
        if write { self.say_goodbye() } else { Ok(()) }
    }

    /// The same without blocking: where somebody must get out first, a source sees to the rest.
    pub fn shut_down_in_loop(
        &self,
        read: bool,
        write: bool,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        if let Err(error) = self.begin_to_close(read, write, cancellable) {
            return completion.complete(Err(error.into()));
        }
        let context = completion.context();
        let closing = Closing {
            read,
            write,
            cancellable: cancellable.cloned(),
            _on_cancel: self.shared.ring_on_cancel(cancellable),
            task: Some((self.obj().clone(), completion)),
        };
        let causes = Causes {
            alarms: slice::from_ref(&self.shared.alarm),
            base: None,
        };
        let source = worker_source("GioOssl close", closing, causes);
        set_priority(&source, priority);
        source.attach(Some(&context));
    }

    /// Closes the directions to calls that come from now on, and wakes those that are there.
    fn begin_to_close(
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
        if self.shared.lock().is_closed() {
            self.restore_base();
        }
        self.shared.announce();
        Ok(())
    }

    /// Sends close_notify, once, if a session was established; never blocks.
    fn say_goodbye(&self) -> Result<(), Error> {
        if !matches!(self.shared.lock().handshake, Handshake::Established) {
            return Ok(());
        }
        let goodbye = {
            let mut engine = self.engine()?;
            engine.close();
            engine.take_outgoing()
        };
        self.transport()?.send(&goodbye, &mut 0)
    }

    /// The last reference is gone, or the application disposes of the connection while calls are
    /// under way: closes without waiting for anyone.
    pub fn drop_connection(&self) {
        let is_unfinished = {
            let mut status = self.shared.lock();
            status.read_closed = true;
            status.write_closed = true;
            matches!(status.handshake, Handshake::InProgress)
        };
        // A server may be silent just because it was offered a session.
        if is_unfinished {
            self.forget_session();
        }
        self.restore_base();
        // A worker that finds the connection gone ends itself.
        self.shared.announce();
        if let Err(error) = self.say_goodbye() {
            glib::g_debug!("GioOssl", "close_notify was not sent: {}", error);
        }
    }
}

/// Whether somebody is still in a direction that is being closed.
fn is_busy(status: &mut Status, read: bool, write: bool) -> bool {
    let busy = read && status.is_held(Lane::Receive)
        || write && (status.is_held(Lane::Send) || status.is_held(Lane::Handshake));
    status.lane_awaited |= busy;
    busy
}

/// Finishes a `shutdown_async()` when everybody is out.
struct Closing {
    read: bool,
    write: bool,
    cancellable: Option<gio::Cancellable>,
    _on_cancel: Option<OnCancel>,
    task: Option<(super::DtlsConnection, Completion)>,
}

impl SourceImpl for Closing {
    fn dispatch(
        &mut self,
        _source: &Running<'_>,
        _callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let Some((object, completion)) = self.task.take() else {
            return ControlFlow::Break;
        };
        let connection = object.imp();
        let cancelled = check_cancelled(self.cancellable.as_ref());
        if cancelled.is_ok() && is_busy(&mut connection.shared.lock(), self.read, self.write) {
            self.task = Some((object, completion));
            return ControlFlow::Continue;
        }
        let result = cancelled.and_then(|()| {
            if self.write {
                connection.say_goodbye()
            } else {
                Ok(())
            }
        });
        completion.complete(result.map_err(Into::into));
        ControlFlow::Break
    }
}
