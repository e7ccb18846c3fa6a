//! `GTlsConnection`: deriving from it, and implementing the client's and the server's interface.

use std::{
    ffi::{CStr, c_char, c_int},
    ptr,
};

use gio::{ffi, subclass::prelude::*};
use glib::{prelude::*, translate::*};

use super::{guard, guard_result, implementation};

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

unsafe extern "C" fn handshake<T: TlsConnectionImpl>(
    connection: *mut ffi::GTlsConnection,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T` and an optional cancellable, alive
        // during the call.
        let (this, cancellable) = unsafe {
            (
                implementation::<T, _>(connection),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable),
            )
        };
        this.handshake(cancellable.as_ref().as_ref())
            .map(|()| glib::ffi::GTRUE)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe { guard_result("handshake", error, glib::ffi::GFALSE, body) }
}

unsafe extern "C" fn handshake_async<T: TlsConnectionImpl>(
    connection: *mut ffi::GTlsConnection,
    priority: c_int,
    cancellable: *mut ffi::GCancellable,
    callback: ffi::GAsyncReadyCallback,
    user_data: glib::ffi::gpointer,
) {
    // SAFETY: the arguments are those of the slot; the task is owned until its end, and returned to
    // exactly once.
    unsafe {
        let task = ffi::g_task_new(connection.cast(), cancellable, callback, user_data);
        ffi::g_task_set_priority(task, priority);
        let mut error = ptr::null_mut();
        let done = handshake::<T>(connection, cancellable, &mut error);
        if error.is_null() {
            ffi::g_task_return_boolean(task, done);
        } else {
            ffi::g_task_return_error(task, error);
        }
        glib::gobject_ffi::g_object_unref(task.cast());
    }
}

unsafe extern "C" fn handshake_finish(
    _connection: *mut ffi::GTlsConnection,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    // SAFETY: the result is the task that handshake_async made.
    unsafe { ffi::g_task_propagate_boolean(result.cast(), error) }
}

unsafe extern "C" fn binding_data<T: TlsConnectionImpl>(
    connection: *mut ffi::GTlsConnection,
    kind: ffi::GTlsChannelBindingType,
    data: *mut glib::ffi::GByteArray,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T`, alive during the call.
        let this = unsafe { implementation::<T, _>(connection) };
        // SAFETY: any number is a channel binding type to gtk-rs.
        let binding = this.channel_binding(unsafe { from_glib(kind) })?;
        if !data.is_null() {
            let length = u32::try_from(binding.len()).unwrap_or(0);
            // SAFETY: a non-NULL array is one to append to.
            unsafe {
                glib::ffi::g_byte_array_append(data, binding.as_ptr(), length);
            }
        }
        Ok(glib::ffi::GTRUE)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe { guard_result("get_binding_data", error, glib::ffi::GFALSE, body) }
}

unsafe extern "C" fn negotiated_protocol<T: TlsConnectionImpl>(
    connection: *mut ffi::GTlsConnection,
) -> *const c_char {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T`, alive during the call.
        let this = unsafe { implementation::<T, _>(connection) };
        this.negotiated_protocol().map_or(ptr::null(), CStr::as_ptr)
    };
    guard("get_negotiated_protocol", ptr::null, body)
}

/// There is no session state.
unsafe extern "C" fn copy_session_state(
    _connection: *mut ffi::GTlsClientConnection,
    _source: *mut ffi::GTlsClientConnection,
) {
}
