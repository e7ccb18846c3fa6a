//! Handshakes that main loops move on: `handshake_async()`, and those that a non-blocking call began.

use std::time::Duration;

use glib::subclass::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::handshake::{Advance, Begun, Driver};
use super::imp::DtlsConnection;
use super::status::{Explicit, Status, check_cancelled};
use crate::error::Error;
use crate::subclass::dtls_connection::Completion;
use crate::subclass::source::{SourceImpl, add_child, set_priority, set_ready_time, worker_source};

impl DtlsConnection {
    /// `handshake_async()`: completes from the context's loop, never before it runs.
    pub fn handshake_in_loop(
        &self,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        let context = completion.context();
        let explicit = Explicit::Loop(context.clone());
        let guard = match check_cancelled(cancellable).and_then(|()| self.begin_explicit(explicit))
        {
            Ok(Begun::Settled) => return completion.complete(Ok(())),
            Err(error) => return completion.complete(Err(error.into())),
            Ok(Begun::Claimed(guard)) => guard,
        };
        let task = Task {
            completion,
            cancellable: cancellable.cloned(),
            _claim: Box::new(guard),
        };
        let worker = Worker {
            connection: self.obj().downgrade(),
            task: Some(task),
        };
        let source = worker_source("GioOssl handshake_async", worker, Some(&self.shared.alarm));
        set_priority(&source, priority);
        self.equip(&source, cancellable);
        source.attach(Some(&context));
    }

    /// Lets the main loop go on with a handshake that a non-blocking call found unfinished.
    pub fn continue_in_loop(&self) {
        let source = {
            let mut status = self.shared.lock();
            if status.background.is_some() || status.explicit.is_some() {
                return;
            }
            let worker = Worker {
                connection: self.obj().downgrade(),
                task: None,
            };
            let source = worker_source("GioOssl handshake", worker, Some(&self.shared.alarm));
            status.background.insert(source).clone()
        };
        self.equip(&source, None);
        source.attach(Some(&glib::MainContext::ref_thread_default()));
    }

    /// Gives a worker its events: datagrams and cancellation, and a first dispatch at once.
    fn equip(&self, source: &glib::Source, cancellable: Option<&gio::Cancellable>) {
        let transport = self.transport().ok();
        let datagrams = transport.and_then(|base| base.source(IOCondition::IN, cancellable));
        if let Some(datagrams) = datagrams {
            add_child(source, &datagrams);
        }
        set_ready_time(source, Some(Duration::ZERO));
    }
}

/// What `handshake_async()` has promised.
struct Task {
    /// Owns a reference on the connection until it is completed.
    completion: Completion,
    cancellable: Option<gio::Cancellable>,
    _claim: Box<dyn Send>,
}

/// Moves a handshake from a main loop.
struct Worker {
    connection: glib::WeakRef<super::DtlsConnection>,
    task: Option<Task>,
}

impl Worker {
    /// Ends with a result, which only an explicit handshake has somebody to tell.
    fn finish(&mut self, result: Result<(), Error>) -> ControlFlow {
        if let Some(Task {
            completion, _claim, ..
        }) = self.task.take()
        {
            // Whoever hears of the result may begin another.
            drop(_claim);
            completion.complete(result.map_err(Into::into));
        }
        ControlFlow::Break
    }

    fn step(&mut self, connection: &DtlsConnection, source: &glib::Source) -> ControlFlow {
        let cancellable = self.task.as_ref().and_then(|task| task.cancellable.clone());
        let open = |status: &Status| {
            if status.write_closed {
                Err(Error::Closed)
            } else {
                Ok(())
            }
        };
        loop {
            let settled =
                check_cancelled(cancellable.as_ref()).and_then(|()| connection.is_settled(open));
            match settled {
                Ok(true) => return self.finish(Ok(())),
                Err(error) => return self.finish(Err(error)),
                Ok(false) => {}
            }
            let timeout = match connection.advance_if_free(Driver::Loop(cancellable.as_ref())) {
                Ok(Advance::Done) => continue,
                Ok(Advance::Waiting(timeout)) => timeout,
                Err(error) if self.task.is_some() => return self.finish(Err(error)),
                // Nobody is there to tell. A datagram, the timer or the next call goes on.
                Err(_) => connection.engine().ok().and_then(|engine| engine.timeout()),
            };
            set_ready_time(source, timeout);
            return ControlFlow::Continue;
        }
    }
}

impl SourceImpl for Worker {
    fn is_ready(&self) -> bool {
        false
    }

    fn dispatch(
        &mut self,
        source: &glib::Source,
        _callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let Some(connection) = self.connection.upgrade() else {
            return ControlFlow::Break;
        };
        let flow = self.step(connection.imp(), source);
        if flow == ControlFlow::Break {
            let mut status = connection.imp().shared.lock();
            status.background.take_if(|background| background == source);
        }
        flow
    }
}
