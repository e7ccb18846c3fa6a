//! What a certificate says, in the formats of GIO's properties.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use std::process::Command;

use gio::prelude::*;
use openssl::{
    asn1::{Asn1Object, Asn1OctetString, Asn1Time, Asn1Type},
    hash::MessageDigest,
    nid::Nid,
    x509::{X509, X509Extension, X509Name},
};

use certificates::{build, bytes, object, text};
use pki::{Issued, Leaf, Pki};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/certificates.rs"]
mod certificates;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

/// A certificate with this subject, validity and subjectAltName in DER, which nobody need be able to
/// verify.
fn crafted(subject: &X509Name, times: [&Asn1Time; 2], names: Option<&[u8]>) -> Issued {
    let key = Leaf::new("x").self_signed().key;
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(times[0]).unwrap();
    builder.set_not_after(times[1]).unwrap();
    if let Some(names) = names {
        let oid = Asn1Object::from_str("2.5.29.17").unwrap();
        let names = Asn1OctetString::new_from_bytes(names).unwrap();
        let extension = X509Extension::new_from_der(&oid, false, &names).unwrap();
        builder.append_extension(extension).unwrap();
    }
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build();
    Issued { certificate, key }
}

fn time(text: &str) -> Asn1Time {
    Asn1Time::from_str(text).unwrap()
}

fn empty_name() -> X509Name {
    X509Name::builder().unwrap().build()
}

fn named(values: &[(Nid, &str, Asn1Type)]) -> Option<String> {
    let mut name = X509Name::builder().unwrap();
    for (nid, value, kind) in values {
        name.append_entry_by_nid_with_type(*nid, value, *kind)
            .unwrap();
    }
    let now = time("20260101000000Z");
    object(&crafted(&name.build(), [&now, &now], None))
        .subject_name()
        .map(Into::into)
}

fn with_alternative_names(names: &[u8]) -> gio_ossl::Certificate {
    let now = time("20260101000000Z");
    object(&crafted(&empty_name(), [&now, &now], Some(names)))
}

#[test]
fn pem_is_what_openssl_prints() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("server.example").rsa(2048));
    let file = pki.write("leaf.der", leaf.certificate.to_der().unwrap());
    let output = Command::new("openssl")
        .args(["x509", "-inform", "der", "-in"])
        .arg(file)
        .output()
        .unwrap();
    let der = leaf.certificate.to_der().unwrap();
    let certificate = build(&[("certificate", glib::ByteArray::from(&der).to_value())]).unwrap();
    let pem = text(&certificate, "certificate-pem").unwrap();
    assert_eq!(pem.as_bytes(), output.stdout);
}

#[test]
fn text_and_old_line_ends_around_a_certificate_do_not_come_out() {
    let leaf = Leaf::new("x").self_signed();
    let pem = leaf.certificate_pem();
    let messy = format!("Subject: x\n{}\nend", pem.replace('\n', "\r\n"));
    let certificate = build(&[("certificate-pem", messy.to_value())]).unwrap();
    assert_eq!(text(&certificate, "certificate-pem"), Some(pem));
}

#[test]
fn leading_and_trailing_characters_of_names_are_escaped() {
    let utf8 = Asn1Type::UTF8STRING;
    for (value, expected) in [
        (" a ", "CN=\\ a\\ "),
        ("#a", "CN=\\#a"),
        ("a#b c", "CN=a#b c"),
        ("<a>;b\\c=d", "CN=\\<a\\>\\;b\\\\c=d"),
        ("a\u{0}b", "CN=a\\00b"),
        ("a\nb", "CN=a\\0Ab"),
        ("\u{65e5}\u{672c}", "CN=\u{65e5}\u{672c}"),
    ] {
        assert_eq!(
            named(&[(Nid::COMMONNAME, value, utf8)]).as_deref(),
            Some(expected)
        );
    }
}

#[test]
fn empty_name_is_an_empty_text() {
    assert_eq!(named(&[]).as_deref(), Some(""));
}

#[test]
fn relative_names_of_several_values_and_unknown_types_are_told() {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ec",
            "-keyout",
            "/dev/null",
        ])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-utf8"])
        .args(["-subj", "/DC=example/OU=a+CN=b/emailAddress=c@example"])
        .output()
        .unwrap();
    let pem = String::from_utf8(output.stdout).unwrap();
    let certificate = build(&[("certificate-pem", pem.to_value())]).unwrap();
    let subject = certificate.subject_name().unwrap();
    assert!(
        [
            "DC=example,OU=a+CN=b,emailAddress=c@example",
            "DC=example,CN=b+OU=a,emailAddress=c@example"
        ]
        .contains(&subject.as_str()),
        "{subject}"
    );
}

#[test]
fn unknown_attribute_is_its_number_and_its_encoding() {
    // 1.2.3.4 = UTF8String "x"; the attribute of another name is patched into it.
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "x").unwrap();
    let now = time("20260101000000Z");
    let issued = crafted(&name.build(), [&now, &now], None);
    let der = issued.certificate.to_der().unwrap();
    let common_name = [0x06, 3, 0x55, 4, 3];
    let der: Vec<u8> = patched(&der, &common_name, &[0x06, 3, 0x2a, 3, 4]);
    let certificate = build(&[("certificate", glib::ByteArray::from(&der).to_value())]).unwrap();
    assert_eq!(
        certificate.subject_name().as_deref(),
        Some("1.2.3.4=#0C0178")
    );
}

/// The data with one sequence of bytes replaced by another of its length, wherever it is.
fn patched(data: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let mut found = false;
    for at in 0..=data.len() - from.len() {
        if data[at..].starts_with(from) {
            data[at..][..to.len()].copy_from_slice(to);
            found = true;
        }
    }
    assert!(found);
    data
}

#[test]
fn name_that_is_not_what_it_says_is_refused() {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_nid_with_type(Nid::COMMONNAME, "abcd", Asn1Type::UTF8STRING)
        .unwrap();
    let now = time("20260101000000Z");
    let der = crafted(&name.build(), [&now, &now], None)
        .certificate
        .to_der()
        .unwrap();
    // UTF-8 that breaks off in the middle.
    let der = patched(&der, b"abcd", b"abc\xe6");
    let error = build(&[("certificate", glib::ByteArray::from(&der).to_value())]).unwrap_err();
    assert!(error.matches(gio::TlsError::BadCertificate), "{error}");
}

#[test]
fn validity_of_all_centuries_is_told() {
    for (begin, end) in [
        ("19500101000000Z", "20491231235959Z"),
        ("20500101000000Z", "21991231235959Z"),
        ("18500229000000Z", "99991231235959Z"),
    ] {
        let Ok(first) = Asn1Time::from_str(begin) else {
            assert!(begin.starts_with("1850"));
            continue;
        };
        let issued = crafted(&empty_name(), [&first, &time(end)], None);
        let certificate = object(&issued);
        let shown = |time: Option<glib::DateTime>| {
            let time = time.unwrap();
            assert_eq!(time.utc_offset().0, 0);
            time.format("%Y%m%d%H%M%SZ").unwrap().to_string()
        };
        assert_eq!(shown(certificate.not_valid_before()), begin);
        assert_eq!(shown(certificate.not_valid_after()), end);
    }
}

#[test]
fn malformed_times_are_none() {
    let (begin, end) = (time("20510101000000Z"), time("20520101000000Z"));
    let der = crafted(&empty_name(), [&begin, &end], None)
        .certificate
        .to_der()
        .unwrap();
    for bad in [
        "20511301000000Z",
        "2051010100000ZZ",
        "xxxxxxxxxxxxxxx",
        "00000000000000Z",
    ] {
        let der = patched(&der, b"20510101000000Z", bad.as_bytes());
        let certificate =
            build(&[("certificate", glib::ByteArray::from(&der).to_value())]).unwrap();
        assert_eq!(certificate.not_valid_before(), None, "{bad}");
        assert!(certificate.not_valid_after().is_some());
    }
}

#[test]
fn only_addresses_of_4_and_16_bytes_are_listed() {
    let mut names = vec![
        0x87, 0, 0x87, 3, 1, 2, 3, 0x87, 4, 192, 0, 2, 1, 0x87, 5, 1, 2, 3, 4, 5,
    ];
    names.extend([
        0x87, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ]);
    let length = u8::try_from(names.len()).unwrap();
    names.splice(0..0, [0x30, length]);
    let addresses: Vec<_> = with_alternative_names(&names)
        .ip_addresses()
        .iter()
        .map(|address| address.to_str().to_string())
        .collect();
    assert_eq!(addresses, ["192.0.2.1", "2001:db8::1"]);
}

#[test]
fn dns_names_are_raw_bytes() {
    let certificate = with_alternative_names(b"\x30\x09\x82\x00\x82\x03a\x00b\x82\x00");
    let names: Vec<Vec<u8>> = certificate
        .dns_names()
        .iter()
        .map(|name| name.to_vec())
        .collect();
    assert_eq!(names, [&b""[..], b"a\0b", b""]);
}

#[test]
fn malformed_alternative_names_are_none() {
    for names in [&b""[..], b"\x30\x05\x82\x09a", b"garbage"] {
        let certificate = with_alternative_names(names);
        assert!(certificate.dns_names().is_empty());
        assert!(certificate.ip_addresses().is_empty());
    }
}

#[test]
fn certificate_properties_are_canonical() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::new("server.example").rsa(2048));
    let certificate = object(&leaf);
    assert_eq!(
        bytes(&certificate, "certificate"),
        Some(leaf.certificate.to_der().unwrap())
    );
    assert_eq!(
        text(&certificate, "certificate-pem"),
        Some(leaf.certificate_pem())
    );
}

#[test]
fn names_are_in_the_certificate_s_own_order() {
    let pki = Pki::new();
    let leaf = pki.issue(Leaf::with_subject(&[
        ("DC", "COM"),
        ("DC", "EXAMPLE"),
        ("CN", "server.example.com"),
    ]));
    let certificate = object(&leaf);
    assert_eq!(
        certificate.subject_name().as_deref(),
        Some("DC=COM,DC=EXAMPLE,CN=server.example.com")
    );
    assert_eq!(certificate.issuer_name().as_deref(), Some("CN=Test Root"));
}

#[test]
fn special_characters_in_names_are_escaped() {
    let leaf = Leaf::new("a,b+c=\"d\"\u{fc}").self_signed();
    assert_eq!(
        object(&leaf).subject_name().as_deref(),
        Some("CN=a\\,b\\+c=\\\"d\\\"\u{fc}")
    );
}

#[test]
fn validity_is_in_utc() {
    let certificate = object(&Leaf::new("server.example").self_signed());
    let begin = certificate.not_valid_before().unwrap();
    let end = certificate.not_valid_after().unwrap();
    assert_eq!(begin.utc_offset().0, 0);
    assert_eq!(end.to_unix() - begin.to_unix(), 366 * 24 * 60 * 60);
}

#[test]
fn alternative_names_are_listed() {
    let leaf = Leaf::new("x").dns("a.example").dns("b.example");
    let certificate = object(&leaf.ip("192.0.2.1").ip("2001:db8::1").self_signed());
    let names: Vec<Vec<u8>> = certificate
        .dns_names()
        .iter()
        .map(|name| name.to_vec())
        .collect();
    assert_eq!(names, [b"a.example", b"b.example"]);
    let addresses: Vec<_> = certificate
        .ip_addresses()
        .iter()
        .map(|address| address.to_str().to_string())
        .collect();
    assert_eq!(addresses, ["192.0.2.1", "2001:db8::1"]);
}

#[test]
fn certificate_without_alternative_names_lists_none() {
    let certificate = object(&Leaf::new("x").self_signed());
    assert!(certificate.dns_names().is_empty());
    assert!(certificate.ip_addresses().is_empty());
}
