//! Pre-shared keys

use std::ffi::{CStr, c_char};
use std::slice;

use glib::{ffi, prelude::*, translate::*};

use super::Instance;
use crate::DtlsClientConnection;
use crate::capi::checks::{check, is_instance};
use crate::subclass::guard_result;

/// Sets a client's key.
///
/// # Safety
///
/// As in C: `connection` is NULL or a live object, `identity` NULL or a string, `key` NULL or a `GBytes`,
/// `error` NULL or a pointer to a NULL pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_client_connection_set_psk(
    connection: *mut Instance,
    identity: *const c_char,
    key: *mut ffi::GBytes,
    error: *mut *mut ffi::GError,
) -> ffi::gboolean {
    const NAME: &str = "gio_ossl_dtls_client_connection_set_psk";
    let body = || {
        // SAFETY: as this function's caller guarantees; the connection is of the type that was checked.
        let (connection, identity, key) = unsafe {
            check!(
                NAME,
                Ok(ffi::GFALSE),
                is_instance(connection, DtlsClientConnection::static_type()),
                "GIO_OSSL_IS_DTLS_CLIENT_CONNECTION (self)"
            );
            check!(
                NAME,
                Ok(ffi::GFALSE),
                !identity.is_null(),
                "identity != NULL"
            );
            check!(NAME, Ok(ffi::GFALSE), !key.is_null(), "key != NULL");
            let connection: DtlsClientConnection = from_glib_none(connection.cast());
            let mut size = 0;
            let data = ffi::g_bytes_get_data(key, &mut size).cast::<u8>();
            let key = match size {
                0 => &[],
                _ => slice::from_raw_parts(data, size),
            };
            (connection, CStr::from_ptr(identity), key)
        };
        let identity = identity.to_str().map_err(|_| {
            let text = "The identity is not UTF-8";
            glib::Error::new(gio::IOErrorEnum::InvalidArgument, text)
        })?;
        connection.set_psk(identity, key)?;
        Ok(ffi::GTRUE)
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, ffi::GFALSE, body) }
}
