//! Keying material for other protocols

use std::ffi::{CStr, c_char};
use std::ptr;

use glib::translate::*;

use super::{Instance, answer, this};
use crate::capi::checks::check;
use crate::error::Error;
use crate::prelude::*;

/// Keying material for a label and a context; NULL with `error` set.
///
/// # Safety
///
/// As in C: each of `connection` and `context` is NULL or live, `label` is NULL or a string, `error`
/// is NULL or points to a NULL pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_export_keying_material(
    connection: *mut Instance,
    label: *const c_char,
    context: *mut glib::ffi::GBytes,
    length: usize,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GBytes {
    const NAME: &str = "gio_ossl_dtls_connection_export_keying_material";
    let body = || {
        check!(NAME, None, !label.is_null(), "label != NULL");
        // SAFETY: as this function's caller guarantees.
        let (connection, label, context) = unsafe {
            let connection = this(NAME, connection)?;
            let context: Option<glib::Bytes> = from_glib_none(context);
            (connection, CStr::from_ptr(label), context)
        };
        let Ok(label) = label.to_str() else {
            let text = "The argument label is not UTF-8";
            return Some(Err(Error::InvalidArgument(text.into()).into()));
        };
        let material = connection.export_keying_material(label, context.as_deref(), length);
        Some(material.map(IntoGlibPtr::into_glib_ptr))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, ptr::null_mut(), body) }
}
