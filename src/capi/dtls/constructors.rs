//! The constructors of `gio-ossl-dtls-client-connection.h` and `gio-ossl-dtls-server-connection.h`

use std::ptr;

use glib::{prelude::*, translate::*};

use crate::capi::checks::{check, is_instance, is_optional};
use crate::capi::types::Class;
use crate::subclass::guard_result;

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
