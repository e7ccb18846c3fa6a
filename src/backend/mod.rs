//! What GIO's extension point `gio-tls-backend` finds: [`Backend`].

use std::sync::OnceLock;

use gio::prelude::*;

use crate::subclass::impl_thread_safe;

mod imp;
mod stream;

glib::wrapper! {
    /// The TLS backend of this library: `GTlsBackendOssl`.
    ///
    /// It offers DTLS. Its stream types exist, because GIO insists on them, and say that they are
    /// unavailable.
    pub struct Backend(ObjectSubclass<imp::Backend>)
        @implements gio::TlsBackend;
}

impl_thread_safe!(Backend, imp::Backend);

impl Backend {
    /// This library's backend, whatever the process's default is. GIO makes one of its own; both
    /// share one default database.
    #[must_use]
    pub fn get() -> Self {
        static BACKEND: OnceLock<Backend> = OnceLock::new();
        BACKEND.get_or_init(glib::Object::new).clone()
    }

    /// The backend whose default database connections trust: the process's default, if it is of this
    /// class, or else ours.
    pub(crate) fn in_charge() -> gio::TlsBackend {
        let default = gio::TlsBackend::default();
        if default.is::<Self>() {
            default
        } else {
            Self::get().upcast()
        }
    }
}
