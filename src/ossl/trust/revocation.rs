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

use super::attempt::Notes;
use crate::{
    error::Error,
    ossl::{der::decode, pem, queue},
};

const NID_AUTHORITY_KEY_IDENTIFIER: c_int = 90;

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
    fn X509_check_akid(issuer: *const ffi::X509, identifier: *const ffi::AUTHORITY_KEYID) -> c_int;
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

/// Gives OpenSSL the lists of the certificate that it is checking: those with the key identifier of an
/// authority of its path, or without any, and of several authorities with one name only those of its own
/// issuer if there are any. OpenSSL would go by name and date, and look among what was presented.
unsafe extern "C" fn look_up(
    context: *const ffi::X509_STORE_CTX,
    issuer: *const ffi::X509_NAME,
) -> Lists {
    // SAFETY: OpenSSL passes the context of a verification, whose path is alive, and the name. The
    // stack of lists that it wants is new, and so are its references.
    unsafe {
        queue::clear();
        let lists = X509_STORE_CTX_get1_crls(context, issuer);
        let context = context.cast_mut();
        // No lists, and none for want of memory: only the queue tells them apart. A file of the directories
        // that cannot be read leaves a reason, too, and has none.
        if lists.is_null() && queue::has_broken_down(&ErrorStack::get()) {
            Notes::of(context).into_iter().for_each(Notes::fail);
        }
        let path = ffi::X509_STORE_CTX_get0_chain(context).cast_const().cast();
        let length = ffi::OPENSSL_sk_num(path);
        let above = ffi::X509_STORE_CTX_get_error_depth(context) + 1;
        let above = above.min(length - 1);
        let at = |depth| ffi::OPENSSL_sk_value(path, depth).cast::<ffi::X509>();
        let authority = at(above);
        if lists.is_null() || authority.is_null() {
            return lists;
        }
        retain(lists, |list| {
            (above..length).any(|depth| may_be_signed_by(list, at(depth)))
        });
        let key = X509_get0_pubkey(authority);
        let count = ffi::OPENSSL_sk_num(lists);
        if count > 1 && !key.is_null() {
            let all = (0..count).map(|index| ffi::OPENSSL_sk_value(lists, index).cast());
            let own: Vec<_> = all
                .filter(|list| ffi::X509_CRL_verify(*list, key) == 1)
                .collect();
            if queue::has_broken_down(&ErrorStack::get()) {
                Notes::of(context).into_iter().for_each(Notes::fail);
            }
            if !own.is_empty() {
                retain(lists, |list| own.contains(&list));
            }
        }
        lists
    }
}

/// Whether the list's authority key identifier, if it has one, fits this certificate.
///
/// # Safety
///
/// Both are alive.
unsafe fn may_be_signed_by(list: *mut ffi::X509_CRL, authority: *mut ffi::X509) -> bool {
    // SAFETY: by the caller's guarantee; the identifier is NULL or of its own, and released here.
    unsafe {
        let (unasked, nowhere) = (ptr::null_mut(), ptr::null_mut());
        let nid = NID_AUTHORITY_KEY_IDENTIFIER;
        let identifier = ffi::X509_CRL_get_ext_d2i(list, nid, unasked, nowhere).cast();
        let fits = X509_check_akid(authority, identifier) == ffi::X509_V_OK;
        ffi::AUTHORITY_KEYID_free(identifier);
        fits
    }
}

/// Leaves in the stack only those lists that `keep` wants.
///
/// # Safety
///
/// The stack is alive, and owns a reference to each of its lists.
unsafe fn retain(lists: Lists, keep: impl Fn(*mut ffi::X509_CRL) -> bool) {
    // SAFETY: by the caller's guarantee; what leaves the stack is released.
    unsafe {
        for index in (0..ffi::OPENSSL_sk_num(lists)).rev() {
            if !keep(ffi::OPENSSL_sk_value(lists, index).cast()) {
                ffi::X509_CRL_free(OPENSSL_sk_delete(lists, index).cast());
            }
        }
    }
}
