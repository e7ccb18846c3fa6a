//! The three functions by which GIO knows the library as its module `ossl`.

use std::{ffi::c_char, ptr};

use glib::{gobject_ffi, translate::*};

use crate::{
    capi::types::{self, Class},
    subclass::guard,
};

const EXTENSION_POINT: &str = "gio-tls-backend";
const EXTENSION: &str = "ossl";

/// Below every backend that offers TLS streams, so that this one is taken only on request.
const PRIORITY: i32 = -10;

/// Offers the backend to GIO. It may be called again, and after the program used the library.
///
/// # Safety
///
/// `module` is NULL or a live `GTypeModule`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn g_io_ossl_load(module: *mut gobject_ffi::GTypeModule) {
    guard(
        "g_io_ossl_load",
        || (),
        || {
            if !module.is_null() {
                // SAFETY: a live module, by the caller's guarantee. The types are static, so the
                // module must stay, and this use is never given back.
                unsafe { gobject_ffi::g_type_module_use(module) };
            }
            if types::is_ours() {
                let backend = Class::Backend.type_();
                gio::IOExtensionPoint::implement(EXTENSION_POINT, backend, EXTENSION, PRIORITY);
            }
        },
    );
}

/// Nothing to do: the library stays.
///
/// # Safety
///
/// None needed; the argument is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn g_io_ossl_unload(_module: *mut gobject_ffi::GTypeModule) {}

/// The extension points that the module implements, for GIO's cache; freed by `g_strfreev()`.
#[unsafe(no_mangle)]
pub extern "C" fn g_io_ossl_query() -> *mut *mut c_char {
    guard("g_io_ossl_query", ptr::null_mut, || {
        [EXTENSION_POINT].as_slice().to_glib_full()
    })
}
