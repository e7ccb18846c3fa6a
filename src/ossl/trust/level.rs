//! The security level that certificates are held to.

use std::{
    ffi::{CStr, OsStr, c_char, c_int, c_void},
    fs,
    os::unix::ffi::OsStrExt,
    ptr,
    sync::OnceLock,
};

use openssl::{
    ssl::{SslContext, SslMethod},
    version,
};
use openssl_sys as ffi;

unsafe extern "C" {
    fn CONF_get1_default_config_file() -> *mut c_char;
}

/// 112 bits, whatever OpenSSL's configuration allows connections to do: what counts as insecure is not a
/// matter of the place.
const LEAST: c_int = 2;

/// The least level, or that of OpenSSL's configuration if it is stricter.
pub(super) fn security_level() -> c_int {
    static LEVEL: OnceLock<c_int> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        // A context takes OpenSSL a millisecond, a fifth of the first verification.
        let configured =
            is_built_stricter() || configuration().is_some_and(|text| may_configure(&text));
        let context = configured.then(|| SslContext::builder(SslMethod::dtls()).ok());
        context
            .flatten()
            .and_then(|builder| c_int::try_from(builder.build().security_level()).ok())
            .map_or(LEAST, |level| level.max(LEAST))
    })
}

/// Whether a configuration may set anything for connections, where only a context tells what.
fn may_configure(text: &[u8]) -> bool {
    // Bytes, for comments need not be in UTF-8.
    text.split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii_start)
        .filter(|line| !line.starts_with(b"#"))
        .any(|line| {
            // Not `openssl_conf`, which is in every file.
            line.starts_with(b"ssl_conf")
                || contains(line, b":ssl_conf")
                || contains(line, b".include")
        })
}

/// The text of the configuration file, which need not exist.
fn configuration() -> Option<Vec<u8>> {
    // SAFETY: the name is new and NUL-terminated, and released here.
    unsafe {
        let name = CONF_get1_default_config_file();
        if name.is_null() {
            return None;
        }
        let text = fs::read(OsStr::from_bytes(CStr::from_ptr(name).to_bytes()));
        ffi::CRYPTO_free(name.cast::<c_void>(), ptr::null(), 0);
        text.ok()
    }
}

/// Whether OpenSSL was built with a stricter level.
fn is_built_stricter() -> bool {
    const OPTION: &str = "OPENSSL_TLS_SECURITY_LEVEL=";
    version::c_flags()
        .split_once(OPTION)
        .is_some_and(|(_, value)| !value.starts_with(['0', '1', '2']))
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_for_connections_are_noticed() {
        for text in [
            "openssl_conf = init\n[init]\nssl_conf = ssl\n",
            "[init]\r\n\t ssl_conf=ssl",
            "init::ssl_conf = ssl",
            ".include /etc/ssl/more.cnf",
            "  .include = more.cnf",
        ] {
            assert!(may_configure(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "openssl_conf = init",
            "# ssl_conf = x",
            " #.include x\n[init]\nproviders = x",
        ] {
            assert!(!may_configure(text.as_bytes()), "{text}");
        }
    }
}
