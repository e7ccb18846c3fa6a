//! Certificate revocation lists.

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    error::ErrorStack,
    x509::{X509Crl, X509CrlRef, store::X509StoreBuilderRef},
};
use openssl_sys as ffi;

use crate::ossl::x509::{MemoryBio, is_end_of_pem};

unsafe extern "C" {
    fn X509_STORE_add_crl(store: *mut ffi::X509_STORE, list: *mut ffi::X509_CRL) -> c_int;
}

/// Every revocation list of a PEM text, in order; other blocks are passed over. None at all is not
/// an error; a bad one is.
pub(crate) fn lists_from_pem(pem: &[u8]) -> Result<Vec<X509Crl>, ErrorStack> {
    const BEGIN: &[u8] = b"-----BEGIN X509 CRL-----";
    // OpenSSL would decode every block to pass it over.
    if !pem.windows(BEGIN.len()).any(|text| text == BEGIN) {
        return Ok(Vec::new());
    }
    let bio = MemoryBio::reading(pem)?;
    let mut lists = Vec::new();
    loop {
        // SAFETY: the BIO is alive. These blocks may not be encrypted, but if one says that it is,
        // the empty password prevents a question.
        let list = unsafe {
            let password: *mut c_void = c"".as_ptr().cast_mut().cast();
            ffi::PEM_read_bio_X509_CRL(bio.as_ptr(), ptr::null_mut(), None, password)
        };
        if list.is_null() {
            let stack = ErrorStack::get();
            return if is_end_of_pem(&stack) {
                Ok(lists)
            } else {
                Err(stack)
            };
        }
        // SAFETY: the pointer is a new reference that this function owns.
        lists.push(unsafe { X509Crl::from_ptr(list) });
    }
}

/// Adds a list to a store, which keeps a reference of its own.
pub(super) fn add(store: &mut X509StoreBuilderRef, list: &X509CrlRef) -> Result<(), ErrorStack> {
    // SAFETY: both are alive.
    if unsafe { X509_STORE_add_crl(store.as_ptr(), list.as_ptr()) } == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}
