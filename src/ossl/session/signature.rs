//! How a certificate is signed.

use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::nid::Nid;
use openssl::x509::X509Ref;

use crate::ossl::{queue, sys};

/// The hash of the certificate's signature, RSASSA-PSS's included; `UNDEF` if it has none of its
/// own, and none if the algorithm is unknown.
pub fn digest(certificate: &X509Ref) -> Option<Nid> {
    let mut digest = 0;
    // SAFETY: the certificate is valid; what is not asked for may be NULL.
    let known = unsafe {
        sys::X509_get_signature_info(
            certificate.as_ptr(),
            &raw mut digest,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    queue::clear();
    (known == 1).then(|| Nid::from_raw(digest))
}
