//! Waking every source that waits for an object, from any thread.

mod context;

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use glib::ffi;

use self::context::WeakContext;

/// A registry of the sources of one object, which wakes them all when it rings.
///
/// # Why ringing is safe while a source or its main context ends
///
/// GLib reads a source's context without a lock, in `g_source_unref()` too, so a thread that does not
/// run the context may neither keep a reference on a source nor touch one whose context may go away
/// meanwhile. Therefore a ringer touches no source:
///
/// - Of each source the registry knows the [`Bell`] alone, which is theirs together. A source that is
///   finalized, in whatever thread, takes it out again.
/// - A context that may be asleep is woken through a [`WeakContext`], which knows when it ends.
/// - Contexts are woken with the registry unlocked: from GLib 2.86 on, waking may be what ends one, and so
///   finalizes its sources.
#[derive(Debug, Default)]
pub struct Alarm {
    bells: Mutex<Vec<Arc<Bell>>>,
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
        let asleep: Vec<_> = self.bells().iter().filter_map(|bell| bell.ring()).collect();
        for context in asleep {
            context.wake();
        }
    }

    /// Adds a source, as long as the result is kept.
    pub(super) fn join(self: &Arc<Self>, bell: &Arc<Bell>) -> Registration {
        self.bells().push(bell.clone());
        Registration {
            alarm: self.clone(),
            bell: bell.clone(),
        }
    }

    fn bells(&self) -> MutexGuard<'_, Vec<Arc<Bell>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source's place in a registry.
pub(super) struct Registration {
    alarm: Arc<Alarm>,
    bell: Arc<Bell>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut bells = self.alarm.bells();
        bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
    }
}

/// What ringers and a source tell each other.
///
/// No ring is lost. The source looks whether it was rung before its context sleeps, and a ringer wakes
/// a context that may sleep: either the source sees the ring, or the ringer sees that the source is not
/// attentive any more, because each first says its own word and then looks at the other's.
#[derive(Debug)]
pub(super) struct Bell {
    /// Whether the source is to be dispatched.
    rung: AtomicBool,
    /// Whether the source will look before its context sleeps: it was never prepared, or it is in its
    /// dispatch.
    attentive: AtomicBool,
    /// Known as soon as the source is prepared.
    context: OnceLock<Arc<WeakContext>>,
}

impl Bell {
    /// The bell of a new source, which is to be dispatched.
    pub(super) fn new() -> Self {
        Self {
            rung: AtomicBool::new(true),
            attentive: AtomicBool::new(true),
            context: OnceLock::new(),
        }
    }

    /// Makes the source dispatch, from any thread, if the context that is returned is woken.
    fn ring(&self) -> Option<Arc<WeakContext>> {
        // Who has rung before has seen to it.
        if self.rung.swap(true, Ordering::SeqCst) || self.attentive.load(Ordering::SeqCst) {
            return None;
        }
        self.context.get().cloned()
    }

    /// Makes the source dispatch, from its prepare or dispatch.
    pub(super) fn ring_here(&self) {
        self.rung.store(true, Ordering::SeqCst);
    }

    /// Whether to dispatch.
    pub(super) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// Whether a dispatch is under way. Asked after [`attach`](Self::attach).
    pub(super) fn is_attentive(&self) -> bool {
        self.attentive.load(Ordering::SeqCst)
    }

    /// Takes note of the source's context, once.
    ///
    /// # Safety
    ///
    /// `source` is the bell's, and its context prepares or dispatches it.
    pub(super) unsafe fn attach(&self, source: *mut ffi::GSource) {
        if self.context.get().is_none() {
            // SAFETY: a context prepares and dispatches in the thread that runs it, and unlocked.
            let context = unsafe { WeakContext::of(ffi::g_source_get_context(source)) };
            let _ = self.context.set(context);
            self.attentive.store(false, Ordering::SeqCst);
        }
    }

    /// A dispatch begins, and will see what was changed before a ring.
    pub(super) fn begin(&self) {
        self.attentive.store(true, Ordering::SeqCst);
        self.rung.swap(false, Ordering::SeqCst);
    }

    /// A dispatch ends, and the context may sleep.
    pub(super) fn end(&self) {
        self.attentive.store(false, Ordering::SeqCst);
    }
}
