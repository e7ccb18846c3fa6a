//! Which path a chain takes to an anchor, and what happens where there are several or none.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use gio::{TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::Certificate;
use openssl::{nid::Nid, pkey::PKey, rsa::Rsa};

use drafts::{Draft, ec_key};
use pki::Issued;
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

fn root() -> Issued {
    Draft::authority("Root").self_signed()
}

/// Authorities below one another, the lowest first.
fn ladder(root: &Issued, rungs: usize) -> Vec<Issued> {
    let mut authorities: Vec<Issued> = Vec::new();
    for rung in 0..rungs {
        let issuer = authorities.last().unwrap_or(root);
        let next = Draft::authority(&format!("Rung {rung}")).signed_by(issuer);
        authorities.push(next);
    }
    authorities.reverse();
    authorities
}

fn refs(certificates: &[Issued]) -> Vec<&Issued> {
    certificates.iter().collect()
}

#[test]
fn every_certificate_of_a_chain_can_be_the_anchor() {
    let root = root();
    let middle = Draft::authority("Middle").signed_by(&root);
    let leaf = Draft::new("x").signed_by(&middle);
    for anchor in [&root, &middle, &leaf] {
        assert_eq!(judge(&[anchor], &[&leaf, &middle, &root]), Flags::empty());
        assert_eq!(judge(&[anchor], &[&leaf, &middle]), Flags::empty());
        assert_eq!(trusting(&[&leaf, &middle, &root], anchor), Flags::empty());
    }
    let own = Draft::new("own").self_signed();
    assert_eq!(judge(&[&own], &[&own]), Flags::empty());
    assert_eq!(judge(&[&root, &leaf], &[&leaf]), Flags::empty());
}

#[test]
fn missing_links_are_found_among_the_anchors_or_not_at_all() {
    let root = root();
    let rungs = ladder(&root, 2);
    let leaf = Draft::new("x").signed_by(&rungs[0]);
    assert_eq!(judge(&[&root], &[&leaf]), Flags::UNKNOWN_CA);
    assert_eq!(judge(&[&root], &[&leaf, &rungs[0]]), Flags::UNKNOWN_CA);
    assert_eq!(judge(&[&root], &[&leaf, &rungs[1]]), Flags::UNKNOWN_CA);
    assert_eq!(
        judge(&[&root, &rungs[1]], &[&leaf, &rungs[0]]),
        Flags::empty()
    );
    assert_eq!(judge(&[&root, &rungs[0]], &[&leaf]), Flags::empty());
}

#[test]
fn order_duplicates_and_strangers_do_not_matter() {
    let root = root();
    let rungs = ladder(&root, 2);
    let leaf = Draft::new("x").signed_by(&rungs[0]);
    let stranger = Draft::authority("Stranger").self_signed();
    for chain in [
        vec![&leaf, &rungs[1], &rungs[0]],
        vec![&leaf, &root, &rungs[1], &rungs[0]],
        vec![&leaf, &rungs[0], &rungs[1], &root],
        vec![&leaf, &stranger, &rungs[0], &stranger, &rungs[1]],
        vec![
            &leaf, &leaf, &rungs[0], &rungs[0], &rungs[1], &leaf, &root, &root,
        ],
    ] {
        assert_eq!(judge(&[&root], &chain), Flags::empty());
    }
}

#[test]
fn leaf_comes_first_whatever_follows() {
    let root = root();
    let bad = Draft::new("bad").self_signed();
    let good = Draft::new("good").signed_by(&root);
    assert_eq!(judge(&[&root], &[&bad, &good]), Flags::UNKNOWN_CA);
    assert_eq!(judge(&[&root], &[&good, &bad]), Flags::empty());
}

#[test]
fn expired_root_gives_way_to_its_renewal_of_the_same_key() {
    let key = ec_key(Nid::X9_62_PRIME256V1);
    let old = Draft::authority("Root").key(&key).expired().self_signed();
    let new = Draft::authority("Root").key(&key).self_signed();
    let leaf = Draft::new("x").signed_by(&old);
    for anchors in [[&old, &new], [&new, &old]] {
        assert_eq!(judge(&anchors, &[&leaf]), Flags::empty());
        assert_eq!(judge(&anchors, &[&leaf, &old]), Flags::empty());
    }
    assert_eq!(judge(&[&new], &[&leaf, &old]), Flags::empty());
    assert_eq!(judge(&[&old], &[&leaf]), Flags::EXPIRED);
}

#[test]
fn roots_of_one_name_are_told_apart_by_their_signatures() {
    let draft = Draft::authority("Root").anonymous();
    let roots = [(); 5].map(|()| draft.clone().self_signed());
    let anchors = refs(&roots);
    for root in &roots {
        let leaf = Draft::new("x").signed_by(root);
        assert_eq!(judge(&anchors, &[&leaf]), Flags::empty());
        assert_eq!(judge(&anchors, &[&leaf, root]), Flags::empty());
        let expired = Draft::new("x").expired().signed_by(root);
        assert_eq!(judge(&anchors, &[&expired]), Flags::EXPIRED);
    }
    let stranger = draft.self_signed();
    let leaf = Draft::new("x").signed_by(&stranger);
    assert_eq!(judge(&anchors, &[&leaf]), Flags::GENERIC_ERROR);
}

#[test]
fn intermediates_of_one_name_are_told_apart_by_their_signatures() {
    let root = root();
    let draft = Draft::authority("Middle").anonymous();
    let (one, two) = (draft.clone().signed_by(&root), draft.signed_by(&root));
    let leaf = Draft::new("x").signed_by(&two);
    assert_eq!(judge(&[&root], &[&leaf, &one, &two]), Flags::empty());
    assert_eq!(judge(&[&root, &one], &[&leaf, &two]), Flags::empty());
    assert_eq!(judge(&[&root, &one], &[&leaf]), Flags::GENERIC_ERROR);
}

#[test]
fn cross_signed_authority_leads_to_whichever_root_is_trusted() {
    let (old, new) = (root(), Draft::authority("New Root").self_signed());
    let crossed = Draft::authority("New Root").key(&new.key).signed_by(&old);
    let middle = Draft::authority("Middle").signed_by(&new);
    let leaf = Draft::new("x").signed_by(&middle);
    for anchors in [vec![&old], vec![&new], vec![&old, &new], vec![&new, &old]] {
        assert_eq!(judge(&anchors, &[&leaf, &middle, &crossed]), Flags::empty());
    }
    assert_eq!(judge(&[&new], &[&leaf, &middle]), Flags::empty());
    assert_eq!(judge(&[&old], &[&leaf, &middle]), Flags::UNKNOWN_CA);
}

#[test]
fn expired_cross_signature_does_not_spoil_a_good_path() {
    let (old, new) = (root(), Draft::authority("New Root").self_signed());
    let crossed = Draft::authority("New Root").key(&new.key);
    let expired = crossed.clone().expired().signed_by(&old);
    let middle = Draft::authority("Middle").signed_by(&new);
    let leaf = Draft::new("x").signed_by(&middle);
    for anchors in [vec![&new], vec![&old, &new], vec![&new, &old]] {
        assert_eq!(judge(&anchors, &[&leaf, &middle, &expired]), Flags::empty());
        assert_eq!(
            judge(&anchors, &[&leaf, &middle, &expired, &old]),
            Flags::empty()
        );
    }
    let good = crossed.signed_by(&old);
    let chain = [&leaf, &middle, &expired, &good];
    assert_eq!(judge(&[&old], &chain), Flags::empty());
    assert_eq!(judge(&[&old], &[&leaf, &middle, &expired]), Flags::EXPIRED);
}

#[test]
fn expired_anchor_does_not_spoil_a_path_through_the_chain() {
    let old = Draft::authority("Root").expired().self_signed();
    let other = Draft::authority("Other Root").self_signed();
    let crossed = Draft::authority("Root").key(&old.key).signed_by(&other);
    let leaf = Draft::new("x").signed_by(&old);
    for anchors in [[&old, &other], [&other, &old]] {
        assert_eq!(judge(&anchors, &[&leaf, &crossed]), Flags::empty());
        assert_eq!(judge(&anchors, &[&leaf]), Flags::EXPIRED);
    }
}

#[test]
fn path_that_may_not_be_used_gives_way_to_one_that_may() {
    let key = ec_key(Nid::X9_62_PRIME256V1);
    let root = root();
    let draft = Draft::authority("Middle").key(&key);
    let bound = draft
        .clone()
        .set("extendedKeyUsage", "codeSigning")
        .signed_by(&root);
    let free = draft.signed_by(&root);
    let leaf = Draft::new("x").signed_by(&free);
    for chain in [[&leaf, &bound, &free], [&leaf, &free, &bound]] {
        assert_eq!(judge(&[&root], &chain), Flags::empty());
    }
    assert_eq!(judge(&[&root, &bound], &[&leaf, &free]), Flags::empty());
    assert_eq!(judge(&[&root], &[&leaf, &bound]), Flags::GENERIC_ERROR);
}

#[test]
fn problems_are_those_of_the_best_path() {
    let key = ec_key(Nid::X9_62_PRIME256V1);
    let root = root();
    let draft = Draft::authority("Middle").key(&key);
    let bad = draft
        .clone()
        .expired()
        .set("keyUsage", "digitalSignature")
        .signed_by(&root);
    let better = draft.expired().signed_by(&root);
    let leaf = Draft::new("x").signed_by(&better);
    assert_eq!(judge(&[&root], &[&leaf, &bad, &better]), Flags::EXPIRED);
    assert_eq!(judge(&[&root, &bad], &[&leaf, &better]), Flags::EXPIRED);
}

#[test]
fn authorities_that_sign_one_another_end() {
    let (one, two) = (ec_key(Nid::X9_62_PRIME256V1), ec_key(Nid::X9_62_PRIME256V1));
    let shell = |name: &str, key: &PKey<_>| Draft::authority(name).key(key).self_signed();
    let first = Draft::authority("One")
        .key(&one)
        .signed_by(&shell("Two", &two));
    let second = Draft::authority("Two")
        .key(&two)
        .signed_by(&shell("One", &one));
    let leaf = Draft::new("x").signed_by(&first);
    let chain = [&leaf, &first, &second];
    assert_eq!(judge(&[&root()], &chain), Flags::UNKNOWN_CA);
    assert_eq!(judge(&[&second], &chain), Flags::empty());
    let pem: String = chain.iter().map(|one| one.certificate_pem()).collect();
    let linked = Certificate::from_pem(&pem, None).unwrap();
    assert!(
        linked
            .issuer()
            .unwrap()
            .issuer()
            .unwrap()
            .issuer()
            .is_none()
    );
}

#[test]
fn longest_chain_is_followed_and_a_longer_one_is_not() {
    let root = root();
    let rungs = ladder(&root, 100);
    let leaf = Draft::new("x").signed_by(&rungs[0]);
    let mut chain = vec![&leaf];
    chain.extend(&rungs);
    assert_eq!(judge(&[&root], &chain), Flags::UNKNOWN_CA);
    let leaf = Draft::new("x").signed_by(&rungs[70]);
    let mut chain = vec![&leaf];
    chain.extend(&rungs[70..]);
    assert_eq!(chain.len(), 31);
    assert_eq!(judge(&[&root], &chain), Flags::empty());
}

/// As many certificates as are looked at, each of which could have issued each other one by its
/// name, its key identifier, and even its signature: there are more paths than there is time.
fn labyrinth() -> Vec<Issued> {
    let key = PKey::from_rsa(Rsa::generate(4096).unwrap()).unwrap();
    let draft = Draft::authority("Same").key(&key);
    let first = draft.clone().self_signed();
    (0..40)
        .map(|serial| draft.clone().serial(serial + 1).signed_by(&first))
        .collect()
}

#[test]
fn labyrinths_of_namesakes_are_left() {
    let walls = labyrinth();
    let leaf = Draft::new("x").signed_by(&walls[0]);
    let mut chain = vec![&leaf];
    chain.extend(&walls);
    let flags = judge(&[&root()], &chain);
    assert!(flags.contains(Flags::UNKNOWN_CA));
    let namesake = Draft::authority("Same").anonymous().self_signed();
    let flags = judge(&[&namesake], &chain);
    assert_ne!(flags, Flags::empty());
    let pem: String = chain.iter().map(|one| one.certificate_pem()).collect();
    Certificate::from_pem(&pem, None).unwrap();
}

#[test]
fn many_anchors_of_one_name_are_tried_within_limits() {
    let draft = Draft::authority("Root").anonymous();
    let roots: Vec<Issued> = (0..40).map(|_| draft.clone().self_signed()).collect();
    let leaf = Draft::new("x").signed_by(&roots[39]);
    assert_eq!(judge(&refs(&roots), &[&leaf]), Flags::empty());
}

#[test]
fn chain_objects_of_one_certificate_again_and_again_end() {
    let root = root();
    let leaf = Draft::new("x").signed_by(&root);
    let chain = vec![&leaf; 200];
    assert_eq!(judge(&[&root], &chain), Flags::empty());
    assert_eq!(
        object(&chain).verify(gio::SocketConnectable::NONE, gio::TlsCertificate::NONE),
        Flags::empty()
    );
}
