//! Certificates from files and texts, as GIO takes them apart.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use gio::{TlsCertificate, TlsError, prelude::*};

use backend::backend;
use pki::{Issued, Leaf, Pki};

#[path = "common/backend.rs"]
mod backend;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

/// A leaf below an intermediate, its PKI, and GIO set up.
fn chain() -> (Pki, Issued) {
    backend();
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    (pki, leaf)
}

fn is(certificate: &TlsCertificate, issued: &Issued) -> bool {
    certificate.certificate().unwrap().as_ref() == issued.certificate.to_der().unwrap()
}

fn assert_chain(certificate: &TlsCertificate, expected: &[&Issued]) {
    let mut next = Some(certificate.clone());
    for issued in expected {
        let link = next.unwrap();
        assert!(is(&link, issued));
        next = link.issuer();
    }
    assert_eq!(next, None);
}

fn assert_bad<T: std::fmt::Debug>(result: Result<T, glib::Error>) {
    let error = result.unwrap_err();
    assert!(error.matches(TlsError::BadCertificate), "{error}");
}

#[test]
fn file_of_a_chain_keeps_its_issuers() {
    let (pki, leaf) = chain();
    let (middle, root) = (&pki.intermediate, &pki.root);
    let text = |parts: &[&Issued]| -> String {
        parts
            .iter()
            .map(|issued| issued.certificate_pem())
            .collect()
    };
    for expected in [&[&leaf, middle, root][..], &[&leaf, middle], &[&leaf]] {
        let file = pki.write("chain.pem", text(expected));
        assert_chain(&TlsCertificate::from_file(file).unwrap(), expected);
    }
    // What does not lead to the last certificate is no chain.
    let stranger = Leaf::new("Stranger").authority().self_signed();
    let file = pki.write("chain.pem", text(&[&leaf, middle, &stranger]));
    assert_chain(&TlsCertificate::from_file(file).unwrap(), &[&leaf]);
}

#[test]
fn key_may_stand_anywhere_in_the_file() {
    let (pki, leaf) = chain();
    let (certificate, issuer, key) = (
        leaf.certificate_pem(),
        pki.intermediate.certificate_pem(),
        leaf.key_pem(),
    );
    for order in [
        [&key, &certificate, &issuer],
        [&certificate, &key, &issuer],
        [&certificate, &issuer, &key],
    ] {
        let file = pki.write("all.pem", order.map(String::as_str).concat());
        let all = TlsCertificate::from_file(file).unwrap();
        assert_chain(&all, &[&leaf, &pki.intermediate]);
        assert_eq!(all.private_key_pem().unwrap(), key);
        assert_eq!(all.issuer().unwrap().private_key_pem(), None);
    }
}

#[test]
fn old_line_ends_text_and_a_byte_order_mark_are_no_obstacle() {
    let (pki, leaf) = chain();
    let pem = leaf.certificate_pem() + &leaf.key_pem();
    for text in [
        pem.replace('\n', "\r\n"),
        format!("Some text\n\n{pem}\nmore text"),
        format!("\u{feff}{pem}"),
        format!("-----BEGIN SOMETHING-----\n{pem}"),
    ] {
        let file = pki.write("leaf.pem", text);
        let certificate = TlsCertificate::from_file(file).unwrap();
        assert!(is(&certificate, &leaf));
        assert_eq!(certificate.private_key_pem().unwrap(), leaf.key_pem());
    }
}

#[test]
fn second_certificate_that_breaks_off_is_ignored() {
    let (pki, leaf) = chain();
    let second = pki.intermediate.certificate_pem();
    let text = leaf.certificate_pem() + &second[..second.len() / 2];
    let file = pki.write("broken.pem", text);
    assert_chain(&TlsCertificate::from_file(file).unwrap(), &[&leaf]);
}

#[test]
fn files_without_a_pem_certificate_are_bad() {
    let (pki, leaf) = chain();
    let der = leaf.certificate.to_der().unwrap();
    for contents in [&b""[..], b"garbage", &der, leaf.key_pem().as_bytes()] {
        assert_bad(TlsCertificate::from_file(pki.write("bad.pem", contents)));
    }
}

#[test]
fn certificate_and_key_come_from_two_files() {
    let (pki, leaf) = chain();
    let text = leaf.certificate_pem() + &pki.intermediate.certificate_pem();
    let certificate = pki.write("certificate.pem", text);
    let key = pki.write("key.pem", leaf.key_pem());
    let both = TlsCertificate::from_files(&certificate, &key).unwrap();
    assert_chain(&both, &[&leaf, &pki.intermediate]);
    assert_eq!(both.private_key_pem().unwrap(), leaf.key_pem());
    assert_bad(TlsCertificate::from_files(&certificate, &certificate));
}

#[test]
fn list_has_every_certificate_in_order_or_none() {
    let (pki, leaf) = chain();
    let all = [&leaf, &pki.root, &pki.intermediate];
    let text: String = all.iter().map(|issued| issued.certificate_pem()).collect();
    let list = TlsCertificate::list_new_from_file(pki.write("list.pem", &text)).unwrap();
    assert_eq!(list.len(), all.len());
    for (certificate, issued) in list.iter().zip(all) {
        assert!(is(certificate, issued));
        assert_eq!(certificate.issuer(), None);
    }
    let empty = pki.write("empty.pem", "no certificate");
    assert!(
        TlsCertificate::list_new_from_file(empty)
            .unwrap()
            .is_empty()
    );
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_bad(TlsCertificate::list_new_from_file(
        pki.write("bad.pem", text + bad),
    ));
}

#[test]
fn encrypted_keys_are_refused_without_asking() {
    let (pki, leaf) = chain();
    let cipher = openssl::symm::Cipher::aes_128_cbc();
    let ec = leaf.key.ec_key().unwrap();
    let traditional = ec.private_key_to_pem_passphrase(cipher, b"secret").unwrap();
    let modern = leaf
        .key
        .private_key_to_pem_pkcs8_passphrase(cipher, b"secret");
    for key in [traditional, modern.unwrap()] {
        let key = String::from_utf8(key).unwrap();
        assert_bad(TlsCertificate::from_pem(&(leaf.certificate_pem() + &key)));
        let key = pki.write("key.pem", key);
        let certificate = pki.write("certificate.pem", leaf.certificate_pem());
        assert_bad(TlsCertificate::from_files(certificate, key));
    }
}
