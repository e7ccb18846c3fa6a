//! Chains of certificates in both directions: all of them are sent, and all of them are verified.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use common::{
    IDENTITY,
    simnet::SimNet,
    ways::{Outcome, Way},
};
use foreign::Foreign;
use gio::{TlsAuthenticationMode as Mode, TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection, FileDatabase};
use pki::{Issued, Leaf, Pki};

/// A client and a server that insists on a certificate.
struct Ends {
    way: Way,
    client: DtlsClientConnection,
    server: DtlsServerConnection,
}

impl Ends {
    /// The same for blocking and for asynchronous handshakes.
    fn both() -> [Self; 2] {
        Way::BOTH.map(|way| {
            let (near, far) = SimNet::new().pair();
            let (client, server) = (common::client(&near), common::server(&far));
            server.set_authentication_mode(Mode::Required);
            Self {
                way,
                client,
                server,
            }
        })
    }

    /// The client's result and the server's.
    fn meet(&self) -> (Outcome, Outcome) {
        self.way.meet(&self.client, &self.server)
    }

    /// Has the server's handler accept, and notes what is wrong with each certificate.
    fn accept(&self) -> Arc<Mutex<Vec<Flags>>> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        self.server.connect_accept_certificate(move |_, _, errors| {
            noted.lock().unwrap().push(errors);
            true
        });
        seen
    }
}

/// A leaf with its key and these issuers.
fn credential(leaf: &Issued, issuers: &[&Issued]) -> Certificate {
    let mut text = leaf.certificate_pem();
    for issuer in issuers {
        text += &issuer.certificate_pem();
    }
    Certificate::from_pem(&text, Some(&leaf.key_pem())).unwrap()
}

fn anchors(path: &Path) -> FileDatabase {
    FileDatabase::new(path).unwrap()
}

fn client_leaf() -> Leaf {
    Leaf::new("client.example.com").usage("clientAuth")
}

#[test]
fn clients_whole_chain_reaches_the_servers_verification() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(client_leaf());
    for ends in Ends::both() {
        ends.server.set_database(Some(&anchors(&pki.root_file())));
        ends.client
            .set_certificate(&credential(&leaf, &[&pki.intermediate]));
        let asked = ends.accept();
        ends.meet().1.unwrap();
        assert_eq!(*asked.lock().unwrap(), [Flags::empty()]);
        let issuer = ends.server.peer_certificate().unwrap().issuer().unwrap();
        let expected = pki.intermediate.certificate.to_der().unwrap();
        assert_eq!(issuer.certificate().unwrap().to_vec(), expected);
    }
}

fn foreign(issued: &Issued, issuer: Option<Foreign>) -> Foreign {
    Foreign::new(issued.certificate.to_der().unwrap(), issuer)
}

#[test]
fn chain_of_another_class_is_sent_and_verified_as_a_whole() {
    let pki = Pki::new();
    let client = pki.issue_below_intermediate(client_leaf());
    let server = pki.issue_below_intermediate(Leaf::new(IDENTITY).dns(IDENTITY));
    for ends in Ends::both() {
        let credential = |leaf: &Issued| {
            let issuer = foreign(&pki.intermediate, Some(foreign(&pki.root, None)));
            foreign(leaf, Some(issuer)).with_key(leaf.key_pem())
        };
        ends.client.set_database(Some(&anchors(&pki.root_file())));
        ends.server.set_database(Some(&anchors(&pki.root_file())));
        ends.client.set_certificate(&credential(&client));
        ends.server.set_certificate(&credential(&server));
        let asked = ends.accept();
        let (near, far) = ends.meet();
        near.unwrap();
        far.unwrap();
        assert_eq!(*asked.lock().unwrap(), [Flags::empty()]);
        for peer in [
            ends.client.peer_certificate(),
            ends.server.peer_certificate(),
        ] {
            let issuer = peer.unwrap().issuer().unwrap();
            assert!(issuer.is_same(&foreign(&pki.intermediate, None)));
        }
    }
}

#[test]
fn issuers_of_another_class_that_go_round_in_a_circle_end() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(client_leaf());
    for ends in Ends::both() {
        let intermediate = foreign(&pki.intermediate, None);
        let credential = foreign(&leaf, Some(intermediate.clone())).with_key(leaf.key_pem());
        intermediate.set_issuer(credential.clone());
        let database = anchors(&pki.root_file());
        let flags = database.verify_chain(
            &credential,
            "1.3.6.1.5.5.7.3.2",
            gio::SocketConnectable::NONE,
            gio::TlsInteraction::NONE,
            gio::TlsDatabaseVerifyFlags::NONE,
            gio::Cancellable::NONE,
        );
        assert_eq!(flags.unwrap(), Flags::empty());
        ends.server.set_database(Some(&database));
        ends.client.set_certificate(&credential);
        let asked = ends.accept();
        ends.meet().1.unwrap();
        assert_eq!(*asked.lock().unwrap(), [Flags::empty()]);
    }
}

#[test]
fn client_that_withholds_its_intermediate_is_unknown() {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(client_leaf());
    for ends in Ends::both() {
        ends.server.set_database(Some(&anchors(&pki.root_file())));
        ends.client.set_certificate(&credential(&leaf, &[]));
        let asked = ends.accept();
        ends.meet().1.unwrap();
        assert_eq!(*asked.lock().unwrap(), [Flags::UNKNOWN_CA]);
    }
}

#[test]
fn chains_of_many_authorities_are_verified_in_both_directions() {
    let pki = Pki::new();
    let mut authorities: Vec<Issued> = vec![pki.root.clone()];
    for depth in 1..=6 {
        let authority = Leaf::new(&format!("Authority {depth}")).authority();
        let next = authority.signed_by(authorities.last().unwrap());
        authorities.push(next);
    }
    let lowest = authorities.last().unwrap().clone();
    let issuers: Vec<&Issued> = authorities[1..].iter().rev().collect();
    let ours = client_leaf().signed_by(&lowest);
    let theirs = Leaf::new(IDENTITY).dns(IDENTITY).signed_by(&lowest);
    for ends in Ends::both() {
        for end in [
            ends.client.upcast_ref::<gio::DtlsConnection>(),
            ends.server.upcast_ref(),
        ] {
            end.set_database(Some(&anchors(&pki.root_file())));
        }
        ends.client.set_certificate(&credential(&ours, &issuers));
        ends.server.set_certificate(&credential(&theirs, &issuers));
        let asked = ends.accept();
        let (ours, theirs) = ends.meet();
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(*asked.lock().unwrap(), [Flags::empty()]);
    }
}

/// A leaf with links of our own choice above it: no PEM text could bring them.
fn linked(leaf: &Issued, issuers: &[&Issued]) -> gio::TlsCertificate {
    let issuer = issuers
        .split_first()
        .map(|(issuer, above)| linked(issuer, above));
    let certificate: Certificate = gio::Initable::builder()
        .property("certificate-pem", leaf.certificate_pem())
        .property("private-key-pem", leaf.key_pem())
        .property("issuer", issuer)
        .build(gio::Cancellable::NONE)
        .unwrap();
    certificate.upcast()
}

#[test]
fn chains_in_disorder_are_understood_by_both_ends() {
    let pki = Pki::new();
    let middle = Leaf::new("Middle").authority().signed_by(&pki.intermediate);
    let (ours, theirs) = (
        client_leaf().signed_by(&middle),
        Leaf::new(IDENTITY).dns(IDENTITY).signed_by(&middle),
    );
    let stranger = Leaf::new("Stranger").authority().self_signed();
    let (root, low, high) = (&pki.root, &middle, &pki.intermediate);
    for issuers in [
        vec![low, high],
        vec![low, high, root],
        vec![high, low],
        vec![root, high, low],
        vec![&stranger, low, high],
    ] {
        for ends in Ends::both() {
            let database = anchors(&pki.root_file());
            ends.client.set_database(Some(&database));
            ends.server.set_database(Some(&database));
            ends.client.set_certificate(&linked(&ours, &issuers));
            ends.server.set_certificate(&linked(&theirs, &issuers));
            let asked = ends.accept();
            let (client, server) = ends.meet();
            client.unwrap();
            server.unwrap();
            assert_eq!(*asked.lock().unwrap(), [Flags::empty()]);
            for peer in [
                ends.client.peer_certificate(),
                ends.server.peer_certificate(),
            ] {
                let links = std::iter::successors(peer.unwrap().issuer(), |link| link.issuer());
                let names: Vec<_> = links.map(|link| link.subject_name().unwrap()).collect();
                assert_eq!(names[..2], ["CN=Middle", "CN=Test Intermediate"]);
            }
        }
    }
}
