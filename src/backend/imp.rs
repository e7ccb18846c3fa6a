//! The GObject part of [`Backend`](super::Backend).

use std::sync::OnceLock;

use gio::prelude::*;
use glib::{Type, subclass::prelude::*};

use super::stream;
use crate::{
    certificate::Certificate,
    database::{Database, FileDatabase},
    dtls::{DtlsClientConnection, DtlsServerConnection},
    impl_tls_backend,
    subclass::{SharedRef, tls_backend::TlsBackendImpl},
};

/// The backend, which has no state of its own.
#[derive(Default)]
pub struct Backend;

#[glib::object_subclass]
impl ObjectSubclass for Backend {
    const NAME: &'static str = "GTlsBackendOssl";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::Backend;
    type Interfaces = (gio::TlsBackend,);
}

impl ObjectImpl for Backend {}

impl TlsBackendImpl for Backend {
    fn supports_tls(&self) -> bool {
        false
    }

    fn supports_dtls(&self) -> bool {
        true
    }

    fn default_database(&self) -> Option<gio::TlsDatabase> {
        static DATABASE: OnceLock<SharedRef<gio::TlsDatabase>> = OnceLock::new();
        let database = DATABASE.get_or_init(|| SharedRef::new(Database::new().upcast()));
        Some((**database).clone())
    }

    fn certificate_type() -> Type {
        Certificate::static_type()
    }

    fn client_connection_type() -> Type {
        stream::ClientConnection::static_type()
    }

    fn server_connection_type() -> Type {
        stream::ServerConnection::static_type()
    }

    fn file_database_type() -> Type {
        FileDatabase::static_type()
    }

    fn dtls_client_connection_type() -> Type {
        DtlsClientConnection::static_type()
    }

    fn dtls_server_connection_type() -> Type {
        DtlsServerConnection::static_type()
    }
}

impl_tls_backend!(Backend);
