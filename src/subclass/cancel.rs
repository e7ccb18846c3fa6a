//! Looking for a cancellation, and being told of it, as often as it happens.
//!
//! `g_cancellable_connect()` is not for us: its disconnection waits for a handler that is running, and
//! so deadlocks where a handler lets go of what is connected; and gtk-rs's form of it aborts when a
//! cancellable is reset and cancelled again. Nor is `g_cancellable_source_new()`: GLib wakes its
//! context from the cancelling thread, even if that context is just being freed.

use std::{cell::Cell, os::fd::RawFd, sync::Arc};

use gio::prelude::*;
use glib::SignalHandlerId;

use crate::error::Error;

/// Fails if the caller has cancelled.
pub(crate) fn check_cancelled(cancellable: Option<&gio::Cancellable>) -> Result<(), Error> {
    match cancellable {
        Some(cancellable) if cancellable.is_cancelled() => Err(Error::Cancelled),
        _ => Ok(()),
    }
}

/// What ends a thread's wait for a base. A thread keeps one for its next wait, with the descriptor that GIO
/// would open and close for each.
#[derive(Debug)]
pub struct WaitToken {
    cancellable: gio::Cancellable,
    descriptor: RawFd,
}

// SAFETY: GCancellable is documented to be used from several threads.
unsafe impl Send for WaitToken {}
// SAFETY: as above.
unsafe impl Sync for WaitToken {}

thread_local! {
    static SPARE: Cell<Option<Arc<WaitToken>>> = const { Cell::new(None) };
}

impl WaitToken {
    /// One that nobody waits for. Whoever wants to trigger it for its last wait may still come: then the next
    /// one ends early, and its caller looks again.
    pub(crate) fn take() -> Arc<Self> {
        if let Ok(Some(spare)) = SPARE.try_with(Cell::take) {
            if spare.cancellable.is_cancelled() {
                // SAFETY: it is alive, and nobody waits for it.
                unsafe { gio::ffi::g_cancellable_reset(spare.cancellable.as_ptr()) };
            }
            return spare;
        }
        let cancellable = gio::Cancellable::new();
        Arc::new(Self {
            descriptor: cancellable.fd(),
            cancellable,
        })
    }

    /// Leaves it to the thread's next wait.
    pub(crate) fn give_back(token: &Arc<Self>) {
        // A thread that ends keeps nothing.
        let _ = SPARE.try_with(|spare| spare.set(Some(token.clone())));
    }

    /// Ends the wait.
    pub(crate) fn trigger(&self) {
        self.cancellable.cancel();
    }

    /// For those who wait by GIO.
    pub(crate) fn cancellable(&self) -> &gio::Cancellable {
        &self.cancellable
    }

    /// Readable once it is triggered; negative where the system had none to give.
    pub(super) fn descriptor(&self) -> RawFd {
        self.descriptor
    }
}

/// A connected handler, which is disconnected when this is dropped. One that is just running in
/// another thread is not waited for.
pub struct OnCancel(Option<(gio::Cancellable, SignalHandlerId)>);

impl OnCancel {
    /// Runs `body` whenever `cancellable` is triggered, and at once if it already is.
    #[must_use]
    pub fn new(
        cancellable: &gio::Cancellable,
        body: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Self {
        let handler = body.clone();
        let id = cancellable.connect("cancelled", false, move |_| {
            handler();
            None
        });
        // After the connection, so that no cancellation falls between.
        if cancellable.is_cancelled() {
            body();
        }
        OnCancel(Some((cancellable.clone(), id)))
    }
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        if let Some((cancellable, id)) = self.0.take() {
            cancellable.disconnect(id);
        }
    }
}
