//! Databases of trust anchors: the system's [`Database`] and the [`FileDatabase`].

use std::path::Path;

use glib::{prelude::*, subclass::prelude::*};

use crate::{error::Error, subclass::impl_thread_safe};

mod anchors;
mod authorities;
mod der;
mod file;
mod system;

glib::wrapper! {
    /// The system's trust anchors: `GioOsslDatabase`.
    ///
    /// They are found where OpenSSL finds them, or where `SSL_CERT_FILE` and `SSL_CERT_DIR` say.
    /// Nothing is read before the first verification, and of a hashed directory only what it needs.
    pub struct Database(ObjectSubclass<system::Database>)
        @extends gio::TlsDatabase;
}

glib::wrapper! {
    /// The trust anchors of one PEM file: `GioOsslFileDatabase`.
    ///
    /// The file is read once, when the database is made. Any certificate in it is trusted, an
    /// intermediate or an end entity as well as a root.
    pub struct FileDatabase(ObjectSubclass<file::FileDatabase>)
        @extends gio::TlsDatabase,
        @implements gio::TlsFileDatabase, gio::Initable;
}

impl_thread_safe!(Database, system::Database);
impl_thread_safe!(FileDatabase, file::FileDatabase);

impl Database {
    /// A database of the system's trust anchors.
    #[must_use]
    pub fn new() -> Self {
        glib::Object::new()
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

/// The authorities that a server may name when it asks its client for a certificate, as complete DER
/// names. Nobody is named where the database cannot list its anchors, or has more than fit a request
/// well: then a client may choose freely (RFC 5246, section 7.4.4).
pub(crate) fn authority_names(database: &gio::TlsDatabase) -> Vec<Vec<u8>> {
    const MOST_BYTES: usize = 4096;
    let names = database
        .downcast_ref::<FileDatabase>()
        .map_or_else(Vec::new, |database| database.imp().subject_names());
    let bytes: usize = names.iter().map(Vec::len).sum();
    if bytes > MOST_BYTES {
        Vec::new()
    } else {
        names
    }
}

impl FileDatabase {
    /// A database of the trust anchors in a PEM file, given by its absolute path.
    ///
    /// # Errors
    ///
    /// `G_TLS_ERROR_MISC` when the file cannot be read or holds no certificate.
    pub fn new(anchors: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(gio::Initable::builder::<Self>()
            .property("anchors", anchors.as_ref())
            .build(gio::Cancellable::NONE)?)
    }
}
