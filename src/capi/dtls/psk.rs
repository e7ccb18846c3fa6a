//! Pre-shared keys

use std::ffi::{CStr, c_char};
use std::slice;

use glib::ffi;

use super::{Client, answer, this_client};
use crate::capi::checks::check;
use crate::error::Error;

/// Sets a client's key.
///
/// # Safety
///
/// As in C: `connection` is NULL or a live object, `identity` NULL or a string, `key` NULL or a `GBytes`,
/// `error` NULL or a pointer to a NULL pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_client_connection_set_psk(
    connection: *mut Client,
    identity: *const c_char,
    key: *mut ffi::GBytes,
    error: *mut *mut ffi::GError,
) -> ffi::gboolean {
    const NAME: &str = "gio_ossl_dtls_client_connection_set_psk";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let (connection, identity, key) = unsafe {
            let connection = this_client(NAME, connection)?;
            check!(NAME, None, !identity.is_null(), "identity != NULL");
            check!(NAME, None, !key.is_null(), "key != NULL");
            let mut size = 0;
            let data = ffi::g_bytes_get_data(key, &mut size).cast::<u8>();
            let key = match size {
                0 => &[],
                _ => slice::from_raw_parts(data, size),
            };
            (connection, CStr::from_ptr(identity), key)
        };
        let Ok(identity) = identity.to_str() else {
            let text = "The identity is not UTF-8";
            return Some(Err(Error::InvalidArgument(text.into()).into()));
        };
        let set = connection.set_psk(identity, key);
        Some(set.map(|()| ffi::GTRUE))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, ffi::GFALSE, body) }
}
