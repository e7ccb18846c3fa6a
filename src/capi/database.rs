//! `gio-ossl-file-database.h`

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use glib::translate::*;

use super::checks::check;
use super::types::Class;
use crate::subclass::guard_result;

/// A database of the anchors in a PEM file.
///
/// # Safety
///
/// As in C: `anchors` is NULL or a string, `error` is NULL or points to a NULL pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_file_database_new(
    anchors: *const c_char,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::gobject_ffi::GObject {
    const NAME: &str = "gio_ossl_file_database_new";
    let body = || {
        check!(
            NAME,
            Ok(ptr::null_mut()),
            !anchors.is_null(),
            "anchors != NULL"
        );
        // SAFETY: a string, as this function's caller guarantees.
        let path = unsafe { CStr::from_ptr(anchors) };
        gio::Initable::builder_with_type(Class::FileDatabase.type_())
            .property("anchors", Path::new(OsStr::from_bytes(path.to_bytes())))
            .build(gio::Cancellable::NONE)
            .map(|database| database.into_glib_ptr())
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, ptr::null_mut(), body) }
}
