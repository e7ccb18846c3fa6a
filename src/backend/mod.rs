//! What GIO's extension point `gio-tls-backend` finds: [`Backend`].

use std::sync::OnceLock;

use gio::prelude::*;

use crate::subclass::impl_thread_safe;

mod imp;
pub(crate) mod stream;

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
    /// This library's backend, whatever the process's default is. If GIO chose this library, it is
    /// the very object that GIO uses.
    #[must_use]
    pub fn get() -> Self {
        static BACKEND: OnceLock<Backend> = OnceLock::new();
        let find = || {
            let default = gio::TlsBackend::default();
            default.downcast().unwrap_or_else(|_| glib::Object::new())
        };
        BACKEND.get_or_init(find).clone()
    }
}
