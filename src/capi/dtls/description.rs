//! A connection in words

use std::ffi::c_char;
use std::ptr;

use glib::translate::*;

use super::{Instance, this};
use crate::prelude::*;
use crate::subclass::guard;

/// The connection in words, which the caller frees.
///
/// # Safety
///
/// As in C: the object is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_to_string(
    connection: *mut Instance,
) -> *mut c_char {
    const NAME: &str = "gio_ossl_dtls_connection_to_string";
    guard(NAME, ptr::null_mut, || {
        // SAFETY: as this function's caller guarantees.
        let connection = unsafe { this(NAME, connection) };
        connection.map_or(ptr::null_mut(), |connection| {
            connection.description().to_glib_full()
        })
    })
}
