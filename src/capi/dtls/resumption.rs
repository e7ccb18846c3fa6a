//! Sessions that the application keeps

use std::ptr;

use glib::{ffi::GFALSE, ffi::GTRUE, prelude::*, translate::*};

use crate::DtlsClientConnection;
use crate::capi::checks::{check, is_instance, report};
use crate::subclass::guard_result;

/// An instance of `GioOsslDtlsClientConnection` as C has it.
type Client = <DtlsClientConnection as ObjectType>::GlibType;

/// The client that a method is called on or given; none, and a critical, for anything else.
///
/// # Safety
///
/// `client` is NULL or a live instance.
unsafe fn client(
    function: &str,
    client: *mut Client,
    condition: &str,
) -> Option<DtlsClientConnection> {
    // SAFETY: NULL or live, by the caller's guarantee, and of the type that was checked.
    unsafe {
        if is_instance(client, DtlsClientConnection::static_type()) {
            return Some(DtlsClientConnection::from_glib_none(client));
        }
    }
    report(function, condition);
    None
}

const IS_SELF: &str = "GIO_OSSL_IS_DTLS_CLIENT_CONNECTION (self)";
const IS_OTHER: &str = "GIO_OSSL_IS_DTLS_CLIENT_CONNECTION (other)";

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
        let Some(connection) = (unsafe { client(NAME, connection, IS_SELF) }) else {
            return Ok(ptr::null_mut());
        };
        Ok(connection.export_session()?.into_glib_ptr())
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, ptr::null_mut(), body) }
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
        let Some(connection) = (unsafe { client(NAME, connection, IS_SELF) }) else {
            return Ok(GFALSE);
        };
        check!(NAME, Ok(GFALSE), !session.is_null(), "session != NULL");
        // SAFETY: live, as this function's caller guarantees.
        let session: glib::Bytes = unsafe { from_glib_none(session) };
        connection.import_session(&session)?;
        Ok(GTRUE)
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, GFALSE, body) }
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
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let (connection, other) = unsafe {
            let Some(connection) = client(NAME, connection, IS_SELF) else {
                return Ok(GFALSE);
            };
            let Some(other) = client(NAME, other, IS_OTHER) else {
                return Ok(GFALSE);
            };
            (connection, other)
        };
        connection.copy_session(&other)?;
        Ok(GTRUE)
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, GFALSE, body) }
}
