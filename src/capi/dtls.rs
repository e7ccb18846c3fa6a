//! `gio-ossl-dtls-connection.h` and the headers of the two ends

use std::{ptr, slice, time::Duration};

use glib::{prelude::*, translate::*};

use super::{
    checks::{check, is_instance, is_optional},
    types::Class,
};
use crate::subclass::{
    datagram_based::{receive_one, send_one},
    guard_result,
};

/// A client's end over `base_socket`.
///
/// # Safety
///
/// As in C: each argument is NULL or a live object, `error` is NULL or points to a NULL pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_client_connection_new(
    base_socket: *mut gio::ffi::GDatagramBased,
    server_identity: *mut gio::ffi::GSocketConnectable,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::gobject_ffi::GObject {
    const NAME: &str = "gio_ossl_dtls_client_connection_new";
    let body = || {
        // SAFETY: NULL or live, by the caller's guarantee, and of the type that was checked.
        let (base, identity) = unsafe {
            check!(
                NAME,
                Ok(ptr::null_mut()),
                is_instance(base_socket, gio::DatagramBased::static_type()),
                "G_IS_DATAGRAM_BASED (base_socket)"
            );
            check!(
                NAME,
                Ok(ptr::null_mut()),
                is_optional::<gio::SocketConnectable, _>(server_identity),
                "server_identity == NULL || G_IS_SOCKET_CONNECTABLE (server_identity)"
            );
            (
                gio::DatagramBased::from_glib_none(base_socket),
                Option::<gio::SocketConnectable>::from_glib_none(server_identity),
            )
        };
        gio::Initable::builder_with_type(Class::DtlsClientConnection.type_())
            .property("base-socket", base)
            .property("server-identity", identity)
            .build(gio::Cancellable::NONE)
            .map(|connection| connection.into_glib_ptr())
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, ptr::null_mut(), body) }
}

/// A server's end over `base_socket`.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_client_connection_new`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_server_connection_new(
    base_socket: *mut gio::ffi::GDatagramBased,
    certificate: *mut gio::ffi::GTlsCertificate,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::gobject_ffi::GObject {
    const NAME: &str = "gio_ossl_dtls_server_connection_new";
    let body = || {
        // SAFETY: NULL or live, by the caller's guarantee, and of the type that was checked.
        let (base, certificate) = unsafe {
            check!(
                NAME,
                Ok(ptr::null_mut()),
                is_instance(base_socket, gio::DatagramBased::static_type()),
                "G_IS_DATAGRAM_BASED (base_socket)"
            );
            check!(
                NAME,
                Ok(ptr::null_mut()),
                is_optional::<gio::TlsCertificate, _>(certificate),
                "certificate == NULL || G_IS_TLS_CERTIFICATE (certificate)"
            );
            (
                gio::DatagramBased::from_glib_none(base_socket),
                Option::<gio::TlsCertificate>::from_glib_none(certificate),
            )
        };
        gio::Initable::builder_with_type(Class::DtlsServerConnection.type_())
            .property("base-socket", base)
            .property("certificate", certificate)
            .build(gio::Cancellable::NONE)
            .map(|connection| connection.into_glib_ptr())
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, ptr::null_mut(), body) }
}

/// Sends one message; answers its bytes, or -1 with `error` set.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_client_connection_new`]; `buffer` holds `size` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_send(
    connection: *mut gio::ffi::GDatagramBased,
    buffer: *const u8,
    size: usize,
    timeout_us: i64,
    cancellable: *mut gio::ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> isize {
    const NAME: &str = "gio_ossl_dtls_connection_send";
    let body = || {
        // SAFETY: as this function's caller guarantees, and of the type that was checked.
        let (connection, cancellable, message) = unsafe {
            check!(
                NAME,
                Ok(-1),
                is_instance(connection, Class::DtlsConnection.type_()),
                "GIO_OSSL_IS_DTLS_CONNECTION (self)"
            );
            check!(
                NAME,
                Ok(-1),
                is_optional::<gio::Cancellable, _>(cancellable),
                "cancellable == NULL || G_IS_CANCELLABLE (cancellable)"
            );
            check!(
                NAME,
                Ok(-1),
                size == 0 || !buffer.is_null(),
                "size == 0 || buffer != NULL"
            );
            check!(
                NAME,
                Ok(-1),
                isize::try_from(size).is_ok(),
                "size <= G_MAXSSIZE"
            );
            let message = match size {
                0 => &[],
                _ => slice::from_raw_parts(buffer, size),
            };
            (
                gio::DatagramBased::from_glib_none(connection),
                Option::<gio::Cancellable>::from_glib_none(cancellable),
                message,
            )
        };
        let timeout = duration(timeout_us);
        let sent = send_one(&connection, message, timeout, cancellable.as_ref())?;
        Ok(sent.cast_signed())
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, -1, body) }
}

/// Receives one message; NULL with `error` set, or without it at the end of the stream.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_client_connection_new`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_receive_bytes(
    connection: *mut gio::ffi::GDatagramBased,
    size: usize,
    timeout_us: i64,
    cancellable: *mut gio::ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GBytes {
    const NAME: &str = "gio_ossl_dtls_connection_receive_bytes";
    let body = || {
        // SAFETY: NULL or live, by the caller's guarantee, and of the type that was checked.
        let (connection, cancellable) = unsafe {
            check!(
                NAME,
                Ok(ptr::null_mut()),
                is_instance(connection, Class::DtlsConnection.type_()),
                "GIO_OSSL_IS_DTLS_CONNECTION (self)"
            );
            check!(
                NAME,
                Ok(ptr::null_mut()),
                is_optional::<gio::Cancellable, _>(cancellable),
                "cancellable == NULL || G_IS_CANCELLABLE (cancellable)"
            );
            (
                gio::DatagramBased::from_glib_none(connection),
                Option::<gio::Cancellable>::from_glib_none(cancellable),
            )
        };
        let timeout = duration(timeout_us);
        let message = receive_one(&connection, size, timeout, cancellable.as_ref())?;
        Ok(message.into_glib_ptr())
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { guard_result(NAME, error, ptr::null_mut(), body) }
}

/// GIO's microseconds: `None` waits for ever.
fn duration(microseconds: i64) -> Option<Duration> {
    u64::try_from(microseconds).ok().map(Duration::from_micros)
}
