//! `GTlsDatabase`: deriving from it, and the empty interface `GTlsFileDatabase`.
//!
//! Longer than most files here, because the class has four methods in three forms each.

use std::ptr;

use gio::ffi;
use glib::{gobject_ffi, prelude::*, subclass::prelude::*, translate::*};

use super::{guard, guard_result, implementation};

/// A class that derives from `GTlsDatabase`. All methods may be called from every thread at once.
///
/// Not finding a certificate is no error. The asynchronous methods of GIO run these in the thread that
/// calls them and deliver the result through its thread-default main context, so that no thread is
/// started and a result of nothing stays one.
pub trait TlsDatabaseImpl: ObjectImpl + ObjectSubclass<Type: IsA<gio::TlsDatabase>> {
    /// What is wrong with the chain of a certificate and its issuers.
    ///
    /// # Errors
    ///
    /// Only when it could not be judged.
    fn verify_chain(
        &self,
        chain: &gio::TlsCertificate,
        purpose: &str,
        identity: Option<&gio::SocketConnectable>,
        interaction: Option<&gio::TlsInteraction>,
        flags: gio::TlsDatabaseVerifyFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<gio::TlsCertificateFlags, glib::Error>;

    /// A lasting name for a certificate of this database.
    fn create_certificate_handle(&self, certificate: &gio::TlsCertificate)
    -> Option<glib::GString>;

    /// The certificate of which this is the handle.
    ///
    /// # Errors
    ///
    /// Only when the look-up did not take place.
    fn lookup_certificate_for_handle(
        &self,
        handle: &str,
        interaction: Option<&gio::TlsInteraction>,
        flags: gio::TlsDatabaseLookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<gio::TlsCertificate>, glib::Error>;

    /// The issuer of a certificate.
    ///
    /// # Errors
    ///
    /// Only when the look-up did not take place.
    fn lookup_certificate_issuer(
        &self,
        certificate: &gio::TlsCertificate,
        interaction: Option<&gio::TlsInteraction>,
        flags: gio::TlsDatabaseLookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<gio::TlsCertificate>, glib::Error>;

    /// Every certificate with this issuer, given as a DER distinguished name.
    ///
    /// # Errors
    ///
    /// Only when the look-up did not take place.
    fn lookup_certificates_issued_by(
        &self,
        issuer: &[u8],
        interaction: Option<&gio::TlsInteraction>,
        flags: gio::TlsDatabaseLookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Vec<gio::TlsCertificate>, glib::Error>;
}

/// Lets an [`ObjectSubclass`] that is a [`TlsDatabaseImpl`] derive from `GTlsDatabase`.
#[doc(hidden)]
#[macro_export]
macro_rules! impl_tls_database {
    ($class:ty) => {
        // SAFETY: `class_init` initializes the parent class and fills every slot with a trampoline for
        // this very class.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsSubclassable<$class>
            for $crate::subclass::export::gio::TlsDatabase
        {
            fn class_init(class: &mut $crate::subclass::export::glib::Class<Self>) {
                use $crate::subclass::export::glib::subclass::types::IsSubclassableExt;

                Self::parent_class_init::<$class>(class);
                $crate::subclass::tls_database::class_init::<$class>(class);
            }
        }
    };
}

/// Implements `GTlsFileDatabase`, which has no slots, for an [`ObjectSubclass`].
#[doc(hidden)]
#[macro_export]
macro_rules! impl_tls_file_database {
    ($class:ty) => {
        // SAFETY: the interface has no slots to fill.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsImplementable<$class>
            for $crate::subclass::export::gio::TlsFileDatabase
        {
        }
    };
}

/// Fills the class's slots; what [`impl_tls_database`](crate::impl_tls_database) calls.
#[doc(hidden)]
pub fn class_init<T: TlsDatabaseImpl>(class: &mut glib::Class<gio::TlsDatabase>) {
    let class = class.as_mut();
    class.verify_chain = Some(verify_chain::<T>);
    class.verify_chain_async = Some(verify_chain_async::<T>);
    class.verify_chain_finish = Some(verify_chain_finish);
    class.create_certificate_handle = Some(create_certificate_handle::<T>);
    class.lookup_certificate_for_handle = Some(lookup_certificate_for_handle::<T>);
    class.lookup_certificate_for_handle_async = Some(lookup_certificate_for_handle_async::<T>);
    class.lookup_certificate_for_handle_finish = Some(lookup_certificate_finish);
    class.lookup_certificate_issuer = Some(lookup_certificate_issuer::<T>);
    class.lookup_certificate_issuer_async = Some(lookup_certificate_issuer_async::<T>);
    class.lookup_certificate_issuer_finish = Some(lookup_certificate_finish);
    class.lookup_certificates_issued_by = Some(lookup_certificates_issued_by::<T>);
    class.lookup_certificates_issued_by_async = Some(lookup_certificates_issued_by_async::<T>);
    class.lookup_certificates_issued_by_finish = Some(lookup_certificates_finish);
}

unsafe extern "C" fn verify_chain<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    chain: *mut ffi::GTlsCertificate,
    purpose: *const std::ffi::c_char,
    identity: *mut ffi::GSocketConnectable,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseVerifyFlags,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> ffi::GTlsCertificateFlags {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T`, a certificate, a purpose and optional
        // objects of the declared types, all of them alive during the call.
        let flags = unsafe {
            implementation::<T, _>(database).verify_chain(
                &from_glib_borrow(chain),
                glib::GStr::from_ptr_lossy(purpose).as_str(),
                Option::<gio::SocketConnectable>::from_glib_borrow(identity)
                    .as_ref()
                    .as_ref(),
                Option::<gio::TlsInteraction>::from_glib_borrow(interaction)
                    .as_ref()
                    .as_ref(),
                from_glib(flags),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable)
                    .as_ref()
                    .as_ref(),
            )
        };
        flags.map(IntoGlib::into_glib)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe {
        guard_result(
            "verify_chain",
            error,
            ffi::G_TLS_CERTIFICATE_GENERIC_ERROR,
            body,
        )
    }
}

unsafe extern "C" fn verify_chain_async<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    chain: *mut ffi::GTlsCertificate,
    purpose: *const std::ffi::c_char,
    identity: *mut ffi::GSocketConnectable,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseVerifyFlags,
    cancellable: *mut ffi::GCancellable,
    callback: ffi::GAsyncReadyCallback,
    user_data: glib::ffi::gpointer,
) {
    // SAFETY: the arguments are those of the slot, and what the blocking method needs.
    unsafe {
        let task = Task::new(database, cancellable, callback, user_data);
        let mut error = ptr::null_mut();
        let problems = verify_chain::<T>(
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

unsafe extern "C" fn verify_chain_finish(
    _database: *mut ffi::GTlsDatabase,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> ffi::GTlsCertificateFlags {
    // SAFETY: the result is the task that verify_chain_async made.
    let problems = unsafe { ffi::g_task_propagate_int(result.cast(), error) };
    // A failed task answers -1, which would be every flag and then some.
    u32::try_from(problems).unwrap_or(ffi::G_TLS_CERTIFICATE_GENERIC_ERROR)
}

unsafe extern "C" fn create_certificate_handle<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    certificate: *mut ffi::GTlsCertificate,
) -> *mut std::ffi::c_char {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T` and a certificate, alive during the call.
        let handle = unsafe {
            implementation::<T, _>(database)
                .create_certificate_handle(&from_glib_borrow(certificate))
        };
        handle.into_glib_ptr()
    };
    guard("create_certificate_handle", ptr::null_mut, body)
}

unsafe extern "C" fn lookup_certificate_for_handle<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    handle: *const std::ffi::c_char,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseLookupFlags,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> *mut ffi::GTlsCertificate {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T`, a handle and optional objects of the
        // declared types, all of them alive during the call.
        let found = unsafe {
            implementation::<T, _>(database).lookup_certificate_for_handle(
                glib::GStr::from_ptr_lossy(handle).as_str(),
                Option::<gio::TlsInteraction>::from_glib_borrow(interaction)
                    .as_ref()
                    .as_ref(),
                from_glib(flags),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable)
                    .as_ref()
                    .as_ref(),
            )
        };
        found.map(IntoGlibPtr::into_glib_ptr)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe {
        guard_result(
            "lookup_certificate_for_handle",
            error,
            ptr::null_mut(),
            body,
        )
    }
}

unsafe extern "C" fn lookup_certificate_for_handle_async<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    handle: *const std::ffi::c_char,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseLookupFlags,
    cancellable: *mut ffi::GCancellable,
    callback: ffi::GAsyncReadyCallback,
    user_data: glib::ffi::gpointer,
) {
    // SAFETY: the arguments are those of the slot, and what the blocking method needs.
    unsafe {
        let task = Task::new(database, cancellable, callback, user_data);
        let mut error = ptr::null_mut();
        let found = lookup_certificate_for_handle::<T>(
            database,
            handle,
            interaction,
            flags,
            cancellable,
            &mut error,
        );
        task.return_certificate(found, error);
    }
}

unsafe extern "C" fn lookup_certificate_issuer<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    certificate: *mut ffi::GTlsCertificate,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseLookupFlags,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> *mut ffi::GTlsCertificate {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T`, a certificate and optional objects of
        // the declared types, all of them alive during the call.
        let found = unsafe {
            implementation::<T, _>(database).lookup_certificate_issuer(
                &from_glib_borrow(certificate),
                Option::<gio::TlsInteraction>::from_glib_borrow(interaction)
                    .as_ref()
                    .as_ref(),
                from_glib(flags),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable)
                    .as_ref()
                    .as_ref(),
            )
        };
        found.map(IntoGlibPtr::into_glib_ptr)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe { guard_result("lookup_certificate_issuer", error, ptr::null_mut(), body) }
}

unsafe extern "C" fn lookup_certificate_issuer_async<T: TlsDatabaseImpl>(
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
        let task = Task::new(database, cancellable, callback, user_data);
        let mut error = ptr::null_mut();
        let found = lookup_certificate_issuer::<T>(
            database,
            certificate,
            interaction,
            flags,
            cancellable,
            &mut error,
        );
        task.return_certificate(found, error);
    }
}

unsafe extern "C" fn lookup_certificate_finish(
    _database: *mut ffi::GTlsDatabase,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> *mut ffi::GTlsCertificate {
    // SAFETY: the result is a task that was given a certificate or NULL.
    unsafe { ffi::g_task_propagate_pointer(result.cast(), error).cast() }
}

unsafe extern "C" fn lookup_certificates_issued_by<T: TlsDatabaseImpl>(
    database: *mut ffi::GTlsDatabase,
    issuer: *mut glib::ffi::GByteArray,
    interaction: *mut ffi::GTlsInteraction,
    flags: ffi::GTlsDatabaseLookupFlags,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GList {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T`, a byte array and optional objects of
        // the declared types, all of them alive during the call.
        let found = unsafe {
            let issuer: Borrowed<glib::ByteArray> = from_glib_borrow(issuer);
            implementation::<T, _>(database).lookup_certificates_issued_by(
                &issuer,
                Option::<gio::TlsInteraction>::from_glib_borrow(interaction)
                    .as_ref()
                    .as_ref(),
                from_glib(flags),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable)
                    .as_ref()
                    .as_ref(),
            )
        };
        found.map(list_of)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe {
        guard_result(
            "lookup_certificates_issued_by",
            error,
            ptr::null_mut(),
            body,
        )
    }
}

unsafe extern "C" fn lookup_certificates_issued_by_async<T: TlsDatabaseImpl>(
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
        let task = Task::new(database, cancellable, callback, user_data);
        let mut error = ptr::null_mut();
        let found = lookup_certificates_issued_by::<T>(
            database,
            issuer,
            interaction,
            flags,
            cancellable,
            &mut error,
        );
        match error.is_null() {
            true => ffi::g_task_return_pointer(task.0, found.cast(), Some(release_list)),
            false => ffi::g_task_return_error(task.0, error),
        }
    }
}

unsafe extern "C" fn lookup_certificates_finish(
    _database: *mut ffi::GTlsDatabase,
    result: *mut ffi::GAsyncResult,
    error: *mut *mut glib::ffi::GError,
) -> *mut glib::ffi::GList {
    // SAFETY: the result is the task that lookup_certificates_issued_by_async made.
    unsafe { ffi::g_task_propagate_pointer(result.cast(), error).cast() }
}

/// A list that owns the objects; NULL is the empty one.
fn list_of(certificates: Vec<gio::TlsCertificate>) -> *mut glib::ffi::GList {
    let elements = certificates.into_iter().rev();
    elements.fold(ptr::null_mut(), |list, certificate| {
        let element: *mut ffi::GTlsCertificate = certificate.into_glib_ptr();
        // SAFETY: `list` is a list that this function built.
        unsafe { glib::ffi::g_list_prepend(list, element.cast()) }
    })
}

unsafe extern "C" fn release_list(list: glib::ffi::gpointer) {
    // SAFETY: only installed for lists from list_of that nobody took.
    unsafe { glib::ffi::g_list_free_full(list.cast(), Some(release_object)) };
}

unsafe extern "C" fn release_object(object: glib::ffi::gpointer) {
    // SAFETY: only installed for owned objects.
    unsafe { gobject_ffi::g_object_unref(object.cast()) };
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
        cancellable: *mut ffi::GCancellable,
        callback: ffi::GAsyncReadyCallback,
        user_data: glib::ffi::gpointer,
    ) -> Self {
        // SAFETY: by the caller's guarantee.
        Self(unsafe { ffi::g_task_new(database.cast(), cancellable, callback, user_data) })
    }

    /// # Safety
    ///
    /// `found` is NULL or owned, `error` is NULL or owned, and nothing was returned before.
    unsafe fn return_certificate(
        &self,
        found: *mut ffi::GTlsCertificate,
        error: *mut glib::ffi::GError,
    ) {
        // SAFETY: by the caller's guarantee.
        unsafe {
            if error.is_null() {
                let release: glib::ffi::GDestroyNotify = if found.is_null() {
                    None
                } else {
                    Some(release_object)
                };
                ffi::g_task_return_pointer(self.0, found.cast(), release);
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
