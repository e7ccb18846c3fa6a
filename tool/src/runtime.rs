//! Waiting: for a future, a time limit, or a signal.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    thread,
    time::Duration,
};

use futures_util::future::{Either, select};
use gio::prelude::*;
use glib::ControlFlow;

use crate::failure::{Failure, Status};

/// How waiting ended.
pub enum Waited<T> {
    Done(T),
    TimedOut,
    Interrupted,
}

/// How long the program may take to end by itself after a signal.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the user's Ctrl-C triggers.
#[derive(Clone)]
pub struct Interrupt(gio::Cancellable);

impl Interrupt {
    /// From now on SIGINT and SIGTERM end the program gently; the second one ends it at once, and so
    /// does time. A thread of their own takes them: the main one may be blocked by a full pipe.
    pub fn catch() -> Self {
        let interrupt = Self(gio::Cancellable::new());
        let context = glib::MainContext::new();
        let priority = glib::Priority::DEFAULT;
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let (cancellable, own) = (interrupt.0.clone(), context.clone());
            let caught = move || {
                if cancellable.is_cancelled() {
                    std::process::exit(Status::Interrupted as i32);
                }
                cancellable.cancel();
                let end = || std::process::exit(Status::Interrupted as i32);
                glib::timeout_source_new(PATIENCE, None, priority, end).attach(Some(&own));
                ControlFlow::Continue
            };
            glib_unix::signal_source_new(signal, None, priority, caught).attach(Some(&context));
        }
        thread::spawn(move || glib::MainLoop::new(Some(&context), false).run());
        interrupt
    }

    pub fn future(&self) -> impl Future<Output = ()> + 'static {
        self.0.future()
    }

    pub async fn or<T>(&self, future: impl Future<Output = T>) -> Waited<T> {
        match select(pin!(future), pin!(self.future())).await {
            Either::Left((value, _)) => Waited::Done(value),
            Either::Right(_) => Waited::Interrupted,
        }
    }

    /// Waits for no longer than `limit`.
    pub async fn within<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Waited<T> {
        let timed = async {
            match select(pin!(future), glib::timeout_future(limit)).await {
                Either::Left((value, _)) => Some(value),
                Either::Right(_) => None,
            }
        };
        match self.or(timed).await {
            Waited::Done(Some(value)) => Waited::Done(value),
            Waited::Done(None) | Waited::TimedOut => Waited::TimedOut,
            Waited::Interrupted => Waited::Interrupted,
        }
    }
}

/// Runs the whole program on the default main context.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    glib::MainContext::default().block_on(future)
}

/// Gives everything else a turn.
pub async fn give_way() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Ended by a signal before anything came of it.
pub fn interrupted() -> Failure {
    Failure::new(Status::Interrupted, "interrupted")
}
