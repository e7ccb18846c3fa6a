//! Argument checks with the semantics of `g_return_val_if_fail()`.

use glib::{gobject_ffi, translate::*};

/// Whether `instance` is a non-NULL instance of `type_`.
///
/// # Safety
///
/// `instance` is NULL or points to a live GObject instance.
pub(super) unsafe fn is_instance<T>(instance: *mut T, type_: glib::Type) -> bool {
    // SAFETY: GLib accepts NULL and answers FALSE; otherwise the instance is live.
    !instance.is_null()
        && unsafe {
            gobject_ffi::g_type_check_instance_is_a(instance.cast(), type_.into_glib())
                != glib::ffi::GFALSE
        }
}

/// The critical that GLib prints for a failed check.
pub(super) fn report(function: &str, condition: &str) {
    // SAFETY: three NUL-terminated strings that outlive the call.
    unsafe {
        glib::ffi::g_return_if_fail_warning(
            c"GioOssl".as_ptr(),
            function.to_glib_none().0,
            condition.to_glib_none().0,
        );
    }
}

/// Unless `$holds`, prints GLib's critical for a failed check and returns `$fallback`.
macro_rules! check {
    ($function:expr, $fallback:expr, $holds:expr, $text:literal) => {
        if !$holds {
            $crate::capi::checks::report($function, $text);
            return $fallback;
        }
    };
}

pub(super) use check;
