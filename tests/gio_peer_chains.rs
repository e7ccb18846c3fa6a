//! What a client makes of the certificates that a server really sends.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/drafts.rs"]
mod drafts;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/verdicts.rs"]
mod verdicts;

use common::{IDENTITY, handshakes, hurry, identity, run, simnet::SimNet};
use gio::{TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection};

use drafts::{Draft, List};
use pki::{Issued, Pki};
use verdicts::{database, object};

/// What a client of these anchors and lists says of a server with this chain.
fn meeting(anchors: &[&Issued], lists: &str, leaf: &Issued, rest: &[&Issued]) -> Flags {
    hurry();
    let folder = Pki::new();
    let pem: String = anchors.iter().map(|one| one.certificate_pem()).collect();
    let anchors = folder.write("anchors.pem", pem + lists);
    let presented = gio::Initable::builder::<Certificate>()
        .property("certificate-pem", leaf.certificate_pem())
        .property("private-key-pem", leaf.key_pem())
        .property("issuer", (!rest.is_empty()).then(|| object(rest)))
        .build(gio::Cancellable::NONE)
        .unwrap();
    let (near, far) = SimNet::new().pair();
    let client = DtlsClientConnection::new(&near, Some(&identity(IDENTITY))).unwrap();
    client.set_database(Some(&database(anchors)));
    let server = DtlsServerConnection::new(&far, Some(&presented)).unwrap();
    let (result, _) = run(handshakes(&client, &server));
    let flags = client.peer_certificate_errors();
    assert_eq!(result.is_ok(), flags.is_empty());
    assert!(client.peer_certificate().is_some());
    flags
}

fn leaf() -> Draft {
    Draft::new("x").set("subjectAltName", &format!("DNS:{IDENTITY}"))
}

#[test]
fn certificates_beside_the_first_path_are_considered() {
    let old = Draft::authority("Old Root").self_signed();
    let new = Draft::authority("New Root").self_signed();
    let crossed = Draft::authority("New Root").key(&new.key);
    let expired = crossed.clone().expired().signed_by(&old);
    let good = crossed.signed_by(&old);
    let middle = Draft::authority("Middle").signed_by(&new);
    let leaf = leaf().signed_by(&middle);
    let chain = [&middle, &expired, &good];
    assert_eq!(meeting(&[&old], "", &leaf, &chain), Flags::empty());
    assert_eq!(meeting(&[&old], "", &leaf, &chain[..2]), Flags::EXPIRED);
    assert_eq!(meeting(&[&new], "", &leaf, &chain), Flags::empty());
}

#[test]
fn authority_that_may_not_issue_is_an_error_of_its_own() {
    let root = Draft::authority("Root").self_signed();
    let middle = Draft::authority("Middle")
        .set("keyUsage", "cRLSign")
        .signed_by(&root);
    let leaf = leaf().signed_by(&middle);
    assert_eq!(
        meeting(&[&root], "", &leaf, &[&middle]),
        Flags::GENERIC_ERROR
    );
}

#[test]
fn order_duplicates_and_strangers_do_not_matter() {
    let root = Draft::authority("Root").self_signed();
    let high = Draft::authority("High").signed_by(&root);
    let low = Draft::authority("Low").signed_by(&high);
    let stranger = Draft::authority("Stranger").self_signed();
    let leaf = leaf().signed_by(&low);
    for rest in [
        vec![&low, &high],
        vec![&root, &high, &stranger, &low],
        vec![&low, &low, &high],
    ] {
        assert_eq!(meeting(&[&root], "", &leaf, &rest), Flags::empty());
    }
    assert_eq!(meeting(&[&root], "", &leaf, &[&low]), Flags::UNKNOWN_CA);
}

#[test]
fn revoked_server_is_refused() {
    let root = Draft::authority("Root").self_signed();
    let leaf = leaf().signed_by(&root);
    let list = List::of(&root).revoking(&leaf).pem();
    assert_eq!(meeting(&[&root], &list, &leaf, &[]), Flags::REVOKED);
    let list = List::of(&root).pem();
    assert_eq!(meeting(&[&root], &list, &leaf, &[]), Flags::empty());
}
