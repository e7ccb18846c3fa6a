//! Another backend's certificate class: only the properties that GIO reads.

use std::sync::OnceLock;

use gio::{prelude::*, subclass::prelude::*};
use gio_ossl::{impl_tls_certificate, subclass::tls_certificate::TlsCertificateImpl};
use glib::{ParamSpec, ParamSpecOverride, Value};

#[derive(Default)]
pub struct Imp {
    der: OnceLock<Vec<u8>>,
    key_pem: OnceLock<String>,
    issuer: OnceLock<Foreign>,
}

glib::wrapper! {
    pub struct Foreign(ObjectSubclass<Imp>) @extends gio::TlsCertificate;
}

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "ForeignLinkedCertificate";
    type Type = Foreign;
    type ParentType = gio::TlsCertificate;
}

impl ObjectImpl for Imp {
    fn properties() -> &'static [ParamSpec] {
        static PROPERTIES: OnceLock<Vec<ParamSpec>> = OnceLock::new();
        PROPERTIES.get_or_init(|| {
            [
                "certificate",
                "certificate-pem",
                "private-key",
                "private-key-pem",
                "issuer",
            ]
            .map(ParamSpecOverride::for_class::<gio::TlsCertificate>)
            .into()
        })
    }

    fn set_property(&self, _id: usize, _value: &Value, _spec: &ParamSpec) {}

    fn property(&self, _id: usize, spec: &ParamSpec) -> Value {
        match spec.name() {
            "certificate" => self.der.get().map(glib::ByteArray::from).to_value(),
            "private-key-pem" => self.key_pem.get().to_value(),
            "issuer" => self
                .issuer
                .get()
                .map(Cast::upcast_ref::<gio::TlsCertificate>)
                .to_value(),
            _ => spec.default_value().clone(),
        }
    }
}

impl TlsCertificateImpl for Imp {
    fn verify(
        &self,
        _identity: Option<&gio::SocketConnectable>,
        _trusted_ca: Option<&gio::TlsCertificate>,
    ) -> gio::TlsCertificateFlags {
        gio::TlsCertificateFlags::GENERIC_ERROR
    }
}

impl_tls_certificate!(Imp);

impl Foreign {
    /// A certificate of any contents, also such that are none.
    pub fn new(der: Vec<u8>, issuer: Option<Foreign>) -> Self {
        let object: Self = glib::Object::new();
        object.imp().der.set(der).unwrap();
        if let Some(issuer) = issuer {
            object.set_issuer(issuer);
        }
        object
    }

    /// The same certificate with its private key.
    pub fn with_key(self, pem: String) -> Self {
        self.imp().key_pem.set(pem).unwrap();
        self
    }

    /// Names an issuer, which may be one of those that this one issued: then none of them is ever freed.
    pub fn set_issuer(&self, issuer: Foreign) {
        self.imp().issuer.set(issuer).unwrap();
    }
}
