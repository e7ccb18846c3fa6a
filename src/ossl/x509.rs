//! Certificates and keys: what the `openssl` crate lacks, or would do by asking at the terminal.

use std::{
    ffi::{c_char, c_int, c_ulong, c_void},
    ptr, slice,
};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    error::ErrorStack,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{GeneralNameRef, X509, X509NameRef, X509Ref, X509VerifyResult},
};
use openssl_sys as ffi;

use crate::error::Error;

const ASN1_STRFLGS_ESC_2253: c_ulong = 0x001;
const ASN1_STRFLGS_ESC_CTRL: c_ulong = 0x002;
const ASN1_STRFLGS_UTF8_CONVERT: c_ulong = 0x010;
const ASN1_STRFLGS_DUMP_UNKNOWN: c_ulong = 0x100;
const ASN1_STRFLGS_DUMP_DER: c_ulong = 0x200;
const XN_FLAG_SEP_COMMA_PLUS: c_ulong = 1 << 16;
const XN_FLAG_DUMP_UNKNOWN_FIELDS: c_ulong = 1 << 24;

/// RFC 2253's escapes, but in the certificate's own order and with UTF-8 kept readable.
const NAME_FLAGS: c_ulong = XN_FLAG_SEP_COMMA_PLUS
    | XN_FLAG_DUMP_UNKNOWN_FIELDS
    | ASN1_STRFLGS_ESC_2253
    | ASN1_STRFLGS_ESC_CTRL
    | ASN1_STRFLGS_UTF8_CONVERT
    | ASN1_STRFLGS_DUMP_UNKNOWN
    | ASN1_STRFLGS_DUMP_DER;

unsafe extern "C" {
    fn X509_NAME_print_ex(
        out: *mut ffi::BIO,
        name: *const ffi::X509_NAME,
        indent: c_int,
        flags: c_ulong,
    ) -> c_int;
    fn X509_get_signature_info(
        certificate: *mut ffi::X509,
        digest: *mut c_int,
        key: *mut c_int,
        security_bits: *mut c_int,
        flags: *mut u32,
    ) -> c_int;
}

/// The certificate that a DER encoding holds.
pub(crate) fn certificate_from_der(der: &[u8]) -> Result<X509, Error> {
    X509::from_der(der).map_err(|stack| bad_certificate("Could not parse DER certificate", &stack))
}

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

/// The private key of a PEM text. An encrypted one is refused, and nobody is asked for a password.
pub(crate) fn key_from_pem(pem: &[u8]) -> Result<PKey<Private>, Error> {
    let what = "Could not parse PEM private key";
    let bio = MemoryBio::reading(pem).map_err(|stack| bad_certificate(what, &stack))?;
    let mut asked = false;
    // SAFETY: the BIO is alive, and `asked` outlives the call that hands it to the callback.
    let key = unsafe {
        ffi::PEM_read_bio_PrivateKey(
            bio.0,
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
    Err(bad_certificate(what, &stack))
}

/// The private key of a PKCS#8, PKCS#1 or SEC1 encoding. An encrypted one is refused.
pub(crate) fn key_from_der(der: &[u8]) -> Result<PKey<Private>, Error> {
    if is_encrypted_pkcs8(der) {
        return Err(encrypted_key());
    }
    let key = PKey::private_key_from_der(der)
        .map_err(|stack| bad_certificate("Could not parse DER private key", &stack));
    // Guessing the format leaves the wrong guesses behind, also on success.
    clear_errors();
    key
}

/// Whether `issuer`'s key really signed `subject`.
pub(crate) fn is_issued_by(subject: &X509Ref, issuer: &X509Ref) -> bool {
    let issued = issuer.issued(subject) == X509VerifyResult::OK
        && issuer
            .public_key()
            .and_then(|key| subject.verify(&key))
            .unwrap_or(false);
    clear_errors();
    issued
}

/// The hash of the certificate's signature, RSASSA-PSS's included; `UNDEF` if it has none of its
/// own, and none if the algorithm is unknown.
pub(crate) fn signature_digest(certificate: &X509Ref) -> Option<Nid> {
    let mut digest = 0;
    let unasked = ptr::null_mut();
    // SAFETY: the certificate is alive; what is not asked for may be NULL.
    let known = unsafe {
        X509_get_signature_info(
            certificate.as_ptr(),
            &raw mut digest,
            unasked,
            unasked,
            ptr::null_mut(),
        )
    };
    clear_errors();
    (known == 1).then(|| Nid::from_raw(digest))
}

/// A distinguished name as one line, in the certificate's own order: `DC=COM,DC=EXAMPLE,CN=host`.
pub(crate) fn name_to_text(name: &X509NameRef) -> Option<String> {
    let bio = MemoryBio::writing().ok()?;
    // SAFETY: BIO and name are alive during the call.
    let written = unsafe { X509_NAME_print_ex(bio.0, name.as_ptr(), 0, NAME_FLAGS) };
    let text = (written >= 0).then(|| String::from_utf8_lossy(bio.written()).into_owned());
    clear_errors();
    text
}

/// The bytes of each dNSName in the certificate's subjectAltName.
pub(crate) fn dns_names(certificate: &X509Ref) -> Vec<Vec<u8>> {
    let names = certificate.subject_alt_names();
    clear_errors();
    names.iter().flatten().filter_map(dns_name).collect()
}

/// The bytes of each iPAddress in the certificate's subjectAltName.
pub(crate) fn ip_addresses(certificate: &X509Ref) -> Vec<Vec<u8>> {
    let names = certificate.subject_alt_names();
    clear_errors();
    names
        .iter()
        .flatten()
        .filter_map(|name| name.ipaddress().map(<[u8]>::to_vec))
        .collect()
}

/// Empties this thread's OpenSSL error queue.
pub(crate) fn clear_errors() {
    // SAFETY: always allowed.
    unsafe { ffi::ERR_clear_error() };
}

/// `what`, with OpenSSL's own reason when it gave one.
pub(crate) fn bad_certificate(what: &str, stack: &ErrorStack) -> Error {
    let reason = stack.errors().iter().rev().find_map(|error| error.reason());
    Error::BadCertificate(match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    })
}

fn encrypted_key() -> Error {
    Error::BadCertificate("Could not parse private key: it is encrypted".into())
}

fn dns_name(name: &GeneralNameRef) -> Option<Vec<u8>> {
    // SAFETY: a dNSName's value is an ASN1_STRING, whose data lives as long as the name.
    unsafe {
        let name = name.as_ptr();
        if (*name).type_ != ffi::GEN_DNS {
            return None;
        }
        let value = (*name).d.cast_const().cast::<ffi::ASN1_STRING>();
        let length = usize::try_from(ffi::ASN1_STRING_length(value)).ok()?;
        let data = ffi::ASN1_STRING_get0_data(value);
        if data.is_null() {
            return Some(Vec::new());
        }
        Some(slice::from_raw_parts(data, length).to_vec())
    }
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

/// Whether reading stopped only because no further block begins.
pub(super) fn is_end_of_pem(stack: &ErrorStack) -> bool {
    const PEM_R_NO_START_LINE: c_int = 108;
    stack.errors().last().is_some_and(|error| {
        error.library_code() == ffi::ERR_LIB_PEM && error.reason_code() == PEM_R_NO_START_LINE
    })
}

/// OpenSSL's password callback for those who have none to give: notes that it was asked.
unsafe extern "C" fn refuse_password(
    _buffer: *mut c_char,
    _size: c_int,
    _writing: c_int,
    asked: *mut c_void,
) -> c_int {
    if !asked.is_null() {
        // SAFETY: the callers of this file pass NULL or a `bool` that outlives the call.
        unsafe { *asked.cast::<bool>() = true };
    }
    -1
}

/// An in-memory BIO.
pub(super) struct MemoryBio<'a>(*mut ffi::BIO, std::marker::PhantomData<&'a [u8]>);

impl<'a> MemoryBio<'a> {
    pub(super) fn reading(data: &'a [u8]) -> Result<Self, ErrorStack> {
        ffi::init();
        let Ok(length) = c_int::try_from(data.len()) else {
            return Err(ErrorStack::get());
        };
        // SAFETY: OpenSSL only reads the data, which outlives the BIO.
        Self::owning(unsafe { ffi::BIO_new_mem_buf(data.as_ptr().cast(), length) })
    }

    fn writing() -> Result<Self, ErrorStack> {
        // SAFETY: no arguments to uphold anything for.
        Self::owning(unsafe { ffi::BIO_new(ffi::BIO_s_mem()) })
    }

    fn owning(bio: *mut ffi::BIO) -> Result<Self, ErrorStack> {
        if bio.is_null() {
            return Err(ErrorStack::get());
        }
        Ok(Self(bio, std::marker::PhantomData))
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::BIO {
        self.0
    }

    /// What has been written so far.
    fn written(&self) -> &[u8] {
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
