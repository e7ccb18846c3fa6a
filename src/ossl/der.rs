//! OpenSSL's decoders, held to one whole value.

use std::{
    ffi::{c_long, c_uchar},
    ptr,
};

use openssl::error::ErrorStack;

use super::queue;
use crate::error::Error;

/// One of OpenSSL's `d2i` functions.
type Decoder<T> = unsafe extern "C" fn(*mut *mut T, *mut *const c_uchar, c_long) -> *mut T;

/// The value that `der` encodes, owned by what `own` makes of it. Data behind it, which nobody would
/// look at, is an error; `what` says what failed.
///
/// # Safety
///
/// `decoder` is a `d2i` function: it reads at most the given length, advances the pointer by what it
/// has read, and returns NULL or a value that is the caller's. `own` takes such a value over.
pub(super) unsafe fn decode<T, U>(
    what: &str,
    der: &[u8],
    decoder: Decoder<T>,
    own: unsafe fn(*mut T) -> U,
) -> Result<U, Error> {
    openssl_sys::init();
    let mut position = der.as_ptr();
    let Ok(length) = c_long::try_from(der.len()) else {
        return Err(Error::BadCertificate(format!("{what}: it is too large")));
    };
    // SAFETY: the data is as long as is said, and the decoder keeps to its contract.
    let value = unsafe { decoder(ptr::null_mut(), &mut position, length) };
    // Decoders that guess leave the wrong guesses behind, also on success.
    let stack = ErrorStack::get();
    if value.is_null() {
        return Err(queue::bad_certificate(what, &stack));
    }
    // SAFETY: the value is the caller's.
    let value = unsafe { own(value) };
    if position != der.as_ptr_range().end {
        return Err(Error::BadCertificate(format!("{what}: data follows it")));
    }
    Ok(value)
}
