//! `gio-ossl-backend.h`

use std::{ptr, sync::OnceLock};

use glib::prelude::*;

use super::types::Class;
use crate::subclass::{SharedRef, guard};

/// This library's backend, whatever GIO's default is.
#[unsafe(no_mangle)]
pub extern "C" fn gio_ossl_get_backend() -> *mut gio::ffi::GTlsBackend {
    guard("gio_ossl_get_backend", ptr::null_mut, || {
        static RESIDENT: OnceLock<SharedRef<gio::TlsBackend>> = OnceLock::new();
        let resident = RESIDENT.get_or_init(|| {
            let default = gio::TlsBackend::default();
            if default.type_() == Class::Backend.type_() {
                return SharedRef::new(default);
            }
            let backend = glib::Object::with_type(Class::Backend.type_());
            // SAFETY: the type of this name implements GTlsBackend in every copy.
            SharedRef::new(unsafe { backend.unsafe_cast() })
        });
        resident.as_ptr()
    })
}
