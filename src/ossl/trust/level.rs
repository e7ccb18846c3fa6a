//! The security level that certificates are held to.

use std::{
    ffi::{CStr, c_char, c_int},
    sync::OnceLock,
};

use openssl::{
    ssl::{SslContext, SslMethod},
    version,
};
use openssl_sys as ffi;

unsafe extern "C" {
    /// libcrypto keeps for libssl what a configuration says about connections.
    fn conf_ssl_name_find(name: *const c_char, index: *mut usize) -> c_int;
}

/// 112 bits, whatever OpenSSL's configuration allows connections to do: what counts as insecure is not a
/// matter of the place.
const LEAST: c_int = 2;

/// The least level, or that of OpenSSL's configuration if it is stricter.
pub(super) fn security_level() -> c_int {
    static LEVEL: OnceLock<c_int> = OnceLock::new();
    // A context takes OpenSSL a millisecond, a fifth of the first verification.
    if !is_built_stricter() && !is_configured() {
        return LEAST;
    }
    *LEVEL.get_or_init(|| {
        let builder = SslContext::builder(SslMethod::dtls());
        builder
            .ok()
            .and_then(|builder| c_int::try_from(builder.build().security_level()).ok())
            .map_or(LEAST, |level| level.max(LEAST))
    })
}

/// Whether there is a configuration for all connections, the system's or one that the program has loaded.
fn is_configured() -> bool {
    const EVERYWHERE: &CStr = c"system_default";
    // OpenSSL reads the system's configuration when it is set up.
    ffi::init();
    let mut index = 0;
    // SAFETY: the name is NUL-terminated, and the index a local variable.
    unsafe { conf_ssl_name_find(EVERYWHERE.as_ptr(), &mut index) == 1 }
}

/// Whether OpenSSL was built with a stricter level.
fn is_built_stricter() -> bool {
    const OPTION: &str = "OPENSSL_TLS_SECURITY_LEVEL=";
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let flags = version::c_flags().split_once(OPTION);
        flags.is_some_and(|(_, value)| !value.starts_with(['0', '1', '2']))
    })
}
