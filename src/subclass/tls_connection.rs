//! `GTlsConnection`: deriving from it, and implementing the client's and the server's interface.

use std::ffi::{CStr, c_char, c_int};

use gio::{ffi, subclass::prelude::*};
use glib::{prelude::*, translate::*};

use super::{completion::Completion, connection_slots, guard, guard_result, implementation};

/// A class that derives from `GTlsConnection`. Everything may be called from every thread at once.
pub trait TlsConnectionImpl: IOStreamImpl + ObjectSubclass<Type: IsA<gio::TlsConnection>> {
    /// Performs the handshake.
    ///
    /// # Errors
    ///
    /// When no connection was established.
    fn handshake(&self, cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error>;

    /// The session's channel binding data of this kind.
    ///
    /// # Errors
    ///
    /// `G_TLS_CHANNEL_BINDING_ERROR` with the code for the case.
    fn channel_binding(&self, kind: gio::TlsChannelBindingType) -> Result<Vec<u8>, glib::Error>;

    /// The application protocol that was agreed on, if any. C callers keep the pointer, so the
    /// string has to stay in place.
    fn negotiated_protocol(&self) -> Option<&CStr> {
        None
    }
}

/// Lets an [`ObjectSubclass`] that is a [`TlsConnectionImpl`] derive from `GTlsConnection`.
#[doc(hidden)]
#[macro_export]
macro_rules! impl_tls_connection {
    ($class:ty) => {
        // SAFETY: `class_init` initializes the parent class and fills the slots with trampolines for
        // this very class.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsSubclassable<$class>
            for $crate::subclass::export::gio::TlsConnection
        {
            fn class_init(class: &mut $crate::subclass::export::glib::Class<Self>) {
                use $crate::subclass::export::glib::subclass::types::IsSubclassableExt;

                Self::parent_class_init::<$class>(class);
                $crate::subclass::tls_connection::class_init::<$class>(class);
            }
        }
    };
}

/// Implements `GTlsClientConnection`, with no session to copy, for an [`ObjectSubclass`].
#[doc(hidden)]
#[macro_export]
macro_rules! impl_tls_client_connection {
    ($class:ty) => {
        // SAFETY: `client_interface_init` fills the only slot.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsImplementable<$class>
            for $crate::subclass::export::gio::TlsClientConnection
        {
            fn interface_init(iface: &mut $crate::subclass::export::glib::Interface<Self>) {
                $crate::subclass::tls_connection::client_interface_init(iface);
            }
        }
    };
}

/// Implements `GTlsServerConnection`, which has no slots, for an [`ObjectSubclass`].
#[doc(hidden)]
#[macro_export]
macro_rules! impl_tls_server_connection {
    ($class:ty) => {
        // SAFETY: the interface has no slots to fill.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsImplementable<$class>
            for $crate::subclass::export::gio::TlsServerConnection
        {
        }
    };
}

/// Fills the class's slots; what [`impl_tls_connection`](crate::impl_tls_connection) calls.
///
/// `accept_certificate` keeps the class's default, which accepts nothing.
#[doc(hidden)]
pub fn class_init<T: TlsConnectionImpl>(class: &mut glib::Class<gio::TlsConnection>) {
    let class = class.as_mut();
    class.handshake = Some(handshake::<T>);
    class.handshake_async = Some(handshake_async::<T>);
    class.handshake_finish = Some(handshake_finish);
    class.get_binding_data = Some(binding_data::<T>);
    class.get_negotiated_protocol = Some(negotiated_protocol::<T>);
}

/// Fills the interface's slot; what
/// [`impl_tls_client_connection`](crate::impl_tls_client_connection) calls.
#[doc(hidden)]
pub fn client_interface_init(iface: &mut glib::Interface<gio::TlsClientConnection>) {
    iface.as_mut().copy_session_state = Some(copy_session_state);
}

/// Its address marks the results of handshakes.
static HANDSHAKE: u8 = 1;

unsafe extern "C" fn handshake<T: TlsConnectionImpl>(
    connection: *mut ffi::GTlsConnection,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    // SAFETY: GIO calls this slot with an instance of `T` and an optional cancellable, both alive
    // during the call, and NULL or a place for an error.
    unsafe {
        let this = implementation::<T, _>(connection);
        connection_slots::handshake(cancellable, error, |cancellable| {
            this.handshake(cancellable)
        })
    }
}

unsafe extern "C" fn handshake_async<T: TlsConnectionImpl>(
    connection: *mut ffi::GTlsConnection,
    priority: c_int,
    cancellable: *mut ffi::GCancellable,
    callback: ffi::GAsyncReadyCallback,
    data: glib::ffi::gpointer,
) {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T` and an optional cancellable, both
        // alive during the call, and with the callback and data of one asynchronous call.
        let (this, cancellable, completion) = unsafe {
            (
                implementation::<T, _>(connection),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable),
                Completion::new(
                    connection.cast(),
                    &HANDSHAKE,
                    priority,
                    cancellable,
                    callback,
                    data,
                ),
            )
        };
        completion.complete(this.handshake(cancellable.as_ref().as_ref()));
    };
    guard("handshake_async", || (), body);
}

unsafe extern "C" fn handshake_finish(
    connection: *mut ffi::GTlsConnection,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    // SAFETY: GIO passes a live instance and result, and NULL or a place for an error.
    unsafe {
        guard_result("handshake_finish", error, glib::ffi::GFALSE, || {
            Completion::finish::<()>(connection.cast(), &HANDSHAKE, result)
        })
    }
}

unsafe extern "C" fn binding_data<T: TlsConnectionImpl>(
    connection: *mut ffi::GTlsConnection,
    kind: ffi::GTlsChannelBindingType,
    data: *mut glib::ffi::GByteArray,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    // SAFETY: GIO calls this slot with a live instance of `T`, NULL or a byte array, and NULL or a
    // place for an error.
    unsafe {
        let this = implementation::<T, _>(connection);
        connection_slots::binding_data(kind, data, error, |kind| this.channel_binding(kind))
    }
}

unsafe extern "C" fn negotiated_protocol<T: TlsConnectionImpl>(
    connection: *mut ffi::GTlsConnection,
) -> *const c_char {
    // SAFETY: GIO calls this slot with a live instance of `T`.
    let this = unsafe { implementation::<T, _>(connection) };
    connection_slots::negotiated_protocol(|| this.negotiated_protocol())
}

/// There is no session state.
unsafe extern "C" fn copy_session_state(
    _connection: *mut ffi::GTlsClientConnection,
    _source: *mut ffi::GTlsClientConnection,
) {
}
