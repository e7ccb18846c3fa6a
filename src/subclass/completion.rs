//! The end of one asynchronous call.

use std::{mem::ManuallyDrop, os::raw::c_int, ptr};

use gio::ffi;
use glib::{gobject_ffi, translate::*};

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
    pub(super) unsafe fn new(
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
    /// `source` is a live object, and `result` NULL or one.
    pub(super) unsafe fn finish(
        source: *mut gobject_ffi::GObject,
        tag: &'static u8,
        result: *mut ffi::GAsyncResult,
    ) -> Result<glib::ffi::gboolean, glib::Error> {
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
            let value = ffi::g_task_propagate_boolean(result.cast(), &mut error);
            if error.is_null() {
                Ok(value)
            } else {
                Err(from_glib_full(error))
            }
        }
    }

    fn finish_task(&self, result: Result<(), glib::Error>) {
        // SAFETY: the task has not returned, and both ways here end the value that owns the
        // reference.
        unsafe {
            match result {
                Ok(()) => ffi::g_task_return_boolean(self.task, glib::ffi::GTRUE),
                Err(error) => ffi::g_task_return_error(self.task, error.into_glib_ptr()),
            }
            gobject_ffi::g_object_unref(self.task.cast());
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let text = "The operation was given up";
        self.finish_task(Err(glib::Error::new(gio::IOErrorEnum::Failed, text)));
    }
}

fn pointer(tag: &'static u8) -> glib::ffi::gpointer {
    ptr::from_ref(tag).cast_mut().cast()
}
