//! Certificate revocation lists.

use std::ffi::{c_int, c_void};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    error::ErrorStack,
    x509::{X509Crl, X509CrlRef, store::X509StoreBuilderRef},
};
use openssl_sys as ffi;

use crate::{
    error::Error,
    ossl::{der::decode, pem},
};

type Lists = *mut ffi::OPENSSL_STACK;
type LookUp = unsafe extern "C" fn(*const ffi::X509_STORE_CTX, *const ffi::X509_NAME) -> Lists;

unsafe extern "C" {
    fn X509_STORE_add_crl(store: *mut ffi::X509_STORE, list: *mut ffi::X509_CRL) -> c_int;
    fn X509_STORE_set_lookup_crls(store: *mut ffi::X509_STORE, look_up: Option<LookUp>);
    fn X509_STORE_CTX_get1_crls(
        context: *const ffi::X509_STORE_CTX,
        issuer: *const ffi::X509_NAME,
    ) -> Lists;
    fn X509_get0_pubkey(certificate: *const ffi::X509) -> *mut ffi::EVP_PKEY;
    fn OPENSSL_sk_delete(stack: Lists, index: c_int) -> *mut c_void;
}

/// Every revocation list of a PEM text, in order; other blocks are passed over. None at all is not
/// an error; a bad one is.
pub(crate) fn lists_from_pem(text: &[u8]) -> Result<Vec<X509Crl>, Error> {
    pem::revocation_lists(text)
        .map(|encoding| {
            let what = "Could not parse certificate revocation list";
            // SAFETY: a decoder, and the owner of what it makes.
            unsafe { decode(what, &encoding?, ffi::d2i_X509_CRL, X509Crl::from_ptr) }
        })
        .collect()
}

/// Lets the store tell the lists of authorities with one name apart.
pub(super) fn prefer_own_lists(store: &mut X509StoreBuilderRef) {
    // SAFETY: the store is alive, and the callback upholds what OpenSSL asks of it.
    unsafe { X509_STORE_set_lookup_crls(store.as_ptr(), Some(look_up)) };
}

/// Adds a list to a store, which keeps a reference of its own.
pub(super) fn add(store: &mut X509StoreBuilderRef, list: &X509CrlRef) -> Result<(), ErrorStack> {
    // SAFETY: both are alive.
    unsafe {
        if X509_STORE_add_crl(store.as_ptr(), list.as_ptr()) == 1 {
            Ok(())
        } else {
            Err(ErrorStack::get())
        }
    }
}

/// Gives OpenSSL the lists of the certificate that it is checking: of several authorities with one
/// name, only those of its own issuer if there are any. OpenSSL would go by name and date.
unsafe extern "C" fn look_up(
    context: *const ffi::X509_STORE_CTX,
    issuer: *const ffi::X509_NAME,
) -> Lists {
    // SAFETY: OpenSSL passes the context of a verification, whose path is alive, and the name. The
    // stack of lists that it wants is new, and so are its references.
    unsafe {
        let lists = X509_STORE_CTX_get1_crls(context, issuer);
        let count = ffi::OPENSSL_sk_num(lists);
        let context = context.cast_mut();
        let path = ffi::X509_STORE_CTX_get0_chain(context).cast_const().cast();
        let above = ffi::X509_STORE_CTX_get_error_depth(context) + 1;
        let above = above.min(ffi::OPENSSL_sk_num(path) - 1);
        let authority = ffi::OPENSSL_sk_value(path, above).cast::<ffi::X509>();
        if count < 2 || authority.is_null() {
            return lists;
        }
        let key = X509_get0_pubkey(authority);
        let is_own = |index| {
            let list = ffi::OPENSSL_sk_value(lists, index).cast::<ffi::X509_CRL>();
            !key.is_null() && ffi::X509_CRL_verify(list, key) == 1
        };
        let own: Vec<bool> = (0..count).map(is_own).collect();
        if own.contains(&true) {
            for (index, _) in (0..count).zip(&own).rev().filter(|(_, own)| !**own) {
                ffi::X509_CRL_free(OPENSSL_sk_delete(lists, index).cast());
            }
        }
        lists
    }
}
