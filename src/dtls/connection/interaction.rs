//! Asking the application for a certificate, through its `GTlsInteraction`.
//!
//! Who runs the handler, and where:
//!
//! - The blocking question runs it in the main context that was the thread's default where the
//!   interaction was made, and waits: that is GLib's own rule. If this thread can have that context,
//!   the handler runs right here (the blocking form), or the context is iterated until the answer is
//!   there (the asynchronous form). Otherwise the thread that owns the context has to run its loop.
//! - The asynchronous question calls the asynchronous form in the context of the call, as every
//!   asynchronous method of GIO does, wherever the interaction was made: nothing but a blocking call
//!   could hand it to another context. A handler that only has the blocking form gets the blocking
//!   question.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gio::TlsInteractionResult as Outcome;
use gio::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::DtlsConnection;
use super::facade::Facade;
use crate::error::Error;
use crate::subclass::cancel::OnCancel;
use crate::subclass::source::{Causes, Running, SourceImpl, worker_source};
use crate::subclass::tls_interaction::{forms, request_certificate_async};

/// What asking the application for a certificate brought.
#[derive(Debug)]
pub enum Answer {
    /// The connection's certificate is what the application wants to present; it may be none.
    Handled,
    /// The application has nothing to say.
    Unhandled,
    /// The application gave up, with this error.
    Failed(glib::Error),
}

impl From<Result<Outcome, glib::Error>> for Answer {
    fn from(outcome: Result<Outcome, glib::Error>) -> Self {
        match outcome {
            Ok(Outcome::Handled) => Answer::Handled,
            Ok(Outcome::Failed) => Answer::Failed(glib::Error::new(
                gio::IOErrorEnum::Failed,
                "The interaction failed without saying why",
            )),
            Ok(_) => Answer::Unhandled,
            Err(error) => Answer::Failed(error),
        }
    }
}

/// Asks, and blocks until there is an answer; cancelling is up to the handler. Hold no lock.
pub fn ask(
    interaction: &gio::TlsInteraction,
    connection: &DtlsConnection,
    cancellable: Option<&gio::Cancellable>,
) -> Answer {
    let forms = forms(interaction);
    if !forms.blocking && !forms.asynchronous {
        return Answer::Unhandled;
    }
    if cancellable.is_some_and(CancellableExt::is_cancelled) {
        return Answer::Failed(Error::Cancelled.into());
    }
    let flags = gio::TlsCertificateRequestFlags::NONE;
    interaction
        .invoke_request_certificate(&Facade::new(connection), flags, cancellable)
        .into()
}

/// Asks without blocking, if the handler has an asynchronous form: `done` then runs once, later, in
/// this thread's default main context. A cancelled question is answered with the cancellation, even
/// if the handler does not notice it. Where there is no such form, `done` runs before the return.
///
/// Hold no lock. The question keeps no reference on the connection.
pub fn ask_async(
    interaction: &gio::TlsInteraction,
    connection: &DtlsConnection,
    cancellable: Option<&gio::Cancellable>,
    done: impl FnOnce(Answer) + Send + 'static,
) {
    if !forms(interaction).asynchronous {
        return done(ask(interaction, connection, cancellable));
    }
    let question = Arc::new(Question {
        context: glib::MainContext::ref_thread_default(),
        state: Mutex::new(State::Open {
            done: Box::new(done),
            on_cancel: None,
        }),
    });
    if let Some(cancellable) = cancellable {
        let cancelled = question.clone();
        question.watch(OnCancel::new(cancellable, move || {
            cancelled.answer(Answer::Failed(Error::Cancelled.into()));
        }));
        if cancellable.is_cancelled() {
            return;
        }
    }
    let facade = Facade::new(connection);
    let shown = facade.clone();
    request_certificate_async(interaction, &facade, cancellable, move |outcome| {
        drop(shown);
        question.answer(outcome.into());
    });
}

/// Runs the main context in which a question is pending until something has happened there: for a
/// caller that must wait for the answer, and may be the only one who could run it. False if another
/// thread runs it already.
pub fn run(
    context: &glib::MainContext,
    limit: Option<Duration>,
    cancellable: Option<&gio::Cancellable>,
) -> bool {
    let Ok(_owned) = context.acquire() else {
        return false;
    };
    let timer = limit.map(|limit| {
        let nothing = || ControlFlow::Break;
        let timer = glib::timeout_source_new(limit, None, glib::Priority::DEFAULT, nothing);
        timer.attach(Some(context));
        timer
    });
    let woken = context.clone();
    let on_cancel =
        cancellable.map(|cancellable| OnCancel::new(cancellable, move || woken.wakeup()));
    context.iteration(true);
    drop(on_cancel);
    if let Some(timer) = timer {
        timer.destroy();
    }
    true
}

/// One question, which the handler and the cancellation race to answer.
struct Question {
    context: glib::MainContext,
    state: Mutex<State>,
}

type Done = Box<dyn FnOnce(Answer) + Send>;

enum State {
    Open {
        done: Done,
        on_cancel: Option<OnCancel>,
    },
    Answered,
}

impl Question {
    /// Keeps the handler of a cancellation until there is an answer.
    fn watch(&self, handler: OnCancel) {
        let mut unused = Some(handler);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Open { on_cancel, .. } = &mut *state {
            *on_cancel = unused.take();
        }
        // Disconnecting waits for a handler that runs, and so might wait for this lock.
        drop(state);
        drop(unused);
    }

    /// Takes the first answer and ignores the others.
    ///
    /// What follows is left to the context's loop: this may be the cancellation's own handler, which
    /// must not drop itself, or the middle of whatever the application is doing.
    fn answer(&self, answer: Answer) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = mem::replace(&mut *state, State::Answered);
        drop(state);
        if let State::Open { done, on_cancel } = taken {
            let delivery = Delivery(Some((done, answer, on_cancel)));
            let source = worker_source("GioOssl interaction", delivery, Causes::default());
            source.attach(Some(&self.context));
        }
    }
}

/// Passes an answer on, in the context of the question.
struct Delivery(Option<(Done, Answer, Option<OnCancel>)>);

impl SourceImpl for Delivery {
    fn dispatch(
        &mut self,
        _source: &Running<'_>,
        _callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        if let Some((done, answer, on_cancel)) = self.0.take() {
            drop(on_cancel);
            done(answer);
        }
        ControlFlow::Break
    }
}
