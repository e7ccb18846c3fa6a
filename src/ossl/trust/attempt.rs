//! One verification by OpenSSL, which tries a single path.

use std::ffi::{c_int, c_long, c_ulong, c_void};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    error::ErrorStack,
    stack::Stack,
    x509::{X509, X509Ref, X509StoreContext, store::X509StoreRef},
};
use openssl_sys as ffi;

use super::{
    MAX_DEPTH, Question, constraints,
    level::security_level,
    problems::{Place, Problems},
};
use crate::ossl::x509::signature;

const NID_ANY_POLICY: c_int = 746;

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
    fn X509_STORE_CTX_set0_trusted_stack(
        context: *mut ffi::X509_STORE_CTX,
        anchors: *mut ffi::stack_st_X509,
    );
    fn X509_VERIFY_PARAM_add0_policy(
        parameters: *mut ffi::X509_VERIFY_PARAM,
        policy: *mut ffi::ASN1_OBJECT,
    ) -> c_int;
    fn X509_VERIFY_PARAM_set_trust(parameters: *mut ffi::X509_VERIFY_PARAM, trust: c_int) -> c_int;
}

/// What to try.
pub(super) struct Attempt<'a> {
    pub(super) store: &'a X509StoreRef,
    /// In place of all of the store's anchors.
    pub(super) anchor: Option<&'a X509>,
    pub(super) leaf: &'a X509,
    pub(super) hints: &'a [X509],
    /// Whether any anchor ends a path, or a root alone.
    pub(super) any_anchor: bool,
    pub(super) revocation: bool,
}

/// What OpenSSL's callbacks note while it verifies.
pub(super) struct Notes {
    problems: Problems,
    /// Whether something could not be found out.
    has_failed: bool,
}

impl Notes {
    /// Those of the verification that goes on with this context; none before it begins.
    ///
    /// # Safety
    ///
    /// OpenSSL has passed the context to a callback, which lets no other reference to the notes live.
    pub(super) unsafe fn of<'a>(context: *mut ffi::X509_STORE_CTX) -> Option<&'a mut Self> {
        // SAFETY: the context is one that `run` prepared: its data is `run`'s notes, to which nothing
        // else refers during the verification.
        unsafe {
            ffi::X509_STORE_CTX_get_ex_data(context, 0)
                .cast::<Self>()
                .as_mut()
        }
    }

    pub(super) fn fail(&mut self) {
        self.has_failed = true;
    }
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) problems: Problems,
    /// The path, as far as OpenSSL came, leaf first.
    pub(super) path: Vec<X509>,
    /// Whether OpenSSL came to the end of its checks, whatever it found.
    pub(super) is_complete: bool,
}

impl Attempt<'_> {
    pub(super) fn run(&self, question: &Question<'_>) -> Result<Outcome, ErrorStack> {
        let untrusted = stack(self.hints)?;
        let anchors = self.anchor.map(|anchor| stack([anchor])).transpose()?;
        let context = X509StoreContext::new()?;
        let raw = context.as_ptr();
        let mut notes = Notes {
            problems: Problems::NONE,
            has_failed: false,
        };
        // SAFETY: store, leaf, stacks and `notes` all outlive the context's use, which ends with
        // this function: the context is dropped first of them all.
        let (verdict, is_trusted) = unsafe {
            if ffi::X509_STORE_CTX_init(
                raw,
                self.store.as_ptr(),
                self.leaf.as_ptr(),
                untrusted.as_ptr(),
            ) != 1
            {
                return Err(ErrorStack::get());
            }
            if let Some(anchors) = &anchors {
                X509_STORE_CTX_set0_trusted_stack(raw, anchors.as_ptr());
            }
            self.configure(raw, question)?;
            // Index 0 is the one that OpenSSL reserves for the application.
            if X509_STORE_CTX_set_ex_data(raw, 0, (&raw mut notes).cast()) != 1 {
                return Err(ErrorStack::get());
            }
            X509_STORE_CTX_set_verify_cb(raw, Some(collect));
            let verdict = ffi::X509_verify_cert(raw);
            let untrusted = X509_STORE_CTX_get_num_untrusted(raw);
            (verdict, usize::try_from(untrusted).ok())
        };
        let path: Vec<X509> = context
            .chain()
            .into_iter()
            .flatten()
            .map(ToOwned::to_owned)
            .collect();
        drop(context);
        if notes.has_failed {
            return Err(ErrorStack::get());
        }
        let mut problems = notes.problems;
        let is_complete = verdict == 1;
        if !is_complete {
            problems |= Problems::UNJUDGED;
        }
        let mut links = path.iter().map(|link| &**link);
        if links.clone().any(is_malformed) || !question.purpose.is_allowed_by(&mut links) {
            problems |= Problems::OTHER;
        }
        if constraints::are_violated(&path, question.host) {
            problems |= Problems::OTHER;
        }
        // OpenSSL takes the end of the path for an anchor, whose signature does not matter.
        let end = path.last().filter(|_| is_trusted == Some(path.len()));
        if end.is_some_and(|end| !is_self_issued(end) && is_weakly_signed(end)) {
            problems |= Problems::INSECURE;
        }
        Ok(Outcome {
            problems,
            path,
            is_complete,
        })
    }

    /// # Safety
    ///
    /// `context` is alive and initialized.
    unsafe fn configure(
        &self,
        context: *mut ffi::X509_STORE_CTX,
        question: &Question<'_>,
    ) -> Result<(), ErrorStack> {
        let mut flags = ffi::X509_V_FLAG_TRUSTED_FIRST | ffi::X509_V_FLAG_POLICY_CHECK;
        if self.any_anchor {
            flags |= ffi::X509_V_FLAG_PARTIAL_CHAIN;
        }
        if self.revocation {
            flags |= ffi::X509_V_FLAG_CRL_CHECK | ffi::X509_V_FLAG_CRL_CHECK_ALL;
            // Lists for some reasons alone, or of several authorities, revoke as well.
            flags |= ffi::X509_V_FLAG_EXTENDED_CRL_SUPPORT;
        }
        // SAFETY: the parameters belong to the context, which is alive by the caller's guarantee.
        unsafe {
            let parameters = X509_STORE_CTX_get0_param(context);
            let mut done = ffi::X509_VERIFY_PARAM_set_flags(parameters, flags as c_ulong) == 1;
            // Any policy will do, but an authority may require that there is one. The object is static.
            done &=
                X509_VERIFY_PARAM_add0_policy(parameters, ffi::OBJ_nid2obj(NID_ANY_POLICY)) == 1;
            if let Some(trust) = question.purpose.trust() {
                done &= X509_VERIFY_PARAM_set_trust(parameters, trust) == 1;
            }
            ffi::X509_VERIFY_PARAM_set_depth(parameters, MAX_DEPTH);
            ffi::X509_VERIFY_PARAM_set_auth_level(parameters, security_level());
            if let Some(time) = question.time {
                ffi::X509_VERIFY_PARAM_set_time(parameters, time as c_long);
            }
            if done { Ok(()) } else { Err(ErrorStack::get()) }
        }
    }
}

/// Notes a problem and goes on, so that one call finds them all.
unsafe extern "C" fn collect(ok: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int {
    if ok == 1 {
        return 1;
    }
    // SAFETY: OpenSSL passes the context that `run` prepared, whose chain is alive meanwhile.
    unsafe {
        let Some(notes) = Notes::of(context) else {
            return 0;
        };
        let depth = ffi::X509_STORE_CTX_get_error_depth(context);
        let chain = ffi::X509_STORE_CTX_get0_chain(context).cast_const().cast();
        let current = ffi::OPENSSL_sk_value(chain, depth).cast::<ffi::X509>();
        let place = Place {
            is_anchor: depth >= X509_STORE_CTX_get_num_untrusted(context),
            lacks_issuer: depth + 1 == ffi::OPENSSL_sk_num(chain)
                && !current.is_null()
                && !is_self_issued(X509Ref::from_ptr(current)),
        };
        notes.problems |= Problems::of_code(ffi::X509_STORE_CTX_get_error(context), place);
        // An error that stays is reported again, in place of an authority that is not found.
        ffi::X509_STORE_CTX_set_error(context, ffi::X509_V_OK);
    }
    1
}

/// Whether the signature's digest is below the least security level.
fn is_weakly_signed(certificate: &X509Ref) -> bool {
    const LEAST_BITS: c_int = 112;
    signature(certificate).is_none_or(|signature| signature.security_bits < LEAST_BITS)
}

/// Whether an extension that OpenSSL knows cannot be read.
fn is_malformed(certificate: &X509Ref) -> bool {
    // SAFETY: the certificate is alive.
    unsafe { ffi::X509_get_extension_flags(certificate.as_ptr()) & ffi::EXFLAG_INVALID != 0 }
}

fn is_self_issued(certificate: &X509Ref) -> bool {
    certificate
        .subject_name()
        .try_cmp(certificate.issuer_name())
        .is_ok_and(|order| order.is_eq())
}

fn stack<'a>(certificates: impl IntoIterator<Item = &'a X509>) -> Result<Stack<X509>, ErrorStack> {
    let mut stack = Stack::new()?;
    for certificate in certificates {
        stack.push(certificate.clone())?;
    }
    Ok(stack)
}
