//! PEM texts, read without asking anybody for a password.

use std::{
    ffi::{c_char, c_int, c_void},
    marker::PhantomData,
    ptr, slice,
};

use foreign_types::ForeignType;
use openssl::{error::ErrorStack, x509::X509};
use openssl_sys as ffi;

use super::x509::bad_certificate;
use crate::error::Error;

/// Every certificate of a PEM text, in order. None at all is not an error; a bad one is.
pub(crate) fn certificates_from_pem(pem: &[u8]) -> Result<Vec<X509>, Error> {
    let what = "Could not parse PEM certificate";
    let bio = MemoryBio::reading(pem).map_err(|stack| bad_certificate(what, &stack))?;
    let mut certificates = Vec::new();
    loop {
        // SAFETY: the BIO is alive, and the callback ignores its user data.
        let certificate = unsafe {
            ffi::PEM_read_bio_X509(
                bio.0,
                ptr::null_mut(),
                Some(refuse_password),
                ptr::null_mut(),
            )
        };
        if certificate.is_null() {
            let stack = ErrorStack::get();
            if is_end_of_pem(&stack) {
                return Ok(certificates);
            }
            return Err(bad_certificate(what, &stack));
        }
        // SAFETY: the pointer is a new reference that this function owns.
        certificates.push(unsafe { X509::from_ptr(certificate) });
    }
}

/// Whether reading stopped only because no further block begins.
pub(super) fn is_end_of_pem(stack: &ErrorStack) -> bool {
    const PEM_R_NO_START_LINE: c_int = 108;
    stack.errors().last().is_some_and(|error| {
        error.library_code() == ffi::ERR_LIB_PEM && error.reason_code() == PEM_R_NO_START_LINE
    })
}

/// OpenSSL's password callback for those who have none to give: notes that it was asked.
pub(super) unsafe extern "C" fn refuse_password(
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

/// An in-memory BIO.
pub(super) struct MemoryBio<'a>(*mut ffi::BIO, PhantomData<&'a [u8]>);

impl<'a> MemoryBio<'a> {
    pub(super) fn reading(data: &'a [u8]) -> Result<Self, ErrorStack> {
        ffi::init();
        let Ok(length) = c_int::try_from(data.len()) else {
            return Err(ErrorStack::get());
        };
        // SAFETY: OpenSSL only reads the data, which outlives the BIO.
        Self::owning(unsafe { ffi::BIO_new_mem_buf(data.as_ptr().cast(), length) })
    }

    pub(super) fn writing() -> Result<Self, ErrorStack> {
        // SAFETY: no arguments to uphold anything for.
        Self::owning(unsafe { ffi::BIO_new(ffi::BIO_s_mem()) })
    }

    fn owning(bio: *mut ffi::BIO) -> Result<Self, ErrorStack> {
        if bio.is_null() {
            return Err(ErrorStack::get());
        }
        Ok(Self(bio, PhantomData))
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::BIO {
        self.0
    }

    /// What has been written so far.
    pub(super) fn written(&self) -> &[u8] {
        let mut data = ptr::null_mut();
        // SAFETY: a memory BIO answers with its own buffer, which stays put while `self` is borrowed.
        unsafe {
            let length = ffi::BIO_get_mem_data(self.0, &mut data);
            match usize::try_from(length) {
                Ok(length) if !data.is_null() => {
                    slice::from_raw_parts(data.cast_const().cast(), length)
                }
                _ => &[],
            }
        }
    }
}

impl Drop for MemoryBio<'_> {
    fn drop(&mut self) {
        // SAFETY: this object owns the only reference.
        unsafe { ffi::BIO_free_all(self.0) };
    }
}
