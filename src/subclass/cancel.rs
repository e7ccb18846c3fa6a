//! Looking for a cancellation, and being told of it, as often as it happens.
//!
//! `g_cancellable_connect()` is not for us: its disconnection waits for a handler that is running, and
//! so deadlocks where a handler lets go of what is connected; and gtk-rs's form of it aborts when a
//! cancellable is reset and cancelled again. Nor is `g_cancellable_source_new()`: GLib wakes its
//! context from the cancelling thread, even if that context is just being freed.

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
