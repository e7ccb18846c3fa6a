//! Messages as plain bytes

use std::{os::raw::c_int, ptr, slice};

use glib::translate::*;

use super::{Instance, answer, duration, object, optional_cancellable, this};
use crate::DtlsConnection;
use crate::capi::checks::check;
use crate::prelude::*;
use crate::subclass::dtls_connection::Completion;
use crate::subclass::guard;

/// Its address marks the results of sending.
static SEND: u8 = 1;
/// Its address marks the results of receiving.
static RECEIVE: u8 = 2;

/// Sends one message; answers its bytes, or -1 with `error` set.
///
/// # Safety
///
/// As in C: each object is NULL or live, `error` is NULL or points to a NULL pointer, `buffer` holds `size` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_send(
    connection: *mut Instance,
    buffer: *const u8,
    size: usize,
    timeout_us: i64,
    cancellable: *mut gio::ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> isize {
    const NAME: &str = "gio_ossl_dtls_connection_send";
    let body = || {
        check!(
            NAME,
            None,
            size == 0 || !buffer.is_null(),
            "size == 0 || buffer != NULL"
        );
        check!(
            NAME,
            None,
            isize::try_from(size).is_ok(),
            "size <= G_MAXSSIZE"
        );
        // SAFETY: as this function's caller guarantees.
        let (connection, cancellable, message) = unsafe {
            let connection = this(NAME, connection)?;
            let cancellable = optional_cancellable(NAME, cancellable)?;
            let message = match size {
                0 => &[],
                _ => slice::from_raw_parts(buffer, size),
            };
            (connection, cancellable, message)
        };
        let timeout = duration(timeout_us);
        let sent = connection.send(message, timeout, cancellable.as_ref());
        Some(sent.map(usize::cast_signed))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, -1, body) }
}

/// Receives one message; NULL with `error` set, or without it at the end of the stream.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_connection_send`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_receive_bytes(
    connection: *mut Instance,
    size: usize,
    timeout_us: i64,
    cancellable: *mut gio::ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GBytes {
    const NAME: &str = "gio_ossl_dtls_connection_receive_bytes";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let (connection, cancellable) = unsafe {
            let connection = this(NAME, connection)?;
            let cancellable = optional_cancellable(NAME, cancellable)?;
            (connection, cancellable)
        };
        let timeout = duration(timeout_us);
        let message = connection.receive_bytes(size, timeout, cancellable.as_ref());
        Some(message.map(IntoGlibPtr::into_glib_ptr))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, ptr::null_mut(), body) }
}

/// Sends several messages; answers how many, or -1 with `error` set.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_connection_send`]; `messages` is NULL or an array of GBytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_send_many(
    connection: *mut Instance,
    messages: *mut glib::ffi::GPtrArray,
    timeout_us: i64,
    cancellable: *mut gio::ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> isize {
    const NAME: &str = "gio_ossl_dtls_connection_send_many";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let (connection, cancellable, messages) = unsafe {
            let connection = this(NAME, connection)?;
            check!(NAME, None, !messages.is_null(), "messages != NULL");
            let messages = elements(messages);
            check!(
                NAME,
                None,
                !messages.contains(&ptr::null_mut()),
                "every message != NULL"
            );
            let cancellable = optional_cancellable(NAME, cancellable)?;
            let messages = messages.iter().map(|message| from_glib_none(*message));
            (connection, cancellable, messages.collect::<Vec<_>>())
        };
        let timeout = duration(timeout_us);
        let sent = connection.send_many(&messages, timeout, cancellable.as_ref());
        Some(sent.map(usize::cast_signed))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, -1, body) }
}

/// Receives several messages; an empty array is the end of the stream, NULL has `error` set.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_connection_send`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_receive_many(
    connection: *mut Instance,
    max: u32,
    size: usize,
    timeout_us: i64,
    cancellable: *mut gio::ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GPtrArray {
    const NAME: &str = "gio_ossl_dtls_connection_receive_many";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        let (connection, cancellable) = unsafe {
            let connection = this(NAME, connection)?;
            let cancellable = optional_cancellable(NAME, cancellable)?;
            (connection, cancellable)
        };
        let timeout = duration(timeout_us);
        let messages = connection.receive_many(max as usize, size, timeout, cancellable.as_ref());
        Some(messages.map(array))
    };
    // SAFETY: `error` is as this function's caller guarantees.
    unsafe { answer(NAME, error, ptr::null_mut(), body) }
}

/// Begins to send one message.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_connection_send`]; `message` is NULL or live, and `callback` may be called
/// once with `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_send_bytes_async(
    connection: *mut Instance,
    message: *mut glib::ffi::GBytes,
    io_priority: c_int,
    cancellable: *mut gio::ffi::GCancellable,
    callback: gio::ffi::GAsyncReadyCallback,
    data: glib::ffi::gpointer,
) {
    const NAME: &str = "gio_ossl_dtls_connection_send_bytes_async";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        unsafe {
            this(NAME, connection)?;
            check!(NAME, None, !message.is_null(), "message != NULL");
            let message = from_glib_none(message);
            let (connection, cancellable, completion) = begin(
                NAME,
                &SEND,
                connection,
                io_priority,
                cancellable,
                callback,
                data,
            )?;
            let priority = from_glib(io_priority);
            connection.send_bytes_in_loop(message, priority, cancellable.as_ref(), completion);
            Some(())
        }
    };
    guard(NAME, || None, body);
}

/// What [`gio_ossl_dtls_connection_send_bytes_async`] brought: the bytes, or -1 with `error` set.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_connection_send`]; `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_send_bytes_finish(
    connection: *mut Instance,
    result: *mut gio::ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> isize {
    const NAME: &str = "gio_ossl_dtls_connection_send_bytes_finish";
    // SAFETY: as this function's caller guarantees.
    unsafe {
        answer(NAME, error, -1, || {
            own_result(NAME, connection, result)?;
            Some(Completion::finish::<usize>(
                connection.cast(),
                &SEND,
                result,
            ))
        })
    }
}

/// Begins to receive one message.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_connection_send_bytes_async`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_receive_bytes_async(
    connection: *mut Instance,
    size: usize,
    io_priority: c_int,
    cancellable: *mut gio::ffi::GCancellable,
    callback: gio::ffi::GAsyncReadyCallback,
    data: glib::ffi::gpointer,
) {
    const NAME: &str = "gio_ossl_dtls_connection_receive_bytes_async";
    let body = || {
        // SAFETY: as this function's caller guarantees.
        unsafe {
            let (connection, cancellable, completion) = begin(
                NAME,
                &RECEIVE,
                connection,
                io_priority,
                cancellable,
                callback,
                data,
            )?;
            let priority = from_glib(io_priority);
            connection.receive_bytes_in_loop(size, priority, cancellable.as_ref(), completion);
            Some(())
        }
    };
    guard(NAME, || None, body);
}

/// What [`gio_ossl_dtls_connection_receive_bytes_async`] brought: a message; NULL with `error` set, or
/// without it at the end of the stream.
///
/// # Safety
///
/// As for [`gio_ossl_dtls_connection_send_bytes_finish`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gio_ossl_dtls_connection_receive_bytes_finish(
    connection: *mut Instance,
    result: *mut gio::ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GBytes {
    const NAME: &str = "gio_ossl_dtls_connection_receive_bytes_finish";
    // SAFETY: as this function's caller guarantees.
    unsafe {
        answer(NAME, error, ptr::null_mut(), || {
            own_result(NAME, connection, result)?;
            Some(Completion::finish::<Option<glib::Bytes>>(
                connection.cast(),
                &RECEIVE,
                result,
            ))
        })
    }
}

/// Checks what every asynchronous call has, and makes the call's completion.
///
/// # Safety
///
/// The objects are NULL or live, and `callback` may be called once with `data`.
unsafe fn begin(
    function: &str,
    tag: &'static u8,
    connection: *mut Instance,
    io_priority: c_int,
    cancellable: *mut gio::ffi::GCancellable,
    callback: gio::ffi::GAsyncReadyCallback,
    data: glib::ffi::gpointer,
) -> Option<(DtlsConnection, Option<gio::Cancellable>, Completion)> {
    // SAFETY: by the caller's guarantee, and of the types that were checked.
    unsafe {
        let own = this(function, connection)?;
        let wrapped = optional_cancellable(function, cancellable)?;
        let source = connection.cast();
        let completion = Completion::new(source, tag, io_priority, cancellable, callback, data);
        Some((own, wrapped, completion))
    }
}

/// Checks the arguments of a `_finish` function.
///
/// # Safety
///
/// Both are NULL or live.
unsafe fn own_result(
    function: &str,
    connection: *mut Instance,
    result: *mut gio::ffi::GAsyncResult,
) -> Option<()> {
    // SAFETY: by the caller's guarantee.
    unsafe {
        this(function, connection)?;
        object::<gio::AsyncResult>(function, result, "G_IS_ASYNC_RESULT (result)")?;
    }
    Some(())
}

/// The pointers in an array.
///
/// # Safety
///
/// `array` is live and does not change during `'a`.
unsafe fn elements<'a>(array: *mut glib::ffi::GPtrArray) -> &'a [*mut glib::ffi::GBytes] {
    // SAFETY: the array holds `len` pointers, and may have no memory when it is empty.
    unsafe {
        match (*array).len {
            0 => &[],
            len => slice::from_raw_parts((*array).pdata.cast(), len as usize),
        }
    }
}

/// An array that owns these messages.
fn array(messages: Vec<glib::Bytes>) -> *mut glib::ffi::GPtrArray {
    // SAFETY: the array gets a reference on each message, and what releases it.
    unsafe {
        let array = glib::ffi::g_ptr_array_new_with_free_func(Some(unref_bytes));
        for message in messages {
            let message: *mut glib::ffi::GBytes = message.into_glib_ptr();
            glib::ffi::g_ptr_array_add(array, message.cast());
        }
        array
    }
}

unsafe extern "C" fn unref_bytes(bytes: glib::ffi::gpointer) {
    // SAFETY: the array calls this once for each reference that it was given.
    unsafe { glib::ffi::g_bytes_unref(bytes.cast()) };
}
