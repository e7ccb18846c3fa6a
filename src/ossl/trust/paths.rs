//! Every path from a certificate to an anchor, within reason.
//!
//! OpenSSL follows one path. It chooses each issuer by name, key identifier and dates, and when the
//! signature turns out to be another's, or the path to lead nowhere, it does not look for another.

use openssl::{error::ErrorStack, x509::X509};

use super::TrustStore;
use crate::ossl::x509::is_surely_issued_by;

/// How many signatures are checked in search of paths, however many certificates share a name.
const MAX_SIGNATURES: usize = 64;
/// How many paths are tried.
const MAX_PATHS: usize = 8;
/// How long a path can be.
const MAX_LENGTH: usize = 32;

/// The paths, leaf first and an anchor last, on which each certificate is signed by the next one.
pub(super) fn all(
    store: &TrustStore,
    leaf: &X509,
    hints: &[X509],
) -> Result<Vec<Vec<X509>>, ErrorStack> {
    let mut search = Search {
        store,
        hints,
        signatures: MAX_SIGNATURES,
        found: Vec::new(),
    };
    if store.contains(leaf)? {
        search.found.push(vec![leaf.clone()]);
    }
    search.extend(&mut vec![leaf.clone()])?;
    Ok(search.found)
}

struct Search<'a> {
    store: &'a TrustStore,
    hints: &'a [X509],
    signatures: usize,
    found: Vec<Vec<X509>>,
}

impl Search<'_> {
    fn extend(&mut self, path: &mut Vec<X509>) -> Result<(), ErrorStack> {
        let Some(last) = path.last().cloned().filter(|_| path.len() < MAX_LENGTH) else {
            return Ok(());
        };
        for anchor in self.store.by_subject(last.issuer_name())? {
            if self.is_issuer(&anchor, &last, path)? {
                let complete = path.iter().cloned().chain([anchor]).collect();
                self.found.push(complete);
            }
        }
        for hint in self.hints {
            if self.is_issuer(hint, &last, path)? {
                path.push(hint.clone());
                self.extend(path)?;
                path.pop();
            }
        }
        Ok(())
    }

    /// Whether `candidate` is a next step from the end of `path`, and may still be tried.
    fn is_issuer(
        &mut self,
        candidate: &X509,
        last: &X509,
        path: &[X509],
    ) -> Result<bool, ErrorStack> {
        let names = candidate.subject_name().try_cmp(last.issuer_name())?;
        if self.found.len() >= MAX_PATHS
            || self.signatures == 0
            || names.is_ne()
            || path.contains(candidate)
        {
            return Ok(false);
        }
        self.signatures -= 1;
        is_surely_issued_by(last, candidate)
    }
}
