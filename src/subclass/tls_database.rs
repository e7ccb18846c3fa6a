//! `GTlsDatabase`: deriving from it, and the empty interface `GTlsFileDatabase`.

use std::ptr;

use gio::ffi;
use glib::{prelude::*, subclass::prelude::*, translate::*};

use super::{guard, guard_result, implementation};

mod asynchronous;

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
    class.verify_chain_async = Some(asynchronous::verify_chain::<T>);
    class.verify_chain_finish = Some(asynchronous::verify_chain_finish);
    class.create_certificate_handle = Some(create_certificate_handle::<T>);
    class.lookup_certificate_for_handle = Some(lookup_certificate_for_handle::<T>);
    class.lookup_certificate_for_handle_async =
        Some(asynchronous::lookup_certificate_for_handle::<T>);
    class.lookup_certificate_for_handle_finish = Some(asynchronous::lookup_certificate_finish);
    class.lookup_certificate_issuer = Some(lookup_certificate_issuer::<T>);
    class.lookup_certificate_issuer_async = Some(asynchronous::lookup_certificate_issuer::<T>);
    class.lookup_certificate_issuer_finish = Some(asynchronous::lookup_certificate_finish);
    class.lookup_certificates_issued_by = Some(lookup_certificates_issued_by::<T>);
    class.lookup_certificates_issued_by_async =
        Some(asynchronous::lookup_certificates_issued_by::<T>);
    class.lookup_certificates_issued_by_finish = Some(asynchronous::lookup_certificates_finish);
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
                borrowed(&identity),
                borrowed(&interaction),
                from_glib(flags),
                borrowed(&cancellable),
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
                borrowed(&interaction),
                from_glib(flags),
                borrowed(&cancellable),
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
                borrowed(&interaction),
                from_glib(flags),
                borrowed(&cancellable),
            )
        };
        found.map(IntoGlibPtr::into_glib_ptr)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe { guard_result("lookup_certificate_issuer", error, ptr::null_mut(), body) }
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
                borrowed(&interaction),
                from_glib(flags),
                borrowed(&cancellable),
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

/// A list that owns the objects; NULL is the empty one.
fn list_of(certificates: Vec<gio::TlsCertificate>) -> *mut glib::ffi::GList {
    let elements = certificates.into_iter().rev();
    elements.fold(ptr::null_mut(), |list, certificate| {
        let element: *mut ffi::GTlsCertificate = certificate.into_glib_ptr();
        // SAFETY: `list` is a list that this function built.
        unsafe { glib::ffi::g_list_prepend(list, element.cast()) }
    })
}

/// The object behind an optional argument.
///
/// # Safety
///
/// The pointer is NULL or that of a live object of this type.
unsafe fn borrowed<T: ObjectType>(pointer: &*mut T::GlibType) -> Option<&T> {
    // SAFETY: a wrapper is nothing but the pointer, by the contract of ObjectType.
    (!pointer.is_null()).then(|| unsafe { T::from_glib_ptr_borrow(pointer) })
}
