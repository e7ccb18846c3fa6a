//! All that the library exports, as its headers declare it, and a note of what was called.

use std::{
    collections::BTreeSet,
    ffi::{c_char, c_int},
    sync::{Mutex, PoisonError},
};

use gio::ffi::{
    GAsyncReadyCallback, GAsyncResult, GCancellable, GDatagramBased, GSocketConnectable,
    GTlsBackend, GTlsCertificate,
};
use glib::{
    ffi::{GBytes, GError, GPtrArray, GType, gboolean, gpointer},
    gobject_ffi::{GObject, GTypeModule},
};

/// What the headers call `GioOsslStatistics`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Statistics([u64; 11]);

static CALLED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

/// The exported functions that were called in this process.
pub fn called() -> BTreeSet<&'static str> {
    CALLED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

fn note(function: &'static str) {
    let mut called = CALLED.lock().unwrap_or_else(PoisonError::into_inner);
    called.insert(function);
}

/// Makes functions of the same names, which note that they were called.
macro_rules! library {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(pub(super) unsafe fn $name($($argument: $type),*) $(-> $result)? {
            #[allow(improper_ctypes)] // GType and what GLib's own bindings hold.
            unsafe extern "C" {
                fn $name($($argument: $type),*) $(-> $result)?;
            }
            note(stringify!($name));
            unsafe { $name($($argument),*) }
        })*
    };
}

library! {
    fn g_io_ossl_load(module: *mut GTypeModule);
    fn g_io_ossl_query() -> *mut *mut c_char;
    fn g_io_ossl_unload(module: *mut GTypeModule);
    fn gio_ossl_backend_get_type() -> GType;
    fn gio_ossl_certificate_get_type() -> GType;
    fn gio_ossl_database_get_type() -> GType;
    fn gio_ossl_dtls_client_connection_copy_session(
        own: *mut GObject, other: *mut GObject, error: *mut *mut GError
    ) -> gboolean;
    fn gio_ossl_dtls_client_connection_export_session(
        own: *mut GObject, error: *mut *mut GError
    ) -> *mut GBytes;
    fn gio_ossl_dtls_client_connection_get_type() -> GType;
    fn gio_ossl_dtls_client_connection_import_session(
        own: *mut GObject, session: *mut GBytes, error: *mut *mut GError
    ) -> gboolean;
    fn gio_ossl_dtls_client_connection_new(
        base: *mut GDatagramBased, identity: *mut GSocketConnectable, error: *mut *mut GError
    ) -> *mut GObject;
    fn gio_ossl_dtls_client_connection_set_psk(
        own: *mut GObject, identity: *const c_char, key: *mut GBytes, error: *mut *mut GError
    ) -> gboolean;
    fn gio_ossl_dtls_connection_export_keying_material(
        own: *mut GObject, label: *const c_char, context: *mut GBytes, length: usize,
        error: *mut *mut GError
    ) -> *mut GBytes;
    fn gio_ossl_dtls_connection_export_srtp_keys(
        own: *mut GObject, sending_key: *mut *mut GBytes, sending_salt: *mut *mut GBytes,
        receiving_key: *mut *mut GBytes, receiving_salt: *mut *mut GBytes, error: *mut *mut GError
    ) -> gboolean;
    fn gio_ossl_dtls_connection_get_statistics(own: *mut GObject) -> *mut Statistics;
    fn gio_ossl_dtls_connection_get_type() -> GType;
    fn gio_ossl_dtls_connection_receive_bytes(
        own: *mut GObject, size: usize, timeout: i64, cancellable: *mut GCancellable,
        error: *mut *mut GError
    ) -> *mut GBytes;
    fn gio_ossl_dtls_connection_receive_bytes_async(
        own: *mut GObject, size: usize, priority: c_int, cancellable: *mut GCancellable,
        callback: GAsyncReadyCallback, data: gpointer
    );
    fn gio_ossl_dtls_connection_receive_bytes_finish(
        own: *mut GObject, result: *mut GAsyncResult, error: *mut *mut GError
    ) -> *mut GBytes;
    fn gio_ossl_dtls_connection_receive_many(
        own: *mut GObject, most: u32, size: usize, timeout: i64, cancellable: *mut GCancellable,
        error: *mut *mut GError
    ) -> *mut GPtrArray;
    fn gio_ossl_dtls_connection_send(
        own: *mut GObject, buffer: *const u8, size: usize, timeout: i64,
        cancellable: *mut GCancellable, error: *mut *mut GError
    ) -> isize;
    fn gio_ossl_dtls_connection_send_bytes_async(
        own: *mut GObject, message: *mut GBytes, priority: c_int, cancellable: *mut GCancellable,
        callback: GAsyncReadyCallback, data: gpointer
    );
    fn gio_ossl_dtls_connection_send_bytes_finish(
        own: *mut GObject, result: *mut GAsyncResult, error: *mut *mut GError
    ) -> isize;
    fn gio_ossl_dtls_connection_send_many(
        own: *mut GObject, messages: *mut GPtrArray, timeout: i64, cancellable: *mut GCancellable,
        error: *mut *mut GError
    ) -> isize;
    fn gio_ossl_dtls_connection_to_string(own: *mut GObject) -> *mut c_char;
    fn gio_ossl_dtls_server_connection_get_type() -> GType;
    fn gio_ossl_dtls_server_connection_new(
        base: *mut GDatagramBased, certificate: *mut GTlsCertificate, error: *mut *mut GError
    ) -> *mut GObject;
    fn gio_ossl_file_database_get_type() -> GType;
    fn gio_ossl_file_database_new(anchors: *const c_char, error: *mut *mut GError) -> *mut GObject;
    fn gio_ossl_get_backend() -> *mut GTlsBackend;
    fn gio_ossl_statistics_copy(own: *const Statistics) -> *mut Statistics;
    fn gio_ossl_statistics_free(own: *mut Statistics);
    fn gio_ossl_statistics_get_type() -> GType;
}
