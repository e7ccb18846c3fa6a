//! Certificate revocation lists beside the anchors.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use std::{env, fs, process::Command, slice};

use gio::TlsCertificateFlags as Flags;
use gio_ossl::{Database, FileDatabase, engine::testing::set_clock};
use openssl::nid::Nid;

use drafts::{Draft, List, ec_key, tlv};
use pki::{Issued, Pki};
use verdicts::{SERVER, ask, judge, judge_with};

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/verdicts.rs"]
mod verdicts;

const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
const DELTA_LIST: &[u8] = &[0x55, 0x1d, 0x1b];

/// A root, an intermediate below it, and a leaf below that.
struct Three {
    root: Issued,
    middle: Issued,
    leaf: Issued,
}

impl Three {
    fn new() -> Self {
        let root = Draft::authority("Root").self_signed();
        let middle = Draft::authority("Middle").signed_by(&root);
        let leaf = Draft::new("x").signed_by(&middle);
        Self { root, middle, leaf }
    }

    fn judge(&self, lists: &[List<'_>]) -> Flags {
        let lists: Vec<String> = lists.iter().map(|list| list.clone().pem()).collect();
        judge_with(&[&self.root], &lists, &[&self.leaf, &self.middle])
    }
}

#[test]
fn revoked_leaf_and_intermediate_are_revoked() {
    let three = Three::new();
    let (root, middle) = (List::of(&three.root), List::of(&three.middle));
    let revoked_leaf = List::of(&three.middle).revoking(&three.leaf);
    let revoked_middle = List::of(&three.root).revoking(&three.middle);
    assert_eq!(three.judge(&[root.clone(), middle.clone()]), Flags::empty());
    assert_eq!(three.judge(&[root, revoked_leaf.clone()]), Flags::REVOKED);
    assert_eq!(
        three.judge(&[revoked_middle.clone(), middle]),
        Flags::REVOKED
    );
    assert_eq!(three.judge(&[revoked_middle, revoked_leaf]), Flags::REVOKED);
}

#[test]
fn authority_without_a_list_is_not_checked() {
    let three = Three::new();
    let revoked_leaf = List::of(&three.middle).revoking(&three.leaf);
    let revoked_middle = List::of(&three.root).revoking(&three.middle);
    assert_eq!(three.judge(&[List::of(&three.root)]), Flags::empty());
    assert_eq!(three.judge(&[revoked_leaf]), Flags::REVOKED);
    assert_eq!(three.judge(&[revoked_middle]), Flags::REVOKED);
}

#[test]
fn intermediate_that_is_an_anchor_too_can_be_revoked() {
    let three = Three::new();
    let chain = [&three.leaf, &three.middle];
    for identified in [true, false] {
        let good = List::of(&three.root);
        let bad = List::of(&three.root).revoking(&three.middle);
        let form = |list: List<'_>| {
            if identified {
                list.pem()
            } else {
                list.anonymous().pem()
            }
        };
        let (good, bad) = (form(good), form(bad));
        let anchors = [&three.root, &three.middle];
        assert_eq!(
            judge_with(&anchors, slice::from_ref(&bad), &chain),
            Flags::REVOKED
        );
        assert_eq!(judge_with(&anchors, &[bad], &[&three.leaf]), Flags::REVOKED);
        assert_eq!(
            judge_with(&anchors, slice::from_ref(&good), &chain),
            Flags::empty()
        );
        assert_eq!(
            judge_with(&[&three.middle], &[good], &chain),
            Flags::empty()
        );
    }
}

/// OpenSSL looks for the issuer of the intermediate by its name alone.
#[test]
fn intermediate_anchor_below_namesakes_can_be_revoked() {
    let [one, other] = [(); 2].map(|()| Draft::authority("Root").anonymous().self_signed());
    for (root, namesake) in [(&one, &other), (&other, &one)] {
        let upper = Draft::authority("Upper").anonymous().signed_by(root);
        let middle = Draft::authority("Middle").anonymous().signed_by(&upper);
        let leaf = Draft::new("x").anonymous().signed_by(&middle);
        let silent = List::of(namesake).anonymous().pem();
        let upper_list = List::of(root).anonymous().revoking(&upper).pem();
        let middle_list = List::of(&upper).anonymous().revoking(&middle).pem();
        let anchors = [&one, &other, &upper, &middle];
        for list in [upper_list, middle_list] {
            let flags = judge_with(&anchors, &[silent.clone(), list], &[&leaf]);
            assert_eq!(flags, Flags::REVOKED);
        }
        let flags = judge_with(&anchors, &[silent], &[&leaf]);
        assert_eq!(flags, Flags::empty());
    }
}

/// Another authority that withdraws what it has said of a root's key says nothing about the root.
#[test]
fn revoked_cross_certificate_does_not_revoke_the_root_itself() {
    let key = ec_key(Nid::X9_62_PRIME256V1);
    let old = Draft::authority("Old").self_signed();
    let root = Draft::authority("Root").key(&key).self_signed();
    let cross = Draft::authority("Root").key(&key).signed_by(&old);
    let list = List::of(&old).revoking(&cross).pem();
    let anchors = [&root, &cross, &old];
    let good = Draft::new("x").signed_by(&root);
    let stale = Draft::new("x").expired().signed_by(&root);
    for (leaf, expected) in [(&good, Flags::empty()), (&stale, Flags::EXPIRED)] {
        let flags = judge_with(&anchors, slice::from_ref(&list), &[leaf]);
        assert_eq!(flags, expected);
    }
    // Without the root it is all that there is.
    let flags = judge_with(&[&cross, &old], &[list], &[&good]);
    assert_eq!(flags, Flags::REVOKED);
}

#[test]
fn revoked_leaf_of_an_intermediate_anchor_is_revoked() {
    let three = Three::new();
    let list = List::of(&three.middle).revoking(&three.leaf).pem();
    let chain = [&three.leaf];
    assert_eq!(
        judge_with(&[&three.middle], &[list], &chain),
        Flags::REVOKED
    );
}

#[test]
fn revocation_is_reported_beside_other_problems() {
    let three = Three::new();
    let leaf = Draft::new("x").expired().signed_by(&three.middle);
    let list = List::of(&three.middle).revoking(&leaf).pem();
    assert_eq!(
        judge_with(&[&three.root], &[list], &[&leaf, &three.middle]),
        Flags::REVOKED | Flags::EXPIRED
    );
}

#[test]
fn list_that_is_out_of_date_leaves_the_question_open() {
    let three = Three::new();
    let old = || List::of(&three.middle).days(-20, -1);
    let early = List::of(&three.middle).days(1, 20);
    assert_eq!(three.judge(&[old()]), Flags::GENERIC_ERROR);
    assert_eq!(three.judge(&[early]), Flags::GENERIC_ERROR);
    let revoked = Flags::REVOKED | Flags::GENERIC_ERROR;
    assert_eq!(three.judge(&[old().revoking(&three.leaf)]), revoked);
    assert_eq!(
        three.judge(&[old(), List::of(&three.middle)]),
        Flags::empty()
    );
    let newer = List::of(&three.middle).revoking(&three.leaf);
    assert_eq!(three.judge(&[old(), newer.clone()]), Flags::REVOKED);
    assert_eq!(three.judge(&[newer, old()]), Flags::REVOKED);
}

#[test]
fn latest_of_several_lists_counts() {
    let three = Three::new();
    let before = List::of(&three.middle).days(-2, 30);
    let now = List::of(&three.middle).days(-1, 30).revoking(&three.leaf);
    assert_eq!(three.judge(&[before.clone(), now.clone()]), Flags::REVOKED);
    assert_eq!(three.judge(&[now, before]), Flags::REVOKED);
}

#[test]
fn lists_age_by_the_clock() {
    let three = Three::new();
    let list = List::of(&three.middle);
    let in_days = |days: i64| glib::real_time() / 1_000_000 + days * 24 * 3600;
    set_clock(Some(in_days(29)));
    assert_eq!(three.judge(slice::from_ref(&list)), Flags::empty());
    set_clock(Some(in_days(31)));
    assert_eq!(three.judge(&[list]), Flags::GENERIC_ERROR);
    set_clock(None);
}

#[test]
fn lists_of_others_do_not_matter() {
    let three = Three::new();
    let stranger = Draft::authority("Stranger").self_signed();
    let namesake = Draft::authority("Middle").self_signed();
    for list in [
        List::of(&stranger).revoking(&three.leaf),
        List::of(&namesake).revoking(&three.leaf),
        List::of(&stranger).days(-20, -1),
    ] {
        assert_eq!(three.judge(&[list]), Flags::empty());
    }
}

#[test]
fn forged_list_leaves_the_question_open() {
    let three = Three::new();
    let stranger = Draft::authority("Stranger").self_signed();
    let forged = List::of(&three.middle).signed_by(&stranger);
    assert_eq!(three.judge(&[forged]), Flags::GENERIC_ERROR);
}

#[test]
fn issuer_must_be_allowed_to_sign_lists() {
    let root = Draft::authority("Root")
        .set("keyUsage", "keyCertSign")
        .self_signed();
    let leaf = Draft::new("x").signed_by(&root);
    let list = List::of(&root).pem();
    assert_eq!(
        judge_with(&[&root], &[list], &[&leaf]),
        Flags::GENERIC_ERROR
    );
}

#[test]
fn lists_of_namesakes_are_told_apart_by_their_signatures() {
    let draft = Draft::authority("Root").anonymous();
    let (one, two) = (draft.clone().self_signed(), draft.self_signed());
    let leaf = Draft::new("x").signed_by(&one);
    let (of_one, of_two) = (List::of(&one).pem(), List::of(&two).days(0, 30).pem());
    let revoking = List::of(&one).revoking(&leaf).pem();
    for lists in [[of_one.clone(), of_two.clone()], [of_two.clone(), of_one]] {
        assert_eq!(judge_with(&[&one, &two], &lists, &[&leaf]), Flags::empty());
    }
    let lists = [revoking, of_two];
    assert_eq!(judge_with(&[&one, &two], &lists, &[&leaf]), Flags::REVOKED);
}

#[test]
fn lists_for_some_reasons_or_several_authorities_are_used() {
    let three = Three::new();
    let indirect = tlv(0x30, &tlv(0x84, &[0xff]));
    let some_reasons = tlv(0x30, &tlv(0x83, &[6, 0x40]));
    for point in [indirect, some_reasons] {
        let list = List::of(&three.middle).critical(ISSUING_DISTRIBUTION_POINT, &point);
        assert_eq!(three.judge(slice::from_ref(&list)), Flags::empty());
        assert_eq!(three.judge(&[list.revoking(&three.leaf)]), Flags::REVOKED);
    }
}

/// OpenSSL may take what a peer presents for the authority behind a list.
#[test]
fn presented_impostors_neither_hide_nor_make_a_revocation() {
    let three = Three::new();
    let impostor = Draft::authority("Middle").self_signed();
    let chains = [
        [&three.leaf, &three.middle, &impostor],
        [&three.leaf, &impostor, &three.middle],
    ];
    for by in [&three.middle, &impostor] {
        let list = List::of(by).revoking(&three.leaf).pem();
        for chain in &chains {
            let flags = judge_with(&[&three.root], slice::from_ref(&list), chain);
            // The impostor's own list is a stranger's.
            let expected = match by.certificate == three.middle.certificate {
                true => Flags::REVOKED,
                false => Flags::empty(),
            };
            assert_eq!(flags, expected);
        }
    }
}

#[test]
fn lists_of_unsupported_kinds_are_not_used() {
    let three = Three::new();
    let revoking = || List::of(&three.middle).revoking(&three.leaf);
    assert_eq!(
        three.judge(&[revoking().critical(DELTA_LIST, &[2, 1, 1])]),
        Flags::empty()
    );
    let unknown = revoking().critical(&[0x2a, 3, 4], &[5, 0]);
    let flags = three.judge(&[unknown]);
    assert!(flags.contains(Flags::GENERIC_ERROR), "{flags:?}");
}

#[test]
fn lists_speak_of_their_own_kind_of_certificates() {
    let three = Three::new();
    let only_users = tlv(0x30, &tlv(0x81, &[0xff]));
    let only_authorities = tlv(0x30, &tlv(0x82, &[0xff]));
    let scoped =
        |issuer, scope: &[u8]| List::of(issuer).critical(ISSUING_DISTRIBUTION_POINT, scope);
    let users = scoped(&three.middle, &only_users);
    assert_eq!(three.judge(slice::from_ref(&users)), Flags::empty());
    assert_eq!(three.judge(&[users.revoking(&three.leaf)]), Flags::REVOKED);
    let authorities = scoped(&three.root, &only_authorities).revoking(&three.middle);
    assert_eq!(three.judge(&[authorities]), Flags::REVOKED);
    let irrelevant = scoped(&three.middle, &only_authorities);
    assert_eq!(three.judge(&[irrelevant]), Flags::empty());
}

#[test]
fn revoked_path_is_not_gone_around() {
    let key = ec_key(Nid::X9_62_PRIME256V1);
    let root = Draft::authority("Root").self_signed();
    let draft = Draft::authority("Middle").key(&key);
    let revoked = draft.clone().serial(1).signed_by(&root);
    let leaf = Draft::new("x").signed_by(&revoked);
    let list = List::of(&root).revoking(&revoked).pem();
    let chain = [&leaf, &revoked];
    assert_eq!(
        judge_with(&[&root, &revoked], &[list], &chain),
        Flags::REVOKED
    );
    assert_eq!(judge(&[&root, &revoked], &chain), Flags::empty());
}

#[test]
fn broken_list_makes_a_broken_database() {
    let pki = Pki::new();
    let block = |kind: &str| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
    let text = [pki.root.certificate_pem(), block("X509 CRL")].concat();
    assert!(FileDatabase::new(pki.write("broken.pem", text)).is_err());
    let text = [pki.root.certificate_pem(), block("SOMETHING ELSE")].concat();
    assert!(FileDatabase::new(pki.write("fine.pem", text)).is_ok());
}

/// The system's places are those of the whole process, so this one test runs in a process of its own.
#[test]
fn lists_of_the_system_directory_are_found_by_their_hash() {
    const CHILD: &str = "GIO_OSSL_TEST_REVOCATION_CHILD";
    if let Ok(folder) = env::var(CHILD) {
        let read = |name: &str| Issued {
            certificate: openssl::x509::X509::from_pem(
                &fs::read(format!("{folder}/{name}")).unwrap(),
            )
            .unwrap(),
            key: ec_key(Nid::X9_62_PRIME256V1),
        };
        let database = Database::new();
        assert_eq!(ask(&database, SERVER, &[&read("good")]), Flags::empty());
        assert_eq!(ask(&database, SERVER, &[&read("bad")]), Flags::REVOKED);
        return;
    }
    let pki = Pki::new();
    // OpenSSL would take the latest list of the name.
    let [root, namesake] = [(); 2].map(|()| Draft::authority("Root").anonymous().self_signed());
    let (good, bad) = (
        Draft::new("good").anonymous().signed_by(&root),
        Draft::new("bad").anonymous().signed_by(&root),
    );
    let hash = root.certificate.subject_name_hash();
    pki.write("good", good.certificate_pem());
    pki.write("bad", bad.certificate_pem());
    let lists = [
        List::of(&root).revoking(&bad),
        List::of(&namesake).days(0, 30),
    ];
    for (number, root) in [&root, &namesake].iter().enumerate() {
        pki.write(&format!("{hash:08x}.{number}"), root.certificate_pem());
        let list = lists[number].clone().anonymous().pem();
        pki.write(&format!("{hash:08x}.r{number}"), list);
    }
    let status = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "lists_of_the_system_directory_are_found_by_their_hash",
        ])
        .env(CHILD, pki.folder())
        .env("SSL_CERT_DIR", pki.folder())
        .env("SSL_CERT_FILE", "/nonexistent")
        .status();
    assert!(status.unwrap().success());
}
