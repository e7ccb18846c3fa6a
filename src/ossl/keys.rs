//! Private keys in all their encodings.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
};

use foreign_types::ForeignType;
use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
};
use openssl_sys as ffi;

use super::{der::decode, memory_bio::MemoryBio, queue};
use crate::error::Error;

/// The private key of a PEM text. An encrypted one is refused, and nobody is asked for a password.
pub(crate) fn key_from_pem(pem: &[u8]) -> Result<PKey<Private>, Error> {
    let what = "Could not parse PEM private key";
    let bio = MemoryBio::reading(pem).map_err(|stack| queue::bad_certificate(what, &stack))?;
    let mut asked = false;
    // SAFETY: the BIO is alive, and `asked` outlives the call that hands it to the callback.
    let key = unsafe {
        ffi::PEM_read_bio_PrivateKey(
            bio.as_ptr(),
            ptr::null_mut(),
            Some(refuse_password),
            (&raw mut asked).cast(),
        )
    };
    let stack = ErrorStack::get();
    if !key.is_null() {
        // SAFETY: the pointer is a new reference that this function owns.
        return Ok(unsafe { PKey::from_ptr(key) });
    }
    if asked {
        return Err(encrypted_key());
    }
    Err(queue::bad_certificate(what, &stack))
}

/// The private key of a PKCS#8, PKCS#1 or SEC1 encoding. An encrypted one is refused.
pub(crate) fn key_from_der(der: &[u8]) -> Result<PKey<Private>, Error> {
    if is_encrypted_pkcs8(der) {
        return Err(encrypted_key());
    }
    let what = "Could not parse DER private key";
    // SAFETY: a decoder, and the owner of what it makes.
    unsafe { decode(what, der, ffi::d2i_AutoPrivateKey, PKey::from_ptr) }
}

/// OpenSSL's password callback for those who have none to give: notes that it was asked.
unsafe extern "C" fn refuse_password(
    _buffer: *mut c_char,
    _size: c_int,
    _writing: c_int,
    asked: *mut c_void,
) -> c_int {
    if !asked.is_null() {
        // SAFETY: the callers pass NULL or a `bool` that outlives the call.
        unsafe { *asked.cast::<bool>() = true };
    }
    -1
}

fn encrypted_key() -> Error {
    Error::BadCertificate("Could not parse private key: it is encrypted".into())
}

/// Whether `der` is an EncryptedPrivateKeyInfo (RFC 5958): a sequence that begins with an algorithm,
/// where every unencrypted form begins with a version number.
fn is_encrypted_pkcs8(der: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    let Some((&SEQUENCE, rest)) = der.split_first() else {
        return false;
    };
    let content = match rest.split_first() {
        Some((&length, content)) if length < 0x80 => Some(content),
        Some((&length, content)) => content.get(usize::from(length & 0x7f)..),
        None => None,
    };
    content.and_then(<[u8]>::first) == Some(&SEQUENCE)
}
