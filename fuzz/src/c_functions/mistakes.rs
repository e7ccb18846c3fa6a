//! Arguments that a header does not allow: GLib's critical, a neutral value, and nothing else.

use std::{ffi::CStr, ptr};

use gio::ffi::GAsyncResult;
use glib::{
    ffi::{GError, gpointer},
    gobject_ffi::GObject,
    prelude::*,
};

use super::{Program, library::*, results::Callback, values::Bytes};
use crate::script::Script;

const SELF: &CStr = c"*(self)*";
const NO_CANCELLABLE: *mut gio::ffi::GCancellable = ptr::null_mut();

pub(super) fn make(program: &Program<'_>, index: usize, script: &mut Script<'_>) {
    let choice = script.byte();
    let cancellable: *mut GObject = program.cancellable.as_ptr().cast();
    let wrong = match choice >> 7 {
        0 => ptr::null_mut(),
        _ => cancellable,
    };
    let [client, server] = &program.ends;
    let end = [client, server][index].as_ref();
    // SAFETY: what is not NULL is alive.
    unsafe {
        match choice % 4 {
            0 => with_wrong_self(choice / 4 % 8, wrong),
            1 => with_wrong_self_again(choice / 4 % 8, wrong),
            2 => without_self(choice / 4 % 8, wrong),
            _ => {
                if let Some(end) = end {
                    with_wrong_argument(choice / 4 % 6, end.as_ptr());
                    with_nothing(choice / 4 % 6, end.as_ptr(), wrong);
                }
                if let (Some(client), Some(server)) = (client, server) {
                    of_client(choice / 4 % 6, client.as_ptr(), server.as_ptr());
                }
            }
        }
    }
}

/// Expects one critical like this one.
fn refused(pattern: &CStr, call: impl FnOnce(*mut *mut GError) -> bool) {
    let mut error = ptr::null_mut();
    // SAFETY: strings that outlive the calls.
    unsafe {
        let critical = glib::ffi::G_LOG_LEVEL_CRITICAL;
        glib::ffi::g_test_expect_message(c"GioOssl".as_ptr(), critical, pattern.as_ptr());
    }
    assert!(call(&raw mut error), "a neutral value");
    assert!(error.is_null(), "a mistake is no error");
    // SAFETY: likewise.
    unsafe {
        glib::ffi::g_test_assert_expected_messages_internal(
            ptr::null(),
            c"mistakes.rs".as_ptr(),
            0,
            c"refused".as_ptr(),
        );
    }
}

unsafe extern "C" fn never(_end: *mut GObject, _result: *mut GAsyncResult, _data: gpointer) {
    unreachable!("a call that was refused does not call back");
}

/// `wrong` is NULL or of another class.
unsafe fn with_wrong_self(number: u8, wrong: *mut GObject) {
    let (bytes, none, no_data) = (Bytes::new(b"x"), NO_CANCELLABLE, ptr::null_mut());
    let result = wrong.cast();
    // SAFETY: NULL, or alive.
    refused(SELF, |error| unsafe {
        match number {
            0 => gio_ossl_dtls_connection_send(wrong, b"x".as_ptr(), 1, 0, none, error) == -1,
            1 => gio_ossl_dtls_connection_receive_bytes(wrong, 1, 0, none, error).is_null(),
            2 => {
                let array = glib::ffi::g_ptr_array_new();
                let sent = gio_ossl_dtls_connection_send_many(wrong, array, 0, none, error);
                glib::ffi::g_ptr_array_unref(array);
                sent == -1
            }
            3 => gio_ossl_dtls_connection_receive_many(wrong, 1, 1, 0, none, error).is_null(),
            4 => {
                let message = bytes.as_ptr();
                gio_ossl_dtls_connection_send_bytes_async(
                    wrong,
                    message,
                    0,
                    none,
                    Some(never),
                    no_data,
                );
                true
            }
            5 => {
                gio_ossl_dtls_connection_receive_bytes_async(
                    wrong,
                    1,
                    0,
                    none,
                    Some(never),
                    no_data,
                );
                true
            }
            6 => gio_ossl_dtls_connection_send_bytes_finish(wrong, result, error) == -1,
            _ => gio_ossl_dtls_connection_receive_bytes_finish(wrong, result, error).is_null(),
        }
    });
}

/// The same for what has nothing to do with messages.
unsafe fn with_wrong_self_again(number: u8, wrong: *mut GObject) {
    let bytes = Bytes::new(b"x");
    // SAFETY: NULL, or alive.
    refused(SELF, |error| unsafe {
        match number {
            0 => {
                let mut keys = [ptr::null_mut(); 4];
                let [first, second, third, fourth] = &mut keys;
                let done = gio_ossl_dtls_connection_export_srtp_keys(
                    wrong, first, second, third, fourth, error,
                );
                done == 0 && keys == [ptr::null_mut(); 4]
            }
            1 => {
                let (label, context) = (c"EXPORTER".as_ptr(), bytes.as_ptr());
                gio_ossl_dtls_connection_export_keying_material(wrong, label, context, 1, error)
                    .is_null()
            }
            2 => gio_ossl_dtls_connection_get_statistics(wrong).is_null(),
            3 => gio_ossl_dtls_connection_to_string(wrong).is_null(),
            4 => {
                let (identity, key) = (c"x".as_ptr(), bytes.as_ptr());
                gio_ossl_dtls_client_connection_set_psk(wrong, identity, key, error) == 0
            }
            5 => gio_ossl_dtls_client_connection_export_session(wrong, error).is_null(),
            6 => {
                let session = bytes.as_ptr();
                gio_ossl_dtls_client_connection_import_session(wrong, session, error) == 0
            }
            _ => gio_ossl_dtls_client_connection_copy_session(wrong, wrong, error) == 0,
        }
    });
}

/// Functions that are no methods of connections.
unsafe fn without_self(number: u8, wrong: *mut GObject) {
    let base = crate::common::simnet::SimNet::new().client();
    let base = base.as_ptr().cast();
    let other = gio::Cancellable::new();
    let other: *mut GObject = other.as_ptr().cast();
    let pattern = match number {
        0 | 1 => c"*self != NULL*",
        2 => c"*anchors != NULL*",
        3 | 4 => c"*(base_socket)*",
        5 => c"*(server_identity)*",
        _ => c"*(certificate)*",
    };
    // SAFETY: NULL, or alive.
    refused(pattern, |error| unsafe {
        match number {
            0 => gio_ossl_statistics_copy(ptr::null()).is_null(),
            1 => {
                gio_ossl_statistics_free(ptr::null_mut());
                true
            }
            2 => gio_ossl_file_database_new(ptr::null(), error).is_null(),
            3 => {
                gio_ossl_dtls_client_connection_new(wrong.cast(), ptr::null_mut(), error).is_null()
            }
            4 => {
                gio_ossl_dtls_server_connection_new(wrong.cast(), ptr::null_mut(), error).is_null()
            }
            5 => gio_ossl_dtls_client_connection_new(base, other.cast(), error).is_null(),
            _ => gio_ossl_dtls_server_connection_new(base, other.cast(), error).is_null(),
        }
    });
}

/// A buffer, or a cancellable, which may be NULL.
unsafe fn with_wrong_argument(number: u8, own: *mut GObject) {
    let (none, no_cancellable) = (NO_CANCELLABLE, own.cast());
    let pattern = match number {
        0 => c"*buffer != NULL*",
        1 => c"*G_MAXSSIZE*",
        _ => c"*cancellable*",
    };
    // SAFETY: NULL, or alive.
    refused(pattern, |error| unsafe {
        match number {
            0 => gio_ossl_dtls_connection_send(own, ptr::null(), 1, 0, none, error) == -1,
            1 => {
                let (buffer, size) = (b"x".as_ptr(), usize::MAX);
                gio_ossl_dtls_connection_send(own, buffer, size, 0, none, error) == -1
            }
            2 => {
                let buffer = b"x".as_ptr();
                gio_ossl_dtls_connection_send(own, buffer, 1, 0, no_cancellable, error) == -1
            }
            3 => gio_ossl_dtls_connection_receive_bytes(own, 1, 0, no_cancellable, error).is_null(),
            4 => {
                gio_ossl_dtls_connection_receive_many(own, 1, 1, 0, no_cancellable, error).is_null()
            }
            _ => {
                let (callback, data) = (Some(never as Callback), ptr::null_mut());
                gio_ossl_dtls_connection_receive_bytes_async(
                    own,
                    1,
                    0,
                    no_cancellable,
                    callback,
                    data,
                );
                true
            }
        }
    });
}

/// Messages, results and labels; `wrong` is NULL or of another class.
unsafe fn with_nothing(number: u8, own: *mut GObject, wrong: *mut GObject) {
    let (bytes, none) = (Bytes::new(b"x"), NO_CANCELLABLE);
    let (no_bytes, no_array) = (ptr::null_mut(), ptr::null_mut());
    let pattern = match number {
        0..=2 => c"*message*",
        3 | 4 => c"*(result)*",
        _ => c"*label != NULL*",
    };
    // SAFETY: NULL, or alive; the array has two elements.
    refused(pattern, |error| unsafe {
        match number {
            0 => gio_ossl_dtls_connection_send_many(own, no_array, 0, none, error) == -1,
            1 => {
                let array = glib::ffi::g_ptr_array_new();
                glib::ffi::g_ptr_array_add(array, bytes.as_ptr().cast());
                glib::ffi::g_ptr_array_add(array, ptr::null_mut());
                let sent = gio_ossl_dtls_connection_send_many(own, array, 0, none, error);
                glib::ffi::g_ptr_array_unref(array);
                sent == -1
            }
            2 => {
                let (callback, data) = (Some(never as Callback), ptr::null_mut());
                gio_ossl_dtls_connection_send_bytes_async(own, no_bytes, 0, none, callback, data);
                true
            }
            3 => gio_ossl_dtls_connection_send_bytes_finish(own, wrong.cast(), error) == -1,
            4 => gio_ossl_dtls_connection_receive_bytes_finish(own, wrong.cast(), error).is_null(),
            _ => {
                let no_label = ptr::null();
                gio_ossl_dtls_connection_export_keying_material(own, no_label, no_bytes, 1, error)
                    .is_null()
            }
        }
    });
}

/// Methods of clients: a server is another class as well.
unsafe fn of_client(number: u8, client: *mut GObject, server: *mut GObject) {
    let bytes = Bytes::new(b"x");
    let (identity, key, nothing) = (c"x".as_ptr(), bytes.as_ptr(), ptr::null_mut());
    let pattern = match number {
        0 => c"*identity != NULL*",
        1 => c"*key != NULL*",
        2 => c"*session != NULL*",
        3 => c"*(other)*",
        _ => SELF,
    };
    // SAFETY: NULL, or alive.
    refused(pattern, |error| unsafe {
        match number {
            0 => gio_ossl_dtls_client_connection_set_psk(client, ptr::null(), key, error) == 0,
            1 => gio_ossl_dtls_client_connection_set_psk(client, identity, nothing, error) == 0,
            2 => gio_ossl_dtls_client_connection_import_session(client, nothing, error) == 0,
            3 => gio_ossl_dtls_client_connection_copy_session(client, server, error) == 0,
            4 => gio_ossl_dtls_client_connection_export_session(server, error).is_null(),
            _ => gio_ossl_dtls_client_connection_set_psk(server, identity, key, error) == 0,
        }
    });
}
