//! What all sources have, and what their dispatch may do with it.

use std::{sync::Arc, time::Duration};

use glib::{IOCondition, ffi, translate::*};

use super::{Causes, base::Base};
use crate::subclass::{
    SharedRef,
    alarm::{Alarm, Bell, Registration},
};

/// A source whose dispatch is running.
pub struct Running<'a> {
    pub(super) source: *mut ffi::GSource,
    pub(super) common: &'a Common,
}

impl Running<'_> {
    /// The object of a datagram source.
    #[must_use]
    pub fn object(&self) -> Option<&gio::DatagramBased> {
        self.common.object.as_deref()
    }

    /// The context that it is attached to.
    #[must_use]
    pub fn context(&self) -> Option<glib::MainContext> {
        // SAFETY: the source is alive and, being dispatched, has a context.
        unsafe { from_glib_none(ffi::g_source_get_context(self.source)) }
    }

    /// Makes it dispatch while one of these conditions of the base holds, until it listens to others.
    pub fn listen(&self, wanted: IOCondition) {
        if let Some(base) = &self.common.base {
            // SAFETY: this is the base's source, which is being dispatched.
            unsafe { base.listen(self.source, wanted) };
        }
    }

    /// What the context's latest poll has told of the base. A base that is not a plain `GSocket` must be
    /// asked itself.
    #[must_use]
    pub fn heard(&self) -> IOCondition {
        let nothing = IOCondition::empty();
        self.common.base.as_ref().map_or(nothing, |base| {
            // SAFETY: this is the base's source, which is being dispatched.
            unsafe { base.heard(self.source) }
        })
    }

    /// Makes it dispatch once more as soon as this one is over.
    pub fn again(&self) {
        self.common.bell.ring_here();
    }

    /// Makes it dispatch once, `delay` from now; `None` takes the time back.
    pub fn set_ready_time(&self, delay: Option<Duration>) {
        let time = delay.map_or(-1, |delay| {
            let micros = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
            glib::monotonic_time().saturating_add(micros)
        });
        // SAFETY: the source is alive.
        unsafe { ffi::g_source_set_ready_time(self.source, time) };
    }
}

/// What all sources own. Only the source's context uses it, apart from the bell.
pub(super) struct Common {
    pub(super) object: Option<SharedRef<gio::DatagramBased>>,
    bell: Arc<Bell>,
    base: Option<Base>,
    _registrations: Vec<Registration>,
}

impl Common {
    /// What a new source of this object owns.
    pub(super) fn new(object: Option<SharedRef<gio::DatagramBased>>, causes: Causes<'_>) -> Self {
        let bell = Arc::new(Bell::new());
        let join = |alarm: &Arc<Alarm>| alarm.join(&bell);
        Self {
            object,
            base: causes.base.map(Base::new),
            _registrations: causes.alarms.iter().map(join).collect(),
            bell,
        }
    }

    /// Whether to dispatch at once. While a dispatch is under way, which runs the context, what it finds
    /// afterwards is soon enough.
    ///
    /// # Safety
    ///
    /// This belongs to `source`, and its context prepares it.
    pub(super) unsafe fn prepare(&self, source: *mut ffi::GSource) -> bool {
        // SAFETY: by the caller's guarantee.
        unsafe { self.bell.attach(source) };
        if self.bell.is_attentive() {
            return false;
        }
        if let Some(base) = &self.base
            && base.was_closed()
        {
            self.bell.ring_here();
            // SAFETY: as above.
            unsafe { base.pause(source) };
        }
        self.bell.is_rung()
    }

    /// Puts a dispatch off until the one is over that is under way. Till then the source neither listens
    /// nor waits for a time, or the context would not sleep.
    ///
    /// # Safety
    ///
    /// This belongs to `source`, and its context dispatches it.
    pub(super) unsafe fn put_off(&self, source: *mut ffi::GSource) {
        self.bell.ring_here();
        // SAFETY: by the caller's guarantee.
        unsafe {
            take_time(source);
            if let Some(base) = &self.base {
                base.pause(source);
            }
        }
    }

    /// Begins a dispatch.
    ///
    /// # Safety
    ///
    /// As for [`put_off`](Self::put_off).
    pub(super) unsafe fn begin(&self, source: *mut ffi::GSource) {
        // SAFETY: by the caller's guarantee.
        unsafe {
            self.bell.attach(source);
            self.bell.begin();
            take_time(source);
        }
    }

    /// Ends a dispatch.
    ///
    /// # Safety
    ///
    /// As for [`put_off`](Self::put_off).
    pub(super) unsafe fn end(&self, source: *mut ffi::GSource) {
        if let Some(base) = &self.base {
            // SAFETY: by the caller's guarantee.
            unsafe { base.resume(source) };
        }
        self.bell.end();
    }
}

/// Takes a ready time back that has come.
///
/// # Safety
///
/// The context of `source` dispatches it.
unsafe fn take_time(source: *mut ffi::GSource) {
    // SAFETY: by the caller's guarantee, the source is alive and has a context.
    unsafe {
        let time = ffi::g_source_get_ready_time(source);
        if time != -1 && time <= ffi::g_source_get_time(source) {
            ffi::g_source_set_ready_time(source, -1);
        }
    }
}
