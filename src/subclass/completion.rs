//! The end of one asynchronous call.

use std::{mem::ManuallyDrop, os::raw::c_int, ptr};

use gio::ffi;
use glib::{gobject_ffi, translate::*};

/// What an asynchronous method returns: Rust's form of it, and C's.
pub trait Outcome {
    /// What the method's `_finish` function returns.
    type C;

    /// Returns it from `task`.
    ///
    /// # Safety
    ///
    /// `task` is live and has not returned yet.
    unsafe fn give(self, task: *mut ffi::GTask);

    /// Takes what [`Self::give`] has put into `task`, or its error.
    ///
    /// # Safety
    ///
    /// `task` is live and of a method that returns this type, and `error` points to a NULL pointer.
    unsafe fn take(task: *mut ffi::GTask, error: *mut *mut glib::ffi::GError) -> Self::C;
}

/// Success, which is `TRUE`.
impl Outcome for () {
    type C = glib::ffi::gboolean;

    unsafe fn give(self, task: *mut ffi::GTask) {
        // SAFETY: by the caller's guarantee.
        unsafe { ffi::g_task_return_boolean(task, glib::ffi::GTRUE) };
    }

    unsafe fn take(task: *mut ffi::GTask, error: *mut *mut glib::ffi::GError) -> Self::C {
        // SAFETY: by the caller's guarantee.
        unsafe { ffi::g_task_propagate_boolean(task, error) }
    }
}

/// A number of bytes.
impl Outcome for usize {
    type C = isize;

    unsafe fn give(self, task: *mut ffi::GTask) {
        // SAFETY: by the caller's guarantee.
        unsafe { ffi::g_task_return_int(task, self.cast_signed()) };
    }

    unsafe fn take(task: *mut ffi::GTask, error: *mut *mut glib::ffi::GError) -> Self::C {
        // SAFETY: by the caller's guarantee.
        unsafe { ffi::g_task_propagate_int(task, error) }
    }
}

/// A message, or `NULL` for none. A result that nobody asks for is released with its task.
impl Outcome for Option<glib::Bytes> {
    type C = *mut glib::ffi::GBytes;

    unsafe fn give(self, task: *mut ffi::GTask) {
        let bytes: *mut glib::ffi::GBytes = self.into_glib_ptr();
        // SAFETY: by the caller's guarantee; the reference becomes the task's.
        unsafe { ffi::g_task_return_pointer(task, bytes.cast(), Some(unref_bytes)) };
    }

    unsafe fn take(task: *mut ffi::GTask, error: *mut *mut glib::ffi::GError) -> Self::C {
        // SAFETY: by the caller's guarantee; the task's reference becomes the caller's.
        unsafe { ffi::g_task_propagate_pointer(task, error).cast() }
    }
}

unsafe extern "C" fn unref_bytes(bytes: glib::ffi::gpointer) {
    // SAFETY: the task calls this once, with the reference that it was given; NULL is allowed.
    unsafe { glib::ffi::g_bytes_unref(bytes.cast()) };
}

/// The caller of an asynchronous method, who waits to be told the result.
///
/// It is told exactly once: a completion that is dropped reports `G_IO_ERROR_FAILED`. Cancellation
/// is not looked at here, so that a late one cannot hide a success.
#[derive(Debug)]
#[must_use = "dropping it reports a failure"]
pub struct Completion {
    /// A GTask, of which this is one reference, that has not returned yet.
    task: *mut ffi::GTask,
}

// SAFETY: a GTask may be returned and released in every thread; it calls back in its own context.
unsafe impl Send for Completion {}

impl Completion {
    /// Tells the caller, in the main context of its call. Hold no lock: the callback may run right
    /// here.
    pub fn complete(self, result: Result<(), glib::Error>) {
        self.complete_with(result);
    }

    /// The same for a method that returns a value, of the type that its `_finish` function asks for.
    pub fn complete_with<T: Outcome>(self, result: Result<T, glib::Error>) {
        ManuallyDrop::new(self).finish_task(result);
    }

    /// The main context in which the call was made and its callback will run.
    #[must_use]
    pub fn context(&self) -> glib::MainContext {
        // SAFETY: the task is alive, and owns its context.
        unsafe { from_glib_none(ffi::g_task_get_context(self.task)) }
    }

    /// Begins an asynchronous call.
    ///
    /// # Safety
    ///
    /// `source` and `cancellable` (unless NULL) are live objects; `callback` may be called once
    /// with `data`.
    pub(crate) unsafe fn new(
        source: *mut gobject_ffi::GObject,
        tag: &'static u8,
        priority: c_int,
        cancellable: *mut ffi::GCancellable,
        callback: ffi::GAsyncReadyCallback,
        data: glib::ffi::gpointer,
    ) -> Self {
        // SAFETY: by the caller's guarantee; the new task is ours.
        unsafe {
            let task = ffi::g_task_new(source.cast(), cancellable, callback, data);
            ffi::g_task_set_source_tag(task, pointer(tag));
            ffi::g_task_set_priority(task, priority);
            ffi::g_task_set_check_cancellable(task, glib::ffi::GFALSE);
            Self { task }
        }
    }

    /// The result of a call that [`Self::new`] began for the same `source` and `tag`.
    ///
    /// # Safety
    ///
    /// `source` is a live object, and `result` NULL or one. Calls of this tag return a `T`.
    pub(crate) unsafe fn finish<T: Outcome>(
        source: *mut gobject_ffi::GObject,
        tag: &'static u8,
        result: *mut ffi::GAsyncResult,
    ) -> Result<T::C, glib::Error> {
        // SAFETY: by the caller's guarantee; the second check implies that `result` is a GTask.
        unsafe {
            let ours = !result.is_null()
                && ffi::g_task_is_valid(result.cast(), source.cast()) != 0
                && ffi::g_async_result_is_tagged(result, pointer(tag)) != 0;
            if !ours {
                return Err(glib::Error::new(
                    gio::IOErrorEnum::InvalidArgument,
                    "The result is not that of such a call on this connection",
                ));
            }
            let mut error = ptr::null_mut();
            let value = T::take(result.cast(), &mut error);
            if error.is_null() {
                Ok(value)
            } else {
                Err(from_glib_full(error))
            }
        }
    }

    fn finish_task<T: Outcome>(&self, result: Result<T, glib::Error>) {
        // SAFETY: the task has not returned, and both ways here end the value that owns the
        // reference.
        unsafe {
            match result {
                Ok(value) => value.give(self.task),
                Err(error) => ffi::g_task_return_error(self.task, error.into_glib_ptr()),
            }
            gobject_ffi::g_object_unref(self.task.cast());
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let text = "The operation was given up";
        self.finish_task::<()>(Err(glib::Error::new(gio::IOErrorEnum::Failed, text)));
    }
}

fn pointer(tag: &'static u8) -> glib::ffi::gpointer {
    ptr::from_ref(tag).cast_mut().cast()
}
