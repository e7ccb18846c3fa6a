//! The asynchronous C functions that move bytes, with closures as their callbacks.

#![allow(unsafe_code)] // What is tested is C's.

use std::{
    cell::RefCell,
    ffi::{c_int, c_void},
    ptr,
    rc::Rc,
};

use gio::{ffi, prelude::*};
use gio_ossl::DtlsConnection;
use glib::translate::*;

use super::until;

type Instance = c_void;
type Callback = unsafe extern "C" fn(*mut c_void, *mut ffi::GAsyncResult, *mut c_void);

unsafe extern "C" {
    fn gio_ossl_dtls_connection_send_bytes_async(
        connection: *mut Instance,
        message: *mut glib::ffi::GBytes,
        io_priority: c_int,
        cancellable: *mut ffi::GCancellable,
        callback: Callback,
        data: *mut c_void,
    );
    fn gio_ossl_dtls_connection_send_bytes_finish(
        connection: *mut Instance,
        result: *mut ffi::GAsyncResult,
        error: *mut *mut glib::ffi::GError,
    ) -> isize;
    fn gio_ossl_dtls_connection_receive_bytes_async(
        connection: *mut Instance,
        size: usize,
        io_priority: c_int,
        cancellable: *mut ffi::GCancellable,
        callback: Callback,
        data: *mut c_void,
    );
    fn gio_ossl_dtls_connection_receive_bytes_finish(
        connection: *mut Instance,
        result: *mut ffi::GAsyncResult,
        error: *mut *mut glib::ffi::GError,
    ) -> *mut glib::ffi::GBytes;
}

/// What became of sending: the bytes.
pub type Sent = Result<isize, glib::Error>;
/// What became of receiving: the message, or the end.
pub type Message = Result<Option<Vec<u8>>, glib::Error>;
/// A place for what a call will have answered.
pub type Slot<T> = Rc<RefCell<Option<T>>>;

/// An empty place, and what fills it.
pub fn slot<T: 'static>() -> (Slot<T>, impl FnOnce(T) + 'static) {
    let empty = Rc::new(RefCell::new(None));
    let filled = empty.clone();
    (empty, move |value| {
        assert!(filled.replace(Some(value)).is_none(), "answered twice");
    })
}

/// Calls `gio_ossl_dtls_connection_send_bytes_async()`.
pub fn send_async(
    end: &impl IsA<DtlsConnection>,
    message: &[u8],
    priority: glib::Priority,
    cancellable: Option<&gio::Cancellable>,
    done: impl FnOnce(Sent) + 'static,
) {
    let message = glib::Bytes::from(message);
    let done: Box<Box<dyn FnOnce(Sent)>> = Box::new(Box::new(done));
    // SAFETY: live objects; the callback gets back the box.
    unsafe {
        gio_ossl_dtls_connection_send_bytes_async(
            instance(end),
            message.to_glib_none().0,
            priority.into_glib(),
            cancellable.to_glib_none().0,
            sent,
            Box::into_raw(done).cast(),
        );
    }
}

/// Calls `gio_ossl_dtls_connection_receive_bytes_async()`.
pub fn receive_async(
    end: &impl IsA<DtlsConnection>,
    size: usize,
    priority: glib::Priority,
    cancellable: Option<&gio::Cancellable>,
    done: impl FnOnce(Message) + 'static,
) {
    let done: Box<Box<dyn FnOnce(Message)>> = Box::new(Box::new(done));
    // SAFETY: live objects; the callback gets back the box.
    unsafe {
        gio_ossl_dtls_connection_receive_bytes_async(
            instance(end),
            size,
            priority.into_glib(),
            cancellable.to_glib_none().0,
            received,
            Box::into_raw(done).cast(),
        );
    }
}

/// Sends at the default priority; the answer comes into the slot.
pub fn begin_send(end: &impl IsA<DtlsConnection>, message: &[u8]) -> Slot<Sent> {
    let (empty, fill) = slot();
    send_async(end, message, glib::Priority::DEFAULT, None, fill);
    empty
}

/// Receives at the default priority; the answer comes into the slot.
pub fn begin_receive(
    end: &impl IsA<DtlsConnection>,
    cancellable: Option<&gio::Cancellable>,
) -> Slot<Message> {
    let (empty, fill) = slot();
    receive_async(end, 100, glib::Priority::DEFAULT, cancellable, fill);
    empty
}

/// Waits for the answer of a call.
pub async fn answer<T>(slot: &Slot<T>) -> T {
    until(|| slot.borrow().is_some()).await;
    slot.take().unwrap()
}

/// Lets the main loop do what it can now.
pub fn exhaust() {
    let context = glib::MainContext::ref_thread_default();
    for _ in 0..50 {
        context.iteration(false);
    }
}

/// Asks for the answer to sending, whatever the result is of.
pub fn finish_send(end: &impl IsA<DtlsConnection>, result: &gio::AsyncResult) -> Sent {
    let mut error = ptr::null_mut();
    // SAFETY: live objects, and a place for the error.
    unsafe {
        let finish = gio_ossl_dtls_connection_send_bytes_finish;
        let bytes = finish(instance(end), result.to_glib_none().0, &mut error);
        assert_eq!(bytes < 0, !error.is_null());
        from_glib_full::<_, Option<glib::Error>>(error).map_or(Ok(bytes), Err)
    }
}

/// Asks for the answer to receiving, whatever the result is of.
pub fn finish_receive(end: &impl IsA<DtlsConnection>, result: &gio::AsyncResult) -> Message {
    let mut error = ptr::null_mut();
    // SAFETY: live objects, and a place for the error; the message is ours.
    unsafe {
        let finish = gio_ossl_dtls_connection_receive_bytes_finish;
        let bytes = finish(instance(end), result.to_glib_none().0, &mut error);
        let bytes: Option<glib::Bytes> = from_glib_full(bytes);
        assert!(bytes.is_none() || error.is_null());
        let message = bytes.map(|bytes| bytes.to_vec());
        from_glib_full::<_, Option<glib::Error>>(error).map_or(Ok(message), Err)
    }
}

fn instance(end: &impl IsA<DtlsConnection>) -> *mut Instance {
    end.upcast_ref::<DtlsConnection>().as_ptr().cast()
}

unsafe extern "C" fn sent(source: *mut c_void, result: *mut ffi::GAsyncResult, data: *mut c_void) {
    // SAFETY: the connection, its result, and the box that `send_async` has given.
    let (end, result, done) = unsafe {
        (
            glib::Object::from_glib_none(source.cast::<glib::gobject_ffi::GObject>()),
            gio::AsyncResult::from_glib_none(result),
            Box::from_raw(data.cast::<Box<dyn FnOnce(Sent)>>()),
        )
    };
    let end = end.downcast::<DtlsConnection>().unwrap();
    done(finish_send(&end, &result));
}

unsafe extern "C" fn received(
    source: *mut c_void,
    result: *mut ffi::GAsyncResult,
    data: *mut c_void,
) {
    // SAFETY: the connection, its result, and the box that `receive_async` has given.
    let (end, result, done) = unsafe {
        (
            glib::Object::from_glib_none(source.cast::<glib::gobject_ffi::GObject>()),
            gio::AsyncResult::from_glib_none(result),
            Box::from_raw(data.cast::<Box<dyn FnOnce(Message)>>()),
        )
    };
    let end = end.downcast::<DtlsConnection>().unwrap();
    done(finish_receive(&end, &result));
}
