//! `GTlsBackend`: implementing it.

use gio::ffi;
use glib::{Type, prelude::*, subclass::prelude::*, translate::*};

use super::{guard, implementation};

/// A class that implements `GTlsBackend`. Everything may be called from every thread at once.
pub trait TlsBackendImpl: ObjectImpl + ObjectSubclass<Type: IsA<gio::TlsBackend>> {
    /// Whether the stream types work.
    fn supports_tls(&self) -> bool;

    /// Whether the datagram types work.
    fn supports_dtls(&self) -> bool;

    /// The database of trust anchors for those who choose none: the same object at each call.
    fn default_database(&self) -> Option<gio::TlsDatabase>;

    /// A class derived from `GTlsCertificate`.
    fn certificate_type() -> Type;

    /// A class that implements `GTlsClientConnection`.
    fn client_connection_type() -> Type;

    /// A class that implements `GTlsServerConnection`.
    fn server_connection_type() -> Type;

    /// A class that implements `GTlsFileDatabase`.
    fn file_database_type() -> Type;

    /// A class that implements `GDtlsClientConnection`.
    fn dtls_client_connection_type() -> Type;

    /// A class that implements `GDtlsServerConnection`.
    fn dtls_server_connection_type() -> Type;
}

/// Implements `GTlsBackend` for an [`ObjectSubclass`] that is a [`TlsBackendImpl`].
#[doc(hidden)]
#[macro_export]
macro_rules! impl_tls_backend {
    ($class:ty) => {
        // SAFETY: `interface_init` fills every slot with a trampoline for this very class.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsImplementable<$class>
            for $crate::subclass::export::gio::TlsBackend
        {
            fn interface_init(iface: &mut $crate::subclass::export::glib::Interface<Self>) {
                $crate::subclass::tls_backend::interface_init::<$class>(iface);
            }
        }
    };
}

/// Fills the interface's slots; what [`impl_tls_backend`](crate::impl_tls_backend) calls.
#[doc(hidden)]
pub fn interface_init<T: TlsBackendImpl>(iface: &mut glib::Interface<gio::TlsBackend>) {
    let iface = iface.as_mut();
    iface.supports_tls = Some(supports_tls::<T>);
    iface.supports_dtls = Some(supports_dtls::<T>);
    iface.get_default_database = Some(default_database::<T>);
    iface.get_certificate_type = Some(certificate_type::<T>);
    iface.get_client_connection_type = Some(client_connection_type::<T>);
    iface.get_server_connection_type = Some(server_connection_type::<T>);
    iface.get_file_database_type = Some(file_database_type::<T>);
    iface.get_dtls_client_connection_type = Some(dtls_client_connection_type::<T>);
    iface.get_dtls_server_connection_type = Some(dtls_server_connection_type::<T>);
}

unsafe extern "C" fn supports_tls<T: TlsBackendImpl>(
    backend: *mut ffi::GTlsBackend,
) -> glib::ffi::gboolean {
    // SAFETY: GIO calls this slot with an instance of `T`.
    let body = || unsafe { implementation::<T, _>(backend) }.supports_tls();
    guard("supports_tls", || false, body).into_glib()
}

unsafe extern "C" fn supports_dtls<T: TlsBackendImpl>(
    backend: *mut ffi::GTlsBackend,
) -> glib::ffi::gboolean {
    // SAFETY: GIO calls this slot with an instance of `T`.
    let body = || unsafe { implementation::<T, _>(backend) }.supports_dtls();
    guard("supports_dtls", || false, body).into_glib()
}

unsafe extern "C" fn default_database<T: TlsBackendImpl>(
    backend: *mut ffi::GTlsBackend,
) -> *mut ffi::GTlsDatabase {
    // SAFETY: GIO calls this slot with an instance of `T`.
    let body = || unsafe { implementation::<T, _>(backend) }.default_database();
    guard("get_default_database", || None, body).into_glib_ptr()
}

macro_rules! type_slots {
    ($($slot:ident),+) => {
        $(
            unsafe extern "C" fn $slot<T: TlsBackendImpl>() -> glib::ffi::GType {
                guard(stringify!($slot), || Type::INVALID, T::$slot).into_glib()
            }
        )+
    };
}

type_slots!(
    certificate_type,
    client_connection_type,
    server_connection_type,
    file_database_type,
    dtls_client_connection_type,
    dtls_server_connection_type
);
