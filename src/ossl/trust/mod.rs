//! Trust anchors, and the judgement of chains that should lead to them.

use std::{ffi::c_int, ptr, sync::Arc};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::{
    error::ErrorStack,
    stack::Stack,
    x509::{
        X509, X509Crl, X509NameRef, X509Ref, X509StoreContext,
        store::{X509Lookup, X509Store, X509StoreBuilder},
    },
};
use openssl_sys as ffi;

use super::{queue, x509::is_surely_issued_by};
use attempt::{Attempt, Outcome};
pub(crate) use problems::Problems;
pub(crate) use purpose::Purpose;
pub(crate) use revocation::lists_from_pem;

mod attempt;
mod constraints;
mod level;
mod paths;
mod problems;
mod purpose;
mod revocation;

/// Certificates above this depth are not followed, whoever signed them.
const MAX_DEPTH: c_int = 32;
/// How many hints are looked at. More exist only to waste our time.
const MAX_HINTS: usize = 32;

unsafe extern "C" {
    fn X509_STORE_CTX_get1_certs(
        context: *mut ffi::X509_STORE_CTX,
        name: *const ffi::X509_NAME,
    ) -> *mut ffi::stack_st_X509;
}

/// A chain to judge.
pub(crate) struct Question<'a> {
    /// Leaf first; the others are hints, in any order.
    pub(crate) chain: &'a [X509],
    pub(crate) purpose: Purpose,
    /// Whether the leaf is to be for a host that has a name, which may be a common name.
    pub(crate) host: bool,
    /// Seconds since 1970 to judge by; `None` is now.
    pub(crate) time: Option<i64>,
}

/// A set of trust anchors with their revocation lists, parsed once and shared by its clones.
#[derive(Clone)]
pub(crate) struct TrustStore {
    store: Arc<X509Store>,
    /// Whether there may be revocation lists.
    revokes: bool,
}

impl TrustStore {
    /// Exactly these anchors and revocation lists. Any certificate may be an anchor, a root or not.
    /// A list is believed when its issuer's key signed it, as with any authority of a chain.
    pub(crate) fn of<'a>(
        anchors: impl IntoIterator<Item = &'a X509>,
        lists: impl IntoIterator<Item = &'a X509Crl>,
    ) -> Result<Self, ErrorStack> {
        let mut builder = X509StoreBuilder::new()?;
        for anchor in anchors {
            builder.add_cert(anchor.clone())?;
        }
        let mut revokes = false;
        revocation::prefer_own_lists(&mut builder);
        for list in lists {
            revocation::add(&mut builder, list)?;
            revokes = true;
        }
        Ok(Self {
            store: Arc::new(builder.build()),
            revokes,
        })
    }

    /// The anchors of the system's hashed directories (`SSL_CERT_DIR` or the built-in place) and their
    /// revocation lists (`*.r0`), each read when it is needed, and more lists. `X509_STORE_set_default_paths` would
    /// read the whole collection at once, and list the directories whenever a name is not found.
    pub(crate) fn hashed<'a>(
        lists: impl IntoIterator<Item = &'a X509Crl>,
    ) -> Result<Self, ErrorStack> {
        const DEFAULT: c_int = 3;
        const INVALID_DIRECTORY: c_int = 113;
        let mut builder = X509StoreBuilder::new()?;
        revocation::prefer_own_lists(&mut builder);
        let lookup = builder.add_lookup(X509Lookup::hash_dir())?;
        queue::clear();
        // SAFETY: the look-up is alive, and NULL stands for OpenSSL's own choice of directories.
        let added = unsafe { ffi::X509_LOOKUP_add_dir(lookup.as_ptr(), ptr::null(), DEFAULT) };
        let stack = ErrorStack::get();
        let mut errors = stack.errors().iter();
        // The choice may be none at all.
        if added != 1 && !errors.any(|error| error.reason_code() == INVALID_DIRECTORY) {
            return Err(stack);
        }
        for list in lists {
            revocation::add(&mut builder, list)?;
        }
        Ok(Self {
            store: Arc::new(builder.build()),
            revokes: true,
        })
    }

    /// Trusts one more certificate; doing so again changes nothing.
    pub(crate) fn add(&self, anchor: &X509Ref) -> Result<(), ErrorStack> {
        // SAFETY: both are alive, and the store locks itself.
        let added = unsafe { ffi::X509_STORE_add_cert(self.store.as_ptr(), anchor.as_ptr()) } == 1;
        if added {
            Ok(())
        } else {
            Err(ErrorStack::get())
        }
    }

    /// All that is wrong with the chain; nothing only after a complete, successful verification.
    pub(crate) fn verify(&self, question: &Question<'_>) -> Problems {
        let problems = self.judge(question).unwrap_or(Problems::UNJUDGED);
        queue::clear();
        problems
    }

    /// The anchors with this subject.
    pub(crate) fn by_subject(&self, subject: &X509NameRef) -> Result<Vec<X509>, ErrorStack> {
        queue::clear();
        let context = X509StoreContext::new()?;
        // SAFETY: the context is initialized with the store alone, which outlives it; the stack that
        // comes back is new and owns a reference to each of its certificates.
        unsafe {
            let raw = context.as_ptr();
            let store = self.store.as_ptr();
            if ffi::X509_STORE_CTX_init(raw, store, ptr::null_mut(), ptr::null_mut()) != 1 {
                return Err(ErrorStack::get());
            }
            let found = X509_STORE_CTX_get1_certs(raw, subject.as_ptr());
            // No anchors, and none for want of memory: only the queue tells them apart. A file of the
            // directories that cannot be read leaves a reason, too, and has none.
            if found.is_null() {
                let stack = ErrorStack::get();
                return match queue::has_broken_down(&stack) {
                    true => Err(stack),
                    false => Ok(Vec::new()),
                };
            }
            Ok(Stack::<X509>::from_ptr(found).into_iter().collect())
        }
    }

    /// Whether this very certificate is an anchor.
    pub(crate) fn contains(&self, certificate: &X509Ref) -> Result<bool, ErrorStack> {
        let candidates = self.by_subject(certificate.subject_name())?;
        Ok(candidates.iter().any(|anchor| **anchor == *certificate))
    }

    /// Judges by the path that OpenSSL finds, and if that is not good by the best of the others.
    fn judge(&self, question: &Question<'_>) -> Result<Problems, ErrorStack> {
        let Some((leaf, hints)) = question.chain.split_first() else {
            return Ok(Problems::UNJUDGED);
        };
        let hints = hints.get(..MAX_HINTS).unwrap_or(hints);
        let usual = Attempt {
            store: &self.store,
            anchor: None,
            leaf,
            hints,
            any_anchor: true,
            revocation: self.revokes,
        };
        if self.revokes {
            // An intermediate that is an anchor ends a path before its issuer's list could revoke it.
            let whole = Attempt {
                any_anchor: false,
                ..usual
            };
            let found = whole.run(question)?.problems;
            if found == Problems::NONE {
                return Ok(found);
            }
            if found.contains(Problems::REVOKED) {
                return Ok(usual.run(question)?.problems | Problems::REVOKED);
            }
        }
        let Outcome { problems, path, .. } = usual.run(question)?;
        if self.is_end_revoked(&path, &usual, question)? {
            return Ok(problems | Problems::REVOKED);
        }
        let mut best = problems;
        if best == Problems::NONE {
            return Ok(best);
        }
        for other in paths::all(self, leaf, hints)? {
            if other == path {
                continue;
            }
            let Some((anchor, below)) = other.split_last() else {
                continue;
            };
            let other = Attempt {
                anchor: Some(anchor),
                hints: below.get(1..).unwrap_or_default(),
                ..usual
            };
            let Outcome {
                mut problems, path, ..
            } = other.run(question)?;
            if problems.severity() < best.severity()
                && self.is_end_revoked(&path, &usual, question)?
            {
                problems |= Problems::REVOKED;
            }
            if problems.severity() < best.severity() {
                best = problems;
            }
        }
        Ok(best)
    }

    /// Whether the anchor at the end of a path, or an anchor above it, was revoked by another one.
    fn is_end_revoked(
        &self,
        path: &[X509],
        usual: &Attempt<'_>,
        question: &Question<'_>,
    ) -> Result<bool, ErrorStack> {
        if !self.revokes {
            return Ok(false);
        }
        let mut seen: Vec<X509> = path.last().cloned().into_iter().collect();
        let mut next = 0;
        while let Some(end) = seen.get(next).cloned() {
            next += 1;
            // Whoever certifies a root's key besides does not speak for the root.
            if is_surely_issued_by(&end, &end)? {
                continue;
            }
            for above in paths::all(self, &end, usual.hints)? {
                let Some((anchor, below)) =
                    above.split_last().filter(|(_, below)| !below.is_empty())
                else {
                    continue;
                };
                let attempt = Attempt {
                    anchor: Some(anchor),
                    leaf: &end,
                    hints: below.get(1..).unwrap_or_default(),
                    ..*usual
                };
                let outcome = attempt.run(question)?;
                if outcome.problems.contains(Problems::REVOKED) {
                    return Ok(true);
                }
                if !outcome.is_complete {
                    return Err(ErrorStack::get());
                }
                if seen.len() < MAX_HINTS && !seen.contains(anchor) {
                    seen.push(anchor.clone());
                }
            }
        }
        Ok(false)
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
            host: false,
            time: Some(time),
        });
        assert!(ErrorStack::get().errors().is_empty());
        problems
    }

    #[test]
    fn validity_is_judged_by_the_given_time() {
        let anchor = [self_signed()];
        let store = TrustStore::of(&anchor, []).unwrap();
        assert_eq!(judge(&store, &anchor, BEGIN), Problems::NONE);
        assert_eq!(judge(&store, &anchor, END - 1), Problems::NONE);
        assert_eq!(judge(&store, &anchor, BEGIN - 1), Problems::NOT_ACTIVATED);
        assert_eq!(judge(&store, &anchor, END + 1), Problems::EXPIRED);
    }

    #[test]
    fn empty_chain_and_empty_store_never_pass() {
        let store = TrustStore::of([], []).unwrap();
        assert_eq!(judge(&store, &[], BEGIN), Problems::UNJUDGED);
        assert_eq!(judge(&store, &[self_signed()], BEGIN), Problems::UNKNOWN_CA);
    }

    #[test]
    fn only_anchors_are_contained() {
        let (anchor, other) = (self_signed(), self_signed());
        let store = TrustStore::of([&anchor], []).unwrap();
        assert!(store.contains(&anchor).unwrap());
        assert!(!store.contains(&other).unwrap());
    }
}
