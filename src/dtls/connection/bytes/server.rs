//! The source that serves the asynchronous calls of one direction and main context.

use std::mem;
use std::sync::Arc;

use gio::prelude::*;
use glib::subclass::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::DtlsConnection;
use super::operation::Operation;
use super::queue::{Call, Caller, Next, Place, Queue, Waiting};
use crate::dtls::connection::timers::reportable;
use crate::error::Error;
use crate::subclass::SharedRef;
use crate::subclass::cancel::{OnCancel, check_cancelled};
use crate::subclass::dtls_connection::Completion;
use crate::subclass::source::{Alarm, Causes, Running, SourceImpl, set_priority, worker_source};

/// The most answers that a source gives before others have a turn.
const BURST: usize = 16;

/// Puts a call with a callback in line.
pub fn begin<O: Operation>(
    connection: &DtlsConnection,
    operation: O,
    priority: glib::Priority,
    cancellable: Option<&gio::Cancellable>,
    completion: Completion,
) {
    let queue = O::queue(connection.imp());
    let context = completion.context();
    let place = (address(&context), queue.number());
    let on_cancel = cancellable.map(|cancellable| {
        let queue = queue.clone();
        OnCancel::new(cancellable, move || queue.cancel(place))
    });
    let call = Call {
        operation,
        completion,
        cancellable: cancellable.cloned(),
        _on_cancel: on_cancel,
    };
    join(connection, &context, place, priority, Caller::Call(call));
    if check_cancelled(cancellable).is_err() {
        // Before it was in line, perhaps.
        queue.cancel(place);
    }
}

/// By which a line is known.
pub fn address(context: &glib::MainContext) -> usize {
    context.as_ptr().addr()
}

/// Takes a place, and makes the source of a new line.
pub fn join<O: Operation>(
    connection: &DtlsConnection,
    context: &glib::MainContext,
    place: Place,
    priority: glib::Priority,
    caller: Caller<O>,
) {
    let waiting = Waiting { priority, caller };
    let imp = connection.imp();
    let queue = O::queue(imp);
    if let Some(alarm) = queue.join(place, waiting) {
        let server = Server {
            connection: connection.downgrade(),
            queue: queue.clone(),
            context: place.0,
            priority,
            alarms: [alarm, imp.shared.alarm.clone()],
            base: imp.transport.get().map(|base| base.base().clone()),
            replaced: false,
        };
        server.attach(context);
    }
}

/// Serves a line. Before it calls back for the first time another one takes its place: a callback may
/// run the loop until a later call has answered.
struct Server<O: Operation> {
    connection: glib::WeakRef<DtlsConnection>,
    queue: Arc<Queue<O>>,
    context: usize,
    priority: glib::Priority,
    /// The line's, and the connection's.
    alarms: [Arc<Alarm>; 2],
    base: Option<SharedRef<gio::DatagramBased>>,
    replaced: bool,
}

/// Whom to tell, and what.
type Answer<O> = (Completion, Result<<O as Operation>::Value, glib::Error>);

impl<O: Operation> Server<O> {
    fn attach(self, context: &glib::MainContext) {
        let (priority, alarms, base) = (self.priority, self.alarms.clone(), self.base.clone());
        let causes = Causes {
            alarms: &alarms,
            base: base.as_ref(),
        };
        let source = worker_source("GioOssl bytes", self, causes);
        set_priority(&source, priority);
        source.attach(Some(context));
    }

    /// Leaves the line to another source, or ends it if nobody waits.
    fn pass_on(&mut self, source: &Running<'_>) {
        if mem::replace(&mut self.replaced, true) {
            return;
        }
        if let Some(priority) = self.queue.hand_over(self.context)
            && let Some(context) = source.context()
        {
            let next = Server {
                connection: self.connection.clone(),
                queue: self.queue.clone(),
                context: self.context,
                priority,
                alarms: self.alarms.clone(),
                base: self.base.clone(),
                replaced: false,
            };
            next.attach(&context);
        }
    }

    /// The next answer that needs no waiting. None: there is none to give now.
    fn step(
        &mut self,
        connection: Option<&DtlsConnection>,
        source: &Running<'_>,
        end: u64,
    ) -> Option<Answer<O>> {
        match self.queue.next(self.context, end, self.priority) {
            Next::Cancelled(call) => Some((call.completion, Err(Error::Cancelled.into()))),
            Next::Serve(number, call) => {
                // Disposal clears weak references.
                let closed = || Some(Err(Error::Closed.into()));
                let serve = |connection| self.serve(connection, source, &call).transpose();
                match connection.map_or_else(closed, serve) {
                    Some(result) => Some((call.completion, result)),
                    None => {
                        self.put_back(connection?, source, number, call);
                        None
                    }
                }
            }
            Next::Future => {
                self.look(connection, source);
                None
            }
            Next::Nothing => {
                self.pass_on(source);
                None
            }
        }
    }

    /// Lets a call wait that was taken out of the line.
    fn put_back(
        &self,
        connection: &DtlsConnection,
        source: &Running<'_>,
        number: u64,
        call: Call<O>,
    ) {
        if let Some(context) = source.context() {
            let place = (self.context, number);
            join(
                connection,
                &context,
                place,
                self.priority,
                Caller::Call(call),
            );
        }
        if self.replaced {
            // The other source may have looked meanwhile.
            self.queue.ring(self.context);
        }
    }

    /// Does what needs no waiting, and lets `source` hear of whatever comes next. None: not finished.
    fn serve(
        &mut self,
        connection: &DtlsConnection,
        source: &Running<'_>,
        call: &Call<O>,
    ) -> Result<Option<O::Value>, glib::Error> {
        let cancellable = call.cancellable.as_ref();
        check_cancelled(cancellable)?;
        if !self.settle(connection, source, cancellable)? {
            return Ok(None);
        }
        match call.operation.attempt(connection) {
            Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => {}
            done => return done.map(Some),
        }
        let wanted = awaited::<O>(connection);
        self.listen(source, wanted);
        Ok(None)
    }

    /// Moves the handshake on. False: it is not over.
    fn settle(
        &mut self,
        connection: &DtlsConnection,
        source: &Running<'_>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<bool, Error> {
        let imp = connection.imp();
        let settled = || {
            let settled = imp.is_settled(O::is_closed);
            settled.map_err(|error| reportable(error, None))
        };
        while !settled()? {
            if self.replaced {
                return Ok(false);
            }
            if imp.shared.lock().loop_in_charge().is_some() {
                // That loop is at it; the end of its claim rings.
                self.listen(source, IOCondition::empty());
                imp.await_deadline(source);
                return Ok(false);
            }
            if !imp.pump(source, cancellable)? {
                return Ok(false);
            }
            check_cancelled(cancellable)?;
        }
        // What the timer of the handshake was set to is over.
        source.set_ready_time(None);
        Ok(true)
    }

    /// Tells the future that comes first when it is time to try.
    fn look(&mut self, connection: Option<&DtlsConnection>, source: &Running<'_>) {
        if self.replaced {
            return;
        }
        let outcome = match connection {
            Some(connection) => self.settle(connection, source, None).map(|settled| {
                if !settled {
                    return false;
                }
                let mut wanted = awaited::<O>(connection);
                if !self.queue.is_untold(self.context) {
                    wanted = IOCondition::empty();
                }
                let ready = !wanted.is_empty() && !connection.imp().readiness(wanted).is_empty();
                if ready {
                    wanted = IOCondition::empty();
                }
                self.listen(source, wanted);
                ready
            }),
            None => Err(Error::Closed),
        };
        match outcome {
            Ok(false) => {}
            Ok(true) => self.queue.tell(self.context, None),
            Err(error) => {
                self.listen(source, IOCondition::empty());
                self.queue.tell(self.context, Some(error.into()));
            }
        }
    }

    fn listen(&self, source: &Running<'_>, wanted: IOCondition) {
        if !self.replaced {
            source.listen(wanted);
        }
    }
}

/// What there is to wait for. Nothing: a call in the lane takes what arrives, and its end rings.
fn awaited<O: Operation>(connection: &DtlsConnection) -> IOCondition {
    let mut status = connection.imp().shared.lock();
    let busy = status.is_held(O::LANE);
    status.lane_awaited |= busy;
    if busy {
        IOCondition::empty()
    } else {
        O::CONDITION
    }
}

impl<O: Operation> SourceImpl for Server<O> {
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        _callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        self.queue.burst.end();
        let connection = self.connection.upgrade();
        // Those who come later are served later, or callbacks that begin new calls would go on for ever.
        let end = self.queue.number();
        for _ in 0..BURST {
            let Some((completion, result)) = self.step(connection.as_ref(), source, end) else {
                break;
            };
            self.pass_on(source);
            completion.complete_with(result);
        }
        if self.replaced {
            ControlFlow::Break
        } else {
            ControlFlow::Continue
        }
    }
}

impl<O: Operation> Drop for Server<O> {
    fn drop(&mut self) {
        if !self.replaced {
            // Its context has ended.
            self.queue.abandon(self.context);
        }
    }
}
