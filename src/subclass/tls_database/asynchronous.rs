//! The asynchronous methods: each is the blocking one, called at once, whose result waits in a GTask.
//!
//! A call that is cancelled before its result is fetched ends with `G_IO_ERROR_CANCELLED`, as with the
//! methods of GIO's own that these replace.

use std::{ffi::c_char, ptr};

use gio::ffi;
use glib::{gobject_ffi, translate::*};

use super::TlsDatabaseImpl;

/// What a task holds. Their addresses tell the tasks of different methods apart, and another's result
/// must not be taken for one's own.
static PROBLEMS: u8 = 0;
static CERTIFICATE: u8 = 1;
static CERTIFICATES: u8 = 2;

pub(super) unsafe extern "C" fn verify_chain<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    chain: *mut ffi::GTlsCertificate,
    purpose: *const c_char,
    identity: *mut ffi::GSocketConnectable,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseVerifyFlags,
    cancellable: *mut ffi::GCancellable,
    callback: ffi::GAsyncReadyCallback,
    user_data: glib::ffi::gpointer,
) {
    // SAFETY: the arguments are those of the slot, and what the blocking method needs.
    unsafe {
        let task = Task::new(database, &PROBLEMS, cancellable, callback, user_data);
        let mut error = ptr::null_mut();
        let problems = super::verify_chain::<T>(
            database,
            chain,
            purpose,
            identity,
            interaction,
            flags,
            cancellable,
            &mut error,
        );
        match error.is_null() {
            true => ffi::g_task_return_int(task.0, problems as isize),
            false => ffi::g_task_return_error(task.0, error),
        }
    }
}

pub(super) unsafe extern "C" fn verify_chain_finish(
    database: *mut ffi::GTlsDatabase,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> ffi::GTlsCertificateFlags {
    // SAFETY: GIO passes a database, a result, and NULL or a place for an error.
    let problems = unsafe {
        match is_own(database, &PROBLEMS, result, error) {
            true => ffi::g_task_propagate_int(result.cast(), error),
            false => -1,
        }
    };
    // A failed task answers -1, which would be every flag and then some.
    u32::try_from(problems).unwrap_or(ffi::G_TLS_CERTIFICATE_GENERIC_ERROR)
}

pub(super) unsafe extern "C" fn lookup_certificate_for_handle<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    handle: *const c_char,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseLookupFlags,
    cancellable: *mut ffi::GCancellable,
    callback: ffi::GAsyncReadyCallback,
    user_data: glib::ffi::gpointer,
) {
    // SAFETY: the arguments are those of the slot, and what the blocking method needs.
    unsafe {
        let task = Task::new(database, &CERTIFICATE, cancellable, callback, user_data);
        task.answer(release_object, |error| {
            super::lookup_certificate_for_handle::<T>(
                database,
                handle,
                interaction,
                flags,
                cancellable,
                error,
            )
            .cast()
        });
    }
}

pub(super) unsafe extern "C" fn lookup_certificate_issuer<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    certificate: *mut ffi::GTlsCertificate,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseLookupFlags,
    cancellable: *mut ffi::GCancellable,
    callback: ffi::GAsyncReadyCallback,
    user_data: glib::ffi::gpointer,
) {
    // SAFETY: the arguments are those of the slot, and what the blocking method needs.
    unsafe {
        let task = Task::new(database, &CERTIFICATE, cancellable, callback, user_data);
        task.answer(release_object, |error| {
            super::lookup_certificate_issuer::<T>(
                database,
                certificate,
                interaction,
                flags,
                cancellable,
                error,
            )
            .cast()
        });
    }
}

pub(super) unsafe extern "C" fn lookup_certificate_finish(
    database: *mut ffi::GTlsDatabase,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> *mut ffi::GTlsCertificate {
    // SAFETY: GIO passes a database, a result, and NULL or a place for an error.
    unsafe { pointer_of(database, &CERTIFICATE, result, error).cast() }
}

pub(super) unsafe extern "C" fn lookup_certificates_issued_by<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    issuer: *mut glib::ffi::GByteArray,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseLookupFlags,
    cancellable: *mut ffi::GCancellable,
    callback: ffi::GAsyncReadyCallback,
    user_data: glib::ffi::gpointer,
) {
    // SAFETY: the arguments are those of the slot, and what the blocking method needs.
    unsafe {
        let task = Task::new(database, &CERTIFICATES, cancellable, callback, user_data);
        task.answer(release_list, |error| {
            super::lookup_certificates_issued_by::<T>(
                database,
                issuer,
                interaction,
                flags,
                cancellable,
                error,
            )
            .cast()
        });
    }
}

pub(super) unsafe extern "C" fn lookup_certificates_finish(
    database: *mut ffi::GTlsDatabase,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GList {
    // SAFETY: GIO passes a database, a result, and NULL or a place for an error.
    unsafe { pointer_of(database, &CERTIFICATES, result, error).cast() }
}

unsafe extern "C" fn release_object(object: glib::ffi::gpointer) {
    // SAFETY: only installed for owned objects.
    unsafe { gobject_ffi::g_object_unref(object.cast()) };
}

unsafe extern "C" fn release_list(list: glib::ffi::gpointer) {
    // SAFETY: only installed for lists of owned objects that nobody took.
    unsafe { glib::ffi::g_list_free_full(list.cast(), Some(release_object)) };
}

/// The GTask of one asynchronous call, which answers through the main context that is thread-default
/// where it is made.
struct Task(*mut ffi::GTask);

impl Task {
    /// # Safety
    ///
    /// The arguments are those of an asynchronous slot.
    unsafe fn new(
        database: *mut ffi::GTlsDatabase,
        kind: &'static u8,
        cancellable: *mut ffi::GCancellable,
        callback: ffi::GAsyncReadyCallback,
        user_data: glib::ffi::gpointer,
    ) -> Self {
        // SAFETY: by the caller's guarantee; the new task is ours.
        unsafe {
            let task = ffi::g_task_new(database.cast(), cancellable, callback, user_data);
            ffi::g_task_set_source_tag(task, pointer(kind));
            Self(task)
        }
    }

    /// Returns what the blocking method does: nothing is found as well as something.
    ///
    /// # Safety
    ///
    /// `method` reports an error through its argument, or else returns NULL or what `release` releases;
    /// this is the task's only result.
    unsafe fn answer(
        &self,
        release: unsafe extern "C" fn(glib::ffi::gpointer),
        method: impl FnOnce(*mut *mut glib::ffi::GError) -> glib::ffi::gpointer,
    ) {
        let mut error = ptr::null_mut();
        let found = method(&mut error);
        // SAFETY: by the caller's guarantee.
        unsafe {
            if error.is_null() {
                let release = (!found.is_null()).then_some(release);
                ffi::g_task_return_pointer(self.0, found, release.map(|release| release as _));
            } else {
                ffi::g_task_return_error(self.0, error);
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: this object owns a reference.
        unsafe { gobject_ffi::g_object_unref(self.0.cast()) };
    }
}

/// # Safety
///
/// `database` is a live object, `result` NULL or one, and `error` NULL or a place for an error.
unsafe fn pointer_of(
    database: *mut ffi::GTlsDatabase,
    kind: &'static u8,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gpointer {
    // SAFETY: by the caller's guarantee, and a result of this kind is a task with a pointer.
    unsafe {
        match is_own(database, kind, result, error) {
            true => ffi::g_task_propagate_pointer(result.cast(), error),
            false => ptr::null_mut(),
        }
    }
}

/// Whether a result is that of a call on this database, for the same kind of answer; reports an error
/// otherwise.
///
/// # Safety
///
/// `database` is a live object, `result` NULL or one, and `error` NULL or a place for an error.
unsafe fn is_own(
    database: *mut ffi::GTlsDatabase,
    kind: &'static u8,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> bool {
    // SAFETY: by the caller's guarantee.
    unsafe {
        let own = !result.is_null()
            && ffi::g_task_is_valid(result.cast(), database.cast()) != 0
            && ffi::g_async_result_is_tagged(result, pointer(kind)) != 0;
        if !own && !error.is_null() {
            let text = "The result is not that of such a call on this database";
            *error = glib::Error::new(gio::IOErrorEnum::InvalidArgument, text).into_glib_ptr();
        }
        own
    }
}

fn pointer(kind: &'static u8) -> glib::ffi::gpointer {
    ptr::from_ref(kind).cast_mut().cast()
}
