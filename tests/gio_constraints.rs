//! Who may issue what: authorities, path lengths, policies, names, and extensions that are unknown.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use gio::TlsCertificateFlags as Flags;

use drafts::{Draft, UNKNOWN, root};
use verdicts::{judge, judge_as, trusting};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/verdicts.rs"]
mod verdicts;

#[test]
fn intermediates_must_be_authorities() {
    let root = root();
    for (what, draft) in [
        (
            "no basic constraints",
            Draft::authority("M").without("basicConstraints"),
        ),
        (
            "no authority",
            Draft::authority("M").set("basicConstraints", "critical,CA:FALSE"),
        ),
        (
            "no signing of certificates",
            Draft::authority("M").set("keyUsage", "cRLSign"),
        ),
        ("version 1", Draft::authority("M").version(0)),
    ] {
        let middle = draft.signed_by(&root);
        let leaf = Draft::new("x").signed_by(&middle);
        assert_eq!(
            judge(&[&root], &[&leaf, &middle]),
            Flags::GENERIC_ERROR,
            "{what}"
        );
    }
    for (what, draft) in [
        (
            "not critical",
            Draft::authority("M").set("basicConstraints", "CA:TRUE"),
        ),
        ("no key usage", Draft::authority("M").without("keyUsage")),
    ] {
        let middle = draft.signed_by(&root);
        let leaf = Draft::new("x").signed_by(&middle);
        assert_eq!(judge(&[&root], &[&leaf, &middle]), Flags::empty(), "{what}");
    }
}

#[test]
fn anchors_that_may_not_issue_are_no_anchors() {
    for draft in [
        Draft::new("Root"),
        Draft::authority("Root").set("basicConstraints", "critical,CA:FALSE"),
        Draft::authority("Root").set("keyUsage", "cRLSign"),
    ] {
        let root = draft.self_signed();
        let leaf = Draft::new("x").signed_by(&root);
        assert_eq!(judge(&[&root], &[&leaf]), Flags::UNKNOWN_CA);
        assert_eq!(trusting(&[&leaf], &root), Flags::UNKNOWN_CA);
    }
}

#[test]
fn old_root_of_version_1_is_an_anchor() {
    let root = Draft::new("Old Root").version(0).self_signed();
    let leaf = Draft::new("x").signed_by(&root);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::empty());
}

#[test]
fn path_length_is_limited_by_each_authority() {
    let root = Draft::authority("Root").set("basicConstraints", "critical,CA:TRUE,pathlen:1");
    let root = root.self_signed();
    let one = Draft::authority("One").signed_by(&root);
    let two = Draft::authority("Two").signed_by(&one);
    let short = Draft::new("x").signed_by(&one);
    let long = Draft::new("x").signed_by(&two);
    assert_eq!(judge(&[&root], &[&short, &one]), Flags::empty());
    assert_eq!(judge(&[&root], &[&long, &two, &one]), Flags::GENERIC_ERROR);
}

#[test]
fn unknown_critical_extensions_are_refused_everywhere() {
    let root = root();
    let strange = |draft: Draft| draft.set(UNKNOWN, "critical,DER:05:00");
    let leaf = strange(Draft::new("x")).signed_by(&root);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::GENERIC_ERROR);
    let middle = strange(Draft::authority("Middle")).signed_by(&root);
    let leaf = Draft::new("x").signed_by(&middle);
    assert_eq!(judge(&[&root], &[&leaf, &middle]), Flags::GENERIC_ERROR);
    let leaf = Draft::new("x").set(UNKNOWN, "DER:05:00").signed_by(&root);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::empty());
}

#[test]
fn policies_are_there_where_an_authority_requires_them() {
    const POLICY: &str = "DER:30:07:30:05:06:03:2A:03:04";
    const OTHER: &str = "DER:30:07:30:05:06:03:2A:03:05";
    let root = root();
    let policed = Draft::authority("Policed")
        .set("policyConstraints", "critical,requireExplicitPolicy:0")
        .set("certificatePolicies", POLICY)
        .signed_by(&root);
    let free = Draft::authority("Free")
        .set("certificatePolicies", POLICY)
        .signed_by(&root);
    let with = |policy: &str| Draft::new("x").set("certificatePolicies", policy);
    let without = Draft::new("x");
    for (case, middle, draft, expected) in [
        ("policed, its own", &policed, with(POLICY), Flags::empty()),
        (
            "policed, another",
            &policed,
            with(OTHER),
            Flags::GENERIC_ERROR,
        ),
        (
            "policed, none",
            &policed,
            without.clone(),
            Flags::GENERIC_ERROR,
        ),
        ("free, another", &free, with(OTHER), Flags::empty()),
        ("free, none", &free, without, Flags::empty()),
    ] {
        let leaf = draft.signed_by(middle);
        assert_eq!(judge(&[&root], &[&leaf, middle]), expected, "{case}");
        assert_eq!(trusting(&[&leaf, middle], &root), expected, "{case}");
    }
}

#[test]
fn malformed_extensions_are_refused_and_hide_nothing() {
    let root = root();
    let stranger = Draft::authority("Stranger").self_signed();
    for name in [
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "subjectAltName",
        "nameConstraints",
        "subjectKeyIdentifier",
    ] {
        let draft = Draft::new("x").set(name, "DER:05:00");
        let flags = judge(&[&root], &[&draft.clone().signed_by(&root)]);
        assert!(flags.contains(Flags::GENERIC_ERROR), "{name}: {flags:?}");
        let both = Flags::GENERIC_ERROR | Flags::UNKNOWN_CA;
        for foreign in [draft.clone().signed_by(&stranger), draft.self_signed()] {
            assert_eq!(judge(&[&root], &[&foreign]), both, "{name}");
            assert_eq!(trusting(&[&foreign], &root), both, "{name}");
        }
    }
}

/// The verdict on a leaf under an authority with these constraints, as an intermediate and a root.
fn constrained(constraints: &str, leaf: &Draft) -> [Flags; 2] {
    let root = root();
    let authority = Draft::authority("Bound").set("nameConstraints", constraints);
    let middle = authority.clone().signed_by(&root);
    let bound = authority.self_signed();
    [
        judge(&[&root], &[&leaf.clone().signed_by(&middle), &middle]),
        judge(&[&bound], &[&leaf.clone().signed_by(&bound)]),
    ]
}

#[test]
fn name_constraints_bind_intermediates_and_roots() {
    let named = |names: &str| Draft::new("x").set("subjectAltName", names);
    let inside = [
        ("permitted;DNS:a.example", named("DNS:a.example")),
        (
            "permitted;DNS:a.example",
            named("DNS:b.a.example,IP:192.0.2.1"),
        ),
        ("excluded;DNS:a.example", named("DNS:b.example")),
        (
            "permitted;IP:192.0.2.0/255.255.255.0",
            named("IP:192.0.2.1,DNS:b.example"),
        ),
        ("excluded;IP:192.0.2.0/255.255.255.0", named("IP:192.0.3.1")),
        ("excluded;DNS:b.example", named("DNS:*.a.example")),
        ("excluded;DNS:c.b.a.example", named("DNS:*.a.example")),
        ("excluded;DNS:.b.a.example", named("DNS:*.a.example")),
    ];
    for (constraints, leaf) in &inside {
        assert_eq!(
            constrained(constraints, leaf),
            [Flags::empty(); 2],
            "{constraints}"
        );
    }
    let outside = [
        ("critical,permitted;DNS:a.example", named("DNS:b.example")),
        (
            "permitted;DNS:a.example",
            named("DNS:a.example,DNS:b.example"),
        ),
        ("permitted;DNS:a.example", Draft::new("b.example")),
        ("excluded;DNS:a.example", named("DNS:b.a.example")),
        ("excluded;DNS:a.example", named("DNS:*.a.example")),
        ("excluded;DNS:b.a.example", named("DNS:*.a.example")),
        (
            "excluded;DNS:B.A.Example",
            named("DNS:c.example,DNS:*.a.example"),
        ),
        (
            "permitted;IP:192.0.2.0/255.255.255.0",
            named("IP:192.0.3.1"),
        ),
        ("excluded;IP:192.0.2.0/255.255.255.0", named("IP:192.0.2.1")),
    ];
    for (constraints, leaf) in &outside {
        assert_eq!(
            constrained(constraints, leaf),
            [Flags::GENERIC_ERROR; 2],
            "{constraints}"
        );
    }
}

/// OpenSSL does not take these common names for host names, and so does not constrain them.
#[test]
fn common_names_that_are_matched_are_constrained_too() {
    let root = root();
    let bound = |constraints: &str| {
        let draft = Draft::authority("Bound").set("nameConstraints", constraints);
        draft.signed_by(&root)
    };
    let middles = [
        bound("permitted;DNS:a.example"),
        bound("excluded;DNS:intranet,excluded;DNS:b-.example"),
    ];
    for middle in &middles {
        for host in ["intranet", "b-.example"] {
            let leaf = Draft::new(host).signed_by(middle);
            let flags = judge_as(&[&root], &[&leaf, middle], host);
            assert_eq!(flags, Flags::GENERIC_ERROR, "{host}");
            // Nobody looks at the name then.
            assert_eq!(judge(&[&root], &[&leaf, middle]), Flags::empty(), "{host}");
        }
        let named = Draft::new("intranet").set("subjectAltName", "IP:192.0.2.1");
        let leaf = named.signed_by(middle);
        let flags = judge_as(&[&root], &[&leaf, middle], "192.0.2.1");
        assert_eq!(flags, Flags::empty());
    }
    let leaf = Draft::new("others").signed_by(&middles[1]);
    let flags = judge_as(&[&root], &[&leaf, &middles[1]], "others");
    assert_eq!(flags, Flags::empty());
}

#[test]
fn directory_names_are_constrained() {
    let root = root();
    let allowed = "critical,DER:30:14:A0:12:30:10:A4:0E:30:0C:31:0A:30:08:06:03:55:04:0A:0C:01:41";
    let middle = Draft::authority("Bound")
        .set("nameConstraints", allowed)
        .signed_by(&root);
    let good = Draft::new("x").attribute("O", "A").signed_by(&middle);
    let bad = Draft::new("x").attribute("O", "B").signed_by(&middle);
    assert_eq!(judge(&[&root], &[&good, &middle]), Flags::empty());
    assert_eq!(judge(&[&root], &[&bad, &middle]), Flags::GENERIC_ERROR);
}
