//! Trust anchors, and the judgement of chains that should lead to them.
//!
//! A little long: splitting it would part the verification from the callback that it shares a
//! context with.

use std::{
    ffi::{CString, c_int, c_long, c_ulong, c_void},
    ops::{BitOr, BitOrAssign},
    ptr,
    sync::{Arc, OnceLock},
};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    error::ErrorStack,
    ssl::{SslContext, SslMethod},
    stack::Stack,
    x509::{
        X509, X509NameRef, X509Ref, X509StoreContext,
        store::{X509Store, X509StoreBuilder},
    },
};
use openssl_sys as ffi;

use super::x509::clear_errors;

const X509_PURPOSE_SSL_CLIENT: c_int = 1;
const X509_PURPOSE_SSL_SERVER: c_int = 2;
const X509_TRUST_SSL_CLIENT: c_int = 2;
const X509_TRUST_SSL_SERVER: c_int = 3;
const NID_EXT_KEY_USAGE: c_int = 126;
const ANY_EXTENDED_KEY_USAGE: &str = "2.5.29.37.0";

/// Certificates above this depth are not followed, whoever signed them.
const MAX_DEPTH: c_int = 32;

type VerifyCallback = unsafe extern "C" fn(c_int, *mut ffi::X509_STORE_CTX) -> c_int;

unsafe extern "C" {
    fn X509_STORE_CTX_get0_param(context: *mut ffi::X509_STORE_CTX) -> *mut ffi::X509_VERIFY_PARAM;
    fn X509_STORE_CTX_set_verify_cb(
        context: *mut ffi::X509_STORE_CTX,
        callback: Option<VerifyCallback>,
    );
    fn X509_STORE_CTX_set_ex_data(
        context: *mut ffi::X509_STORE_CTX,
        index: c_int,
        data: *mut c_void,
    ) -> c_int;
    fn X509_STORE_CTX_get_num_untrusted(context: *mut ffi::X509_STORE_CTX) -> c_int;
    fn X509_STORE_CTX_get1_certs(
        context: *mut ffi::X509_STORE_CTX,
        name: *const ffi::X509_NAME,
    ) -> *mut ffi::stack_st_X509;
    fn X509_VERIFY_PARAM_set_trust(parameters: *mut ffi::X509_VERIFY_PARAM, trust: c_int) -> c_int;
    fn EXTENDED_KEY_USAGE_free(usages: *mut c_void);
}

/// What is wrong with a chain: any number of problems at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problems(u8);

impl Problems {
    pub(crate) const NONE: Self = Self(0);
    /// The chain leads to no trust anchor.
    pub(crate) const UNKNOWN_CA: Self = Self(1);
    /// A certificate of the chain is not valid yet.
    pub(crate) const NOT_ACTIVATED: Self = Self(1 << 1);
    /// A certificate of the chain is not valid any more.
    pub(crate) const EXPIRED: Self = Self(1 << 2);
    /// A certificate of the chain was revoked.
    pub(crate) const REVOKED: Self = Self(1 << 3);
    /// A key or digest of the chain is too weak.
    pub(crate) const INSECURE: Self = Self(1 << 4);
    /// Anything else, and whatever could not be judged.
    pub(crate) const OTHER: Self = Self(1 << 5);

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The problem behind an `X509_V_ERR_*` code, met on a certificate from the trust store or not.
    fn of_code(code: c_int, is_anchor: bool) -> Self {
        match code {
            ffi::X509_V_OK => Self::NONE,
            ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
            | ffi::X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
            | ffi::X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
            | ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | ffi::X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
            | ffi::X509_V_ERR_CERT_UNTRUSTED => Self::UNKNOWN_CA,
            // An anchor that is no authority is as good as none.
            ffi::X509_V_ERR_INVALID_CA if is_anchor => Self::UNKNOWN_CA,
            ffi::X509_V_ERR_CERT_NOT_YET_VALID => Self::NOT_ACTIVATED,
            ffi::X509_V_ERR_CERT_HAS_EXPIRED => Self::EXPIRED,
            ffi::X509_V_ERR_CERT_REVOKED => Self::REVOKED,
            ffi::X509_V_ERR_EE_KEY_TOO_SMALL
            | ffi::X509_V_ERR_CA_KEY_TOO_SMALL
            | ffi::X509_V_ERR_CA_MD_TOO_WEAK => Self::INSECURE,
            _ => Self::OTHER,
        }
    }
}

impl BitOr for Problems {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Problems {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
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
            "1.3.6.1.5.5.7.3.1" => Self::TlsServer,
            "1.3.6.1.5.5.7.3.2" => Self::TlsClient,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A chain to judge.
pub(crate) struct Question<'a> {
    /// Leaf first; the others are hints, in any order.
    pub(crate) chain: &'a [X509],
    pub(crate) purpose: Purpose,
    /// Seconds since 1970 to judge by; `None` is now.
    pub(crate) time: Option<i64>,
}

/// A set of trust anchors, parsed once and shared by its clones.
#[derive(Clone)]
pub(crate) struct TrustStore(Arc<X509Store>);

impl TrustStore {
    /// Exactly these anchors. Any certificate may be one, a root or not.
    pub(crate) fn of<'a>(anchors: impl IntoIterator<Item = &'a X509>) -> Result<Self, ErrorStack> {
        let mut builder = X509StoreBuilder::new()?;
        for anchor in anchors {
            builder.add_cert(anchor.clone())?;
        }
        Ok(Self(Arc::new(builder.build())))
    }

    /// The system's anchors, by OpenSSL's rules (`SSL_CERT_FILE`, `SSL_CERT_DIR` or the built-in
    /// places); those in a hashed directory are read when they are needed.
    pub(crate) fn system() -> Result<Self, ErrorStack> {
        let mut builder = X509StoreBuilder::new()?;
        builder.set_default_paths()?;
        // A place that does not exist is no failure, but leaves an error behind.
        clear_errors();
        Ok(Self(Arc::new(builder.build())))
    }

    /// All that is wrong with the chain; nothing only after a complete, successful verification.
    pub(crate) fn verify(&self, question: &Question<'_>) -> Problems {
        let problems = self.judge(question).unwrap_or(Problems::OTHER);
        clear_errors();
        problems
    }

    /// The anchors with this subject.
    pub(crate) fn by_subject(&self, subject: &X509NameRef) -> Vec<X509> {
        let found = self.find(subject).unwrap_or_default();
        clear_errors();
        found
    }

    /// Whether this very certificate is an anchor.
    pub(crate) fn contains(&self, certificate: &X509Ref) -> bool {
        let candidates = self.by_subject(certificate.subject_name());
        candidates.iter().any(|anchor| **anchor == *certificate)
    }

    fn find(&self, subject: &X509NameRef) -> Result<Vec<X509>, ErrorStack> {
        let context = X509StoreContext::new()?;
        // SAFETY: the context is initialized with the store alone, which outlives it; the stack that
        // comes back is new and owns a reference to each of its certificates.
        unsafe {
            let raw = context.as_ptr();
            if ffi::X509_STORE_CTX_init(raw, self.0.as_ptr(), ptr::null_mut(), ptr::null_mut()) != 1
            {
                return Err(ErrorStack::get());
            }
            let found = X509_STORE_CTX_get1_certs(raw, subject.as_ptr());
            if found.is_null() {
                return Ok(Vec::new());
            }
            Ok(Stack::<X509>::from_ptr(found).into_iter().collect())
        }
    }

    fn judge(&self, question: &Question<'_>) -> Result<Problems, ErrorStack> {
        let Some((leaf, hints)) = question.chain.split_first() else {
            return Ok(Problems::OTHER);
        };
        let mut untrusted = Stack::new()?;
        for hint in hints {
            untrusted.push(hint.clone())?;
        }
        let context = X509StoreContext::new()?;
        let raw = context.as_ptr();
        let mut problems = Problems::NONE;
        // SAFETY: store, leaf, stack and `problems` all outlive the context's use, which ends with
        // this function: the context is dropped first of them all.
        let verdict = unsafe {
            if ffi::X509_STORE_CTX_init(raw, self.0.as_ptr(), leaf.as_ptr(), untrusted.as_ptr())
                != 1
            {
                return Err(ErrorStack::get());
            }
            configure(raw, question)?;
            // Index 0 is the one that OpenSSL reserves for the application.
            if X509_STORE_CTX_set_ex_data(raw, 0, (&raw mut problems).cast()) != 1 {
                return Err(ErrorStack::get());
            }
            X509_STORE_CTX_set_verify_cb(raw, Some(collect));
            ffi::X509_verify_cert(raw)
        };
        if verdict != 1 {
            problems |= Problems::OTHER;
        }
        if let Purpose::Other(oid) = &question.purpose {
            let chain = context.chain().into_iter().flatten();
            if !chain
                .into_iter()
                .all(|certificate| is_meant_for(certificate, oid))
            {
                problems |= Problems::OTHER;
            }
        }
        drop(context);
        Ok(problems)
    }
}

/// # Safety
///
/// `context` is alive and initialized.
unsafe fn configure(
    context: *mut ffi::X509_STORE_CTX,
    question: &Question<'_>,
) -> Result<(), ErrorStack> {
    let flags = ffi::X509_V_FLAG_PARTIAL_CHAIN | ffi::X509_V_FLAG_TRUSTED_FIRST;
    let usage = match question.purpose {
        Purpose::TlsServer => Some((X509_PURPOSE_SSL_SERVER, X509_TRUST_SSL_SERVER)),
        Purpose::TlsClient => Some((X509_PURPOSE_SSL_CLIENT, X509_TRUST_SSL_CLIENT)),
        Purpose::Any | Purpose::Other(_) => None,
    };
    // SAFETY: the parameters belong to the context, which is alive by the caller's guarantee.
    unsafe {
        let parameters = X509_STORE_CTX_get0_param(context);
        let mut done = ffi::X509_VERIFY_PARAM_set_flags(parameters, flags as c_ulong) == 1;
        if let Some((purpose, trust)) = usage {
            done &= ffi::X509_VERIFY_PARAM_set_purpose(parameters, purpose) == 1
                && X509_VERIFY_PARAM_set_trust(parameters, trust) == 1;
        }
        ffi::X509_VERIFY_PARAM_set_depth(parameters, MAX_DEPTH);
        ffi::X509_VERIFY_PARAM_set_auth_level(parameters, security_level());
        if let Some(time) = question.time {
            ffi::X509_VERIFY_PARAM_set_time(parameters, time as c_long);
        }
        if done { Ok(()) } else { Err(ErrorStack::get()) }
    }
}

/// Notes a problem and goes on, so that one call finds them all.
unsafe extern "C" fn collect(ok: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int {
    if ok == 1 {
        return 1;
    }
    // SAFETY: OpenSSL passes the context that `judge` prepared: its data is `judge`'s `problems`, to
    // which nothing else refers during the verification.
    unsafe {
        let problems = ffi::X509_STORE_CTX_get_ex_data(context, 0).cast::<Problems>();
        if problems.is_null() {
            return 0;
        }
        let depth = ffi::X509_STORE_CTX_get_error_depth(context);
        let is_anchor = depth >= X509_STORE_CTX_get_num_untrusted(context);
        let code = ffi::X509_STORE_CTX_get_error(context);
        *problems |= Problems::of_code(code, is_anchor);
    }
    1
}

/// The security level that OpenSSL's configuration gives to connections: chains are held to the same.
fn security_level() -> c_int {
    const FALLBACK: c_int = 2;
    static LEVEL: OnceLock<c_int> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        SslContext::builder(SslMethod::dtls())
            .ok()
            .and_then(|builder| c_int::try_from(builder.build().security_level()).ok())
            .unwrap_or(FALLBACK)
    })
}

/// Whether the certificate's extended key usage, if it has one, allows this or any usage.
fn is_meant_for(certificate: &X509Ref, oid: &str) -> bool {
    let (Some(wanted), Some(any)) = (Oid::parse(oid), Oid::parse(ANY_EXTENDED_KEY_USAGE)) else {
        return false;
    };
    let mut critical = 0;
    // SAFETY: the extension comes back as a stack of object identifiers of its own, released here.
    unsafe {
        let usages = ffi::X509_get_ext_d2i(
            certificate.as_ptr(),
            NID_EXT_KEY_USAGE,
            &mut critical,
            ptr::null_mut(),
        );
        if usages.is_null() {
            const ABSENT: c_int = -1;
            return critical == ABSENT;
        }
        let stack = usages.cast_const().cast::<ffi::OPENSSL_STACK>();
        let allowed = (0..ffi::OPENSSL_sk_num(stack)).any(|index| {
            let usage = ffi::OPENSSL_sk_value(stack, index).cast_const().cast();
            ffi::OBJ_cmp(usage, wanted.0) == 0 || ffi::OBJ_cmp(usage, any.0) == 0
        });
        EXTENDED_KEY_USAGE_free(usages);
        allowed
    }
}

/// An object identifier of its own.
struct Oid(*mut ffi::ASN1_OBJECT);

impl Oid {
    fn parse(dotted: &str) -> Option<Self> {
        const ONLY_NUMBERS: c_int = 1;
        let dotted = CString::new(dotted).ok()?;
        // SAFETY: the text is NUL-terminated; the result is new.
        let object = unsafe { ffi::OBJ_txt2obj(dotted.as_ptr(), ONLY_NUMBERS) };
        (!object.is_null()).then_some(Self(object))
    }
}

impl Drop for Oid {
    fn drop(&mut self) {
        // SAFETY: this object owns the identifier.
        unsafe { ffi::ASN1_OBJECT_free(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use openssl::{
        asn1::Asn1Time,
        ec::{EcGroup, EcKey},
        hash::MessageDigest,
        nid::Nid,
        pkey::PKey,
        x509::X509Name,
    };

    use super::*;

    const BEGIN: i64 = 1_000_000_000;
    const END: i64 = 2_000_000_000;

    fn self_signed() -> X509 {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_text("CN", "test").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        let (begin, end) = (Asn1Time::from_unix(BEGIN), Asn1Time::from_unix(END));
        builder.set_not_before(&begin.unwrap()).unwrap();
        builder.set_not_after(&end.unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build()
    }

    fn judge(store: &TrustStore, chain: &[X509], time: i64) -> Problems {
        let problems = store.verify(&Question {
            chain,
            purpose: Purpose::TlsServer,
            time: Some(time),
        });
        assert!(ErrorStack::get().errors().is_empty());
        problems
    }

    #[test]
    fn validity_is_judged_by_the_given_time() {
        let anchor = [self_signed()];
        let store = TrustStore::of(&anchor).unwrap();
        assert_eq!(judge(&store, &anchor, BEGIN), Problems::NONE);
        assert_eq!(judge(&store, &anchor, END - 1), Problems::NONE);
        assert_eq!(judge(&store, &anchor, BEGIN - 1), Problems::NOT_ACTIVATED);
        assert_eq!(judge(&store, &anchor, END + 1), Problems::EXPIRED);
    }

    #[test]
    fn empty_chain_and_empty_store_never_pass() {
        let store = TrustStore::of([]).unwrap();
        assert_eq!(judge(&store, &[], BEGIN), Problems::OTHER);
        assert_eq!(judge(&store, &[self_signed()], BEGIN), Problems::UNKNOWN_CA);
    }

    #[test]
    fn only_anchors_are_contained() {
        let (anchor, other) = (self_signed(), self_signed());
        let store = TrustStore::of([&anchor]).unwrap();
        assert!(store.contains(&anchor));
        assert!(!store.contains(&other));
    }
}
