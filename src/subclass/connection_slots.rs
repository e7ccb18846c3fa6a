//! What the slots of `GTlsConnection` and `GDtlsConnection` have in common.

use std::{
    ffi::{CStr, c_char, c_uint},
    ptr,
};

use gio::ffi;
use glib::translate::*;

use super::{guard, guard_result};

/// Runs a handshake and answers as its slot does.
///
/// # Safety
///
/// `cancellable` is NULL or live during the call, `error` NULL or a place for an error.
pub(super) unsafe fn handshake(
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
    handshake: impl FnOnce(Option<&gio::Cancellable>) -> Result<(), glib::Error>,
) -> glib::ffi::gboolean {
    let body = || {
        // SAFETY: NULL or live, by the caller's guarantee.
        let cancellable = unsafe { Option::<gio::Cancellable>::from_glib_borrow(cancellable) };
        handshake(cancellable.as_ref().as_ref()).map(|()| glib::ffi::GTRUE)
    };
    // SAFETY: by the caller's guarantee.
    unsafe { guard_result("handshake", error, glib::ffi::GFALSE, body) }
}

/// Puts a channel binding into `data`, and answers as its slot does.
///
/// # Safety
///
/// `data` is NULL or a byte array, `error` NULL or a place for an error.
pub(super) unsafe fn binding_data(
    kind: ffi::GTlsChannelBindingType,
    data: *mut glib::ffi::GByteArray,
    error: *mut *mut glib::ffi::GError,
    binding: impl FnOnce(gio::TlsChannelBindingType) -> Result<Vec<u8>, glib::Error>,
) -> glib::ffi::gboolean {
    let body = || {
        // SAFETY: unknown kinds have a value, too.
        let binding = binding(unsafe { from_glib(kind) })?;
        let size = c_uint::try_from(binding.len()).map_err(|_| {
            let text = "The channel binding is too large";
            glib::Error::new(gio::TlsChannelBindingError::GeneralError, text)
        })?;
        // A caller that only asks whether the kind is supported passes NULL.
        if !data.is_null() {
            // SAFETY: `data` is the caller's byte array; `size` bytes are copied from `binding`.
            unsafe {
                glib::ffi::g_byte_array_set_size(data, 0);
                glib::ffi::g_byte_array_append(data, binding.as_ptr(), size);
            }
        }
        Ok(glib::ffi::GTRUE)
    };
    // SAFETY: by the caller's guarantee.
    unsafe { guard_result("get_binding_data", error, glib::ffi::GFALSE, body) }
}

/// Answers with a string that the connection keeps, or NULL.
pub(super) fn negotiated_protocol<'a>(name: impl FnOnce() -> Option<&'a CStr>) -> *const c_char {
    let body = || name().map_or(ptr::null(), CStr::as_ptr);
    guard("get_negotiated_protocol", ptr::null, body)
}
