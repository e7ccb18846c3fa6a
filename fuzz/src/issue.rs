//! Certificates for the fuzzers.

use std::sync::OnceLock;

use openssl::{
    asn1::{Asn1Object, Asn1OctetString, Asn1Time},
    hash::MessageDigest,
    pkey::{PKey, Private},
    x509::{X509, X509Builder, X509Extension, X509Name},
};

/// A certificate in DER without any extension: always the same in one process.
pub(crate) fn plain() -> &'static [u8] {
    static PLAIN: OnceLock<Vec<u8>> = OnceLock::new();
    PLAIN.get_or_init(|| sign(template()))
}

/// A certificate in DER with this value of its subjectAltName extension.
pub(crate) fn with_alternative_names(value: &[u8]) -> Vec<u8> {
    const SUBJECT_ALT_NAME: &str = "2.5.29.17";
    let oid = Asn1Object::from_str(SUBJECT_ALT_NAME).expect("an object identifier");
    let value = Asn1OctetString::new_from_bytes(value).expect("an octet string");
    let extension = X509Extension::new_from_der(&oid, false, &value).expect("an extension");
    let mut builder = template();
    builder.append_extension(extension).expect("room");
    sign(builder)
}

fn template() -> X509Builder {
    let mut name = X509Name::builder().expect("a name");
    name.append_entry_by_text("O", "Fuzz").expect("an entry");
    let name = name.build();
    let mut builder = X509::builder().expect("a builder");
    let (begin, end) = (Asn1Time::from_unix(0), Asn1Time::from_unix(4_000_000_000));
    builder
        .set_version(2)
        .and_then(|()| builder.set_subject_name(&name))
        .and_then(|()| builder.set_issuer_name(&name))
        .and_then(|()| builder.set_pubkey(key()))
        .and_then(|()| builder.set_not_before(&*begin?))
        .and_then(|()| builder.set_not_after(&*end?))
        .expect("a certificate");
    builder
}

fn sign(mut builder: X509Builder) -> Vec<u8> {
    builder
        .sign(key(), MessageDigest::null())
        .expect("a signature");
    builder.build().to_der().expect("DER")
}

fn key() -> &'static PKey<Private> {
    static KEY: OnceLock<PKey<Private>> = OnceLock::new();
    KEY.get_or_init(|| PKey::generate_ed25519().expect("a key"))
}
