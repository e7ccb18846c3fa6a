//! Makes this library the process's TLS backend.

use std::sync::Once;

use gio::prelude::*;

/// The backend, whose priority outranks everything installed. From now on criticals and warnings end
/// the process.
pub fn backend() -> gio::TlsBackend {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        glib::log_set_always_fatal(
            glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING,
        );
        // GIO sets its extension points up along with the first of them that is asked for.
        let _ = gio::Vfs::default();
        gio::IOExtensionPoint::implement(
            "gio-tls-backend",
            gio_ossl::Backend::static_type(),
            "ossl-test",
            i32::MAX,
        );
    });
    gio::TlsBackend::default()
}
