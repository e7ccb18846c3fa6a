//! `GDtlsConnection` and its two slot-less refinements.

use std::{
    ffi::{CStr, c_char},
    os::raw::c_int,
};

use gio::ffi;
use glib::{prelude::*, subclass::prelude::*, translate::*};

use super::{connection_slots, guard, guard_result, implementation};

pub use super::completion::{Completion, Outcome};

/// A class that implements `GDtlsConnection`. All methods may be called from every thread at once.
pub trait DtlsConnectionImpl:
    ObjectImpl + ObjectSubclass<Type: IsA<gio::DtlsConnection>> + Send + Sync
{
    /// Completes a handshake, blocking.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn handshake(&self, cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error>;

    /// Begins a handshake, whose end `completion` is told.
    fn handshake_async(
        &self,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    );

    /// Closes the given directions, blocking; closing a closed one succeeds.
    ///
    /// # Errors
    ///
    /// Why the peer could not be told.
    fn shutdown(
        &self,
        read: bool,
        write: bool,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), glib::Error>;

    /// Begins to close the given directions. GLib up to the present passes both, whatever its
    /// caller asked for.
    fn shutdown_async(
        &self,
        read: bool,
        write: bool,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    );

    /// Replaces the offered ALPN protocols; `None` offers none. Names are bytes, in any encoding.
    fn set_advertised_protocols(&self, protocols: Option<&[&CStr]>);

    /// The protocol that was agreed on. C callers keep the pointer, so the string has to stay in
    /// place until the next handshake at least.
    fn negotiated_protocol(&self) -> Option<&CStr>;

    /// The channel binding of the given kind.
    ///
    /// # Errors
    ///
    /// `G_TLS_CHANNEL_BINDING_ERROR` with the code for the case.
    fn channel_binding(&self, kind: gio::TlsChannelBindingType) -> Result<Vec<u8>, glib::Error>;
}

/// Implements `GDtlsConnection` for an [`ObjectSubclass`] that is a [`DtlsConnectionImpl`].
#[doc(hidden)]
#[macro_export]
macro_rules! impl_dtls_connection {
    ($class:ty) => {
        // SAFETY: `interface_init` fills every slot with a trampoline for this very class.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsImplementable<$class>
            for $crate::subclass::export::gio::DtlsConnection
        {
            fn interface_init(iface: &mut $crate::subclass::export::glib::Interface<Self>) {
                $crate::subclass::dtls_connection::interface_init::<$class>(iface);
            }
        }
    };
}

/// Implements `GDtlsClientConnection`, which has no slots, for an [`ObjectSubclass`].
#[doc(hidden)]
#[macro_export]
macro_rules! impl_dtls_client_connection {
    ($class:ty) => {
        // SAFETY: the interface has no slots to fill.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsImplementable<$class>
            for $crate::subclass::export::gio::DtlsClientConnection
        {
        }
    };
}

/// Implements `GDtlsServerConnection`, which has no slots, for an [`ObjectSubclass`].
#[doc(hidden)]
#[macro_export]
macro_rules! impl_dtls_server_connection {
    ($class:ty) => {
        // SAFETY: the interface has no slots to fill.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsImplementable<$class>
            for $crate::subclass::export::gio::DtlsServerConnection
        {
        }
    };
}

/// Fills the interface's slots; what [`impl_dtls_connection`](crate::impl_dtls_connection) calls.
///
/// `accept_certificate` keeps the interface's default, which accepts nothing.
#[doc(hidden)]
pub fn interface_init<T: DtlsConnectionImpl>(iface: &mut glib::Interface<gio::DtlsConnection>) {
    let iface = iface.as_mut();
    iface.handshake = Some(handshake::<T>);
    iface.handshake_async = Some(handshake_async::<T>);
    iface.handshake_finish = Some(handshake_finish);
    iface.shutdown = Some(shutdown::<T>);
    iface.shutdown_async = Some(shutdown_async::<T>);
    iface.shutdown_finish = Some(shutdown_finish);
    iface.set_advertised_protocols = Some(set_advertised_protocols::<T>);
    iface.get_negotiated_protocol = Some(negotiated_protocol::<T>);
    iface.get_binding_data = Some(binding_data::<T>);
}

/// Its address marks the results of handshakes.
static HANDSHAKE: u8 = 1;
/// Its address marks the results of shutdowns.
static SHUTDOWN: u8 = 2;

unsafe extern "C" fn handshake<T: DtlsConnectionImpl>(
    connection: *mut ffi::GDtlsConnection,
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

unsafe extern "C" fn handshake_async<T: DtlsConnectionImpl>(
    connection: *mut ffi::GDtlsConnection,
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
        // SAFETY: every integer is a priority.
        let priority = unsafe { from_glib(priority) };
        this.handshake_async(priority, cancellable.as_ref().as_ref(), completion);
    };
    guard("handshake_async", || (), body);
}

unsafe extern "C" fn handshake_finish(
    connection: *mut ffi::GDtlsConnection,
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

unsafe extern "C" fn shutdown<T: DtlsConnectionImpl>(
    connection: *mut ffi::GDtlsConnection,
    read: glib::ffi::gboolean,
    write: glib::ffi::gboolean,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T` and an optional cancellable, both
        // alive during the call.
        let (this, cancellable) = unsafe {
            (
                implementation::<T, _>(connection),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable),
            )
        };
        this.shutdown(read != 0, write != 0, cancellable.as_ref().as_ref())
            .map(|()| glib::ffi::GTRUE)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe { guard_result("shutdown", error, glib::ffi::GFALSE, body) }
}

unsafe extern "C" fn shutdown_async<T: DtlsConnectionImpl>(
    connection: *mut ffi::GDtlsConnection,
    read: glib::ffi::gboolean,
    write: glib::ffi::gboolean,
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
                    &SHUTDOWN,
                    priority,
                    cancellable,
                    callback,
                    data,
                ),
            )
        };
        // SAFETY: every integer is a priority.
        let priority = unsafe { from_glib(priority) };
        let cancellable = cancellable.as_ref().as_ref();
        this.shutdown_async(read != 0, write != 0, priority, cancellable, completion);
    };
    guard("shutdown_async", || (), body);
}

unsafe extern "C" fn shutdown_finish(
    connection: *mut ffi::GDtlsConnection,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    // SAFETY: GIO passes a live instance and result, and NULL or a place for an error.
    unsafe {
        guard_result("shutdown_finish", error, glib::ffi::GFALSE, || {
            Completion::finish::<()>(connection.cast(), &SHUTDOWN, result)
        })
    }
}

unsafe extern "C" fn set_advertised_protocols<T: DtlsConnectionImpl>(
    connection: *mut ffi::GDtlsConnection,
    protocols: *const *const c_char,
) {
    let body = || {
        // SAFETY: GIO calls this slot with a live instance of `T`.
        let this = unsafe { implementation::<T, _>(connection) };
        if protocols.is_null() {
            return this.set_advertised_protocols(None);
        }
        let mut names = Vec::new();
        let mut next = protocols;
        // SAFETY: a GStrv ends with NULL and holds C strings that live during the call.
        unsafe {
            while !(*next).is_null() {
                names.push(CStr::from_ptr(*next));
                next = next.add(1);
            }
        }
        this.set_advertised_protocols(Some(&names));
    };
    guard("set_advertised_protocols", || (), body);
}

unsafe extern "C" fn negotiated_protocol<T: DtlsConnectionImpl>(
    connection: *mut ffi::GDtlsConnection,
) -> *const c_char {
    // SAFETY: GIO calls this slot with a live instance of `T`.
    let this = unsafe { implementation::<T, _>(connection) };
    connection_slots::negotiated_protocol(|| this.negotiated_protocol())
}

unsafe extern "C" fn binding_data<T: DtlsConnectionImpl>(
    connection: *mut ffi::GDtlsConnection,
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
