//! The GObject part of [`Database`](super::Database).

use std::{fs, path::Path, sync::OnceLock};

use glib::subclass::prelude::*;
use openssl::x509::X509;

use super::anchors;
use crate::{
    error::Error,
    impl_tls_database,
    ossl::{places, trust::TrustStore, x509},
    subclass::tls_database::TlsDatabaseImpl,
};

/// What the handles of system anchors begin with.
const PLACE: &str = "system-trust:";

/// The state of the system database.
#[derive(Default)]
pub struct Database {
    store: OnceLock<Result<TrustStore, Error>>,
    listing: OnceLock<Vec<X509>>,
}

impl Database {
    fn store(&self) -> Result<&TrustStore, Error> {
        self.store
            .get_or_init(|| {
                TrustStore::system()
                    .map_err(|stack| Error::tls("Could not open the system's trust anchors", stack))
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Every anchor, for the look-ups that a hashed directory does not answer: read at the first one.
    fn listing(&self) -> Result<&[X509], Error> {
        let store = self.store()?;
        let list = || {
            let mut anchors: Vec<X509> = Vec::new();
            for file in places::certificate_files() {
                // What the store itself does not find is no anchor, wherever it lies.
                let found = read(&file)
                    .into_iter()
                    .filter(|found| store.contains(found));
                for anchor in found {
                    if !anchors.contains(&anchor) {
                        anchors.push(anchor);
                    }
                }
            }
            anchors
        };
        Ok(self.listing.get_or_init(list))
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Database {
    const NAME: &'static str = "GioOsslDatabase";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::Database;
    type ParentType = gio::TlsDatabase;
}

impl ObjectImpl for Database {}

impl TlsDatabaseImpl for Database {
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
        let store = self.store()?;
        Ok(anchors::verify_chain(store, chain, purpose, identity))
    }

    fn create_certificate_handle(
        &self,
        certificate: &gio::TlsCertificate,
    ) -> Option<glib::GString> {
        let certificate = anchors::parsed(certificate)?;
        if !self.store().ok()?.contains(&certificate) {
            return None;
        }
        anchors::handle(PLACE, &certificate).map(Into::into)
    }

    fn lookup_certificate_for_handle(
        &self,
        handle: &str,
        _interaction: Option<&gio::TlsInteraction>,
        flags: gio::TlsDatabaseLookupFlags,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<Option<gio::TlsCertificate>, glib::Error> {
        anchors::check_cancelled(cancellable)?;
        if !flags.is_empty() || !handle.starts_with(PLACE) {
            return Ok(None);
        }
        let found = anchors::find_handle(self.listing()?, PLACE, handle);
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
        let parsed = anchors::parsed(certificate);
        let Some(certificate) = parsed.filter(|_| flags.is_empty()) else {
            return Ok(None);
        };
        let candidates = self.store()?.by_subject(certificate.issuer_name());
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
        if !flags.is_empty() {
            return Ok(Vec::new());
        }
        Ok(anchors::issued_by(self.listing()?, issuer))
    }
}

impl_tls_database!(Database);

/// The certificates of one file; a file that cannot be read has none.
fn read(file: &Path) -> Vec<X509> {
    fs::read(file)
        .ok()
        .and_then(|text| x509::certificates_from_pem(&text).ok())
        .unwrap_or_default()
}
