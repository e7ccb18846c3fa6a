//! What is wrong with a chain: each problem's flag, and all of them at once.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use std::{
    env,
    ffi::{CString, c_char, c_int, c_ulong},
    process::Command,
    ptr,
};

use gio::{TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::engine::testing::set_clock;
use openssl::{hash::MessageDigest, nid::Nid};

use drafts::Draft;
use pki::{Issued, Pki};
use verdicts::{SERVER, judge, judge_as, judge_for, object, trusting};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/verdicts.rs"]
mod verdicts;

#[allow(unsafe_code)]
unsafe extern "C" {
    fn CONF_modules_load_file(
        file: *const c_char,
        application: *const c_char,
        flags: c_ulong,
    ) -> c_int;
}

const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const UNKNOWN: &str = "1.3.6.1.4.1.99999.1";

fn root() -> Issued {
    Draft::authority("Root").self_signed()
}

#[test]
fn weak_key_does_not_hide_an_unknown_authority() {
    let weak = Draft::new("x").rsa(1024);
    let expected = Flags::UNKNOWN_CA | Flags::INSECURE;
    assert_eq!(judge(&[&root()], &[&weak.clone().self_signed()]), expected);
    let stranger = Draft::authority("Stranger").self_signed();
    let leaf = weak.signed_by(&stranger);
    assert_eq!(judge(&[&root()], &[&leaf]), expected);
    assert_eq!(judge(&[&root()], &[&leaf, &stranger]), expected);
    assert_eq!(trusting(&[&leaf], &root()), expected);
}

#[test]
fn problems_of_several_certificates_are_all_reported() {
    let root = root();
    let middle = Draft::authority("Middle").expired().signed_by(&root);
    let leaf = Draft::new("x")
        .days(1, 2)
        .set("extendedKeyUsage", "codeSigning")
        .rsa(1024)
        .signed_by(&middle);
    assert_eq!(
        judge(&[&root], &[&leaf, &middle]),
        Flags::EXPIRED | Flags::NOT_ACTIVATED | Flags::INSECURE | Flags::GENERIC_ERROR
    );
    assert_eq!(
        judge(&[&self::root()], &[&leaf, &middle]) & Flags::UNKNOWN_CA,
        Flags::UNKNOWN_CA
    );
    let elsewhere = gio::NetworkAddress::new("elsewhere.example", 1);
    assert_eq!(
        object(&[&leaf, &middle]).verify(Some(&elsewhere), Some(&object(&[&root]))),
        Flags::EXPIRED | Flags::NOT_ACTIVATED | Flags::INSECURE | Flags::BAD_IDENTITY
    );
}

#[test]
fn weak_keys_and_digests_are_insecure() {
    let root = root();
    let signer = Draft::authority("Signer").rsa(2048).self_signed();
    let md5 = Draft::new("x").digest(MessageDigest::md5());
    assert_eq!(
        judge(&[&signer], &[&md5.signed_by(&signer)]),
        Flags::INSECURE
    );
    let sha1 = MessageDigest::sha1();
    for (what, draft) in [
        ("RSA 512", Draft::new("x").rsa(512)),
        ("RSA 1024", Draft::new("x").rsa(1024)),
        ("P-192", Draft::new("x").curve(Nid::X9_62_PRIME192V1)),
        ("SHA-1", Draft::new("x").digest(sha1)),
    ] {
        assert_eq!(
            judge(&[&root], &[&draft.signed_by(&root)]),
            Flags::INSECURE,
            "{what}"
        );
    }
    for (what, draft) in [
        ("RSA 2048", Draft::new("x").rsa(2048)),
        ("P-224", Draft::new("x").curve(Nid::SECP224R1)),
    ] {
        assert_eq!(
            judge(&[&root], &[&draft.signed_by(&root)]),
            Flags::empty(),
            "{what}"
        );
    }
}

/// A configuration is for a whole process, so this test runs in processes of its own.
#[test]
fn configured_level_can_only_be_stricter() {
    const CHILD: &str = "GIO_OSSL_TEST_LEVEL_CHILD";
    const LOADED: &str = "GIO_OSSL_TEST_LEVEL_LOADED";
    if let Ok(level) = env::var(CHILD) {
        if let Ok(file) = env::var(LOADED) {
            load_configuration(&file);
        }
        let root = root();
        let expected = |bits| match (level.as_str(), bits) {
            ("3", _) | (_, 1024) => Flags::INSECURE,
            _ => Flags::empty(),
        };
        for bits in [1024, 2048] {
            let leaf = Draft::new("x").rsa(bits).signed_by(&root);
            assert_eq!(
                judge(&[&root], &[&leaf]),
                expected(bits),
                "{bits} at {level}"
            );
        }
        return;
    }
    let folder = Pki::new();
    for level in ["0", "2", "3"] {
        let text = format!(
            "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = connections\n\
             [connections]\nCipherString = DEFAULT@SECLEVEL={level}\n"
        );
        let file = folder.write("openssl.cnf", text);
        // The system's configuration, or one that the program loads itself.
        for variable in ["OPENSSL_CONF", LOADED] {
            let status = Command::new(env::current_exe().unwrap())
                .args(["--exact", "configured_level_can_only_be_stricter"])
                .env(CHILD, level)
                .env(variable, &file)
                .status();
            assert!(status.unwrap().success(), "{variable} with level {level}");
        }
    }
}

#[allow(unsafe_code)]
fn load_configuration(file: &str) {
    let file = CString::new(file).unwrap();
    openssl::init();
    // SAFETY: the name is NUL-terminated, and NULL stands for the usual section.
    let loaded = unsafe { CONF_modules_load_file(file.as_ptr(), ptr::null(), 0) };
    assert_eq!(loaded, 1);
}

#[test]
fn weak_authorities_are_insecure() {
    let weak = Draft::authority("Weak").rsa(1024).self_signed();
    let leaf = Draft::new("x").signed_by(&weak);
    assert_eq!(judge(&[&weak], &[&leaf]), Flags::INSECURE);
    let root = root();
    for draft in [
        Draft::authority("Middle").rsa(1024),
        Draft::authority("Middle").digest(MessageDigest::sha1()),
    ] {
        let middle = draft.signed_by(&root);
        let leaf = Draft::new("x").signed_by(&middle);
        assert_eq!(judge(&[&root], &[&leaf, &middle]), Flags::INSECURE);
    }
}

#[test]
fn digest_under_an_unknown_authority_is_judged_too() {
    let stranger = Draft::authority("Stranger").self_signed();
    let leaf = Draft::new("x")
        .digest(MessageDigest::sha1())
        .signed_by(&stranger);
    assert_eq!(
        judge(&[&root()], &[&leaf]),
        Flags::UNKNOWN_CA | Flags::INSECURE
    );
    let alone = Draft::new("x").digest(MessageDigest::sha1()).self_signed();
    assert_eq!(judge(&[&root()], &[&alone]), Flags::UNKNOWN_CA);
}

#[test]
fn signature_of_an_anchor_does_not_matter() {
    let root = Draft::authority("Root")
        .rsa(2048)
        .digest(MessageDigest::md5())
        .self_signed();
    let leaf = Draft::new("x").signed_by(&root);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::empty());
    assert_eq!(judge(&[&root], &[&leaf, &root]), Flags::empty());
    let key = root.key.clone();
    let forged = Draft::authority("Forged").key(&key).anonymous();
    let shell = forged.clone().self_signed();
    let forged = forged.forged_as_from(&shell);
    let leaf = Draft::new("x").signed_by(&forged);
    assert_eq!(judge(&[&forged], &[&leaf]), Flags::empty());
}

#[test]
fn anchors_have_dates() {
    let root = Draft::authority("Root").expired().self_signed();
    let leaf = Draft::new("x").signed_by(&root);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::EXPIRED);
    let leaf = Draft::new("x").expired().signed_by(&root);
    assert_eq!(judge(&[&leaf], &[&leaf]), Flags::EXPIRED);
}

#[test]
fn dates_are_inclusive_and_judged_by_the_clock() {
    let root = root();
    let leaf = Draft::new("x").days(10, 20).signed_by(&root);
    let begin = glib::real_time() / 1_000_000 + 10 * 24 * 3600;
    let day = 24 * 3600;
    for (time, expected) in [
        (begin - 60, Flags::NOT_ACTIVATED),
        (begin + 60, Flags::empty()),
        (begin + 10 * day - 60, Flags::empty()),
        (begin + 10 * day + 60, Flags::EXPIRED),
    ] {
        set_clock(Some(time));
        let alone =
            object(&[&leaf]).verify(gio::SocketConnectable::NONE, gio::TlsCertificate::NONE);
        assert_eq!(judge(&[&root], &[&leaf]), expected);
        assert_eq!(trusting(&[&leaf], &root), expected);
        assert_eq!(alone, expected);
    }
    set_clock(None);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::NOT_ACTIVATED);
}

#[test]
fn forged_signatures_are_a_generic_error_alone() {
    let root = root();
    let leaf = Draft::new("x").forged_as_from(&root);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::GENERIC_ERROR);
    assert_eq!(trusting(&[&leaf], &root), Flags::GENERIC_ERROR);
    let middle = Draft::authority("Middle").forged_as_from(&root);
    let leaf = Draft::new("x").signed_by(&middle);
    assert_eq!(judge(&[&root], &[&leaf, &middle]), Flags::GENERIC_ERROR);
}

#[test]
fn key_identifier_of_another_key_is_an_unknown_authority() {
    let (root, namesake) = (root(), root());
    let leaf = Draft::new("x").signed_by(&namesake);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::UNKNOWN_CA);
}

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

#[test]
fn chain_files_without_their_root_stay_chains() {
    let root = root();
    let middle = Draft::authority("Middle").signed_by(&root);
    let leaf = Draft::new("x").signed_by(&middle);
    assert_eq!(trusting(&[&leaf, &middle], &middle), Flags::empty());
    assert_eq!(trusting(&[&leaf, &middle], &root), Flags::empty());
    let old = Draft::authority("Old").expired().signed_by(&root);
    let leaf = Draft::new("x").signed_by(&old);
    assert_eq!(trusting(&[&leaf, &old], &old), Flags::EXPIRED);
}

#[test]
fn without_an_authority_only_dates_and_identity_count() {
    let leaf = Draft::new("x")
        .rsa(1024)
        .set("extendedKeyUsage", "codeSigning")
        .self_signed();
    let flags = object(&[&leaf]).verify(gio::SocketConnectable::NONE, gio::TlsCertificate::NONE);
    assert_eq!(flags, Flags::empty());
    let expired = Draft::new("x").expired().self_signed();
    let elsewhere = gio::NetworkAddress::new("elsewhere.example", 1);
    let flags = object(&[&expired]).verify(Some(&elsewhere), gio::TlsCertificate::NONE);
    assert_eq!(flags, Flags::EXPIRED | Flags::BAD_IDENTITY);
}
