//! Certificate objects of this library, made from properties, and what they answer.

use gio::prelude::*;
use gio_ossl::Certificate;

use super::pki::Issued;

fn strict() {
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
}

/// An object with these construction properties. Criticals and warnings end the process.
pub fn build(properties: &[(&str, glib::Value)]) -> Result<Certificate, glib::Error> {
    strict();
    let mut builder = gio::Initable::builder::<Certificate>();
    for (name, value) in properties {
        builder = builder.property(name, value.clone());
    }
    builder.build(gio::Cancellable::NONE)
}

/// The certificate alone.
pub fn object(issued: &Issued) -> Certificate {
    build(&[("certificate-pem", issued.certificate_pem().to_value())]).unwrap()
}

/// A property of bytes.
pub fn bytes(certificate: &Certificate, property: &str) -> Option<Vec<u8>> {
    certificate
        .property::<Option<glib::ByteArray>>(property)
        .map(|array| array.to_vec())
}

/// A property of text.
pub fn text(certificate: &Certificate, property: &str) -> Option<String> {
    certificate.property(property)
}
