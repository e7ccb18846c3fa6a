//! What certificates are meant for.

use std::ffi::{CString, c_int, c_void};

use foreign_types::ForeignTypeRef;
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::ossl::x509::{Unreadable, extension};

const X509_TRUST_SSL_CLIENT: c_int = 2;
const X509_TRUST_SSL_SERVER: c_int = 3;
const NID_NETSCAPE_CERT_TYPE: c_int = 71;
const NID_EXT_KEY_USAGE: c_int = 126;
const NID_SERVER_AUTHENTICATION: c_int = 129;
const NID_CLIENT_AUTHENTICATION: c_int = 130;
const NID_ANY_EXTENDED_KEY_USAGE: c_int = 910;
const SERVER_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.2";

/// The key usages with which a client can sign a handshake or agree on a key.
const CLIENT_KEY_USAGE: u32 = ffi::X509v3_KU_DIGITAL_SIGNATURE | ffi::X509v3_KU_KEY_AGREEMENT;

unsafe extern "C" {
    fn EXTENDED_KEY_USAGE_free(usages: *mut c_void);
    fn ASN1_BIT_STRING_get_bit(bits: *const ffi::ASN1_BIT_STRING, index: c_int) -> c_int;
}

/// What the chain's certificates must be meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Nothing in particular.
    Any,
    /// Authenticating a TLS client (1.3.6.1.5.5.7.3.2).
    TlsClient,
    /// Authenticating a TLS server (1.3.6.1.5.5.7.3.1).
    TlsServer,
    /// Another extended key usage, as a dotted OID.
    Other(String),
}

impl From<&str> for Purpose {
    fn from(oid: &str) -> Self {
        match oid {
            SERVER_AUTHENTICATION => Self::TlsServer,
            CLIENT_AUTHENTICATION => Self::TlsClient,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Purpose {
    /// The local trust settings (`X509_TRUST_*`) that an anchor of OpenSSL's own format may have.
    pub(super) fn trust(&self) -> Option<c_int> {
        match self {
            Self::TlsServer => Some(X509_TRUST_SSL_SERVER),
            Self::TlsClient => Some(X509_TRUST_SSL_CLIENT),
            Self::Any | Self::Other(_) => None,
        }
    }

    /// Whether a path, leaf first, is meant for this: an authority that is restricted to some usages
    /// cannot issue for others.
    ///
    /// Unlike with OpenSSL's own check, `anyExtendedKeyUsage` includes the TLS usages.
    pub(super) fn is_allowed_by<'a>(&self, path: impl IntoIterator<Item = &'a X509Ref>) -> bool {
        let wanted = match self {
            Self::Any => return true,
            Self::TlsServer => Oid::known(NID_SERVER_AUTHENTICATION),
            Self::TlsClient => Oid::known(NID_CLIENT_AUTHENTICATION),
            Self::Other(oid) => Oid::parse(oid),
        };
        let (Some(wanted), Some(any)) = (wanted, Oid::known(NID_ANY_EXTENDED_KEY_USAGE)) else {
            return false;
        };
        path.into_iter().enumerate().all(|(depth, certificate)| {
            allows_usage(certificate, &wanted, &any)
                && (depth > 0 || self.is_allowed_by_key_of(certificate))
        })
    }

    /// Whether a leaf's key may do what a handshake needs of it.
    fn is_allowed_by_key_of(&self, leaf: &X509Ref) -> bool {
        let (usage, netscape_type) = match self {
            Self::TlsClient => (CLIENT_KEY_USAGE, 0),
            Self::TlsServer => (CLIENT_KEY_USAGE | ffi::X509v3_KU_KEY_ENCIPHERMENT, 1),
            Self::Any | Self::Other(_) => return true,
        };
        // SAFETY: the certificate is alive. Without the extension all bits are set.
        let actual = unsafe { ffi::X509_get_key_usage(leaf.as_ptr()) };
        actual & usage != 0 && allows_netscape_type(leaf, netscape_type)
    }
}

/// Whether the certificate's extended key usage, if it has one, allows this or any usage.
fn allows_usage(certificate: &X509Ref, wanted: &Oid, any: &Oid) -> bool {
    let usages = match extension(certificate, NID_EXT_KEY_USAGE) {
        Ok(Some(usages)) => usages.as_ptr(),
        Ok(None) => return true,
        Err(Unreadable) => return false,
    };
    // SAFETY: the value of this extension is a stack of object identifiers, released here.
    unsafe {
        let stack = usages.cast_const().cast::<ffi::OPENSSL_STACK>();
        let allowed = (0..ffi::OPENSSL_sk_num(stack)).any(|index| {
            let usage = ffi::OPENSSL_sk_value(stack, index).cast_const().cast();
            ffi::OBJ_cmp(usage, wanted.0) == 0 || ffi::OBJ_cmp(usage, any.0) == 0
        });
        EXTENDED_KEY_USAGE_free(usages);
        allowed
    }
}

/// Whether the certificate's Netscape type, the forerunner of extended key usages that some private
/// authorities still write, has this bit if there is one.
fn allows_netscape_type(certificate: &X509Ref, bit: c_int) -> bool {
    let types: *mut ffi::ASN1_BIT_STRING = match extension(certificate, NID_NETSCAPE_CERT_TYPE) {
        Ok(Some(types)) => types.as_ptr().cast(),
        Ok(None) => return true,
        Err(Unreadable) => return false,
    };
    // SAFETY: the value of this extension is a bit string, released here.
    unsafe {
        let allowed = ASN1_BIT_STRING_get_bit(types, bit) == 1;
        ffi::ASN1_BIT_STRING_free(types);
        allowed
    }
}

/// An object identifier.
struct Oid(*mut ffi::ASN1_OBJECT);

impl Oid {
    /// One that OpenSSL has a number for.
    fn known(nid: c_int) -> Option<Self> {
        // SAFETY: the result, if there is one, is static.
        let object = unsafe { ffi::OBJ_nid2obj(nid) };
        (!object.is_null()).then_some(Self(object))
    }

    fn parse(dotted: &str) -> Option<Self> {
        const ONLY_NUMBERS: c_int = 1;
        // OpenSSL is more generous about what a number is.
        let is_number =
            |arc: &str| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
        if !dotted.split('.').all(is_number) {
            return None;
        }
        let dotted = CString::new(dotted).ok()?;
        // SAFETY: the text is NUL-terminated; the result is new.
        let object = unsafe { ffi::OBJ_txt2obj(dotted.as_ptr(), ONLY_NUMBERS) };
        (!object.is_null()).then_some(Self(object))
    }
}

impl Drop for Oid {
    fn drop(&mut self) {
        // SAFETY: the identifier is new and ours, or static, which OpenSSL can tell and leaves alone.
        unsafe { ffi::ASN1_OBJECT_free(self.0) };
    }
}
