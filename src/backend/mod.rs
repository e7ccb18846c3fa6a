//! What GIO's extension point `gio-tls-backend` finds: [`Backend`].

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

impl Backend {
    /// A backend object. GIO makes its own; all of them share one default database.
    #[must_use]
    pub fn new() -> Self {
        glib::Object::new()
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self::new()
    }
}
