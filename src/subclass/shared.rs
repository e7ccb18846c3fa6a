//! Keeping GIO's thread-safe objects in state that several threads share.

use std::ops::Deref;

use glib::prelude::*;

/// A class whose instances may be referenced and called from every thread.
///
/// # Safety
///
/// The class is documented by GIO to be thread-safe, or is immutable once constructed. Reference
/// counting itself is atomic for every GObject.
pub unsafe trait Shareable: IsA<glib::Object> {}

macro_rules! shareable {
    ($($reason:literal: $($class:ty),+;)+) => {
        $($(
            #[doc = $reason]
            // SAFETY: for the reason that the invocation states.
            unsafe impl Shareable for $class {}
        )+)+
    };
}

shareable! {
    "Immutable once constructed.":
        gio::SocketAddress, gio::SocketConnectable, gio::TlsCertificate;
    "Documented to be used from several threads.":
        gio::Cancellable, gio::TlsBackend, gio::TlsDatabase,
        gio::TlsFileDatabase, gio::TlsInteraction;
    "Used in turns, like every stream of GIO: handing them to another thread is for their users to order.":
        gio::MemoryInputStream, gio::MemoryOutputStream;
    "Datagram sockets, and what stands in for them, may be used from several threads at once.":
        gio::DatagramBased, gio::DtlsClientConnection, gio::DtlsConnection,
        gio::DtlsServerConnection, gio::Socket;
}

/// A reference to a [`Shareable`] object that may cross threads, which gtk-rs's own wrappers may
/// not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedRef<T: Shareable>(T);

// SAFETY: `Shareable` promises that the object may be used and released in every thread.
unsafe impl<T: Shareable> Send for SharedRef<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for SharedRef<T> {}

impl<T: Shareable> SharedRef<T> {
    /// Shares `object`.
    pub fn new(object: T) -> Self {
        Self(object)
    }

    /// Gives the plain reference back.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: Shareable> Deref for SharedRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Shareable> From<T> for SharedRef<T> {
    fn from(object: T) -> Self {
        Self(object)
    }
}

/// Declares that the wrapper of a class of this crate may be used in every thread. `$imp`, its
/// implementation, is checked to be fit for that.
macro_rules! impl_thread_safe {
    ($wrapper:ty, $imp:ty) => {
        const _: fn() = || {
            fn check<T: Send + Sync>() {}
            check::<$imp>();
        };
        // SAFETY: reference counting is atomic, and the implementation is Send and Sync.
        #[allow(unsafe_code)]
        unsafe impl Send for $wrapper {}
        // SAFETY: as above.
        #[allow(unsafe_code)]
        unsafe impl Sync for $wrapper {}
    };
}
pub(crate) use impl_thread_safe;

/// Lets other classes of this crate derive from one whose class struct has no slots of its own.
macro_rules! impl_subclassable {
    ($wrapper:ty) => {
        // SAFETY: the class struct is the parent's, so there is nothing to initialise.
        #[allow(unsafe_code)]
        unsafe impl<T: glib::subclass::prelude::ObjectImpl> glib::subclass::types::IsSubclassable<T>
            for $wrapper
        {
        }
    };
}
pub(crate) use impl_subclassable;
