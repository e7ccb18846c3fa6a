//! Messages as plain bytes

use std::{ptr, slice};

use glib::translate::*;

use super::{Instance, duration, optional_cancellable, this};
use crate::capi::checks::check;
use crate::prelude::*;
use crate::subclass::guard_result;

/// Sends one message; answers its bytes, or -1 with `error` set.
///
/// # Safety
///
/// As in C: each object is NULL or live, `error` is NULL or points to a NULL pointer, `buffer` holds `size` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_send(
    connection: *mut Instance,
    buffer: *const u8,
    size: usize,
    timeout_us: i64,
    cancellable: *mut gio::ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> isize {
    const NAME: &str = "gio_ossl_dtls_connection_send";
    let body = || {
        check!(
            NAME,
            Ok(-1),
            size == 0 || !buffer.is_null(),
            "size == 0 || buffer != NULL"
        );
        check!(
            NAME,
            Ok(-1),
            isize::try_from(size).is_ok(),
            "size <= G_MAXSSIZE"
        );
        // SAFETY: as this function's caller guarantees.
        let (connection, cancellable, message) = unsafe {
            let Some(connection) = this(NAME, connection) else {
                return Ok(-1);
            };
            let Some(cancellable) = optional_cancellable(NAME, cancellable) else {
                return Ok(-1);
            };
            let message = match size {
                0 => &[],
                _ => slice::from_raw_parts(buffer, size),
            };
            (connection, cancellable, message)
        };
        let timeout = duration(timeout_us);
        let sent = connection.send(message, timeout, cancellable.as_ref())?;
        Ok(sent.cast_signed())
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, -1, body) }
}

/// Receives one message; NULL with `error` set, or without it at the end of the stream.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_connection_send`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_receive_bytes(
    connection: *mut Instance,
    size: usize,
    timeout_us: i64,
    cancellable: *mut gio::ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GBytes {
    const NAME: &str = "gio_ossl_dtls_connection_receive_bytes";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let (connection, cancellable) = unsafe {
            let Some(connection) = this(NAME, connection) else {
                return Ok(ptr::null_mut());
            };
            let Some(cancellable) = optional_cancellable(NAME, cancellable) else {
                return Ok(ptr::null_mut());
            };
            (connection, cancellable)
        };
        let timeout = duration(timeout_us);
        let message = connection.receive_bytes(size, timeout, cancellable.as_ref())?;
        Ok(message.into_glib_ptr())
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, ptr::null_mut(), body) }
}
