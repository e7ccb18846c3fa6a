//! Sessions that the application keeps

use std::ptr;

use glib::{ffi::GFALSE, ffi::GTRUE, translate::*};

use super::{Client, answer, own, this_client};
use crate::DtlsClientConnection;
use crate::capi::checks::check;

/// The session in bytes; NULL with `error` set.
///
/// # Safety
///
/// As in C: each object is NULL or live, `error` is NULL or points to a NULL pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_client_connection_export_session(
    connection: *mut Client,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GBytes {
    const NAME: &str = "gio_ossl_dtls_client_connection_export_session";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let connection = unsafe { this_client(NAME, connection)? };
        let session = connection.export_session();
        Some(session.map(IntoGlibPtr::into_glib_ptr))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, ptr::null_mut(), body) }
}

/// Takes the session of an export; FALSE with `error` set.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_client_connection_export_session`]; `session` is NULL or a live GBytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_client_connection_import_session(
    connection: *mut Client,
    session: *mut glib::ffi::GBytes,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    const NAME: &str = "gio_ossl_dtls_client_connection_import_session";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let connection = unsafe { this_client(NAME, connection)? };
        check!(NAME, None, !session.is_null(), "session != NULL");
        // SAFETY: live, as this function's caller guarantees.
        let session: glib::Bytes = unsafe { from_glib_none(session) };
        let imported = connection.import_session(&session);
        Some(imported.map(|()| GTRUE))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, GFALSE, body) }
}

/// Takes the session of another connection; FALSE with `error` set.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_client_connection_export_session`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_client_connection_copy_session(
    connection: *mut Client,
    other: *mut Client,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    const NAME: &str = "gio_ossl_dtls_client_connection_copy_session";
    const IS_OTHER: &str = "GIO_OSSL_IS_DTLS_CLIENT_CONNECTION (other)";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let (connection, other) = unsafe {
            let connection = this_client(NAME, connection)?;
            let other = own::<DtlsClientConnection>(NAME, other, IS_OTHER)?;
            (connection, other)
        };
        let copied = connection.copy_session(&other);
        Some(copied.map(|()| GTRUE))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, GFALSE, body) }
}
