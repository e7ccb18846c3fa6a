//! PKCS #11 on a system where OpenSSL has nothing for it.

#![allow(clippy::unwrap_used, missing_docs)]

use gio::{IOErrorEnum, TlsCertificate};

use backend::backend;
use pki::{Leaf, Pki};

#[path = "common/backend.rs"]
mod backend;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

/// The only test of this program: it changes the environment.
#[test]
fn system_without_the_engine_does_not_support_tokens() {
    let pki = Pki::new();
    // SAFETY: nothing else runs in this process.
    #[allow(unsafe_code)]
    unsafe {
        std::env::set_var("OPENSSL_ENGINES", pki.folder());
    }
    backend();
    let uri = "pkcs11:token=none;object=none";
    let error = TlsCertificate::from_pkcs11_uris(uri, None).unwrap_err();
    assert!(error.matches(IOErrorEnum::NotSupported), "{error}");
    assert!(error.message().contains("engine pkcs11"), "{error}");

    let leaf = pki.issue(Leaf::new("x"));
    let error = gio::Initable::builder::<gio_ossl::Certificate>()
        .property("certificate-pem", leaf.certificate_pem())
        .property("private-key-pkcs11-uri", uri)
        .build(gio::Cancellable::NONE)
        .unwrap_err();
    assert!(error.matches(IOErrorEnum::NotSupported), "{error}");
}
