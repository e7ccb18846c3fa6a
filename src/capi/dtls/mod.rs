//! `gio-ossl-dtls-connection.h` and the headers of the two ends

use std::time::Duration;

use glib::{prelude::*, translate::*};

use super::checks::{is_instance, report};
use super::types::is_ours;
use crate::subclass::guard_result;
use crate::{DtlsClientConnection, DtlsConnection};

mod bytes;
mod constructors;
mod description;
mod exporter;
mod psk;
mod resumption;
mod srtp;
mod statistics;

/// An instance of `GioOsslDtlsConnection` as C has it.
type Instance = <DtlsConnection as ObjectType>::GlibType;

/// An instance of `GioOsslDtlsClientConnection` as C has it.
type Client = <DtlsClientConnection as ObjectType>::GlibType;

/// What `body` answers; `fallback` when it found a wrong argument, which it has reported, or failed.
///
/// # Safety
///
/// `error` is NULL or points to a NULL pointer.
unsafe fn answer<R: Copy>(
    function: &str,
    error: *mut *mut glib::ffi::GError,
    fallback: R,
    body: impl FnOnce() -> Option<Result<R, glib::Error>>,
) -> R {
    let body = || body().unwrap_or(Ok(fallback));
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(function, error, fallback, body) }
}

/// The argument, if it is a `T`; none, and a critical, for anything else.
///
/// # Safety
///
/// `argument` is NULL or a live instance.
unsafe fn object<T: Argument>(
    function: &str,
    argument: *mut T::GlibType,
    condition: &str,
) -> Option<T> {
    // SAFETY: NULL or live, by the caller's guarantee, and of the type that was checked.
    unsafe {
        if is_instance(argument, T::static_type()) {
            return Some(T::from_glib_none(argument));
        }
    }
    report(function, condition);
    None
}

/// The argument, if it is NULL or a `T`; none, and a critical, for anything else.
///
/// # Safety
///
/// `argument` is NULL or a live instance.
unsafe fn optional_object<T: Argument>(
    function: &str,
    argument: *mut T::GlibType,
    condition: &str,
) -> Option<Option<T>> {
    match argument.is_null() {
        true => Some(None),
        // SAFETY: as this function's caller guarantees.
        false => unsafe { object(function, argument, condition) }.map(Some),
    }
}

/// A class or an interface whose instances C hands over.
trait Argument: ObjectType + FromGlibPtrNone<*mut <Self as ObjectType>::GlibType> {}

impl<T: ObjectType + FromGlibPtrNone<*mut <T as ObjectType>::GlibType>> Argument for T {}

/// The connection that a method is called on; none, and a critical, for anything else, the
/// connections of another copy of this code among it.
///
/// # Safety
///
/// `connection` is NULL or a live instance.
unsafe fn this(function: &str, connection: *mut Instance) -> Option<DtlsConnection> {
    const CONDITION: &str = "GIO_OSSL_IS_DTLS_CONNECTION (self)";
    // SAFETY: as this function's caller guarantees.
    unsafe { own(function, connection, CONDITION) }
}

/// The client that a method is called on, likewise.
///
/// # Safety
///
/// As for [`this`].
unsafe fn this_client(function: &str, client: *mut Client) -> Option<DtlsClientConnection> {
    const CONDITION: &str = "GIO_OSSL_IS_DTLS_CLIENT_CONNECTION (self)";
    // SAFETY: as this function's caller guarantees.
    unsafe { own(function, client, CONDITION) }
}

/// The argument, if it is an instance of this copy's class `T`; none, and a critical, for anything else.
///
/// # Safety
///
/// As for [`object`].
unsafe fn own<T: Argument>(
    function: &str,
    argument: *mut T::GlibType,
    condition: &str,
) -> Option<T> {
    if is_ours() {
        // SAFETY: as this function's caller guarantees.
        return unsafe { object(function, argument, condition) };
    }
    report(function, condition);
    None
}

/// The argument `cancellable`, which may be NULL; none, and a critical, for anything else.
///
/// # Safety
///
/// `cancellable` is NULL or a live instance.
unsafe fn optional_cancellable(
    function: &str,
    cancellable: *mut gio::ffi::GCancellable,
) -> Option<Option<gio::Cancellable>> {
    const CONDITION: &str = "cancellable == NULL || G_IS_CANCELLABLE (cancellable)";
    // SAFETY: as this function's caller guarantees.
    unsafe { optional_object(function, cancellable, CONDITION) }
}

/// GIO's microseconds: `None` waits for ever.
fn duration(microseconds: i64) -> Option<Duration> {
    u64::try_from(microseconds).ok().map(Duration::from_micros)
}
