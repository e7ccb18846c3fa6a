//! Keys for SRTP

use glib::translate::*;

use super::{Instance, answer, this};
use crate::prelude::*;

/// The master keys and salts; FALSE with `error` set.
///
/// # Safety
///
/// As in C: `connection` is NULL or live, each other argument is NULL or points to a pointer that may
/// be written, `error` to a NULL one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_export_srtp_keys(
    connection: *mut Instance,
    sending_key: *mut *mut glib::ffi::GBytes,
    sending_salt: *mut *mut glib::ffi::GBytes,
    receiving_key: *mut *mut glib::ffi::GBytes,
    receiving_salt: *mut *mut glib::ffi::GBytes,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    const NAME: &str = "gio_ossl_dtls_connection_export_srtp_keys";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let connection = unsafe { this(NAME, connection)? };
        let keys = connection.export_srtp_keys();
        Some(keys.map(|keys| {
            for (place, bytes) in [
                (sending_key, keys.sending_key),
                (sending_salt, keys.sending_salt),
                (receiving_key, keys.receiving_key),
                (receiving_salt, keys.receiving_salt),
            ] {
                if !place.is_null() {
                    // SAFETY: as this function's caller guarantees.
                    unsafe { *place = bytes.into_glib_ptr() };
                }
            }
            glib::ffi::GTRUE
        }))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, glib::ffi::GFALSE, body) }
}
