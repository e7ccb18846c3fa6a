//! Where OpenSSL looks for the system's trust anchors, and where key logs go.

use std::{
    env,
    ffi::{CStr, OsStr, OsString, c_char},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use openssl_sys as ffi;

use super::environment::variable;

/// The file of anchors that `SSL_CERT_FILE` names.
pub(crate) fn chosen_file() -> Option<PathBuf> {
    // SAFETY: OpenSSL returns a static string.
    let name = unsafe { CStr::from_ptr(ffi::X509_get_default_cert_file_env()) };
    variable(name).map(PathBuf::from)
}

/// The file of anchors where the variable is not set.
pub(crate) fn usual_file() -> PathBuf {
    // SAFETY: OpenSSL returns a static string.
    unsafe { text(ffi::X509_get_default_cert_file()) }.into()
}

/// The files that the hashed directories list (`SSL_CERT_DIR` or the built-in places).
pub(crate) fn hashed_files() -> Vec<PathBuf> {
    // SAFETY: OpenSSL returns static strings.
    let directories = unsafe {
        variable(CStr::from_ptr(ffi::X509_get_default_cert_dir_env()))
            .unwrap_or_else(|| text(ffi::X509_get_default_cert_dir()))
    };
    env::split_paths(&directories)
        .filter(|directory| !directory.as_os_str().is_empty())
        .flat_map(|directory| hashed_files_in(&directory))
        .collect()
}

/// The file that `SSLKEYLOGFILE` names.
pub(crate) fn key_log_file() -> Option<PathBuf> {
    variable(c"SSLKEYLOGFILE")
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
}

/// # Safety
///
/// `string` is NUL-terminated.
unsafe fn text(string: *const c_char) -> OsString {
    // SAFETY: by the caller's guarantee.
    OsStr::from_bytes(unsafe { CStr::from_ptr(string) }.to_bytes()).to_owned()
}

/// The entries that OpenSSL's look-up would open: eight hexadecimal digits, a dot, and a number.
fn hashed_files_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| is_hashed(&entry.file_name()))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

fn is_hashed(name: &OsStr) -> bool {
    const DIGITS: usize = 8;
    let Some((hash, number)) = name.to_str().and_then(|name| name.split_once('.')) else {
        return false;
    };
    hash.len() == DIGITS
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}
