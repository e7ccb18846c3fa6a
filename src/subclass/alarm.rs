//! Waking every source that waits for an object, from any thread.

use std::{
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use glib::ffi;

use super::guard;

/// A registry of the live sources of one object, which wakes them all when it rings.
///
/// The registry owns no reference on a source, so a source may own the object that owns the
/// registry.
///
/// # Why ringing is safe while a source or its main context ends
///
/// GLib reads a source's context without a lock, in `g_source_unref()` too, so a thread that does not
/// run the context may neither keep a reference on a source nor touch one whose context may go away
/// meanwhile. Therefore:
///
/// - Each registered source has a child that is never ready, whose callback data stands for the
///   registration. GLib lets go of that data when the source is destroyed or its context is freed,
///   with the context unlocked and before it frees anything, or else when a source is freed that was
///   never attached. This ends the registration, which takes the registry's lock.
/// - Ringing holds that lock. A source that is in the registry and was seen by its context belongs
///   to a context that still exists, which keeps a reference on it.
/// - The lock comes before the contexts' locks, which setting a ready time takes. GLib holds none of
///   them when it calls us.
///
/// A ring is also noted in a flag of its own: a source that no context has seen yet looks there
/// first, and a dispatch that is just setting its next ready time would overwrite the ring's.
#[derive(Debug, Default)]
pub struct Alarm {
    entries: Mutex<Vec<Entry>>,
}

/// One registered source.
#[derive(Debug)]
struct Entry {
    source: *mut ffi::GSource,
    bell: Arc<Bell>,
}

// SAFETY: the pointer is only used as described at `Alarm`.
unsafe impl Send for Entry {}

/// What a ringer and a source tell each other.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: AtomicBool,
    seen: AtomicBool,
}

impl Bell {
    /// Whether there was a ring that no dispatch has seen. Asked by the source's context: from the
    /// first time on, a ring wakes that.
    pub(super) fn is_rung(&self) -> bool {
        // Before the look at the flag, as the ringer sets the flag before it looks here.
        self.seen.store(true, Ordering::SeqCst);
        self.rung.load(Ordering::SeqCst)
    }

    /// Notes that a dispatch is about to look at what the ringer has changed.
    pub(super) fn clear(&self) {
        self.rung.swap(false, Ordering::SeqCst);
    }
}

impl Alarm {
    /// A registry without sources.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every registered source dispatch as soon as its context gets to it.
    ///
    /// Change the state first, then ring: a dispatch that begins after the ring sees the change. Call
    /// with no lock held.
    pub fn ring(&self) {
        for entry in self.entries().iter() {
            entry.bell.rung.store(true, Ordering::SeqCst);
            if entry.bell.seen.load(Ordering::SeqCst) {
                // SAFETY: see the type's description.
                unsafe { ffi::g_source_set_ready_time(entry.source, 0) };
            }
        }
    }

    /// Adds a source.
    ///
    /// # Safety
    ///
    /// `source` is a new source, not attached yet, which asks `bell` when its context prepares it.
    pub(super) unsafe fn join(self: &Arc<Self>, source: *mut ffi::GSource, bell: Arc<Bell>) {
        self.entries().push(Entry {
            source,
            bell: bell.clone(),
        });
        let registration = Box::new(Registration {
            alarm: self.clone(),
            bell,
        });
        // SAFETY: `NEVER_READY` lives for ever and GLib does not write to it; the child's callback is
        // never called, and its data is freed once. The parent keeps the only reference.
        unsafe {
            let funcs = ptr::from_ref(&NEVER_READY).cast_mut();
            let size = size_of::<ffi::GSource>() as u32;
            let child = ffi::g_source_new(funcs, size);
            let data = Box::into_raw(registration).cast();
            ffi::g_source_set_callback(child, None, data, Some(end_registration));
            ffi::g_source_add_child_source(source, child);
            ffi::g_source_unref(child);
        }
    }

    fn leave(&self, bell: &Arc<Bell>) {
        self.entries()
            .retain(|entry| !Arc::ptr_eq(&entry.bell, bell));
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the hidden child of a registered source holds.
struct Registration {
    alarm: Arc<Alarm>,
    bell: Arc<Bell>,
}

unsafe extern "C" fn end_registration(data: ffi::gpointer) {
    // SAFETY: the box that `join` has given to the child, which lets go of it once.
    let registration = unsafe { Box::from_raw(data.cast::<Registration>()) };
    guard(
        "source registration",
        || (),
        || registration.alarm.leave(&registration.bell),
    );
}

static NEVER_READY: ffi::GSourceFuncs = ffi::GSourceFuncs {
    prepare: None,
    check: None,
    dispatch: Some(dispatch_nothing),
    finalize: None,
    closure_callback: None,
    closure_marshal: None,
};

unsafe extern "C" fn dispatch_nothing(
    _source: *mut ffi::GSource,
    _callback: ffi::GSourceFunc,
    _data: ffi::gpointer,
) -> ffi::gboolean {
    ffi::GTRUE
}
