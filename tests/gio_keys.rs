//! Private keys of a certificate: what is read, what is refused, and what comes out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use gio::{TlsCertificate, TlsError, prelude::*};
use gio_ossl::{Certificate, DtlsServerConnection};
use openssl::{
    ec::{EcGroup, EcKey},
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    symm::Cipher,
};

use backend::backend;
use certificates::{build, bytes, object, text};
use pki::{Issued, Leaf, Pki};

#[path = "common/backend.rs"]
mod backend;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/certificates.rs"]
mod certificates;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

fn with_key_pem(issued: &Issued, key: &str) -> Result<Certificate, glib::Error> {
    build(&[
        ("certificate-pem", issued.certificate_pem().to_value()),
        ("private-key-pem", key.to_value()),
    ])
}

fn with_key_der(issued: &Issued, key: &[u8]) -> Result<Certificate, glib::Error> {
    let der = issued.certificate.to_der().unwrap();
    build(&[
        ("certificate", glib::ByteArray::from(&der).to_value()),
        ("private-key", glib::ByteArray::from(key).to_value()),
    ])
}

/// A key of each kind.
fn keys() -> Vec<PKey<Private>> {
    let curve = |nid| {
        let group = EcGroup::from_curve_name(nid).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    vec![
        PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
        rsa_pss(),
        curve(Nid::X9_62_PRIME256V1),
        curve(Nid::SECP384R1),
        curve(Nid::SECP521R1),
        PKey::generate_ed25519().unwrap(),
        PKey::generate_ed448().unwrap(),
    ]
}

/// An RSA key that is for RSASSA-PSS alone.
fn rsa_pss() -> PKey<Private> {
    let output = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA-PSS"])
        .args(["-pkeyopt", "rsa_keygen_bits:2048"])
        .output()
        .unwrap();
    PKey::private_key_from_pem(&output.stdout).unwrap()
}

#[test]
fn every_kind_of_key_is_read_from_pkcs8() {
    let leaf = Leaf::new("x").self_signed();
    for key in keys() {
        let der = key.private_key_to_pkcs8().unwrap();
        let pem = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        for certificate in [
            with_key_pem(&leaf, &pem).unwrap(),
            with_key_der(&leaf, &der).unwrap(),
        ] {
            assert_eq!(bytes(&certificate, "private-key").as_ref(), Some(&der));
            assert_eq!(text(&certificate, "private-key-pem").as_ref(), Some(&pem));
        }
    }
}

#[test]
fn traditional_forms_come_out_as_pkcs8() {
    let leaf = Leaf::new("x").self_signed();
    for key in keys() {
        let (pem, der) = if let Ok(rsa) = key.rsa() {
            (rsa.private_key_to_pem(), rsa.private_key_to_der())
        } else if let Ok(ec) = key.ec_key() {
            (ec.private_key_to_pem(), ec.private_key_to_der())
        } else {
            continue;
        };
        let expected = key.private_key_to_pkcs8().unwrap();
        if key.id() == openssl::pkey::Id::RSA_PSS {
            continue;
        }
        let pem = String::from_utf8(pem.unwrap()).unwrap();
        assert!(!pem.contains("BEGIN PRIVATE KEY"));
        for certificate in [
            with_key_pem(&leaf, &pem).unwrap(),
            with_key_der(&leaf, &der.unwrap()).unwrap(),
        ] {
            assert_eq!(bytes(&certificate, "private-key").as_ref(), Some(&expected));
        }
    }
}

#[test]
fn parameters_before_the_key_are_skipped() {
    backend();
    let leaf = Leaf::new("x").self_signed();
    let pem = leaf.key.ec_key().unwrap().private_key_to_pem().unwrap();
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n\
                      -----END EC PARAMETERS-----\n";
    let key = parameters.to_owned() + std::str::from_utf8(&pem).unwrap();
    let direct = with_key_pem(&leaf, &key).unwrap();
    assert_eq!(text(&direct, "private-key-pem"), Some(leaf.key_pem()));
    let both = TlsCertificate::from_pem(&(key + &leaf.certificate_pem())).unwrap();
    assert_eq!(both.private_key_pem().unwrap(), leaf.key_pem());
}

#[test]
fn data_behind_a_key_is_refused() {
    let leaf = Leaf::new("x").self_signed();
    for mut der in [
        leaf.key.private_key_to_pkcs8().unwrap(),
        leaf.key.private_key_to_der().unwrap(),
    ] {
        der.push(0);
        let error = with_key_der(&leaf, &der).unwrap_err();
        assert!(error.matches(TlsError::BadCertificate), "{error}");
    }
}

#[test]
fn public_keys_are_no_private_keys() {
    let leaf = Leaf::new("x").self_signed();
    let pem = String::from_utf8(leaf.key.public_key_to_pem().unwrap()).unwrap();
    let der = leaf.key.public_key_to_der().unwrap();
    for error in [
        with_key_pem(&leaf, &pem).unwrap_err(),
        with_key_der(&leaf, &der).unwrap_err(),
    ] {
        assert!(error.matches(TlsError::BadCertificate), "{error}");
    }
}

#[test]
fn key_of_another_certificate_is_refused_when_a_server_begins() {
    let (leaf, other) = (Leaf::new("x").self_signed(), Leaf::new("x").self_signed());
    let certificate: Certificate = with_key_pem(&leaf, &other.key_pem()).unwrap();
    let socket = gio::Socket::new(
        gio::SocketFamily::Ipv4,
        gio::SocketType::Datagram,
        gio::SocketProtocol::Udp,
    )
    .unwrap();
    let error = DtlsServerConnection::new(&socket, Some(&certificate)).unwrap_err();
    assert!(error.matches(TlsError::BadCertificate), "{error}");
    assert!(error.message().contains("not the certificate's"), "{error}");
}

#[test]
fn every_truncation_of_a_key_is_refused() {
    let leaf = Leaf::new("x").self_signed();
    let der = leaf.key.private_key_to_pkcs8().unwrap();
    for length in 0..der.len() {
        let error = with_key_der(&leaf, &der[..length]).unwrap_err();
        assert!(error.matches(TlsError::BadCertificate), "{error}");
    }
}

#[test]
fn garbage_key_is_a_bad_certificate() {
    let leaf = Pki::new().issue(Leaf::new("server.example"));
    for error in [
        with_key_pem(&leaf, "garbage").unwrap_err(),
        with_key_der(&leaf, b"garbage").unwrap_err(),
    ] {
        assert!(error.matches(TlsError::BadCertificate), "{error}");
    }
}

#[test]
fn key_comes_out_as_unencrypted_pkcs8() {
    let leaf = Pki::new().issue(Leaf::new("server.example"));
    let certificate = with_key_pem(&leaf, &leaf.key_pem()).unwrap();
    assert_eq!(
        bytes(&certificate, "private-key"),
        Some(leaf.key.private_key_to_pkcs8().unwrap())
    );
    assert_eq!(text(&certificate, "private-key-pem"), Some(leaf.key_pem()));
}

#[test]
fn certificate_without_key_has_none() {
    let certificate = object(&Pki::new().issue(Leaf::new("server.example")));
    assert_eq!(bytes(&certificate, "private-key"), None);
    assert_eq!(text(&certificate, "private-key-pem"), None);
}

#[test]
fn encrypted_keys_are_refused_without_asking() {
    let leaf = Pki::new().issue(Leaf::new("server.example"));
    let cipher = Cipher::aes_128_cbc();
    let rsa = Rsa::generate(2048).unwrap();
    let traditional = rsa
        .private_key_to_pem_passphrase(cipher, b"secret")
        .unwrap();
    let pkcs8_pem = leaf
        .key
        .private_key_to_pem_pkcs8_passphrase(cipher, b"secret")
        .unwrap();
    for key in [traditional, pkcs8_pem] {
        let error = with_key_pem(&leaf, &String::from_utf8(key).unwrap()).unwrap_err();
        assert!(error.matches(TlsError::BadCertificate), "{error}");
        assert!(error.message().contains("encrypted"), "{error}");
    }
    let pkcs8_der = leaf
        .key
        .private_key_to_pkcs8_passphrase(cipher, b"secret")
        .unwrap();
    let error = with_key_der(&leaf, &pkcs8_der).unwrap_err();
    assert!(error.message().contains("encrypted"), "{error}");
}

#[test]
fn debug_output_has_no_key() {
    let leaf = Pki::new().issue(Leaf::new("server.example"));
    let certificate = with_key_pem(&leaf, &leaf.key_pem()).unwrap();
    let shown = format!("{certificate:?}");
    assert!(!shown.contains("PRIVATE"), "{shown}");
}
