//! How a source listens to the base.

use std::{
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use gio::prelude::*;
use glib::{IOCondition, ffi, translate::*};

use crate::subclass::{
    SharedRef,
    datagram_based::{base_source, plain_socket},
};

/// The base of a source. Only the source's own context uses it.
///
/// A plain socket's descriptor is the source's own business: a child would be one more source for GLib
/// to look at in every iteration.
pub(super) struct Base {
    object: SharedRef<gio::DatagramBased>,
    /// The same, if it is a socket. No other base can be closed unheard.
    socket: Option<SharedRef<gio::Socket>>,
    /// Whether it was noticed that the socket is closed.
    is_closed: AtomicBool,
    ears: Mutex<Ears>,
}

struct Ears {
    wanted: IOCondition,
    hearing: Hearing,
}

enum Hearing {
    Nothing,
    Descriptor(Tag),
    Child(glib::Source),
}

/// GLib's name for a descriptor of a source.
struct Tag(ffi::gpointer);

// SAFETY: only the context of the source that it belongs to uses it.
unsafe impl Send for Tag {}

impl Base {
    pub(super) fn new(object: &SharedRef<gio::DatagramBased>) -> Self {
        let socket = object.downcast_ref::<gio::Socket>();
        Self {
            object: object.clone(),
            socket: socket.cloned().map(SharedRef::new),
            is_closed: AtomicBool::new(false),
            ears: Mutex::new(Ears {
                wanted: IOCondition::empty(),
                hearing: Hearing::Nothing,
            }),
        }
    }

    /// Whether the base is a socket that was closed since this was asked last. Its descriptor may be
    /// another file's by now.
    pub(super) fn was_closed(&self) -> bool {
        self.is_closed_socket() && !self.is_closed.swap(true, Ordering::Relaxed)
    }

    fn is_closed_socket(&self) -> bool {
        let socket = self.socket.as_deref();
        socket.is_some_and(SocketExt::is_closed)
    }

    /// What the latest poll has told of a plain socket that is listened to.
    ///
    /// # Safety
    ///
    /// `source` is the base's, and its context dispatches it.
    pub(super) unsafe fn heard(&self, source: *mut ffi::GSource) -> IOCondition {
        self.tag().map_or(IOCondition::empty(), |tag| {
            // SAFETY: the source is alive, and the tag is one of its own.
            unsafe { IOCondition::from_glib(ffi::g_source_query_unix_fd(source, tag)) }
        })
    }

    /// Makes the source dispatch while one of these conditions holds.
    ///
    /// # Safety
    ///
    /// As for [`heard`](Self::heard).
    pub(super) unsafe fn listen(&self, source: *mut ffi::GSource, wanted: IOCondition) {
        let changed = mem::replace(&mut self.ears().wanted, wanted) != wanted;
        // SAFETY: by the caller's guarantee; the tag is the source's own.
        unsafe {
            match self.tag() {
                Some(tag) if changed && !wanted.is_empty() => {
                    ffi::g_source_modify_unix_fd(source, tag, wanted.into_glib());
                }
                _ if changed => self.pause(source),
                _ => {}
            }
            self.resume(source);
        }
    }

    /// Stops listening until [`resume`](Self::resume) is called.
    ///
    /// # Safety
    ///
    /// `source` is the base's, and its context prepares or dispatches it.
    pub(super) unsafe fn pause(&self, source: *mut ffi::GSource) {
        let hearing = mem::replace(&mut self.ears().hearing, Hearing::Nothing);
        match hearing {
            Hearing::Nothing => {}
            // SAFETY: the tag is the live source's own, and is not used any more.
            Hearing::Descriptor(Tag(tag)) => unsafe { ffi::g_source_remove_unix_fd(source, tag) },
            // One that has ended by itself is no child any more.
            Hearing::Child(child) if child.is_destroyed() => {}
            // SAFETY: both are live sources.
            Hearing::Child(child) => unsafe {
                ffi::g_source_remove_child_source(source, child.to_glib_none().0);
            },
        }
    }

    /// Listens, unless it does.
    ///
    /// # Safety
    ///
    /// As for [`heard`](Self::heard).
    pub(super) unsafe fn resume(&self, source: *mut ffi::GSource) {
        let wanted = {
            let ears = self.ears();
            if ears.wanted.is_empty() || !matches!(ears.hearing, Hearing::Nothing) {
                return;
            }
            ears.wanted
        };
        // SAFETY: by the caller's guarantee.
        unsafe {
            // The application may have destroyed it in its callback.
            if self.is_closed_socket() || ffi::g_source_is_destroyed(source) != ffi::GFALSE {
                return;
            }
            let hearing = self.begin(source, wanted);
            self.ears().hearing = hearing;
        }
    }

    /// # Safety
    ///
    /// As for [`heard`](Self::heard).
    unsafe fn begin(&self, source: *mut ffi::GSource, wanted: IOCondition) -> Hearing {
        if let Some(socket) = plain_socket(&self.object) {
            // SAFETY: both are alive. Polling a descriptor that another thread closes meanwhile tells
            // nothing true, and no more.
            return Hearing::Descriptor(Tag(unsafe {
                let descriptor = gio::ffi::g_socket_get_fd(socket.to_glib_none().0);
                ffi::g_source_add_unix_fd(source, descriptor, wanted.into_glib())
            }));
        }
        let Some(child) = base_source(&self.object, wanted, None) else {
            return Hearing::Nothing;
        };
        // SAFETY: both are live sources, and the new one is attached to no context.
        unsafe {
            g_source_set_dummy_callback(child.to_glib_none().0);
            ffi::g_source_add_child_source(source, child.to_glib_none().0);
        }
        Hearing::Child(child)
    }

    fn tag(&self) -> Option<ffi::gpointer> {
        match self.ears().hearing {
            Hearing::Descriptor(Tag(tag)) => Some(tag),
            Hearing::Child(_) | Hearing::Nothing => None,
        }
    }

    /// Never held while calling out.
    fn ears(&self) -> MutexGuard<'_, Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

unsafe extern "C" {
    fn g_source_set_dummy_callback(source: *mut ffi::GSource);
}
