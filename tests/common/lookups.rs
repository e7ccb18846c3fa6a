//! The look-ups of a database, each in its blocking and its asynchronous form: gtk-rs takes it for
//! granted that something is found.

#![allow(unsafe_code)]

use std::{cell::RefCell, ffi::c_void, ptr};

use gio::{TlsDatabaseLookupFlags as Lookup, ffi, prelude::*};
use glib::translate::*;

type Found<T> = Result<T, glib::Error>;

/// A question to a database.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub database: &'a gio::TlsDatabase,
    pub flags: Lookup,
    pub cancellable: Option<&'a gio::Cancellable>,
}

impl<'a> Asking<'a> {
    pub fn of(database: &'a impl IsA<gio::TlsDatabase>) -> Self {
        Self {
            database: database.upcast_ref(),
            flags: Lookup::NONE,
            cancellable: None,
        }
    }

    pub fn flags(self, flags: Lookup) -> Self {
        Self { flags, ..self }
    }

    pub fn cancellable(self, cancellable: &'a gio::Cancellable) -> Self {
        Self {
            cancellable: Some(cancellable),
            ..self
        }
    }

    /// What the handle names; both forms agree.
    pub fn by_handle(self, handle: &str) -> Found<Option<gio::TlsCertificate>> {
        let mut error = ptr::null_mut();
        // SAFETY: all objects are alive, and the result is owned.
        let found = unsafe {
            let found: Option<_> =
                from_glib_full(ffi::g_tls_database_lookup_certificate_for_handle(
                    self.raw(),
                    handle.to_glib_none().0,
                    ptr::null_mut(),
                    self.flags.into_glib(),
                    self.cancellable.to_glib_none().0,
                    &mut error,
                ));
            outcome(found, error)
        };
        let again = wait(|callback, data| self.start_by_handle(handle, callback, data));
        agree(found, self.finish_by_handle(&again))
    }

    pub fn start_by_handle(
        self,
        handle: &str,
        callback: ffi::GAsyncReadyCallback,
        data: *mut c_void,
    ) {
        // SAFETY: everything is alive during the call.
        unsafe {
            ffi::g_tls_database_lookup_certificate_for_handle_async(
                self.raw(),
                handle.to_glib_none().0,
                ptr::null_mut(),
                self.flags.into_glib(),
                self.cancellable.to_glib_none().0,
                callback,
                data,
            );
        }
    }

    pub fn finish_by_handle(self, result: &gio::AsyncResult) -> Found<Option<gio::TlsCertificate>> {
        let mut error = ptr::null_mut();
        // SAFETY: both objects are alive, and what comes back is owned.
        unsafe {
            let found = ffi::g_tls_database_lookup_certificate_for_handle_finish(
                self.raw(),
                result.to_glib_none().0,
                &mut error,
            );
            outcome(from_glib_full(found), error)
        }
    }

    /// The issuer of a certificate; both forms agree.
    pub fn issuer(self, certificate: &gio::TlsCertificate) -> Found<Option<gio::TlsCertificate>> {
        let mut error = ptr::null_mut();
        // SAFETY: all objects are alive, and the result is owned.
        let found = unsafe {
            let found: Option<_> = from_glib_full(ffi::g_tls_database_lookup_certificate_issuer(
                self.raw(),
                certificate.to_glib_none().0,
                ptr::null_mut(),
                self.flags.into_glib(),
                self.cancellable.to_glib_none().0,
                &mut error,
            ));
            outcome(found, error)
        };
        let again = wait(|callback, data| {
            // SAFETY: everything is alive during the call.
            unsafe {
                ffi::g_tls_database_lookup_certificate_issuer_async(
                    self.raw(),
                    certificate.to_glib_none().0,
                    ptr::null_mut(),
                    self.flags.into_glib(),
                    self.cancellable.to_glib_none().0,
                    callback,
                    data,
                );
            }
        });
        let mut error = ptr::null_mut();
        // SAFETY: both objects are alive, and what comes back is owned.
        let again = unsafe {
            let found = ffi::g_tls_database_lookup_certificate_issuer_finish(
                self.raw(),
                again.to_glib_none().0,
                &mut error,
            );
            outcome(from_glib_full(found), error)
        };
        agree(found, again)
    }

    /// The certificates with this issuer, a DER name; both forms agree.
    pub fn issued_by(self, name: &[u8]) -> Found<Vec<gio::TlsCertificate>> {
        let name = glib::ByteArray::from(name);
        let mut error = ptr::null_mut();
        // SAFETY: all objects are alive, and the result is owned.
        let found = unsafe {
            let list = ffi::g_tls_database_lookup_certificates_issued_by(
                self.raw(),
                name.to_glib_none().0,
                ptr::null_mut(),
                self.flags.into_glib(),
                self.cancellable.to_glib_none().0,
                &mut error,
            );
            outcome(FromGlibPtrContainer::from_glib_full(list), error)
        };
        let again = wait(|callback, data| {
            // SAFETY: everything is alive during the call.
            unsafe {
                ffi::g_tls_database_lookup_certificates_issued_by_async(
                    self.raw(),
                    name.to_glib_none().0,
                    ptr::null_mut(),
                    self.flags.into_glib(),
                    self.cancellable.to_glib_none().0,
                    callback,
                    data,
                );
            }
        });
        let mut error = ptr::null_mut();
        // SAFETY: both objects are alive, and what comes back is owned.
        let again: Found<Vec<gio::TlsCertificate>> = unsafe {
            let list = ffi::g_tls_database_lookup_certificates_issued_by_finish(
                self.raw(),
                again.to_glib_none().0,
                &mut error,
            );
            outcome(FromGlibPtrContainer::from_glib_full(list), error)
        };
        let found: Found<Vec<gio::TlsCertificate>> = found;
        assert_eq!(
            found.as_ref().map(Vec::len).map_err(glib::Error::message),
            again.as_ref().map(Vec::len).map_err(glib::Error::message)
        );
        found
    }

    fn raw(self) -> *mut ffi::GTlsDatabase {
        self.database.to_glib_none().0
    }
}

/// Starts an asynchronous call and runs a main context of its own until the call is done.
pub fn wait(start: impl FnOnce(ffi::GAsyncReadyCallback, *mut c_void)) -> gio::AsyncResult {
    unsafe extern "C" fn ready(
        _source: *mut glib::gobject_ffi::GObject,
        result: *mut ffi::GAsyncResult,
        place: *mut c_void,
    ) {
        // SAFETY: the place is the cell below, which outlives the call.
        let place = unsafe { &*place.cast::<RefCell<Option<gio::AsyncResult>>>() };
        // SAFETY: the result is alive during the call.
        place.replace(Some(unsafe { from_glib_none(result) }));
    }

    let context = glib::MainContext::new();
    let result = RefCell::new(None);
    context
        .with_thread_default(|| {
            start(Some(ready), (&raw const result).cast_mut().cast());
            assert!(result.borrow().is_none(), "called back too early");
            while result.borrow().is_none() {
                context.iteration(true);
            }
        })
        .unwrap();
    result.into_inner().unwrap()
}

/// # Safety
///
/// `error` is NULL or owned.
unsafe fn outcome<T>(found: T, error: *mut glib::ffi::GError) -> Found<T> {
    match error.is_null() {
        true => Ok(found),
        // SAFETY: by the caller's guarantee.
        false => Err(unsafe { from_glib_full(error) }),
    }
}

fn agree(
    found: Found<Option<gio::TlsCertificate>>,
    again: Found<Option<gio::TlsCertificate>>,
) -> Found<Option<gio::TlsCertificate>> {
    match (&found, &again) {
        (Ok(None), Ok(None)) => {}
        (Ok(Some(one)), Ok(Some(other))) => assert!(one.is_same(other)),
        (Err(one), Err(other)) => assert_eq!(one.message(), other.message()),
        _ => panic!("{found:?} is not {again:?}"),
    }
    found
}
