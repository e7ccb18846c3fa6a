//! Safe traits for the GIO classes and interfaces that gtk-rs offers no subclassing for.
//!
//! Each file holds one class: a safe trait that an implementation fills in, generic trampolines
//! that borrow the C arguments, call the trait and write the results back, and a macro for the one
//! line that the orphan rule does not allow to be generic. Every trampoline is a panic boundary: a
//! bug becomes a `GError`, or a critical where C has no room for an error, and never unwinds into
//! C.
//!
//! GIO calls these classes from any thread, so the trampolines hand out `&T` in any thread and the
//! traits demand `Send + Sync`: an implementation keeps its state behind locks or in once-cells.

#![allow(unsafe_code)]

use std::{
    mem,
    panic::{self, AssertUnwindSafe},
};

use glib::{subclass::prelude::*, translate::*};

pub use self::shared::{Shareable, SharedRef};
pub(crate) use self::shared::{impl_subclassable, impl_thread_safe};
pub use crate::{
    impl_datagram_based, impl_dtls_client_connection, impl_dtls_connection,
    impl_dtls_server_connection, impl_tls_backend, impl_tls_certificate,
    impl_tls_client_connection, impl_tls_connection, impl_tls_database, impl_tls_file_database,
    impl_tls_server_connection,
};

pub mod cancel;
pub mod datagram_based;
pub mod datagram_batch;
pub mod datagram_messages;
pub mod dtls_connection;
pub(crate) mod notification;
#[cfg_attr(not(target_os = "linux"), path = "socket_elsewhere.rs")]
pub mod socket;
pub mod source;
pub mod tls_backend;
pub mod tls_certificate;
pub mod tls_connection;
pub mod tls_database;
pub mod tls_interaction;
pub mod values;

mod alarm;
mod completion;
mod connection_slots;
pub(crate) mod serial;
mod shared;
#[cfg(test)]
mod test_class;
#[cfg(test)]
mod trampoline_tests;

/// The crates that the macros name, whatever the crate that expands them depends on.
#[doc(hidden)]
pub mod export {
    pub use gio;
    pub use glib;
}

/// Runs `body`; should it panic, says so in the log and returns `fallback`'s value instead.
pub(crate) fn guard<R>(what: &str, fallback: impl FnOnce() -> R, body: impl FnOnce() -> R) -> R {
    match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            // The payload's destructor is foreign code that may panic as well: leak it.
            mem::forget(payload);
            report(what);
            fallback()
        }
    }
}

/// Runs `body` as [`guard`] does, and reports its failure or panic through a C error argument.
///
/// # Safety
///
/// `error` is NULL or points to writable memory for a `GError` pointer that owns nothing.
pub(crate) unsafe fn guard_result<R>(
    what: &str,
    error: *mut *mut glib::ffi::GError,
    fallback: R,
    body: impl FnOnce() -> Result<R, glib::Error>,
) -> R {
    let internal = || {
        let text = format!("internal error in {what}");
        Err(glib::Error::new(gio::IOErrorEnum::Failed, &text))
    };
    match guard(what, internal, body) {
        Ok(value) => value,
        Err(failure) => {
            if !error.is_null() {
                // SAFETY: the caller guarantees that a non-NULL `error` may be written.
                unsafe { *error = failure.into_glib_ptr() };
            }
            fallback
        }
    }
}

/// Logs a caught panic, and never unwinds itself.
fn report(what: &str) {
    let logged = panic::catch_unwind(|| {
        glib::g_critical!("GioOssl", "internal error in {}", what);
    });
    if let Err(payload) = logged {
        mem::forget(payload);
    }
}

/// The implementation behind a C instance pointer.
///
/// # Safety
///
/// `instance` is a live instance of `T`'s type or of one derived from it, and stays alive for `'a`.
pub(crate) unsafe fn implementation<'a, T: ObjectSubclass, P>(instance: *mut P) -> &'a T {
    // SAFETY: an instance of `T`'s type begins with `T::Instance`, by the caller's guarantee.
    unsafe { &*instance.cast::<T::Instance>() }.imp()
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn panic_becomes_the_fallback() {
        assert_eq!(guard("test", || 7, || panic!("deliberate")), 7);
    }

    #[test]
    fn panic_becomes_a_failed_error() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` is a local, empty error pointer.
        let value = unsafe { guard_result("test", &mut error, -1, || panic!("deliberate")) };
        assert_eq!(value, -1);
        // SAFETY: guard_result has stored an owned error.
        let error: glib::Error = unsafe { from_glib_full(error) };
        assert!(error.matches(gio::IOErrorEnum::Failed));
        assert_eq!(error.message(), "internal error in test");
    }

    #[test]
    fn failure_without_an_error_argument_is_dropped() {
        // SAFETY: NULL is an allowed error argument.
        let value = unsafe {
            guard_result("test", ptr::null_mut(), -1, || {
                Err(glib::Error::new(gio::IOErrorEnum::Closed, "closed"))
            })
        };
        assert_eq!(value, -1);
    }
}
