//! Which host names and addresses a certificate is for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use gio::{TlsCertificateFlags as Flags, prelude::*};
use openssl::error::ErrorStack;

use drafts::Draft;
use pki::Issued;
use verdicts::object;

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/verdicts.rs"]
mod verdicts;

/// A certificate for these names, in OpenSSL's notation.
fn named(names: &str) -> Issued {
    Draft::new("x").set("subjectAltName", names).self_signed()
}

/// A certificate whose names are these elements of a `GeneralNames`.
fn encoded(names: &[Vec<u8>]) -> Issued {
    let der = drafts::tlv(0x30, &names.concat());
    let hex: Vec<String> = der.iter().map(|byte| format!("{byte:02x}")).collect();
    named(&format!("DER:{}", hex.join(":")))
}

fn dns(name: &[u8]) -> Vec<u8> {
    drafts::tlv(0x82, name)
}

fn address(bytes: &[u8]) -> Vec<u8> {
    drafts::tlv(0x87, bytes)
}

fn is_for(issued: &Issued, identity: &impl IsA<gio::SocketConnectable>) -> bool {
    let flags = object(&[issued]).verify(Some(identity), gio::TlsCertificate::NONE);
    assert!(ErrorStack::get().errors().is_empty());
    assert_eq!(flags - Flags::BAD_IDENTITY, Flags::empty());
    flags.is_empty()
}

fn host(name: &str) -> gio::NetworkAddress {
    gio::NetworkAddress::new(name, 4433)
}

#[track_caller]
fn assert_hosts(issued: &Issued, expected: bool, hosts: &[&str]) {
    for name in hosts {
        assert_eq!(is_for(issued, &host(name)), expected, "{name:?}");
    }
}

#[test]
fn name_is_compared_as_a_whole() {
    let issued = named("DNS:server.example.com,DNS:other.example");
    let good = ["server.example.com", "SERVER.example.COM", "other.example"];
    assert_hosts(&issued, true, &good);
    let bad = [
        "example.com",
        "a.server.example.com",
        "server.example.com.org",
        "serverxexample.com",
        "server",
        "",
        "x",
    ];
    assert_hosts(&issued, false, &bad);
}

#[test]
fn one_trailing_dot_is_left_out() {
    let issued = named("DNS:server.example.com");
    assert_hosts(&issued, true, &["server.example.com."]);
    assert_hosts(
        &issued,
        false,
        &["server.example.com..", ".server.example.com", "."],
    );
    let dotted = named("DNS:server.example.com.");
    assert_hosts(
        &dotted,
        false,
        &["server.example.com", "server.example.com."],
    );
}

#[test]
fn only_ascii_letters_have_cases() {
    let issued = named("DNS:kelvin.example");
    assert_hosts(&issued, true, &["KELVIN.example", "\u{212a}elvin.example"]);
    let raw = encoded(&[dns("\u{212a}elvin.example".as_bytes())]);
    assert_hosts(&raw, false, &["kelvin.example", "\u{212a}elvin.example"]);
}

#[test]
fn international_names_are_compared_in_ascii() {
    let issued = named("DNS:xn--bcher-kva.example");
    let good = [
        "b\u{fc}cher.example",
        "B\u{dc}CHER.example",
        "XN--BCHER-KVA.example",
    ];
    assert_hosts(&issued, true, &good);
    assert_hosts(
        &issued,
        true,
        &[
            "b\u{fc}cher\u{3002}example",
            "b\u{fc}cher\u{ff0e}example\u{ff61}",
        ],
    );
    assert_hosts(&issued, false, &["bucher.example", "b\u{fc}cher2.example"]);
    let raw = encoded(&[dns("b\u{fc}cher.example".as_bytes())]);
    assert_hosts(
        &raw,
        false,
        &["b\u{fc}cher.example", "xn--bcher-kva.example"],
    );
}

#[test]
fn letters_of_other_scripts_are_other_letters() {
    let issued = named("DNS:example.com");
    assert_hosts(&issued, false, &["ex\u{430}mple.com", "\u{435}xample.com"]);
}

#[test]
fn wildcard_is_the_whole_first_label() {
    let issued = named("DNS:*.example.com");
    let good = [
        "a.example.com",
        "A.EXAMPLE.com",
        "a_b.example.com",
        "b\u{fc}cher.example.com",
    ];
    assert_hosts(&issued, true, &good);
    assert_hosts(&issued, true, &["1.example.com", "a.example.com."]);
    let bad = [
        "example.com",
        "a.b.example.com",
        ".example.com",
        "*.example.com",
        "a.example.org",
    ];
    assert_hosts(&issued, false, &bad);
    for pattern in [
        "a*.example.com",
        "*a.example.com",
        "a.*.com",
        "*.*.com",
        "**.example.com",
    ] {
        let issued = named(&format!("DNS:{pattern}"));
        assert_hosts(
            &issued,
            false,
            &["a.example.com", "aa.example.com", "ba.example.com"],
        );
        assert_hosts(&issued, false, &[pattern]);
    }
}

#[test]
fn wildcard_does_not_cover_everything() {
    assert_hosts(&named("DNS:*.com"), false, &["example.com", "com"]);
    assert_hosts(&named("DNS:*"), false, &["localhost", "example.com"]);
    assert_hosts(&named("DNS:*."), false, &["localhost", "localhost."]);
    assert_hosts(
        &named("DNS:xn--*.example.com"),
        false,
        &["b\u{fc}cher.example.com"],
    );
    let numbers = named("DNS:*.0.0.1,DNS:*.2.1");
    assert_hosts(&numbers, false, &["127.0.0.1", "192.0.2.1"]);
}

#[test]
fn addresses_are_no_names_in_whatever_spelling() {
    let spellings = [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "::1",
        "[::1]",
    ];
    for spelling in spellings {
        let issued = encoded(&[dns(spelling.as_bytes())]);
        assert_hosts(&issued, false, &[spelling]);
        let common = Draft::new(spelling).self_signed();
        assert_hosts(&common, false, &[spelling]);
    }
    let issued = named("IP:127.0.0.1,IP:::1");
    assert_hosts(
        &issued,
        true,
        &["127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "::1%lo"],
    );
    assert_hosts(
        &issued,
        false,
        &["127.1", "0x7f000001", "2130706433", "[::1]", "127.0.0.1."],
    );
}

#[test]
fn addresses_are_compared_by_their_bytes() {
    let four = named("IP:192.0.2.1");
    assert_hosts(&four, true, &["192.0.2.1"]);
    assert_hosts(
        &four,
        false,
        &["192.0.2.2", "::ffff:192.0.2.1", "::192.0.2.1"],
    );
    let mapped = named("IP:::ffff:192.0.2.1");
    assert_hosts(&mapped, true, &["::ffff:192.0.2.1", "::FFFF:c000:201"]);
    assert_hosts(&mapped, false, &["192.0.2.1"]);
    let six = named("IP:fe80::1");
    assert_hosts(&six, true, &["fe80::1", "FE80:0::1", "fe80::1%eth0"]);
    assert_hosts(&six, false, &["fe80::2"]);
    for bytes in [&[192, 0, 2][..], &[192, 0, 2, 1, 255, 255, 255, 255], &[]] {
        assert_hosts(&encoded(&[address(bytes)]), false, &["192.0.2.1"]);
    }
    assert_hosts(&encoded(&[dns(&[192, 0, 2, 1])]), false, &["192.0.2.1"]);
}

#[test]
fn socket_addresses_are_compared_by_their_address() {
    let issued = named("IP:192.0.2.1,IP:2001:db8::1,DNS:192.0.2.3");
    let socket = |text: &str| gio::InetSocketAddress::from_string(text, 1).unwrap();
    assert!(is_for(&issued, &socket("192.0.2.1")));
    assert!(is_for(&issued, &socket("2001:db8::1")));
    assert!(!is_for(&issued, &socket("192.0.2.3")));
    assert!(!is_for(&issued, &socket("2001:db8::2")));
    let address = gio::InetAddress::from_string("fe80::1").unwrap();
    let scoped = glib::Object::builder::<gio::InetSocketAddress>()
        .property("address", &address)
        .property("port", 1u32)
        .property("scope-id", 2u32)
        .build();
    assert!(is_for(&named("IP:fe80::1"), &scoped));
}

#[test]
fn services_are_their_domain() {
    let issued = named("DNS:example.com,DNS:b.example");
    let service = |domain: &str| gio::NetworkService::new("coaps", "udp", domain);
    assert!(is_for(&issued, &service("example.com")));
    assert!(is_for(&issued, &service("EXAMPLE.com.")));
    assert!(!is_for(&issued, &service("a.example.com")));
    let target = named("DNS:_coaps._udp.example.com");
    assert!(!is_for(&target, &service("example.com")));
    let international = named("DNS:xn--bcher-kva.example");
    assert!(is_for(&international, &service("b\u{fc}cher.example")));
}

#[test]
fn what_names_no_host_fits_no_certificate() {
    let path = gio::UnixSocketAddress::new(std::path::Path::new("/server.example.com"));
    assert!(!is_for(&named("DNS:server.example.com"), &path));
    assert!(!is_for(&named("DNS:/server.example.com"), &path));
}

#[test]
fn common_name_counts_only_without_names() {
    let bare = Draft::new("server.example.com");
    let good = [
        "server.example.com",
        "SERVER.EXAMPLE.COM",
        "server.example.com.",
    ];
    assert_hosts(&bare.clone().self_signed(), true, &good);
    assert_hosts(
        &bare.clone().self_signed(),
        false,
        &["other.example.com", "example.com"],
    );
    let named = bare
        .clone()
        .set("subjectAltName", "DNS:other.example")
        .self_signed();
    assert_hosts(&named, false, &["server.example.com"]);
    let addressed = bare
        .clone()
        .set("subjectAltName", "IP:192.0.2.1")
        .self_signed();
    assert_hosts(&addressed, true, &["server.example.com", "192.0.2.1"]);
    let broken = bare.set("subjectAltName", "DER:04:01:00").self_signed();
    assert_hosts(&broken, false, &["server.example.com"]);
}

#[test]
fn common_name_has_no_wildcard() {
    let issued = Draft::new("*.example.com").self_signed();
    assert_hosts(&issued, false, &["a.example.com", "*.example.com"]);
}

#[test]
fn embedded_zeros_end_nothing() {
    let zero = b"server.example.com\0.attacker.example";
    let hosts = ["server.example.com", "attacker.example"];
    for name in [&zero[..], b"server.example.com\0", b"\0server.example.com"] {
        let issued = encoded(&[dns(name)]);
        assert_hosts(&issued, false, &hosts);
    }
    let wild = encoded(&[dns(b"*.example.com\0.attacker.example")]);
    assert_hosts(&wild, false, &["a.example.com"]);
    let common = Draft::new("server.example.com\0.attacker.example").self_signed();
    assert_hosts(&common, false, &["server.example.com"]);
}

#[test]
fn names_that_are_no_names_match_nothing() {
    let long = format!("{}.example.com", "a".repeat(64));
    let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
    let too_long = format!("{longest}b");
    assert_hosts(&encoded(&[dns(longest.as_bytes())]), true, &[&longest]);
    for name in [
        "",
        ".",
        "a b.example",
        "*.example.com",
        "a..example",
        &long,
        &too_long,
    ] {
        assert_hosts(&encoded(&[dns(name.as_bytes())]), false, &[name]);
    }
    assert_hosts(
        &named("DNS:my_host.example.com"),
        true,
        &["my_host.example.com"],
    );
    assert_hosts(&named("DNS:localhost"), true, &["localhost", "localhost."]);
}

#[test]
fn other_kinds_of_names_are_not_looked_at() {
    let others = "email:server.example.com,URI:https://server.example.com/,RID:1.2.3.4,\
                  otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_coaps.server.example.com";
    assert_hosts(&named(others), false, &["server.example.com"]);
}

#[test]
fn thousands_of_names_are_compared() {
    let name = |number: u32| format!("host-{number}.example.com");
    let names: Vec<Vec<u8>> = (0..2500)
        .map(|number| dns(name(number).as_bytes()))
        .collect();
    let issued = encoded(&names);
    assert_hosts(&issued, true, &[&name(0), &name(2499)]);
    assert_hosts(&issued, false, &[&name(2500)]);
}
