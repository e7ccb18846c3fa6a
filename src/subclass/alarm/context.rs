//! Waking a main context that may have ended.

use std::{
    collections::BTreeMap,
    mem, ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use glib::ffi;

use crate::subclass::guard;

/// A main context, which any thread may wake as long as there is one.
///
/// A hidden source of the context, one for all of ours, stands for it. GLib lets go of its callback
/// data when the context ends: with the context unlocked, and before it frees the context or anything
/// that is part of it. This takes the lock under which [`wake`](Self::wake) looks for the source.
///
/// Up to GLib 2.84, setting a ready time reads the source's context without a reference on it, and then
/// takes the context's own lock. The lock here is held meanwhile, so that the context is either alive,
/// because its end waits for us, or nothing, if it has begun to end; `g_main_context_wakeup()` would
/// criticize the latter. From 2.86 on (`g_source_dup_context()`), it takes a reference, which may be the
/// last one: the context then ends in our call, which therefore holds nothing but the source.
#[derive(Debug)]
pub(super) struct WeakContext(Mutex<Option<Hidden>>);

/// The hidden source, which its context owns.
#[derive(Debug)]
struct Hidden(*mut ffi::GSource);

// SAFETY: the pointer is only used as described at `WeakContext`.
unsafe impl Send for Hidden {}

/// By address, those that have not ended.
static CONTEXTS: Mutex<BTreeMap<usize, Arc<WeakContext>>> = Mutex::new(BTreeMap::new());

impl WeakContext {
    /// The one of this context.
    ///
    /// # Safety
    ///
    /// `context` is alive, not locked, and run by the calling thread.
    pub(super) unsafe fn of(context: *mut ffi::GMainContext) -> Arc<Self> {
        let address = context.addr();
        let known = contexts().get(&address).cloned();
        // Nobody else makes it meanwhile, since only one thread runs the context.
        known.unwrap_or_else(|| {
            let made = Arc::new(Self(Mutex::new(None)));
            contexts().insert(address, made.clone());
            // SAFETY: `HIDDEN` lives for ever and GLib does not write to it. The callback is never
            // called, and its data is freed once. The context keeps the only reference.
            unsafe {
                let funcs = ptr::from_ref(&HIDDEN).cast_mut();
                let source = ffi::g_source_new(funcs, mem::size_of::<ffi::GSource>() as u32);
                ffi::g_source_set_name(source, c"GioOssl context".as_ptr());
                let data = Box::into_raw(Box::new(made.clone())).cast();
                ffi::g_source_set_callback(source, None, data, Some(end));
                *made.lock() = Some(Hidden(source));
                ffi::g_source_attach(source, context);
                ffi::g_source_unref(source);
            }
            made
        })
    }

    /// Makes the context prepare its sources soon, even if it is asleep.
    pub(super) fn wake(&self) {
        let hidden = self.lock();
        let Some(Hidden(source)) = *hidden else {
            return;
        };
        // SAFETY: see the type's description.
        unsafe {
            if !ffi::glib_check_version(2, 86, 0).is_null() {
                return ffi::g_source_set_ready_time(source, 0);
            }
            ffi::g_source_ref(source);
            drop(hidden);
            ffi::g_source_set_ready_time(source, 0);
            ffi::g_source_unref(source);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Hidden>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn contexts() -> MutexGuard<'static, BTreeMap<usize, Arc<WeakContext>>> {
    CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner)
}

static HIDDEN: ffi::GSourceFuncs = ffi::GSourceFuncs {
    prepare: None,
    check: None,
    dispatch: Some(dispatch),
    finalize: None,
    closure_callback: None,
    closure_marshal: None,
};

/// The context was woken. A ring from now on sets the time anew; one before has left its word where
/// the sources find it.
unsafe extern "C" fn dispatch(
    source: *mut ffi::GSource,
    _callback: ffi::GSourceFunc,
    _data: ffi::gpointer,
) -> ffi::gboolean {
    // SAFETY: GLib dispatches a live source, in the thread that runs its context.
    unsafe { ffi::g_source_set_ready_time(source, -1) };
    ffi::GTRUE
}

/// The context ends.
unsafe extern "C" fn end(data: ffi::gpointer) {
    // SAFETY: the box that `of` has given to the source, which lets go of it once.
    let ended = unsafe { Box::from_raw(data.cast::<Arc<WeakContext>>()) };
    let body = || {
        contexts().retain(|_, context| !Arc::ptr_eq(context, &ended));
        *ended.lock() = None;
    };
    guard("context end", || (), body);
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use glib::{MainContext, translate::*};

    use super::*;

    fn of(context: &MainContext) -> Arc<WeakContext> {
        // SAFETY: the test's thread alone has the context.
        unsafe { WeakContext::of(context.to_glib_none().0) }
    }

    #[test]
    fn context_is_known_until_it_ends() {
        let (one, other) = (MainContext::new(), MainContext::new());
        let weak = of(&one);
        assert!(Arc::ptr_eq(&weak, &of(&one)));
        assert!(!Arc::ptr_eq(&weak, &of(&other)));
        drop(one);
        assert!(weak.lock().is_none());
        assert_eq!(Arc::strong_count(&weak), 1);
        weak.wake();
    }

    #[test]
    fn sleeping_context_is_woken_each_time() {
        let context = MainContext::new();
        let weak = of(&context);
        assert!(!context.pending());
        for _ in 0..3 {
            let waker = weak.clone();
            let waker = thread::spawn(move || waker.wake());
            assert!(context.iteration(true));
            waker.join().unwrap();
            assert!(!context.pending());
        }
    }

    #[test]
    fn context_may_be_woken_while_it_ends() {
        let current = Arc::new(Mutex::new(of(&MainContext::new())));
        let stop = Arc::new(AtomicBool::new(false));
        let waker = thread::spawn({
            let (current, stop) = (current.clone(), stop.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let weak = current.lock().unwrap().clone();
                    weak.wake();
                }
            }
        });
        for _ in 0..2000 {
            let context = MainContext::new();
            *current.lock().unwrap() = of(&context);
            context.iteration(false);
        }
        stop.store(true, Ordering::Relaxed);
        waker.join().unwrap();
    }
}
