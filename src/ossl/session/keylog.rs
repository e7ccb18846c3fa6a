//! The secrets that let a capture be read.

use std::ffi::{CStr, c_char};

use openssl_sys::SSL;
use zeroize::Zeroizing;

use super::Session;
use crate::ossl::context;

impl Session {
    /// The lines for a key log since the last call.
    pub fn take_keylog(&mut self) -> Vec<Zeroizing<String>> {
        let lines = self.hooks().and_then(|hooks| hooks.keylog.as_mut());
        lines.map(std::mem::take).unwrap_or_default()
    }
}

/// Keeps a line of the key log, if somebody wants it.
pub unsafe extern "C" fn keep_line(ssl: *const SSL, line: *const c_char) {
    if line.is_null() {
        return;
    }
    // SAFETY: OpenSSL passes a NUL-terminated string, and an `SSL` of ours, whose hooks nobody
    // else is using: a session touches them only between calls into OpenSSL.
    unsafe {
        let Ok(line) = CStr::from_ptr(line).to_str() else {
            return;
        };
        context::with_hooks(ssl.cast_mut(), (), |hooks| {
            if let Some(lines) = &mut hooks.keylog {
                lines.push(Zeroizing::new(line.to_owned()));
            }
        });
    }
}
