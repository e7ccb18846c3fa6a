//! `gio-ossl-backend.h`

use std::{ptr, sync::OnceLock};

use glib::prelude::*;

use super::types::Class;
use crate::subclass::guard;

/// A backend that lives as long as the process.
struct Resident(gio::TlsBackend);

// SAFETY: GIO calls a backend from any thread, so its implementation must be thread-safe, and the
// reference held here is never dropped.
unsafe impl Send for Resident {}
// SAFETY: as above.
unsafe impl Sync for Resident {}

/// This library's backend, whatever GIO's default is.
#[unsafe(no_mangle)]
pub extern "C" fn gio_ossl_get_backend() -> *mut gio::ffi::GTlsBackend {
    guard("gio_ossl_get_backend", ptr::null_mut, || {
        static RESIDENT: OnceLock<Resident> = OnceLock::new();
        let resident = RESIDENT.get_or_init(|| {
            let backend = glib::Object::with_type(Class::Backend.type_());
            // SAFETY: the type of this name implements GTlsBackend in every copy.
            Resident(unsafe { backend.unsafe_cast() })
        });
        resident.0.as_ptr()
    })
}
