//! The GObject part of [`Certificate`](super::Certificate).

use std::{
    fmt,
    sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use gio::{prelude::*, subclass::prelude::*};
use glib::{ParamSpec, ParamSpecOverride, Value};
use openssl::{
    pkey::{PKey, Private},
    x509::X509,
};
use zeroize::Zeroizing;

use super::{
    names,
    sources::{Contents, Sources},
    verification,
};
use crate::{
    error::Error,
    impl_tls_certificate,
    ossl::{queue, x509},
    subclass::{
        SharedRef, notification,
        tls_certificate::{TlsCertificateImpl, dns_names_value, ip_addresses_value},
        values,
    },
};

static PROPERTIES: LazyLock<Vec<ParamSpec>> = LazyLock::new(|| {
    [
        "certificate",
        "certificate-pem",
        "private-key",
        "private-key-pem",
        "issuer",
        "not-valid-before",
        "not-valid-after",
        "subject-name",
        "issuer-name",
        "dns-names",
        "ip-addresses",
        "pkcs12-data",
        "password",
        "pkcs11-uri",
        "private-key-pkcs11-uri",
    ]
    .map(ParamSpecOverride::for_class::<gio::TlsCertificate>)
    .into()
});

/// The state of a certificate object.
#[derive(Default)]
pub struct Certificate {
    sources: Mutex<Sources>,
    contents: OnceLock<Result<Contents, Error>>,
    issuer: OnceLock<SharedRef<gio::TlsCertificate>>,
    /// What a peer sent together with this certificate.
    pub(super) sent: OnceLock<Vec<X509>>,
    /// For reading them back; they may have a PIN.
    certificate_uri: OnceLock<Zeroizing<String>>,
    key_uri: OnceLock<Zeroizing<String>>,
}

impl Certificate {
    /// Takes the finished parts, in place of construction properties and GInitable.
    pub(super) fn adopt(
        &self,
        certificate: X509,
        key: Option<PKey<Private>>,
        issuer: Option<super::Certificate>,
    ) {
        self.contents.get_or_init(|| {
            Ok(Contents {
                certificate,
                key: key.into(),
                issuers: Vec::new(),
            })
        });
        if let Some(issuer) = issuer {
            self.issuer.get_or_init(|| SharedRef::new(issuer.upcast()));
        }
    }

    /// What was read, at the first call from the sources.
    pub(super) fn contents(&self) -> Result<&Contents, Error> {
        self.contents
            .get_or_init(|| std::mem::take(&mut *self.sources()).read())
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The issuer: the one that was given, or the one that came along.
    pub(super) fn issuer(&self) -> Option<gio::TlsCertificate> {
        let given = self.issuer.get().map(|issuer| (**issuer).clone());
        given.or_else(|| {
            let links: Vec<&X509> = self.known()?.issuers.iter().collect();
            let first = super::Certificate::from_links(&links)?.upcast();
            let issuer = self.issuer.get_or_init(|| SharedRef::new(first));
            Some((**issuer).clone())
        })
    }

    /// What was read, for those who cannot report an error; nothing before GInitable.
    fn known(&self) -> Option<&Contents> {
        self.contents.get()?.as_ref().ok()
    }

    fn keep_uri(&self, property: &str, value: &Value) {
        let slot = match property {
            "pkcs11-uri" => &self.certificate_uri,
            "private-key-pkcs11-uri" => &self.key_uri,
            _ => return,
        };
        if let Some(uri) = values::text(value) {
            slot.get_or_init(|| uri);
        }
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key_as<T>(&self, encode: impl FnOnce(&PKey<Private>) -> Option<T>) -> Option<T> {
        let encoded = encode(self.known()?.key.known()?);
        queue::clear();
        encoded
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known();
        f.debug_struct("Certificate")
            .field("certificate", &known.map(|known| &known.certificate))
            .field("key", &known.map(|known| known.key.kind()))
            .finish_non_exhaustive()
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Certificate {
    const NAME: &'static str = "GioOsslCertificate";
    const ALLOW_NAME_CONFLICT: bool = true;
    const FINAL: bool = true;
    type Type = super::Certificate;
    type ParentType = gio::TlsCertificate;
    type Interfaces = (gio::Initable,);

    fn class_init(class: &mut Self::Class) {
        notification::only_if_heard(class);
    }
}

impl ObjectImpl for Certificate {
    fn properties() -> &'static [ParamSpec] {
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &Value, spec: &ParamSpec) {
        if values::is_null(value) {
            // All are for construction, and most are not given.
            return;
        }
        match spec.name() {
            "issuer" => {
                if let Ok(Some(issuer)) = value.get::<Option<gio::TlsCertificate>>() {
                    self.issuer.get_or_init(|| SharedRef::new(issuer));
                }
            }
            name => {
                self.keep_uri(name, value);
                let taken = self.sources().set(name, value);
                if !taken {
                    glib::g_critical!(
                        "GioOssl",
                        "GioOsslCertificate: ignoring the property \"{}\": this was given already",
                        name
                    );
                }
            }
        }
    }

    fn property(&self, _id: usize, spec: &ParamSpec) -> Value {
        let known = self.known().map(|known| &known.certificate);
        let value = match spec.name() {
            "certificate" => known
                .and_then(|certificate| certificate.to_der().ok())
                .map(|der| glib::ByteArray::from(&der))
                .to_value(),
            "certificate-pem" => known
                .and_then(|certificate| certificate.to_pem().ok())
                .and_then(|pem| String::from_utf8(pem).ok())
                .to_value(),
            "private-key" => self
                .key_as(|key| key.private_key_to_pkcs8().ok().map(Zeroizing::new))
                .map(|der| glib::ByteArray::from(der.as_slice()))
                .to_value(),
            "private-key-pem" => self
                .key_as(|key| key.private_key_to_pem_pkcs8().ok().map(Zeroizing::new))
                .and_then(|pem| std::str::from_utf8(&pem).ok().map(|pem| pem.to_value()))
                .unwrap_or_else(|| None::<&str>.to_value()),
            "issuer" => self.issuer().to_value(),
            "not-valid-before" => known
                .and_then(|certificate| names::date_time(certificate.not_before()))
                .to_value(),
            "not-valid-after" => known
                .and_then(|certificate| names::date_time(certificate.not_after()))
                .to_value(),
            "subject-name" => known
                .and_then(|certificate| x509::name_to_text(certificate.subject_name()))
                .to_value(),
            "issuer-name" => known
                .and_then(|certificate| x509::name_to_text(certificate.issuer_name()))
                .to_value(),
            "dns-names" => known.map_or_else(
                || spec.default_value().clone(),
                |certificate| dns_names_value(&x509::dns_names(certificate).unwrap_or_default()),
            ),
            "ip-addresses" => known.map_or_else(
                || spec.default_value().clone(),
                |certificate| ip_addresses_value(names::addresses(certificate)),
            ),
            "pkcs11-uri" => self
                .certificate_uri
                .get()
                .map(|uri| uri.as_str())
                .to_value(),
            "private-key-pkcs11-uri" => self.key_uri.get().map(|uri| uri.as_str()).to_value(),
            _ => spec.default_value().clone(),
        };
        queue::clear();
        value
    }
}

impl InitableImpl for Certificate {
    fn init(&self, _cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
        self.contents().map(|_| ()).map_err(glib::Error::from)
    }
}

impl TlsCertificateImpl for Certificate {
    fn verify(
        &self,
        identity: Option<&gio::SocketConnectable>,
        trusted_ca: Option<&gio::TlsCertificate>,
    ) -> gio::TlsCertificateFlags {
        verification::certificate(self.obj().upcast_ref(), identity, trusted_ca)
    }
}

impl_tls_certificate!(Certificate);
