//! The constructors of `gio-ossl-dtls-client-connection.h` and `gio-ossl-dtls-server-connection.h`

use std::ptr;

use glib::{prelude::*, translate::*};

use super::{Argument, answer, object, optional_object};
use crate::capi::types::Class;

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
    let setting = Setting::<gio::SocketConnectable> {
        property: "server-identity",
        value: server_identity,
        condition: "server_identity == NULL || G_IS_SOCKET_CONNECTABLE (server_identity)",
    };
    let class = Class::DtlsClientConnection;
    // SAFETY: as this function's caller guarantees.
    unsafe { construct(NAME, class, base_socket, setting, error) }
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
    let setting = Setting::<gio::TlsCertificate> {
        property: "certificate",
        value: certificate,
        condition: "certificate == NULL || G_IS_TLS_CERTIFICATE (certificate)",
    };
    let class = Class::DtlsServerConnection;
    // SAFETY: as this function's caller guarantees.
    unsafe { construct(NAME, class, base_socket, setting, error) }
}

/// The property that only one of the two ends has.
struct Setting<T: Argument> {
    property: &'static str,
    value: *mut T::GlibType,
    /// What a wrong value is reported with.
    condition: &'static str,
}

/// An end of this class over `base_socket`; NULL with `error` set.
///
/// # Safety
///
/// Each object is NULL or live, `error` is NULL or points to a NULL pointer.
unsafe fn construct<T: Argument>(
    function: &str,
    class: Class,
    base_socket: *mut gio::ffi::GDatagramBased,
    setting: Setting<T>,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::gobject_ffi::GObject {
    const IS_BASE: &str = "G_IS_DATAGRAM_BASED (base_socket)";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let (base, value) = unsafe {
            let base = object::<gio::DatagramBased>(function, base_socket, IS_BASE)?;
            let value = optional_object::<T>(function, setting.value, setting.condition)?;
            (base, value.to_value())
        };
        let made = gio::Initable::builder_with_type(class.type_())
            .property("base-socket", base)
            .property(setting.property, value)
            .build(gio::Cancellable::NONE);
        Some(made.map(|connection| connection.into_glib_ptr()))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(function, error, ptr::null_mut(), body) }
}
