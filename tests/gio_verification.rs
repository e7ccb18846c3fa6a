//! What is wrong with a chain: keys, digests, dates and signatures, and several problems at once.

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

use drafts::{Draft, root};
use pki::Pki;
use verdicts::{judge, object, trusting};

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
