//! Certificates: what the `openssl` crate lacks.

use std::{
    ffi::{c_int, c_void},
    ptr::{self, NonNull},
};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    error::ErrorStack,
    nid::Nid,
    x509::{X509, X509Ref},
};
use openssl_sys as ffi;

pub(crate) use self::names::{dns_names, ip_addresses, name_bytes, name_to_text};
use super::{der::decode, queue};
use crate::error::Error;

mod names;

unsafe extern "C" {
    fn X509_get_signature_info(
        certificate: *mut ffi::X509,
        digest: *mut c_int,
        key: *mut c_int,
        security_bits: *mut c_int,
        flags: *mut u32,
    ) -> c_int;
}

/// The certificate that a DER encoding holds, with nothing behind it.
pub(crate) fn certificate_from_der(der: &[u8]) -> Result<X509, Error> {
    let what = "Could not parse certificate";
    // SAFETY: a decoder, and the owner of what it makes.
    unsafe { decode(what, der, ffi::d2i_X509, X509::from_ptr) }
}

/// Whether `issuer`'s key really signed `subject`; not, if that cannot be found out.
pub(crate) fn is_issued_by(subject: &X509Ref, issuer: &X509Ref) -> bool {
    is_surely_issued_by(subject, issuer).unwrap_or(false)
}

/// The same, but an error where OpenSSL fails. An algorithm that it does not know proves nothing, and is none.
pub(crate) fn is_surely_issued_by(subject: &X509Ref, issuer: &X509Ref) -> Result<bool, ErrorStack> {
    queue::clear();
    let answer = match issuer.issued(subject).as_raw() {
        ffi::X509_V_OK => issuer.public_key().and_then(|key| subject.verify(&key)),
        _ => Ok(false),
    };
    // What OpenSSL cannot verify may count as not signed.
    let (is_signed, stack) = match answer {
        Ok(is_signed) => (is_signed, ErrorStack::get()),
        Err(stack) => (false, stack),
    };
    if !is_signed && queue::has_broken_down(&stack) {
        return Err(stack);
    }
    Ok(is_signed)
}

/// An extension that is there, but cannot be read: nobody knows what it would have said.
#[derive(Debug)]
pub(crate) struct Unreadable;

/// The value of an extension, which is the caller's, in the type that OpenSSL has for it; none where the
/// certificate lacks it.
pub(crate) fn extension(
    certificate: &X509Ref,
    nid: c_int,
) -> Result<Option<NonNull<c_void>>, Unreadable> {
    const ABSENT: c_int = -1;
    let mut critical = 0;
    // SAFETY: the certificate is alive, and the number a local variable.
    let value =
        unsafe { ffi::X509_get_ext_d2i(certificate.as_ptr(), nid, &mut critical, ptr::null_mut()) };
    match NonNull::new(value) {
        None if critical != ABSENT => Err(Unreadable),
        value => Ok(value),
    }
}

/// What a certificate was signed with.
pub(crate) struct Signature {
    /// Its hash, RSASSA-PSS's included; `UNDEF` if it has none of its own.
    pub(crate) digest: Nid,
    /// How hard it is to forge.
    pub(crate) security_bits: c_int,
}

/// The certificate's signature; none if the algorithm is unknown.
pub(crate) fn signature(certificate: &X509Ref) -> Option<Signature> {
    let (mut digest, mut security_bits) = (0, 0);
    // SAFETY: the certificate is alive; what is not asked for may be NULL.
    let known = unsafe {
        X509_get_signature_info(
            certificate.as_ptr(),
            &raw mut digest,
            ptr::null_mut(),
            &raw mut security_bits,
            ptr::null_mut(),
        )
    };
    queue::clear();
    (known == 1).then(|| Signature {
        digest: Nid::from_raw(digest),
        security_bits,
    })
}
