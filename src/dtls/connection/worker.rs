//! Handshakes that main loops move on: `handshake_async()`, and those that a non-blocking call began.

use std::mem;
use std::slice;
use std::sync::Arc;

use glib::subclass::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::handshake::{Begun, Claim};
use super::imp::DtlsConnection;
use super::status::Explicit;
use crate::error::Error;
use crate::subclass::cancel::OnCancel;
use crate::subclass::cancel::check_cancelled;
use crate::subclass::dtls_connection::Completion;
use crate::subclass::source::{Running, SourceImpl, set_priority, worker_source};

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
            _on_cancel: self.shared.ring_on_cancel(cancellable),
            _claim: guard,
        };
        let source = self.worker(Purpose::Task(task));
        set_priority(&source, priority);
        source.attach(Some(&context));
    }

    /// Lets the main loop go on with a handshake that a non-blocking call found unfinished.
    pub fn continue_in_loop(&self) {
        let token = Arc::new(());
        {
            let mut status = self.shared.lock();
            if status.background.strong_count() > 0 {
                return;
            }
            status.background = Arc::downgrade(&token);
        }
        let source = self.worker(Purpose::Background { _token: token });
        source.attach(Some(&glib::MainContext::ref_thread_default()));
    }

    /// A source that moves the handshake on.
    fn worker(&self, purpose: Purpose) -> glib::Source {
        let worker = Worker {
            connection: self.obj().downgrade(),
            purpose,
        };
        let causes = self.causes(slice::from_ref(&self.shared.alarm));
        worker_source("GioOssl handshake", worker, causes)
    }
}

/// On whose behalf a worker works.
enum Purpose {
    /// Of a `handshake_async()` that has not completed.
    Task(Task),
    /// Of nobody in particular. The token tells that somebody is at it.
    Background { _token: Arc<()> },
    /// It has finished.
    Nothing,
}

/// What `handshake_async()` has promised.
struct Task {
    /// Owns a reference on the connection until it is completed.
    completion: Completion,
    cancellable: Option<gio::Cancellable>,
    _on_cancel: Option<OnCancel>,
    _claim: Claim,
}

/// Moves a handshake from a main loop.
struct Worker {
    connection: glib::WeakRef<super::DtlsConnection>,
    purpose: Purpose,
}

impl Worker {
    /// Ends with a result, which only an explicit handshake has somebody to tell.
    fn finish(&mut self, result: Result<(), Error>) -> ControlFlow {
        if let Purpose::Task(task) = mem::replace(&mut self.purpose, Purpose::Nothing) {
            // Whoever hears of the result may begin another.
            drop(task._claim);
            task.completion.complete(result.map_err(Into::into));
        }
        ControlFlow::Break
    }

    fn step(&mut self, connection: &DtlsConnection, source: &Running<'_>) -> ControlFlow {
        let (explicit, cancellable) = match &self.purpose {
            Purpose::Task(task) => (true, task.cancellable.clone()),
            Purpose::Background { .. } | Purpose::Nothing => (false, None),
        };
        loop {
            let settled = check_cancelled(cancellable.as_ref())
                .and_then(|()| connection.is_settled(|_| false));
            match settled {
                Ok(true) => return self.finish(Ok(())),
                Err(error) => return self.finish(Err(error)),
                Ok(false) => {}
            }
            if !explicit && connection.shared.lock().loop_in_charge().is_some() {
                // Not ours as long as that loop is at it; the end of its claim rings.
                source.listen(IOCondition::empty());
                return ControlFlow::Continue;
            }
            match connection.pump(source, cancellable.as_ref()) {
                Ok(true) => {}
                Err(error) if explicit => return self.finish(Err(error)),
                // Where nobody is there to tell, a datagram, the timer or the next call goes on.
                Ok(false) | Err(_) => return ControlFlow::Continue,
            }
        }
    }
}

impl SourceImpl for Worker {
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        _callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let Some(connection) = self.connection.upgrade() else {
            // Gone, or disposed of, which clears weak references.
            return self.finish(Err(Error::Closed));
        };
        self.step(connection.imp(), source)
    }
}
