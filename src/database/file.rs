//! The GObject part of [`FileDatabase`](super::FileDatabase).

use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use gio::{prelude::*, subclass::prelude::*};
use glib::{ParamSpec, ParamSpecOverride, Value};
use openssl::x509::X509;

use super::anchors;
use crate::{
    error::Error,
    impl_tls_database, impl_tls_file_database,
    ossl::{
        trust::{self, TrustStore},
        x509,
    },
    subclass::tls_database::TlsDatabaseImpl,
};

/// More than any collection of anchors needs, and little enough to hold.
const MAX_FILE: u64 = 64 * 1024 * 1024;

static PROPERTIES: LazyLock<Vec<ParamSpec>> = LazyLock::new(|| {
    vec![ParamSpecOverride::for_interface::<gio::TlsFileDatabase>(
        "anchors",
    )]
});

/// The state of a file database.
#[derive(Default)]
pub struct FileDatabase {
    path: Mutex<Option<PathBuf>>,
    anchors: OnceLock<Result<Anchors, Error>>,
}

/// The file's contents as they were when it was read.
struct Anchors {
    uri: String,
    certificates: Vec<X509>,
    store: TrustStore,
}

impl Anchors {
    fn load(path: Option<&Path>) -> Result<Self, Error> {
        let path = path.ok_or_else(|| {
            Error::Tls("A file database needs the absolute path of its anchors".into())
        })?;
        let failed = |reason: &dyn fmt::Display| {
            Error::tls(
                &format!("Could not load trust anchors from {}", path.display()),
                reason,
            )
        };
        let text = read(path).map_err(|error| failed(&error))?;
        let certificates = x509::certificates_from_pem(&text).map_err(|error| failed(&error))?;
        if certificates.is_empty() {
            return Err(failed(&"there is no certificate in it"));
        }
        let lists = trust::lists_from_pem(&text).map_err(|stack| failed(&stack))?;
        let store = TrustStore::of(&certificates, &lists).map_err(|stack| failed(&stack))?;
        let uri = glib::filename_to_uri(path, None).map_err(|error| failed(&error))?;
        Ok(Self {
            uri: uri.into(),
            certificates,
            store,
        })
    }

    fn contains(&self, certificate: &X509) -> bool {
        self.certificates.contains(certificate)
    }
}

impl FileDatabase {
    /// The subject of each certificate in the file, as complete DER names.
    pub(super) fn subject_names(&self) -> Vec<Vec<u8>> {
        let certificates = self
            .anchors()
            .map_or(&[][..], |anchors| &anchors.certificates);
        let names = certificates
            .iter()
            .map(|certificate| certificate.subject_name().to_der());
        names.filter_map(Result::ok).collect()
    }

    fn anchors(&self) -> Result<&Anchors, Error> {
        self.anchors
            .get_or_init(|| {
                let path = self.path().clone();
                Anchors::load(path.as_deref())
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    fn path(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[glib::object_subclass]
impl ObjectSubclass for FileDatabase {
    const NAME: &'static str = "GioOsslFileDatabase";
    const ALLOW_NAME_CONFLICT: bool = true;
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
        anchors::check_cancelled(cancellable)?;
        self.anchors().map(|_| ()).map_err(glib::Error::from)
    }
}

impl TlsDatabaseImpl for FileDatabase {
    fn verify_chain(
        &self,
        chain: &gio::TlsCertificate,
        purpose: &str,
        identity: Option<&gio::SocketConnectable>,
        _interaction: Option<&gio::TlsInteraction>,
        _flags: gio::TlsDatabaseVerifyFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<gio::TlsCertificateFlags, glib::Error> {
        anchors::check_cancelled(cancellable)?;
        let store = &self.anchors()?.store;
        Ok(anchors::verify_chain(store, chain, purpose, identity))
    }

    fn create_certificate_handle(
        &self,
        certificate: &gio::TlsCertificate,
    ) -> Option<glib::GString> {
        let anchors = self.anchors().ok()?;
        let certificate = anchors::parsed(certificate)?;
        if !anchors.contains(&certificate) {
            return None;
        }
        anchors::handle(&anchors.uri, &certificate).map(Into::into)
    }

    fn lookup_certificate_for_handle(
        &self,
        handle: &str,
        _interaction: Option<&gio::TlsInteraction>,
        flags: gio::TlsDatabaseLookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<gio::TlsCertificate>, glib::Error> {
        anchors::check_cancelled(cancellable)?;
        let anchors = self.anchors()?;
        if !flags.is_empty() {
            return Ok(None);
        }
        let found = anchors::find_handle(&anchors.certificates, &anchors.uri, handle);
        Ok(found.map(anchors::object))
    }

    fn lookup_certificate_issuer(
        &self,
        certificate: &gio::TlsCertificate,
        _interaction: Option<&gio::TlsInteraction>,
        flags: gio::TlsDatabaseLookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<gio::TlsCertificate>, glib::Error> {
        anchors::check_cancelled(cancellable)?;
        let anchors = self.anchors()?;
        let parsed = anchors::parsed(certificate);
        let Some(certificate) = parsed.filter(|_| flags.is_empty()) else {
            return Ok(None);
        };
        let candidates: Vec<X509> = anchors
            .certificates
            .iter()
            .filter(|anchor| {
                anchors::is_same_name(anchor.subject_name(), certificate.issuer_name())
            })
            .cloned()
            .collect();
        let issuer = anchors::choose_issuer(&candidates, &certificate);
        Ok(issuer.as_ref().map(anchors::object))
    }

    fn lookup_certificates_issued_by(
        &self,
        issuer: &[u8],
        _interaction: Option<&gio::TlsInteraction>,
        flags: gio::TlsDatabaseLookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Vec<gio::TlsCertificate>, glib::Error> {
        anchors::check_cancelled(cancellable)?;
        let anchors = self.anchors()?;
        if !flags.is_empty() {
            return Ok(Vec::new());
        }
        Ok(anchors::issued_by(&anchors.certificates, issuer))
    }
}

impl_tls_database!(FileDatabase);
impl_tls_file_database!(FileDatabase);

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(std::io::Error::other("the file is too large"));
    }
    Ok(text)
}
