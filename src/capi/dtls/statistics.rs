//! `gio-ossl-statistics.h`

use std::ptr;

use glib::subclass::boxed::BoxedType;
use glib::translate::*;

use super::{Instance, this};
use crate::Statistics;
use crate::capi::checks::check;
use crate::capi::types::is_ours;
use crate::prelude::*;
use crate::subclass::guard;

/// The numbers of a connection, which the caller frees.
///
/// # Safety
///
/// As in C: the object is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_get_statistics(
    connection: *mut Instance,
) -> *mut Statistics {
    const NAME: &str = "gio_ossl_dtls_connection_get_statistics";
    guard(NAME, ptr::null_mut, || {
        // SAFETY: as this function's caller guarantees.
        let connection = unsafe { this(NAME, connection) };
        connection.map_or(ptr::null_mut(), |connection| {
            Box::into_raw(Box::new(connection.statistics()))
        })
    })
}

/// A copy of the numbers, which the caller frees.
///
/// # Safety
///
/// As in C: `statistics` is NULL or points to a live structure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_statistics_copy(
    statistics: *const Statistics,
) -> *mut Statistics {
    const NAME: &str = "gio_ossl_statistics_copy";
    guard(NAME, ptr::null_mut, || {
        check!(NAME, ptr::null_mut(), !statistics.is_null(), "self != NULL");
        // SAFETY: live, as this function's caller guarantees.
        Box::into_raw(Box::new(unsafe { *statistics }))
    })
}

/// Frees the numbers.
///
/// # Safety
///
/// As in C: `statistics` is NULL or came from one of the two functions above, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_statistics_free(statistics: *mut Statistics) {
    const NAME: &str = "gio_ossl_statistics_free";
    let body = || {
        check!(NAME, None, !statistics.is_null(), "self != NULL");
        // SAFETY: from `Box::into_raw`, as this function's caller guarantees.
        Some(unsafe { Box::from_raw(statistics) })
    };
    drop(guard(NAME, || None, body));
}

/// The GType of [`Statistics`]: this copy's, or that of the copy that was first.
#[unsafe(no_mangle)]
pub extern "C" fn gio_ossl_statistics_get_type() -> glib::ffi::GType {
    let body = || match is_ours() {
        true => Statistics::static_type(),
        false => glib::Type::from_name(Statistics::NAME).unwrap_or(glib::Type::INVALID),
    };
    guard("gio_ossl_statistics_get_type", || glib::Type::INVALID, body).into_glib()
}
