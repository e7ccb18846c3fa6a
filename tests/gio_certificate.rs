//! `GioOsslCertificate` through GIO's properties and methods.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use gio::{TlsCertificateFlags as Flags, TlsError, prelude::*};
use gio_ossl::Certificate;
use openssl::x509::X509;

use certificates::{build, object, text};
use foreign::Foreign;
use pki::{Issued, Leaf, Pki};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/certificates.rs"]
mod certificates;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/foreign.rs"]
mod foreign;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

fn host(name: &str) -> gio::SocketConnectable {
    gio::NetworkAddress::new(name, 4433).upcast()
}

fn identity_flags(issued: &Issued, identity: &impl IsA<gio::SocketConnectable>) -> Flags {
    object(issued).verify(Some(identity), gio::TlsCertificate::NONE)
}

fn trusting(certificate: &Certificate, authority: &Issued) -> Flags {
    certificate.verify(gio::SocketConnectable::NONE, Some(&object(authority)))
}

#[test]
fn pem_and_der_make_the_same_certificate() {
    let leaf = Pki::new().issue(Leaf::new("server.example"));
    let der = leaf.certificate.to_der().unwrap();
    let from_der = build(&[("certificate", glib::ByteArray::from(&der).to_value())]).unwrap();
    assert!(from_der.is_same(&object(&leaf)));
}

#[test]
fn no_source_at_all_is_a_bad_certificate() {
    assert!(build(&[]).unwrap_err().matches(TlsError::BadCertificate));
}

#[test]
fn garbage_is_a_bad_certificate() {
    let der = glib::ByteArray::from(b"garbage");
    let sources = [
        ("certificate", der.to_value()),
        ("certificate-pem", "garbage".to_value()),
        (
            "certificate-pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_value(),
        ),
    ];
    for source in sources {
        let error = build(std::slice::from_ref(&source)).unwrap_err();
        assert!(
            error.matches(TlsError::BadCertificate),
            "{source:?}: {error}"
        );
    }
}

#[test]
fn second_initialization_repeats_the_result() {
    let leaf = Pki::new().issue(Leaf::new("server.example"));
    let certificate = object(&leaf);
    let initable: &gio::Initable = certificate.upcast_ref();
    // SAFETY: the object was initialized before, and copes with it.
    #[allow(unsafe_code)]
    let again = unsafe { initable.init(gio::Cancellable::NONE) };
    assert!(again.is_ok());
}

#[test]
fn issuer_is_kept() {
    let pki = Pki::new();
    let root = object(&pki.root);
    let leaf = pki.issue(Leaf::new("server.example"));
    let certificate = build(&[
        ("certificate-pem", leaf.certificate_pem().to_value()),
        ("issuer", root.to_value()),
    ])
    .unwrap();
    assert_eq!(certificate.issuer().as_ref(), Some(root.upcast_ref()));
}

#[test]
fn pem_text_with_its_issuers_becomes_a_chain() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    // Wrong order, and the leaf twice.
    let pem = [&leaf, &pki.root, &leaf, &pki.intermediate].map(Issued::certificate_pem);
    let certificate = Certificate::from_pem(&pem.concat(), Some(&leaf.key_pem())).unwrap();
    let intermediate = certificate.issuer().unwrap();
    assert!(intermediate.is_same(&object(&pki.intermediate)));
    let root = intermediate.issuer().unwrap();
    assert!(root.is_same(&object(&pki.root)));
    assert_eq!(root.issuer(), None);
    assert!(text(&certificate, "private-key-pem").is_some());
}

#[test]
fn strangers_are_left_out_of_a_chain() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    let pem = [&leaf, &pki.root].map(Issued::certificate_pem);
    let certificate = Certificate::from_pem(&pem.concat(), None).unwrap();
    assert_eq!(certificate.issuer(), None);
}

#[test]
fn chain_to_the_authority_is_valid() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    let pem = [&leaf, &pki.intermediate].map(Issued::certificate_pem);
    let certificate = Certificate::from_pem(&pem.concat(), None).unwrap();
    assert_eq!(trusting(&certificate, &pki.root), Flags::empty());
}

#[test]
fn any_certificate_of_the_chain_can_be_the_authority() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    let certificate = object(&leaf);
    assert_eq!(trusting(&certificate, &pki.intermediate), Flags::empty());
    assert_eq!(trusting(&certificate, &leaf), Flags::empty());
}

#[test]
fn certificates_of_other_classes_can_be_authorities_and_issuers() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    let root = Foreign::new(pki.root.certificate.to_der().unwrap(), None);
    let intermediate = Foreign::new(pki.intermediate.certificate.to_der().unwrap(), None);
    let certificate = build(&[
        ("certificate-pem", leaf.certificate_pem().to_value()),
        ("issuer", intermediate.to_value()),
    ])
    .unwrap();
    let flags = certificate.verify(gio::SocketConnectable::NONE, Some(&root));
    assert_eq!(flags, Flags::empty());
}

#[test]
fn certificates_of_other_classes_are_the_same_by_their_contents() {
    let pki = Pki::new();
    let theirs = Foreign::new(pki.root.certificate.to_der().unwrap(), None);
    let ours = object(&pki.root);
    assert!(ours.is_same(&theirs));
    assert!(theirs.is_same(&ours));
    assert!(!object(&pki.intermediate).is_same(&theirs));
}

#[test]
fn second_source_for_one_thing_is_ignored_with_a_critical() {
    let (one, other) = (Leaf::new("x").self_signed(), Leaf::new("x").self_signed());
    // Criticals end this process: another one has to have it.
    const CHILD: &str = "GIO_OSSL_TEST_SECOND_SOURCE";
    if std::env::var_os(CHILD).is_none() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "second_source_for_one_thing_is_ignored_with_a_critical",
            ])
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(
            log.contains("ignoring the property \"certificate-pem\""),
            "{log}"
        );
        assert!(
            log.contains("ignoring the property \"private-key-pem\""),
            "{log}"
        );
        return;
    }
    let der = glib::ByteArray::from(&one.certificate.to_der().unwrap());
    let key = glib::ByteArray::from(&one.key.private_key_to_pkcs8().unwrap());
    let certificate = gio::Initable::builder::<Certificate>()
        .property("certificate", der)
        .property("certificate-pem", other.certificate_pem())
        .property("private-key", key)
        .property("private-key-pem", other.key_pem())
        .build(gio::Cancellable::NONE)
        .unwrap();
    assert!(certificate.is_same(&object(&one)));
    assert_eq!(text(&certificate, "private-key-pem"), Some(one.key_pem()));
}

#[test]
fn missing_intermediate_is_an_unknown_authority() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("server.example"));
    assert_eq!(trusting(&object(&leaf), &pki.root), Flags::UNKNOWN_CA);
}

#[test]
fn unrelated_authority_is_unknown() {
    let leaf = Pki::new().issue(Leaf::new("server.example"));
    let flags = trusting(&object(&leaf), &Pki::new().root);
    // Both roots have one name: only the signature tells them apart.
    assert!(flags.intersects(Flags::UNKNOWN_CA | Flags::GENERIC_ERROR));
    let stranger = Leaf::new("Stranger").authority().self_signed();
    assert_eq!(trusting(&object(&leaf), &stranger), Flags::UNKNOWN_CA);
}

#[test]
fn issuer_that_is_no_authority_is_unknown() {
    let impostor = Leaf::new("Impostor").self_signed();
    let leaf = Leaf::new("server.example").signed_by(&impostor);
    assert_eq!(trusting(&object(&leaf), &impostor), Flags::UNKNOWN_CA);
}

#[test]
fn self_signed_leaf_is_an_unknown_authority() {
    let leaf = Leaf::new("server.example").self_signed();
    assert_eq!(
        trusting(&object(&leaf), &Pki::new().root),
        Flags::UNKNOWN_CA
    );
}

#[test]
fn dates_are_judged() {
    let pki = Pki::new();
    for (leaf, flag) in [
        (Leaf::new("x").expired(), Flags::EXPIRED),
        (Leaf::new("x").not_yet_valid(), Flags::NOT_ACTIVATED),
    ] {
        let certificate = object(&pki.issue(leaf));
        assert_eq!(trusting(&certificate, &pki.root), flag);
        assert_eq!(
            certificate.verify(gio::SocketConnectable::NONE, gio::TlsCertificate::NONE),
            flag
        );
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let leaf = Pki::new().issue(Leaf::new("x").dns("server.example").expired());
    let stranger = object(&Leaf::new("Stranger").authority().self_signed());
    let flags = object(&leaf).verify(Some(&host("other.example")), Some(&stranger));
    assert_eq!(
        flags,
        Flags::UNKNOWN_CA | Flags::EXPIRED | Flags::BAD_IDENTITY
    );
}

#[test]
fn weak_keys_are_insecure() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("x").rsa(1024));
    assert_eq!(trusting(&object(&leaf), &pki.root), Flags::INSECURE);
}

#[test]
fn forged_signature_is_a_generic_error() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("x"));
    let mut der = leaf.certificate.to_der().unwrap();
    let last = der.len() - 1;
    der[last] ^= 1;
    let forged = X509::from_der(&der).unwrap();
    let forged = Issued {
        certificate: forged,
        key: leaf.key,
    };
    assert_eq!(trusting(&object(&forged), &pki.root), Flags::GENERIC_ERROR);
}

#[test]
fn host_names_match_regardless_of_case_and_trailing_dot() {
    let leaf = Leaf::new("x").dns("server.example").self_signed();
    for name in ["server.example", "SERVER.Example", "server.example."] {
        assert_eq!(identity_flags(&leaf, &host(name)), Flags::empty(), "{name}");
    }
    for name in [
        "other.example",
        "a.server.example",
        "server.example..",
        ".example",
    ] {
        assert_eq!(
            identity_flags(&leaf, &host(name)),
            Flags::BAD_IDENTITY,
            "{name}"
        );
    }
}

#[test]
fn international_names_match_in_ascii() {
    let leaf = Leaf::new("x").dns("xn--bcher-kva.example").self_signed();
    assert_eq!(
        identity_flags(&leaf, &host("b\u{fc}cher.example")),
        Flags::empty()
    );
}

#[test]
fn wildcards_stand_for_one_whole_label() {
    let leaf = Leaf::new("x").dns("*.server.example").self_signed();
    assert_eq!(
        identity_flags(&leaf, &host("a.server.example")),
        Flags::empty()
    );
    for name in ["server.example", "a.b.server.example"] {
        assert_eq!(
            identity_flags(&leaf, &host(name)),
            Flags::BAD_IDENTITY,
            "{name}"
        );
    }
    let partial = Leaf::new("x").dns("f*.server.example").self_signed();
    assert_eq!(
        identity_flags(&partial, &host("foo.server.example")),
        Flags::BAD_IDENTITY
    );
}

#[test]
fn common_name_counts_only_without_dns_names() {
    let bare = Leaf::new("server.example").self_signed();
    assert_eq!(
        identity_flags(&bare, &host("server.example")),
        Flags::empty()
    );
    let named = Leaf::new("server.example")
        .dns("other.example")
        .self_signed();
    assert_eq!(
        identity_flags(&named, &host("server.example")),
        Flags::BAD_IDENTITY
    );
}

#[test]
fn addresses_match_only_address_entries() {
    let leaf = Leaf::new("192.0.2.2")
        .dns("192.0.2.3")
        .ip("192.0.2.1")
        .ip("2001:db8::1");
    let leaf = leaf.self_signed();
    for literal in ["192.0.2.1", "2001:db8::1", "2001:DB8:0::1"] {
        assert_eq!(
            identity_flags(&leaf, &host(literal)),
            Flags::empty(),
            "{literal}"
        );
    }
    for literal in ["192.0.2.2", "192.0.2.3", "2001:db8::2"] {
        assert_eq!(
            identity_flags(&leaf, &host(literal)),
            Flags::BAD_IDENTITY,
            "{literal}"
        );
    }
}

#[test]
fn socket_addresses_match_by_their_address() {
    let leaf = Leaf::new("x").ip("127.0.0.1").self_signed();
    let good = gio::InetSocketAddress::from_string("127.0.0.1", 1).unwrap();
    let bad = gio::InetSocketAddress::from_string("127.0.0.2", 1).unwrap();
    assert_eq!(identity_flags(&leaf, &good), Flags::empty());
    assert_eq!(identity_flags(&leaf, &bad), Flags::BAD_IDENTITY);
}

#[test]
fn services_match_by_their_domain() {
    let leaf = Leaf::new("x").dns("server.example").self_signed();
    let service = gio::NetworkService::new("coaps", "udp", "server.example");
    assert_eq!(identity_flags(&leaf, &service), Flags::empty());
}

#[test]
fn other_connectables_are_a_bad_identity() {
    let leaf = Leaf::new("x").dns("server.example").self_signed();
    let path = gio::UnixSocketAddress::new(std::path::Path::new("/server.example"));
    assert_eq!(identity_flags(&leaf, &path), Flags::BAD_IDENTITY);
}
