//! `gio-ossl-dtls-connection.h` and the headers of the two ends

use std::time::Duration;

use glib::{prelude::*, translate::*};

use super::checks::{is_instance, is_optional, report};
use super::types::is_ours;
use crate::DtlsConnection;

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

/// The connection that a method is called on; none, and a critical, for anything else, the
/// connections of another copy of this code among it.
///
/// # Safety
///
/// `connection` is NULL or a live instance.
unsafe fn this(function: &str, connection: *mut Instance) -> Option<DtlsConnection> {
    // SAFETY: NULL or live, by the caller's guarantee, and of the type that was checked.
    unsafe {
        if is_ours() && is_instance(connection, DtlsConnection::static_type()) {
            return Some(DtlsConnection::from_glib_none(connection));
        }
    }
    report(function, "GIO_OSSL_IS_DTLS_CONNECTION (self)");
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
    // SAFETY: NULL or live, by the caller's guarantee, and of the type that was checked.
    unsafe {
        if is_optional::<gio::Cancellable, _>(cancellable) {
            return Some(from_glib_none(cancellable));
        }
    }
    report(
        function,
        "cancellable == NULL || G_IS_CANCELLABLE (cancellable)",
    );
    None
}

/// GIO's microseconds: `None` waits for ever.
fn duration(microseconds: i64) -> Option<Duration> {
    u64::try_from(microseconds).ok().map(Duration::from_micros)
}
