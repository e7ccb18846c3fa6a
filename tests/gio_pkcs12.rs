//! PKCS #12 containers through GIO's functions.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use std::{
    ffi::{CString, c_int},
    process::Command,
    ptr,
};

use foreign_types::ForeignType;
use gio::{TlsCertificate, TlsError, prelude::*};
use glib::translate::{IntoGlib, from_glib_full};
use openssl::{nid::Nid, pkcs12::Pkcs12, stack::Stack, x509::X509};

use common::backend;
use pki::{Issued, Leaf, Pki};

#[path = "common/backend.rs"]
mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

/// What `PKCS12_create` takes for "no encryption" and "no MAC".
const NONE: c_int = -1;

const TRIPLE_DES: c_int = Nid::PBE_WITHSHA1AND3_KEY_TRIPLEDES_CBC.as_raw();
const AES: c_int = Nid::AES_256_CBC.as_raw();

fn open(container: &[u8], password: Option<&str>) -> Result<TlsCertificate, glib::Error> {
    backend();
    TlsCertificate::from_pkcs12(container, password)
}

fn leaf() -> Issued {
    Pki::new().issue(Leaf::new("server.example"))
}

/// How to make a container, as `PKCS12_create` takes it.
struct Recipe<'a> {
    key: Option<&'a Issued>,
    certificate: Option<&'a Issued>,
    others: &'a [&'a Issued],
    password: Option<&'a str>,
    /// What encrypts the key and the certificates; 0 is the default, -1 is nothing.
    algorithms: [c_int; 2],
    rounds: c_int,
    /// 0 is the default, -1 is no MAC.
    mac_rounds: c_int,
}

impl<'a> Recipe<'a> {
    fn new(leaf: &'a Issued, password: &'a str) -> Self {
        Self {
            key: Some(leaf),
            certificate: Some(leaf),
            others: &[],
            password: Some(password),
            algorithms: [0; 2],
            rounds: 0,
            mac_rounds: 0,
        }
    }

    fn make(&self) -> Vec<u8> {
        let key = self
            .key
            .map_or(ptr::null_mut(), |issued| issued.key.as_ptr());
        let certificate = self
            .certificate
            .map_or(ptr::null_mut(), |issued| issued.certificate.as_ptr());
        let mut others: Stack<X509> = Stack::new().unwrap();
        for issued in self.others {
            others.push(issued.certificate.clone()).unwrap();
        }
        let password = self.password.map(|text| CString::new(text).unwrap());
        let text = password.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: all parts are alive or NULL, which means that they are missing.
        #[allow(unsafe_code)]
        let container = unsafe {
            Pkcs12::from_ptr(openssl_sys::PKCS12_create(
                text.cast_mut(),
                ptr::null_mut(),
                key,
                certificate,
                others.as_ptr(),
                self.algorithms[0],
                self.algorithms[1],
                self.rounds,
                self.mac_rounds,
                0,
            ))
        };
        container.to_der().unwrap()
    }
}

/// A container with OpenSSL's default algorithms.
fn container(leaf: &Issued, password: &str) -> Vec<u8> {
    Recipe::new(leaf, password).make()
}

/// A container that nothing protects.
fn unprotected(leaf: &Issued) -> Vec<u8> {
    Recipe {
        algorithms: [NONE; 2],
        mac_rounds: NONE,
        ..Recipe::new(leaf, "")
    }
    .make()
}

/// `openssl pkcs12 -export` of this key and certificate.
fn exported(leaf: &Issued, arguments: &[&str]) -> Vec<u8> {
    let pki = Pki::new();
    let input = leaf.certificate_pem() + &leaf.key_pem();
    let input = pki.write("input.pem", input);
    let output = pki.folder().join("output.p12");
    let result = Command::new("openssl")
        .args(["pkcs12", "-export", "-passout", "pass:secret", "-in"])
        .arg(&input)
        .arg("-out")
        .arg(&output)
        .args(arguments)
        .output()
        .unwrap();
    assert!(result.status.success(), "{result:?}");
    std::fs::read(output).unwrap()
}

fn assert_is(certificate: &TlsCertificate, issued: &Issued) {
    assert_eq!(
        certificate.certificate().unwrap().as_ref(),
        issued.certificate.to_der().unwrap()
    );
    let key = certificate.private_key_pem();
    assert_eq!(key.as_deref(), Some(issued.key_pem().as_str()));
}

fn assert_password(result: Result<TlsCertificate, glib::Error>) {
    let error = result.unwrap_err();
    assert!(error.matches(TlsError::BadCertificatePassword), "{error}");
}

/// The error's text, which holds the given words.
fn assert_bad(result: Result<TlsCertificate, glib::Error>, words: &str) {
    let error = result.unwrap_err();
    assert!(error.matches(TlsError::BadCertificate), "{error}");
    assert!(error.message().contains(words), "{error}");
}

#[test]
fn password_opens_its_container() {
    let leaf = leaf();
    let container = container(&leaf, "secr\u{e9}t");
    assert_is(&open(&container, Some("secr\u{e9}t")).unwrap(), &leaf);
}

#[test]
fn every_other_password_is_wrong() {
    let container = container(&leaf(), "secret");
    for password in [None, Some(""), Some("Secret"), Some("secret ")] {
        assert_password(open(&container, password));
    }
}

#[test]
fn no_password_and_an_empty_one_are_the_same() {
    let leaf = leaf();
    for password in [Some(""), None] {
        for algorithm in [AES, TRIPLE_DES] {
            for mac_rounds in [1, NONE] {
                let recipe = Recipe {
                    password,
                    algorithms: [algorithm; 2],
                    mac_rounds,
                    ..Recipe::new(&leaf, "")
                };
                let container = recipe.make();
                for password in [None, Some("")] {
                    assert_is(&open(&container, password).unwrap(), &leaf);
                }
                assert_password(open(&container, Some("secret")));
            }
        }
    }
}

#[test]
fn container_without_a_mac_has_its_password_in_its_encryption() {
    let leaf = leaf();
    for algorithm in [AES, TRIPLE_DES] {
        let recipe = Recipe {
            algorithms: [algorithm; 2],
            mac_rounds: NONE,
            ..Recipe::new(&leaf, "secret")
        };
        let container = recipe.make();
        assert_is(&open(&container, Some("secret")).unwrap(), &leaf);
        assert_password(open(&container, None));
        // One in 256 wrong passwords decrypts to something with a padding.
        for number in 0..600 {
            assert_password(open(&container, Some(&format!("wrong {number}"))));
        }
    }
}

#[test]
fn encrypted_key_in_a_plain_container_needs_the_password() {
    let leaf = leaf();
    for algorithm in [AES, TRIPLE_DES] {
        let recipe = Recipe {
            algorithms: [algorithm, NONE],
            mac_rounds: NONE,
            ..Recipe::new(&leaf, "secret")
        };
        let container = recipe.make();
        for password in [None, Some(""), Some("wrong")] {
            assert_password(open(&container, password));
        }
        assert_is(&open(&container, Some("secret")).unwrap(), &leaf);
    }
}

#[test]
fn container_without_any_protection_opens_with_any_password() {
    let leaf = leaf();
    let container = unprotected(&leaf);
    for password in [None, Some(""), Some("secret")] {
        assert_is(&open(&container, password).unwrap(), &leaf);
    }
}

#[test]
fn changed_container_fails_as_its_mac_does() {
    let leaf = leaf();
    let recipe = Recipe {
        algorithms: [NONE; 2],
        ..Recipe::new(&leaf, "secret")
    };
    let plain = recipe.make();
    let name = b"server.example";
    let at = plain.windows(name.len()).position(|part| part == name);
    let mut changed = plain.clone();
    changed[at.unwrap()] ^= 1;
    assert_is(&open(&plain, Some("secret")).unwrap(), &leaf);
    assert_password(open(&changed, Some("secret")));
}

#[test]
fn triple_des_is_still_read() {
    let leaf = leaf();
    let algorithm = "PBE-SHA1-3DES";
    let arguments = [
        "-keypbe", algorithm, "-certpbe", algorithm, "-macalg", "sha1",
    ];
    let container = exported(&leaf, &arguments);
    assert_is(&open(&container, Some("secret")).unwrap(), &leaf);
}

#[test]
fn rc2_is_named_as_unsupported() {
    let container = exported(&leaf(), &["-legacy"]);
    assert_bad(open(&container, Some("secret")), "legacy provider");
    assert_password(open(&container, Some("wrong")));
}

#[test]
fn missing_parts_are_named() {
    let (one, other) = (leaf(), leaf());
    let recipe = |key, certificate, others| Recipe {
        key,
        certificate,
        others,
        ..Recipe::new(&one, "secret")
    };
    let words = "no certificate for its private key";
    for (recipe, words) in [
        (recipe(None, Some(&one), &[]), "no private key"),
        (recipe(Some(&one), None, &[]), words),
        (recipe(Some(&one), None, &[&other]), words),
    ] {
        assert_bad(open(&recipe.make(), Some("secret")), words);
    }
}

#[test]
fn garbage_is_a_bad_certificate() {
    let whole = container(&leaf(), "secret");
    let mut longer = whole.clone();
    longer.push(0);
    for data in [&b""[..], b"garbage", &whole[..whole.len() - 1], &longer] {
        assert_bad(open(data, Some("secret")), "PKCS #12");
    }
}

#[test]
fn every_truncation_and_every_changed_byte_is_survived() {
    let leaf = leaf();
    let plain = unprotected(&leaf);
    for at in 0..plain.len() {
        assert!(open(&plain[..at], None).is_err(), "{at}");
        let mut changed = plain.clone();
        changed[at] ^= 0xff;
        let _ = open(&changed, None);
    }
}

#[test]
fn other_certificates_are_linked_by_who_issued_whom() {
    let pki = Pki::new();
    let stranger = Leaf::new("Stranger").authority().self_signed();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    let orders: [[&Issued; 3]; 2] = [
        [&pki.root, &stranger, &pki.intermediate],
        [&pki.intermediate, &stranger, &pki.root],
    ];
    for order in orders {
        let recipe = Recipe {
            others: &order,
            ..Recipe::new(&leaf, "secret")
        };
        let container = recipe.make();
        let certificate = open(&container, Some("secret")).unwrap();
        assert_is(&certificate, &leaf);
        let intermediate = certificate.issuer().unwrap();
        let root = intermediate.issuer().unwrap();
        let der = pki.intermediate.certificate.to_der().unwrap();
        assert_eq!(intermediate.certificate().unwrap().as_ref(), der);
        let der = pki.root.certificate.to_der().unwrap();
        assert_eq!(root.certificate().unwrap().as_ref(), der);
        assert_eq!(root.issuer(), None);
        assert_eq!(intermediate.private_key_pem(), None);
        assert_eq!(certificate.issuer(), Some(intermediate));
    }
}

#[test]
fn excessive_rounds_are_refused() {
    // Numbers of three bytes, which are patched into larger ones.
    const HONEST: [u8; 5] = [2, 3, 1, 2, 3];
    const EXCESSIVE: [u8; 5] = [2, 3, 0x7f, 0xff, 0xff];
    let leaf = leaf();
    let recipe = |algorithm, rounds, mac_rounds| Recipe {
        algorithms: [algorithm; 2],
        rounds,
        mac_rounds,
        ..Recipe::new(&leaf, "secret")
    };
    for recipe in [
        recipe(AES, 0x01_02_03, NONE),
        recipe(TRIPLE_DES, 0x01_02_03, NONE),
        recipe(AES, 1, 0x01_02_03),
    ] {
        let container = recipe.make();
        assert_is(&open(&container, Some("secret")).unwrap(), &leaf);
        let places: Vec<usize> = (0..=container.len() - HONEST.len())
            .filter(|&at| container[at..].starts_with(&HONEST))
            .collect();
        assert!(!places.is_empty());
        for at in places {
            let mut changed = container.clone();
            changed[at..][..EXCESSIVE.len()].copy_from_slice(&EXCESSIVE);
            assert_bad(open(&changed, Some("secret")), "rounds");
        }
    }
}

#[test]
fn second_initialisation_repeats_the_result() {
    let container = container(&leaf(), "secret");
    for (password, good) in [("secret", true), ("wrong", false)] {
        backend();
        let object = uninitialised(&container, password);
        for _ in 0..2 {
            // SAFETY: the object has its construction properties, and copes with it.
            #[allow(unsafe_code)]
            let result = unsafe { object.init(gio::Cancellable::NONE) };
            match result {
                Ok(()) => assert!(good),
                Err(error) => {
                    assert!(!good);
                    assert!(error.matches(TlsError::BadCertificatePassword), "{error}");
                }
            }
        }
        let certificate: TlsCertificate = object.dynamic_cast().unwrap();
        assert_eq!(certificate.certificate().is_some(), good);
    }
}

/// An object with its construction properties and before GInitable.
#[allow(unsafe_code)]
fn uninitialised(container: &[u8], password: &str) -> gio::Initable {
    let values = [
        glib::ByteArray::from(container).to_value(),
        password.to_value(),
    ];
    let mut names = [c"pkcs12-data".as_ptr(), c"password".as_ptr()];
    // SAFETY: both properties have these types, and a new object is the caller's.
    let object: glib::Object = unsafe {
        from_glib_full(glib::gobject_ffi::g_object_new_with_properties(
            gio_ossl::Certificate::static_type().into_glib(),
            2,
            names.as_mut_ptr(),
            values.as_ptr().cast(),
        ))
    };
    object.downcast().unwrap()
}

#[test]
fn files_are_known_by_their_suffix() {
    backend();
    let leaf = leaf();
    let pki = Pki::new();
    for name in ["a.p12", "a.pfx"] {
        let file = pki.write(name, container(&leaf, "secret"));
        assert_password(TlsCertificate::from_file(&file));
        let opened = TlsCertificate::from_file_with_password(&file, "secret").unwrap();
        assert_is(&opened, &leaf);
        let file = pki.write(name, container(&leaf, ""));
        assert_is(&TlsCertificate::from_file(&file).unwrap(), &leaf);
    }
    let file = pki.write("a.pem", container(&leaf, "secret"));
    let error = TlsCertificate::from_file_with_password(&file, "secret").unwrap_err();
    assert!(error.matches(gio::IOErrorEnum::NotSupported), "{error}");
}

#[test]
fn every_kind_of_key_comes_out_of_a_container() {
    for leaf in [
        Leaf::new("x").self_signed(),
        Leaf::new("x").rsa(2048).self_signed(),
    ] {
        assert_is(
            &open(&container(&leaf, "secret"), Some("secret")).unwrap(),
            &leaf,
        );
    }
}
