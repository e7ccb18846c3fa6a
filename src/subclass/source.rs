//! `GSource`s written in Rust.

mod base;
mod running;

use std::{
    marker::PhantomData,
    mem,
    os::raw::{c_int, c_uint},
    ptr,
    sync::{Arc, Mutex, TryLockError},
};

use glib::{ControlFlow, IOCondition, ffi, gobject_ffi, prelude::*, translate::*};

use self::running::Common;
pub use self::running::Running;
pub use super::alarm::Alarm;
use super::{SharedRef, guard};

/// What a source does. Its value belongs to the source and is dropped with it, in whatever thread
/// lets go of the source last.
pub trait SourceImpl: Send + 'static {
    /// Runs in the source's context: at first when the context gets to the new source, then whenever
    /// one of its [`Causes`] has come up, its ready time has come, or the latest dispatch has asked for
    /// another.
    ///
    /// A ready time that has come is gone. `callback` calls what the application has set, with a
    /// condition; it may run the context, which leaves this source alone meanwhile. A source that breaks
    /// is destroyed.
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow;
}

/// What makes a source dispatch.
#[derive(Clone, Copy, Default)]
pub struct Causes<'a> {
    /// When they ring.
    pub alarms: &'a [Arc<Alarm>],
    /// When a condition holds that the source [listens](Running::listen) to, or when it is a socket that
    /// is being closed.
    pub base: Option<&'a SharedRef<gio::DatagramBased>>,
}

/// A source whose callback is a `GDatagramBasedSourceFunc` (or a closure of that signature) for
/// `object`, on which it keeps a reference.
pub fn datagram_source<T: SourceImpl>(
    object: &gio::DatagramBased,
    name: &str,
    imp: T,
    causes: Causes<'_>,
) -> glib::Source {
    let object = Some(SharedRef::new(object.clone()));
    create(Table::<T>::DATAGRAM, object, name, imp, causes)
}

/// A source without a callback, whose dispatch does the work itself.
pub fn worker_source<T: SourceImpl>(name: &str, imp: T, causes: Causes<'_>) -> glib::Source {
    create(Table::<T>::WORKER, None, name, imp, causes)
}

/// Makes a source that is not attached yet go before or after others.
pub fn set_priority(source: &glib::Source, priority: glib::Priority) {
    // SAFETY: `source` is a live source.
    unsafe { ffi::g_source_set_priority(source.to_glib_none().0, priority.into_glib()) };
}

/// The C function that a datagram source's callback really is.
type DatagramCallback = unsafe extern "C" fn(
    *mut gio::ffi::GDatagramBased,
    ffi::GIOCondition,
    ffi::gpointer,
) -> ffi::gboolean;

/// A `GSource` with our own data behind it.
#[repr(C)]
struct Instance<T> {
    parent: ffi::GSource,
    state: State<T>,
}

/// What a source owns.
struct State<T> {
    common: Common,
    /// Only ever tried: taken means that the source's own dispatch is running further up the stack.
    imp: Mutex<T>,
}

/// The functions of the sources that run a `T`.
struct Table<T>(PhantomData<T>);

impl<T: SourceImpl> Table<T> {
    const DATAGRAM: &'static ffi::GSourceFuncs = &ffi::GSourceFuncs {
        prepare: Some(prepare::<T>),
        // What has come up since prepare wakes the context, which prepares again.
        check: None,
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

fn create<T: SourceImpl>(
    funcs: &'static ffi::GSourceFuncs,
    object: Option<SharedRef<gio::DatagramBased>>,
    name: &str,
    imp: T,
    causes: Causes<'_>,
) -> glib::Source {
    const {
        assert!(mem::align_of::<State<T>>() <= mem::align_of::<ffi::GSource>());
    }
    let state = State {
        common: Common::new(object, causes),
        imp: Mutex::new(imp),
    };
    // SAFETY: `funcs` lives for ever and GLib does not write to it; the size is that of a struct
    // that begins with a GSource, whose `state` is filled before anything can call those functions.
    // The new reference is ours to pass on.
    unsafe {
        let funcs = ptr::from_ref(funcs).cast_mut();
        let source = ffi::g_source_new(funcs, mem::size_of::<Instance<T>>() as c_uint);
        ptr::write(&raw mut (*source.cast::<Instance<T>>()).state, state);
        ffi::g_source_set_name(source, name.to_glib_none().0);
        // A dispatch is not entered again all the same, but GLib need not see to that: it would take
        // what the source polls out of its list before each, and put it back.
        ffi::g_source_set_can_recurse(source, ffi::GTRUE);
        from_glib_full(source)
    }
}

/// # Safety
///
/// `source` was made by [`create`] for the same `T` and is not finalized during `'a`.
unsafe fn state<'a, T>(source: *mut ffi::GSource) -> &'a State<T> {
    // SAFETY: `create` has written it there, and it lives until finalize.
    unsafe { &(*source.cast::<Instance<T>>()).state }
}

unsafe extern "C" fn prepare<T: SourceImpl>(
    source: *mut ffi::GSource,
    timeout: *mut c_int,
) -> ffi::gboolean {
    let body = || {
        // SAFETY: GLib calls this with a live source of `T`, in the thread that runs its context, and
        // with NULL or a place for the timeout.
        unsafe {
            if !timeout.is_null() {
                *timeout = -1;
            }
            state::<T>(source).common.prepare(source)
        }
    };
    guard("source readiness", || true, body).into_glib()
}

unsafe extern "C" fn dispatch<T: SourceImpl>(
    source: *mut ffi::GSource,
    callback: ffi::GSourceFunc,
    data: ffi::gpointer,
) -> ffi::gboolean {
    let body = || {
        // SAFETY: GLib calls this with a source of `T` that it keeps alive meanwhile, in the thread
        // that runs its context.
        let State { common, imp } = unsafe { state::<T>(source) };
        let mut imp = match imp.try_lock() {
            Ok(imp) => imp,
            Err(TryLockError::WouldBlock) => {
                // SAFETY: as above.
                unsafe { common.put_off(source) };
                return ControlFlow::Continue;
            }
            Err(TryLockError::Poisoned(_)) => return ControlFlow::Break,
        };
        let mut call = |condition: IOCondition| match (callback, &common.object) {
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
        // SAFETY: as above.
        unsafe { common.begin(source) };
        let flow = imp.dispatch(&Running { source, common }, &mut call);
        if flow == ControlFlow::Continue {
            // SAFETY: as above.
            unsafe { common.end(source) };
        }
        flow
    };
    guard("source dispatch", || ControlFlow::Break, body).into_glib()
}

unsafe extern "C" fn finalize<T: SourceImpl>(source: *mut ffi::GSource) {
    let body = || {
        // SAFETY: `create` has written it, and GLib calls this once, when nothing uses the source.
        unsafe { ptr::drop_in_place(&raw mut (*source.cast::<Instance<T>>()).state) };
    };
    guard("source finalization", || (), body);
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
mod base_tests;
#[cfg(test)]
mod tests;
