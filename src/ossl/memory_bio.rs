//! OpenSSL's in-memory BIO.

use std::{ffi::c_int, marker::PhantomData, ptr, slice};

use openssl::error::ErrorStack;
use openssl_sys as ffi;

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
