//! Being told of a cancellation, as often as it happens.
//!
//! gtk-rs connects a closure that aborts the process when a cancellable is reset and cancelled again
//! before the handler is gone.

use std::ffi::c_ulong;

use gio::ffi;
use glib::{ffi::gpointer, translate::*};

use super::guard;

type Body = Box<dyn Fn() + Send + Sync>;

/// A connected handler; dropping it disconnects, and waits for one that is running in another thread.
pub struct OnCancel {
    cancellable: gio::Cancellable,
    id: c_ulong,
}

impl OnCancel {
    /// Runs `body` when `cancellable` is triggered, at once if it already is. The body must not drop
    /// the handler.
    #[must_use]
    pub fn new(cancellable: &gio::Cancellable, body: impl Fn() + Send + Sync + 'static) -> Self {
        let body: Box<Body> = Box::new(Box::new(body));
        // SAFETY: GIO calls `run` with the box until it calls `forget`, once; the cancelled signal's
        // handlers have `run`'s signature.
        let id = unsafe {
            let run = std::mem::transmute::<
                unsafe extern "C" fn(*mut ffi::GCancellable, gpointer),
                unsafe extern "C" fn(),
            >(run);
            ffi::g_cancellable_connect(
                cancellable.to_glib_none().0,
                Some(run),
                Box::into_raw(body).cast(),
                Some(forget),
            )
        };
        OnCancel {
            cancellable: cancellable.clone(),
            id,
        }
    }
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        // SAFETY: the handler is ours; 0 stands for one that has run and gone, and is ignored.
        unsafe { ffi::g_cancellable_disconnect(self.cancellable.to_glib_none().0, self.id) };
    }
}

unsafe extern "C" fn run(_cancellable: *mut ffi::GCancellable, body: gpointer) {
    // SAFETY: the box that `new` connected, which lives until `forget`.
    let body = unsafe { &*body.cast::<Body>() };
    guard("cancellation handler", || (), body);
}

unsafe extern "C" fn forget(body: gpointer) {
    // SAFETY: the box that `new` connected; nothing uses it any more.
    let body = unsafe { Box::from_raw(body.cast::<Body>()) };
    guard("cancellation handler", || (), || drop(body));
}
