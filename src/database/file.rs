//! The GObject part of [`FileDatabase`](super::FileDatabase).

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use gio::{prelude::*, subclass::prelude::*};
use glib::{ParamSpec, ParamSpecOverride, Value};

use super::authorities::{Authorities, Trusting, contents, read};
use crate::subclass::cancel::check_cancelled;
use crate::{error::Error, impl_tls_database, impl_tls_file_database, ossl::trust::TrustStore};

static PROPERTIES: LazyLock<Vec<ParamSpec>> = LazyLock::new(|| {
    vec![ParamSpecOverride::for_interface::<gio::TlsFileDatabase>(
        "anchors",
    )]
});

/// The state of a file database.
#[derive(Default)]
pub struct FileDatabase {
    path: Mutex<Option<PathBuf>>,
    authorities: OnceLock<Result<Authorities, Error>>,
}

impl FileDatabase {
    /// The subject of each certificate in the file, as complete DER names.
    pub(super) fn subject_names(&self) -> Vec<Vec<u8>> {
        self.authorities()
            .map_or_else(|_| Vec::new(), Authorities::names)
    }

    fn path(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trusting for FileDatabase {
    /// The file's contents as they were at the first call.
    fn authorities(&self) -> Result<&Authorities, Error> {
        let read = || {
            let path = self.path().clone();
            load(path.as_deref())
        };
        self.authorities
            .get_or_init(read)
            .as_ref()
            .map_err(Clone::clone)
    }
}

#[glib::object_subclass]
impl ObjectSubclass for FileDatabase {
    const NAME: &'static str = "GioOsslFileDatabase";
    const ALLOW_NAME_CONFLICT: bool = true;
    const FINAL: bool = true;
    type Type = super::FileDatabase;
    type ParentType = gio::TlsDatabase;
    type Interfaces = (gio::TlsFileDatabase, gio::Initable);
}

impl ObjectImpl for FileDatabase {
    fn properties() -> &'static [ParamSpec] {
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &Value, _spec: &ParamSpec) {
        let path = value.get::<Option<PathBuf>>().ok().flatten();
        if let Some(relative) = path.as_deref().filter(|path| path.is_relative()) {
            glib::g_warning!(
                "GioOssl",
                "GioOsslFileDatabase: ignoring anchors \"{}\": the path is not absolute",
                relative.display()
            );
            return;
        }
        *self.path() = path;
    }

    fn property(&self, _id: usize, _spec: &ParamSpec) -> Value {
        self.path().to_value()
    }
}

impl InitableImpl for FileDatabase {
    fn init(&self, cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
        check_cancelled(cancellable)?;
        self.authorities().map(|_| ()).map_err(glib::Error::from)
    }
}

impl_tls_database!(FileDatabase);
impl_tls_file_database!(FileDatabase);

fn load(path: Option<&Path>) -> Result<Authorities, Error> {
    let path = path.ok_or_else(|| {
        Error::Tls("A file database needs the absolute path of its anchors".into())
    })?;
    let failed = |reason: &dyn fmt::Display| {
        let what = format!("Could not load trust anchors from {}", path.display());
        Error::tls(&what, reason)
    };
    let text = read(path).map_err(|error| failed(&error))?;
    let (anchors, lists) = contents(&text).map_err(|error| failed(&error))?;
    if anchors.is_empty() {
        return Err(failed(&"there is no certificate in it"));
    }
    let store = TrustStore::of([], &lists).map_err(|stack| failed(&stack))?;
    let uri = glib::filename_to_uri(path, None).map_err(|error| failed(&error))?;
    Ok(Authorities::of(uri.into(), anchors, store))
}
