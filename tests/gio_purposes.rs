//! What a certificate may be used for: extended key usage, key usage and Netscape's types.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use gio::TlsCertificateFlags as Flags;

use drafts::{Draft, UNKNOWN, root};
use verdicts::{SERVER, judge, judge_for, trusting};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/verdicts.rs"]
mod verdicts;

const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";

#[test]
fn usages_are_checked_on_the_leaf() {
    let root = root();
    let leaf = |usage: &str| {
        Draft::new("x")
            .set("extendedKeyUsage", usage)
            .signed_by(&root)
    };
    for (usage, purpose, expected) in [
        ("serverAuth", SERVER, Flags::empty()),
        ("clientAuth", SERVER, Flags::GENERIC_ERROR),
        ("clientAuth", CLIENT, Flags::empty()),
        ("serverAuth", CLIENT, Flags::GENERIC_ERROR),
        ("serverAuth,clientAuth", CLIENT, Flags::empty()),
        ("anyExtendedKeyUsage", SERVER, Flags::empty()),
        ("anyExtendedKeyUsage", CLIENT, Flags::empty()),
        ("anyExtendedKeyUsage", UNKNOWN, Flags::empty()),
        ("codeSigning", CODE_SIGNING, Flags::empty()),
        (UNKNOWN, UNKNOWN, Flags::empty()),
        ("serverAuth", UNKNOWN, Flags::GENERIC_ERROR),
        (UNKNOWN, SERVER, Flags::GENERIC_ERROR),
    ] {
        let flags = judge_for(purpose, &[&root], &[&leaf(usage)]);
        assert_eq!(flags, expected, "{usage} for {purpose}");
        assert_eq!(trusting(&[&leaf(usage)], &root), Flags::empty());
    }
}

#[test]
fn certificate_without_usages_is_for_all_of_them() {
    let root = root();
    let leaf = Draft::new("x").signed_by(&root);
    for purpose in [SERVER, CLIENT, CODE_SIGNING, UNKNOWN] {
        assert_eq!(judge_for(purpose, &[&root], &[&leaf]), Flags::empty());
    }
}

#[test]
fn malformed_purposes_fit_no_certificate() {
    let root = root();
    let leaf = Draft::new("x").signed_by(&root);
    for purpose in [
        "",
        "nonsense",
        "serverAuth",
        "1",
        "1..2",
        "9.9.9",
        "1.2.3\u{e9}",
    ] {
        assert_eq!(
            judge_for(purpose, &[&root], &[&leaf]),
            Flags::GENERIC_ERROR,
            "{purpose}"
        );
    }
}

#[test]
fn authorities_issue_only_for_their_own_usages() {
    for (usage, expected) in [
        ("serverAuth", Flags::empty()),
        ("anyExtendedKeyUsage", Flags::empty()),
        ("codeSigning", Flags::GENERIC_ERROR),
        ("clientAuth", Flags::GENERIC_ERROR),
    ] {
        let root = root();
        let authority = Draft::authority("Bound").set("extendedKeyUsage", usage);
        let middle = authority.clone().signed_by(&root);
        let leaf = Draft::new("x").set("extendedKeyUsage", "serverAuth");
        let below = leaf.clone().signed_by(&middle);
        assert_eq!(judge(&[&root], &[&below, &middle]), expected, "{usage}");
        let bound = authority.self_signed();
        let below = leaf.signed_by(&bound);
        assert_eq!(judge(&[&bound], &[&below]), expected, "{usage}");
    }
}

#[test]
fn key_usage_must_allow_a_handshake() {
    let root = root();
    for (usage, server, client) in [
        ("digitalSignature", Flags::empty(), Flags::empty()),
        ("keyEncipherment", Flags::empty(), Flags::GENERIC_ERROR),
        ("keyAgreement", Flags::empty(), Flags::empty()),
        ("nonRepudiation", Flags::GENERIC_ERROR, Flags::GENERIC_ERROR),
    ] {
        let leaf = Draft::new("x").set("keyUsage", usage).signed_by(&root);
        assert_eq!(judge_for(SERVER, &[&root], &[&leaf]), server, "{usage}");
        assert_eq!(judge_for(CLIENT, &[&root], &[&leaf]), client, "{usage}");
        assert_eq!(judge_for(CODE_SIGNING, &[&root], &[&leaf]), Flags::empty());
    }
}

#[test]
fn netscape_types_are_honoured() {
    let root = root();
    for (kind, server, client) in [
        ("server", Flags::empty(), Flags::GENERIC_ERROR),
        ("client", Flags::GENERIC_ERROR, Flags::empty()),
        ("client,server", Flags::empty(), Flags::empty()),
    ] {
        let leaf = Draft::new("x").set("nsCertType", kind).signed_by(&root);
        assert_eq!(judge_for(SERVER, &[&root], &[&leaf]), server, "{kind}");
        assert_eq!(judge_for(CLIENT, &[&root], &[&leaf]), client, "{kind}");
    }
}
