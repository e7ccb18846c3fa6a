//! A certificate's names, as text and as bytes.

use std::{
    ffi::{c_int, c_ulong},
    slice,
};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    stack::Stack,
    x509::{GeneralName, GeneralNameRef, X509NameRef, X509Ref},
};
use openssl_sys as ffi;

use super::{Unreadable, extension};
use crate::ossl::{memory_bio::MemoryBio, queue};

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
}

/// A distinguished name as one line, in the certificate's own order: `DC=COM,DC=EXAMPLE,CN=host`.
pub(crate) fn name_to_text(name: &X509NameRef) -> Option<String> {
    let bio = MemoryBio::writing().ok()?;
    // SAFETY: BIO and name are alive during the call.
    let written = unsafe { X509_NAME_print_ex(bio.as_ptr(), name.as_ptr(), 0, NAME_FLAGS) };
    let text = (written >= 0).then(|| String::from_utf8_lossy(bio.written()).into_owned());
    queue::clear();
    text
}

/// The bytes of each dNSName in the certificate's subjectAltName.
pub(crate) fn dns_names(certificate: &X509Ref) -> Result<Vec<Vec<u8>>, Unreadable> {
    alternative_names(certificate, ffi::GEN_DNS)
}

/// The bytes of each iPAddress in the certificate's subjectAltName.
pub(crate) fn ip_addresses(certificate: &X509Ref) -> Result<Vec<Vec<u8>>, Unreadable> {
    alternative_names(certificate, ffi::GEN_IPADD)
}

/// The bytes of each name of one kind, whose values are strings.
fn alternative_names(certificate: &X509Ref, kind: c_int) -> Result<Vec<Vec<u8>>, Unreadable> {
    let names = extension(certificate, ffi::NID_subject_alt_name);
    queue::clear();
    let Some(names) = names? else {
        return Ok(Vec::new());
    };
    // SAFETY: the value of this extension is a stack of names, and ours.
    let names: Stack<GeneralName> = unsafe { Stack::from_ptr(names.as_ptr().cast()) };
    let bytes = names.iter().filter_map(|name| name_bytes(name, kind));
    Ok(bytes.collect())
}

/// The bytes of a name, if it is of this kind, whose values are strings.
pub(crate) fn name_bytes(name: &GeneralNameRef, kind: c_int) -> Option<Vec<u8>> {
    // SAFETY: the values of the kinds that are asked for, dNSName and iPAddress, are ASN1_STRINGs, whose data lives as long as the name.
    unsafe {
        let name = name.as_ptr();
        if (*name).type_ != kind {
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
