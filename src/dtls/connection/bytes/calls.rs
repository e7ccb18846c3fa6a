//! `send_bytes_async()` and `receive_bytes_async()`: calls that a main loop serves.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use glib::subclass::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::turns::{Turn, Turns};
use super::{DtlsConnection, receive_now, send_now};
use crate::dtls::connection::events::BaseEvents;
use crate::dtls::connection::imp;
use crate::dtls::connection::status::{Lane, Status};
use crate::subclass::cancel::{OnCancel, check_cancelled};
use crate::subclass::dtls_connection::{Completion, Outcome};
use crate::subclass::source::{Alarm, SourceImpl, set_priority, set_ready_time, worker_source};

impl DtlsConnection {
    /// Sends `message` when its turn has come, from the loop of the call's context.
    pub(crate) fn send_bytes_in_loop(
        &self,
        message: glib::Bytes,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        let operation = Send(message);
        Call::begin(self, operation, priority, cancellable, completion);
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
        let operation = Receive(size);
        Call::begin(self, operation, priority, cancellable, completion);
    }
}

/// What a call does once the session is there.
trait Operation: std::marker::Send + 'static {
    /// What it returns.
    type Value: Outcome;
    /// Which lane it takes.
    const LANE: Lane;
    /// What it waits for.
    const CONDITION: IOCondition;

    /// Those before which it has to wait.
    fn turns(connection: &imp::DtlsConnection) -> &Arc<Turns>;

    /// Whether its direction was closed.
    fn is_closed(status: &Status) -> bool;

    /// Does it without waiting.
    fn attempt(&self, connection: &DtlsConnection) -> Result<Self::Value, glib::Error>;
}

/// Sends this message.
struct Send(glib::Bytes);

impl Operation for Send {
    type Value = usize;
    const LANE: Lane = Lane::Send;
    const CONDITION: IOCondition = IOCondition::OUT;

    fn turns(connection: &imp::DtlsConnection) -> &Arc<Turns> {
        &connection.sending
    }

    fn is_closed(status: &Status) -> bool {
        status.write_closed
    }

    fn attempt(&self, connection: &DtlsConnection) -> Result<usize, glib::Error> {
        send_now(connection, &self.0)
    }
}

/// Receives a message of at most so many bytes.
struct Receive(usize);

impl Operation for Receive {
    type Value = Option<glib::Bytes>;
    const LANE: Lane = Lane::Receive;
    const CONDITION: IOCondition = IOCondition::IN;

    fn turns(connection: &imp::DtlsConnection) -> &Arc<Turns> {
        &connection.receiving
    }

    fn is_closed(status: &Status) -> bool {
        status.read_closed
    }

    fn attempt(&self, connection: &DtlsConnection) -> Result<Option<glib::Bytes>, glib::Error> {
        receive_now(connection, self.0)
    }
}

/// Rings for one call.
struct Ring(Arc<Alarm>);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.0.ring();
    }
}

/// A call that has not completed.
struct Pending<O> {
    connection: DtlsConnection,
    operation: O,
    cancellable: Option<gio::Cancellable>,
    _on_cancel: Option<OnCancel>,
    turn: Turn,
    completion: Completion,
}

/// The source that serves a call.
struct Call<O> {
    pending: Option<Pending<O>>,
    waker: Waker,
    events: BaseEvents,
}

impl<O: Operation> Call<O> {
    /// Puts a call in line, and attaches its source.
    fn begin(
        connection: &DtlsConnection,
        operation: O,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        let imp = connection.imp();
        let own = Arc::new(Alarm::new());
        let waker = Waker::from(Arc::new(Ring(own.clone())));
        let woken = waker.clone();
        let on_cancel =
            cancellable.map(|cancellable| OnCancel::new(cancellable, move || woken.wake_by_ref()));
        let context = completion.context();
        let pending = Pending {
            connection: connection.clone(),
            operation,
            cancellable: cancellable.cloned(),
            _on_cancel: on_cancel,
            turn: O::turns(imp).take(&context),
            completion,
        };
        let call = Call {
            pending: Some(pending),
            waker,
            events: BaseEvents::default(),
        };
        let source = worker_source("GioOssl bytes", call, [&own, &imp.shared.alarm]);
        set_priority(&source, priority);
        set_ready_time(&source, Some(Duration::ZERO));
        source.attach(Some(&context));
    }

    /// Does what needs no waiting, and lets `source` hear of whatever comes next. None: not finished.
    fn step(
        &mut self,
        pending: &Pending<O>,
        source: &glib::Source,
    ) -> Result<Option<O::Value>, glib::Error> {
        let connection = pending.connection.imp();
        let cancellable = pending.cancellable.as_ref();
        check_cancelled(cancellable)?;
        let base = connection.transport()?;
        let deaf = IOCondition::empty();
        if !pending.turn.has_come(&self.waker) {
            self.events.listen(source, base, deaf);
            return Ok(None);
        }
        while !connection.is_settled(O::is_closed)? {
            if connection.shared.lock().loop_in_charge().is_some() {
                // That loop is at it; the end of its claim rings.
                self.events.listen(source, base, deaf);
                return Ok(None);
            }
            if !connection.pump(source, &mut self.events, cancellable)? {
                return Ok(None);
            }
            check_cancelled(cancellable)?;
        }
        // What the timer of the handshake was set to is over.
        set_ready_time(source, None);
        match pending.operation.attempt(&pending.connection) {
            Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => {}
            done => return done.map(Some),
        }
        let awaited = {
            let mut status = connection.shared.lock();
            let busy = status.is_held(O::LANE);
            status.lane_awaited |= busy;
            // A call in the lane takes what arrives, and its end rings.
            if busy { deaf } else { O::CONDITION }
        };
        self.events.listen(source, base, awaited);
        Ok(None)
    }
}

impl<O: Operation> SourceImpl for Call<O> {
    fn is_ready(&self) -> bool {
        // A closed base says nothing any more, and fails the next call.
        self.pending.as_ref().is_some_and(|pending| {
            let transport = pending.connection.imp().transport();
            transport.is_ok_and(crate::transport::Transport::is_closed)
        })
    }

    fn dispatch(
        &mut self,
        source: &glib::Source,
        _callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let Some(pending) = self.pending.take() else {
            return ControlFlow::Break;
        };
        let result = match self.step(&pending, source) {
            Ok(None) => {
                self.pending = Some(pending);
                return ControlFlow::Continue;
            }
            Ok(Some(value)) => Ok(value),
            Err(error) => Err(error),
        };
        let Pending {
            turn, completion, ..
        } = pending;
        // The next one is served after this one has heard, but need not wait for its callback.
        drop(turn);
        completion.complete_with(result);
        ControlFlow::Break
    }
}
