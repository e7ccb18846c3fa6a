//! What a session offers and accepts: suites, groups, signatures.

use std::ffi::{CStr, CString, c_int};

use foreign_types::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::sha::Sha256;
use openssl::ssl::{Ssl, SslRef};
use openssl_sys::{SSL_CTRL_SET_GROUPS_LIST, SSL_CTRL_SET_SIGALGS_LIST};

use super::suites;
use crate::ossl::context::{self, Role};
use crate::ossl::queue;

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Nobody knows this part of it, or it stands there twice.
    Unknown(String),
    /// Nothing of it may be offered.
    Nothing,
    /// OpenSSL failed for another reason.
    Failed(String),
}

impl From<ErrorStack> for Unusable {
    fn from(stack: ErrorStack) -> Self {
        Unusable::Failed(queue::describe(&stack).reason)
    }
}

/// What was chosen of it, and was found to be usable; the rest is as the shared context has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Protocol {
    ciphers: Option<CString>,
    groups: Option<CString>,
    signature_algorithms: Option<CString>,
}

impl Protocol {
    /// Offers what [`suites::list`] makes of this choice.
    pub fn with_cipher_list(
        mut self,
        choice: Option<&str>,
        with_pre_shared_keys: bool,
    ) -> Result<Self, Unusable> {
        self.ciphers = suites::list(choice, with_pre_shared_keys)?;
        Ok(self)
    }

    /// Offers these groups of key exchange, in order of preference, as SSL_set1_groups_list(3) reads
    /// them.
    pub fn with_groups(mut self, list: &str) -> Result<Self, Unusable> {
        self.groups = Some(checked(list, SSL_CTRL_SET_GROUPS_LIST)?);
        Ok(self)
    }

    /// Offers and accepts these signatures, in order of preference, as SSL_set1_sigalgs_list(3) reads
    /// them.
    pub fn with_signature_algorithms(mut self, list: &str) -> Result<Self, Unusable> {
        self.signature_algorithms = Some(checked(list, SSL_CTRL_SET_SIGALGS_LIST)?);
        Ok(self)
    }

    /// Adds what tells it from others.
    pub(super) fn digest(&self, digest: &mut Sha256) {
        for list in [&self.ciphers, &self.groups, &self.signature_algorithms] {
            // No list is empty.
            digest.update(list.as_deref().map_or(&[0], CStr::to_bytes_with_nul));
        }
    }

    /// Makes a new session go by it.
    pub(super) fn apply(&self, ssl: &mut SslRef) -> Result<(), ErrorStack> {
        if let Some(list) = &self.ciphers {
            queue::clear();
            // SAFETY: the `SSL` is valid, the list NUL-terminated.
            if unsafe { openssl_sys::SSL_set_cipher_list(ssl.as_ptr(), list.as_ptr()) } != 1 {
                return Err(ErrorStack::get());
            }
        }
        if let Some(list) = &self.groups {
            set(ssl, SSL_CTRL_SET_GROUPS_LIST, list)?;
        }
        if let Some(list) = &self.signature_algorithms {
            set(ssl, SSL_CTRL_SET_SIGALGS_LIST, list)?;
        }
        Ok(())
    }
}

/// An `SSL` to try a list on.
pub(super) fn scratch() -> Result<Ssl, ErrorStack> {
    Ssl::new(context::shared(Role::Client, false)?)
}

fn set(ssl: &mut SslRef, command: c_int, list: &CStr) -> Result<(), ErrorStack> {
    queue::clear();
    // SAFETY: both commands read a NUL-terminated string.
    let done =
        unsafe { openssl_sys::SSL_ctrl(ssl.as_ptr(), command, 0, list.as_ptr().cast_mut().cast()) };
    if done == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}

/// The list, if OpenSSL takes all of it. It does not say what it does not take.
fn checked(list: &str, command: c_int) -> Result<CString, Unusable> {
    // Some releases would take this for the default.
    if list.is_empty() {
        return Err(Unusable::Unknown(String::new()));
    }
    let mut scratch = scratch()?;
    let mut try_list = |list: &str| {
        let list = CString::new(list).ok()?;
        set(&mut scratch, command, &list).ok()?;
        Some(list)
    };
    if let Some(list) = try_list(list) {
        return Ok(list);
    }
    let ends = list.match_indices(':').map(|(end, _)| end);
    let beginnings = ends.filter_map(|end| list.get(..end));
    let bad = beginnings
        .chain([list])
        .find(|part| try_list(part).is_none());
    let token = bad.and_then(|part| part.rsplit(':').next()).unwrap_or(list);
    Err(Unusable::Unknown(token.trim().to_owned()))
}
