//! Certificates: what the `openssl` crate lacks.

use std::{ffi::c_int, ptr};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    nid::Nid,
    x509::{X509, X509Ref, X509VerifyResult},
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

/// Whether `issuer`'s key really signed `subject`.
pub(crate) fn is_issued_by(subject: &X509Ref, issuer: &X509Ref) -> bool {
    let issued = issuer.issued(subject) == X509VerifyResult::OK
        && issuer
            .public_key()
            .and_then(|key| subject.verify(&key))
            .unwrap_or(false);
    queue::clear();
    issued
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
