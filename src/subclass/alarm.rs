//! Waking every source that waits for an object, from any thread.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use glib::{ffi, translate::*};

/// A registry of the live sources of one object, which wakes them all when it rings.
///
/// The registry owns no reference on a source, so a source may own the object that owns the
/// registry.
///
/// # Why ringing is safe while a source ends
///
/// - A source registers once, before its creator can see it, and leaves in its *dispose* function,
///   which GLib runs after the last reference is gone and before anything is freed. While the
///   registry's lock is held, every pointer in it is therefore memory that has not been freed.
/// - Ringing turns the pointers into references under that lock. GLib lets this raise a count of 0
///   until dispose returns: it then keeps the source and ends it when the ringing thread lets go.
///   So no source is finalized while one rings it.
/// - The lock is a leaf: nothing but the atomic count is touched under it. The contexts' locks,
///   which setting a ready time takes, come after it was released, and GLib calls dispose without
///   them.
///
/// A ring is also noted in a flag of its own, since a dispatch that is just setting its next ready
/// time would overwrite the one that the ring has set.
#[derive(Debug, Default)]
pub struct Alarm {
    entries: Mutex<Vec<Entry>>,
}

/// One registered source.
#[derive(Debug)]
struct Entry {
    source: *mut ffi::GSource,
    rung: Arc<Rung>,
}

// SAFETY: the pointer is only turned into an atomically counted reference, as described at `Alarm`.
unsafe impl Send for Entry {}

/// Whether a source was woken since its last dispatch.
#[derive(Debug, Default)]
pub(super) struct Rung(AtomicBool);

impl Rung {
    /// Whether there was a ring that no dispatch has seen.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Notes that a dispatch is about to look at what the ringer has changed.
    pub(super) fn clear(&self) {
        self.0.swap(false, Ordering::AcqRel);
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
    /// Change the state first, then ring: a dispatch that begins after the ring sees the change.
    /// Call with no lock held, since this may drop the last reference on a source that ends
    /// meanwhile.
    pub fn ring(&self) {
        let sources: Vec<glib::Source> = self
            .entries()
            .iter()
            .map(|entry| {
                entry.rung.0.store(true, Ordering::Release);
                // SAFETY: registered, so not freed yet; see the type's description.
                unsafe { from_glib_none(entry.source) }
            })
            .collect();
        for source in sources {
            // SAFETY: `source` is a reference of our own.
            unsafe { ffi::g_source_set_ready_time(source.to_glib_none().0, 0) };
        }
    }

    /// Adds a source.
    ///
    /// # Safety
    ///
    /// `source` is alive, and its dispose function calls [`Self::leave`].
    pub(super) unsafe fn join(&self, source: *mut ffi::GSource, rung: Arc<Rung>) {
        self.entries().push(Entry { source, rung });
    }

    /// Forgets a source; one that is not registered is ignored.
    pub(super) fn leave(&self, source: *mut ffi::GSource) {
        let mut entries = self.entries();
        let found = entries.iter().position(|entry| entry.source == source);
        let entry = found.map(|index| entries.swap_remove(index));
        mem::drop(entries);
        mem::drop(entry);
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
