//! What the fuzzers feed, and what must hold whatever they feed. Every target takes bytes and panics
//! when a promise is broken; `tests/corpus.rs` replays the corpora through the same functions.

use gio::{TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::Certificate;
use glib::{ByteArray, Value};
use openssl::error::ErrorStack;

pub use c_functions::{c_functions, called};
pub use calls::calls;
pub use engine::engine;
pub use identity::identity;
pub use protected::protected;
pub use psk_identity::psk_identity;
pub use session::session;

mod c_functions;
mod calls;
mod ends;
mod engine;
mod identity;
mod issue;
mod play;
mod protected;
mod psk_identity;
mod script;
mod session;

#[path = "../../tests/common"]
mod common {
    #![allow(dead_code)] // The tests use more of it.

    pub(crate) mod simnet;
}
#[path = "../../tests/common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "../../tests/common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "../../tests/common/prf.rs"]
mod prf;

/// What is done with one input.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the name of its corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("certificate", certificate),
    ("private_key", private_key),
    ("pkcs12", pkcs12),
    ("identity", identity),
    ("session", session),
    ("engine", engine),
    ("protected", protected),
    ("psk_identity", psk_identity),
    ("calls", calls),
    ("c_functions", c_functions),
];

/// A certificate, as DER and as PEM text.
pub fn certificate(data: &[u8]) {
    if let Some(certificate) = build(&[("certificate", ByteArray::from(data).to_value())]) {
        examine(&certificate);
    }
    if let Some(text) = text(data) {
        if let Some(certificate) = build(&[("certificate-pem", text.to_value())]) {
            examine(&certificate);
        }
        if let Ok(certificate) = Certificate::from_pem(text, None) {
            examine(&certificate);
        }
    }
    assert_no_error_is_left();
}

/// A private key, as DER and as PEM text.
pub fn private_key(data: &[u8]) {
    let certificate = ByteArray::from(issue::plain()).to_value();
    let with_key = |name, key: Value| {
        let certificate = build(&[("certificate", certificate.clone()), (name, key)])?;
        let key: Option<ByteArray> = certificate.property("private-key");
        Some(key.expect("a certificate that took a key hands it out"))
    };
    let der = with_key("private-key", ByteArray::from(data).to_value());
    let pem = text(data).and_then(|text| with_key("private-key-pem", text.to_value()));
    for key in [der, pem].into_iter().flatten() {
        let again = with_key("private-key", key.to_value());
        assert_eq!(again.as_ref(), Some(&key), "PKCS#8 is read as written");
    }
    assert_no_error_is_left();
}

/// A PKCS#12 container behind one byte that chooses the password.
pub fn pkcs12(data: &[u8]) {
    let Some((choice, container)) = data.split_first() else {
        return;
    };
    let password = [None, Some(""), Some("password")][usize::from(choice % 3)];
    let container = ByteArray::from(container).to_value();
    let properties = [
        ("pkcs12-data", container),
        ("password", password.to_value()),
    ];
    if let Some(certificate) = build(&properties) {
        examine(&certificate);
    }
    assert_no_error_is_left();
}

/// The certificate with these properties, or nothing if that was refused with an error.
fn build(properties: &[(&str, Value)]) -> Option<Certificate> {
    let mut builder = gio::Initable::builder::<Certificate>();
    for (name, value) in properties {
        builder = builder.property(name, value.clone());
    }
    match builder.build(gio::Cancellable::NONE) {
        Ok(certificate) => Some(certificate),
        Err(error) => {
            assert!(!error.message().is_empty(), "an error says what is wrong");
            None
        }
    }
}

/// Reads every property, judges, and looks whether what comes out goes in again.
fn examine(certificate: &Certificate) {
    let der: ByteArray = certificate.property("certificate");
    let pem: String = certificate.property("certificate-pem");
    for spec in certificate.list_properties() {
        if spec.flags().contains(glib::ParamFlags::READABLE) {
            certificate.property_value(spec.name());
        }
    }

    let from_der = build(&[("certificate", der.to_value())]).expect("its own DER is read");
    let from_pem = build(&[("certificate-pem", pem.to_value())]).expect("its own PEM is read");
    assert!(
        certificate.is_same(&from_der),
        "DER comes out as it went in"
    );
    assert!(
        certificate.is_same(&from_pem),
        "PEM comes out as it went in"
    );

    let host = gio::NetworkAddress::new("server.example", 4433);
    let alone = certificate.verify(None::<&gio::SocketConnectable>, None::<&Certificate>);
    assert!(
        !alone.contains(Flags::UNKNOWN_CA) && !alone.contains(Flags::BAD_IDENTITY),
        "nothing is asked of a certificate that nothing was said about"
    );
    certificate.verify(Some(&host), Some(certificate));
    let mut issuer = certificate.issuer();
    let mut length = 0;
    while let Some(next) = issuer {
        length += 1;
        assert!(length <= 100, "a chain ends");
        issuer = next.issuer();
    }
}

/// The data as a C string could hold it.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data)
        .ok()
        .filter(|text| !text.contains('\0'))
}

fn assert_no_error_is_left() {
    assert!(
        ErrorStack::get().errors().is_empty(),
        "OpenSSL's error queue is left empty"
    );
}
