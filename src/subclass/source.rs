//! `GSource`s written in Rust.

use std::{
    marker::PhantomData,
    mem,
    os::raw::{c_int, c_uint},
    sync::{Arc, Mutex, TryLockError},
    time::Duration,
};

use glib::{
    ControlFlow, IOCondition, ffi, gobject_ffi,
    prelude::*,
    translate::{Borrowed, *},
};

pub use super::alarm::Alarm;
use super::{SharedRef, alarm::Bell, guard};

/// What a source does. Its value belongs to the source and is dropped with it, in whatever thread
/// lets go of the source last.
pub trait SourceImpl: Send + 'static {
    /// Whether to dispatch now though no child is ready and no time has come. Asked before and
    /// after the context polls.
    fn is_ready(&self) -> bool;

    /// Runs in the source's context when [`Self::is_ready`] said so, a child is ready, the ready
    /// time has come, or the alarm rang.
    ///
    /// A ready time that has come is gone, and so is one that a ring has replaced: set the next one
    /// on every dispatch. `callback` calls what the application has set, with a condition. A source
    /// that breaks is destroyed.
    fn dispatch(
        &mut self,
        source: &glib::Source,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow;
}

/// A source whose callback is a `GDatagramBasedSourceFunc` (or a closure of that signature) for
/// `object`, on which it keeps a reference.
pub fn datagram_source<T: SourceImpl>(
    object: &gio::DatagramBased,
    name: &str,
    imp: T,
    alarm: Option<&Arc<Alarm>>,
) -> glib::Source {
    let object = Some(SharedRef::new(object.clone()));
    create(Table::<T>::DATAGRAM, object, name, imp, alarm)
}

/// A source without a callback, whose dispatch does the work itself.
pub fn worker_source<'a, T: SourceImpl>(
    name: &str,
    imp: T,
    alarms: impl IntoIterator<Item = &'a Arc<Alarm>>,
) -> glib::Source {
    create(Table::<T>::WORKER, None, name, imp, alarms)
}

/// Makes `source` dispatch whenever `child` is ready. The child's own callback becomes one that
/// does nothing; a child must not be attached to a context.
pub fn add_child(source: &glib::Source, child: &glib::Source) {
    // SAFETY: both are live sources.
    unsafe {
        g_source_set_dummy_callback(child.to_glib_none().0);
        ffi::g_source_add_child_source(source.to_glib_none().0, child.to_glib_none().0);
    }
}

/// Takes a child of `source` away again and destroys it. One that has ended by itself is ignored.
pub fn remove_child(source: &glib::Source, child: &glib::Source) {
    if child.is_destroyed() {
        return;
    }
    // SAFETY: both are live sources.
    unsafe { ffi::g_source_remove_child_source(source.to_glib_none().0, child.to_glib_none().0) };
}

/// Makes `source` dispatch once, `delay` from now; `None` takes the time back.
pub fn set_ready_time(source: &glib::Source, delay: Option<Duration>) {
    let time = delay.map_or(-1, |delay| {
        let micros = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
        glib::monotonic_time().saturating_add(micros)
    });
    // SAFETY: `source` is a live source.
    unsafe { ffi::g_source_set_ready_time(source.to_glib_none().0, time) };
}

/// Makes a source that is not attached yet go before or after others.
pub fn set_priority(source: &glib::Source, priority: glib::Priority) {
    // SAFETY: `source` is a live source.
    unsafe { ffi::g_source_set_priority(source.to_glib_none().0, priority.into_glib()) };
}

unsafe extern "C" {
    fn g_source_set_dummy_callback(source: *mut ffi::GSource);
}

/// The C function that a datagram source's callback really is.
type DatagramCallback = unsafe extern "C" fn(
    *mut gio::ffi::GDatagramBased,
    ffi::GIOCondition,
    ffi::gpointer,
) -> ffi::gboolean;

/// A `GSource` with a place for our own data behind it.
#[repr(C)]
struct Instance<T> {
    parent: ffi::GSource,
    state: *mut State<T>,
}

/// What a source owns.
struct State<T> {
    /// Only ever tried: taken means that the source's own dispatch is running further up the stack.
    imp: Mutex<T>,
    bell: Arc<Bell>,
    object: Option<SharedRef<gio::DatagramBased>>,
}

/// The functions of the sources that run a `T`.
struct Table<T>(PhantomData<T>);

impl<T: SourceImpl> Table<T> {
    const DATAGRAM: &'static ffi::GSourceFuncs = &ffi::GSourceFuncs {
        prepare: Some(prepare::<T>),
        check: Some(check::<T>),
        dispatch: Some(dispatch::<T>),
        finalize: Some(finalize::<T>),
        // SAFETY: GLib keeps these two under types of its own and calls them under their real ones.
        closure_callback: Some(unsafe {
            mem::transmute::<DatagramCallback, unsafe extern "C" fn(ffi::gpointer) -> ffi::gboolean>(
                invoke_closure,
            )
        }),
        // SAFETY: as above.
        closure_marshal: Some(unsafe {
            mem::transmute::<Marshal, unsafe extern "C" fn()>(
                gobject_ffi::g_cclosure_marshal_generic,
            )
        }),
    };

    const WORKER: &'static ffi::GSourceFuncs = &ffi::GSourceFuncs {
        closure_callback: None,
        closure_marshal: None,
        ..*Self::DATAGRAM
    };
}

/// `GClosureMarshal`.
type Marshal = unsafe extern "C" fn(
    *mut gobject_ffi::GClosure,
    *mut gobject_ffi::GValue,
    c_uint,
    *const gobject_ffi::GValue,
    ffi::gpointer,
    ffi::gpointer,
);

fn create<'a, T: SourceImpl>(
    funcs: &'static ffi::GSourceFuncs,
    object: Option<SharedRef<gio::DatagramBased>>,
    name: &str,
    imp: T,
    alarms: impl IntoIterator<Item = &'a Arc<Alarm>>,
) -> glib::Source {
    let bell = Arc::new(Bell::default());
    let state = Box::new(State {
        imp: Mutex::new(imp),
        bell: bell.clone(),
        object,
    });
    // SAFETY: `funcs` lives for ever and GLib does not write to it; the size is that of a struct
    // that begins with a GSource, whose `state` is filled before anything can call those functions.
    // The new reference is ours to pass on.
    unsafe {
        let funcs = std::ptr::from_ref(funcs).cast_mut();
        let source = ffi::g_source_new(funcs, mem::size_of::<Instance<T>>() as c_uint);
        (*source.cast::<Instance<T>>()).state = Box::into_raw(state);
        ffi::g_source_set_name(source, name.to_glib_none().0);
        for alarm in alarms {
            alarm.join(source, bell.clone());
        }
        from_glib_full(source)
    }
}

/// # Safety
///
/// `source` was made by [`create`] for the same `T` and is not finalized during `'a`.
unsafe fn state<'a, T>(source: *mut ffi::GSource) -> &'a State<T> {
    // SAFETY: `create` has stored a box there, which lives until finalize.
    unsafe { &*(*source.cast::<Instance<T>>()).state }
}

/// Whether to dispatch. A dispatch that runs a main loop must not be entered again, even where the
/// application allows its source to recurse: then it is never ready.
///
/// # Safety
///
/// As for [`state`].
unsafe fn ready<T: SourceImpl>(source: *mut ffi::GSource) -> bool {
    // SAFETY: by the caller's guarantee.
    let state = unsafe { state::<T>(source) };
    // A failure makes it ready so that dispatch can end it.
    let body = || match state.imp.try_lock() {
        Ok(imp) => state.bell.is_rung() || imp.is_ready(),
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Poisoned(_)) => true,
    };
    guard("source readiness", || true, body)
}

unsafe extern "C" fn prepare<T: SourceImpl>(
    source: *mut ffi::GSource,
    timeout: *mut c_int,
) -> ffi::gboolean {
    // SAFETY: GLib calls this with a live source of `T`, and NULL or a place for the timeout.
    unsafe {
        if !timeout.is_null() {
            *timeout = -1;
        }
        ready::<T>(source).into_glib()
    }
}

unsafe extern "C" fn check<T: SourceImpl>(source: *mut ffi::GSource) -> ffi::gboolean {
    // SAFETY: GLib calls this with a live source of `T`.
    unsafe { ready::<T>(source) }.into_glib()
}

unsafe extern "C" fn dispatch<T: SourceImpl>(
    source: *mut ffi::GSource,
    callback: ffi::GSourceFunc,
    data: ffi::gpointer,
) -> ffi::gboolean {
    let body = || {
        // SAFETY: GLib calls this with a source of `T` that it keeps alive meanwhile.
        let (state, borrowed) = unsafe {
            let borrowed: Borrowed<glib::Source> = from_glib_borrow(source);
            (state::<T>(source), borrowed)
        };
        let mut imp = match state.imp.try_lock() {
            Ok(imp) => imp,
            Err(TryLockError::WouldBlock) => return ControlFlow::Continue,
            Err(TryLockError::Poisoned(_)) => return ControlFlow::Break,
        };
        state.bell.clear();
        // SAFETY: the source is alive and, being dispatched, has a context.
        unsafe {
            let time = ffi::g_source_get_ready_time(source);
            if time != -1 && time <= ffi::g_source_get_time(source) {
                ffi::g_source_set_ready_time(source, -1);
            }
        }
        let mut call = |condition: IOCondition| match (callback, &state.object) {
            (Some(callback), Some(object)) => {
                // SAFETY: whoever sets a callback on a datagram source passes a function of this
                // type, as with every GDatagramBased source; GLib keeps `data` alive during the
                // dispatch.
                unsafe {
                    let callback = mem::transmute::<
                        unsafe extern "C" fn(ffi::gpointer) -> ffi::gboolean,
                        DatagramCallback,
                    >(callback);
                    let object: *mut gio::ffi::GDatagramBased = object.as_ptr();
                    from_glib(callback(object, condition.into_glib(), data))
                }
            }
            _ => ControlFlow::Continue,
        };
        imp.dispatch(&borrowed, &mut call)
    };
    guard("source dispatch", || ControlFlow::Break, body).into_glib()
}

unsafe extern "C" fn finalize<T: SourceImpl>(source: *mut ffi::GSource) {
    // SAFETY: `create` has stored the box, and GLib calls this once, when nothing uses the source.
    let state = unsafe { Box::from_raw((*source.cast::<Instance<T>>()).state) };
    guard("source finalization", || (), || mem::drop(state));
}

/// The callback that GLib installs together with a `GClosure` as its data.
unsafe extern "C" fn invoke_closure(
    object: *mut gio::ffi::GDatagramBased,
    condition: ffi::GIOCondition,
    closure: ffi::gpointer,
) -> ffi::gboolean {
    let body = || {
        // SAFETY: dispatch passes the source's live object, and GLib the closure that it installed.
        let (object, condition, closure) = unsafe {
            (
                gio::DatagramBased::from_glib_borrow(object),
                IOCondition::from_glib(condition),
                glib::Closure::from_glib_borrow(closure.cast::<gobject_ffi::GClosure>()),
            )
        };
        let arguments = [object.to_value(), condition.to_value()];
        // SAFETY: the closure was set on a datagram source, so it takes these two and gives a
        // boolean.
        let kept = unsafe { closure.invoke_with_values(glib::Type::BOOL, &arguments) };
        kept.and_then(|value| value.get::<bool>().ok())
            .unwrap_or(false)
    };
    guard("source closure", || false, body).into_glib()
}

#[cfg(test)]
mod tests;
