//! The environment, where it may be trusted.

use std::{
    ffi::{CStr, OsStr, OsString, c_char},
    os::unix::ffi::OsStrExt,
};

unsafe extern "C" {
    fn secure_getenv(name: *const c_char) -> *const c_char;
}

/// The value of an environment variable, unless the program has privileges that who started it does
/// not have: as for OpenSSL itself, he cannot tell it whom to trust.
pub(crate) fn variable(name: &CStr) -> Option<OsString> {
    // SAFETY: the name is NUL-terminated; the answer is NULL or a string that stays, because nobody may
    // change the environment meanwhile, and it is copied at once.
    unsafe {
        let value = secure_getenv(name.as_ptr());
        (!value.is_null()).then(|| OsStr::from_bytes(CStr::from_ptr(value).to_bytes()).to_owned())
    }
}
