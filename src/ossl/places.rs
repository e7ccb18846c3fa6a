//! Where OpenSSL looks for the system's trust anchors.

use std::{
    env,
    ffi::{CStr, OsStr, OsString, c_char},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use openssl_sys as ffi;

/// The files with the system's anchors: the collection, and what the hashed directories list.
pub(crate) fn certificate_files() -> Vec<PathBuf> {
    // SAFETY: these functions return static, NUL-terminated strings.
    let (file, directories) = unsafe {
        (
            place(
                ffi::X509_get_default_cert_file_env(),
                ffi::X509_get_default_cert_file(),
            ),
            place(
                ffi::X509_get_default_cert_dir_env(),
                ffi::X509_get_default_cert_dir(),
            ),
        )
    };
    let mut files = vec![PathBuf::from(file)];
    for directory in env::split_paths(&directories) {
        files.extend(hashed_files(&directory));
    }
    files
}

/// # Safety
///
/// Both are NUL-terminated strings that live forever.
unsafe fn place(variable: *const c_char, default: *const c_char) -> OsString {
    // SAFETY: by the caller's guarantee.
    let (variable, default) = unsafe {
        (
            CStr::from_ptr::<'static>(variable),
            CStr::from_ptr::<'static>(default),
        )
    };
    env::var_os(OsStr::from_bytes(variable.to_bytes()))
        .unwrap_or_else(|| OsStr::from_bytes(default.to_bytes()).to_owned())
}

/// The entries that OpenSSL's look-up would open: eight hexadecimal digits, a dot, and a number.
fn hashed_files(directory: &Path) -> Vec<PathBuf> {
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
