//! The names of the authorities whose certificates a server accepts from its clients.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use common::{
    assert_fails, certificate, hurry,
    peers::{Peer, connect, udp_socket},
    run,
    simnet::{Direction, SimNet},
    ways::Way,
};
use gio::{TlsAuthenticationMode as Mode, TlsDatabase, TlsError, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, FileDatabase};
use pki::{Issued, Leaf, Pki};

/// A client and a server that asks for a certificate.
struct Ends {
    net: SimNet,
    client: DtlsClientConnection,
    server: DtlsServerConnection,
}

impl Ends {
    fn new(mode: Mode) -> Self {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let (client, server) = (common::client(&near), common::server(&far));
        server.set_authentication_mode(mode);
        Self {
            net,
            client,
            server,
        }
    }

    /// The server knows these authorities.
    fn knowing(text: &str) -> Self {
        let pki = Pki::new();
        let ends = Self::new(Mode::Requested);
        let database = FileDatabase::new(pki.write("anchors.pem", text)).unwrap();
        ends.server.set_database(Some(&database));
        ends
    }

    /// How often the client announces the names.
    fn announcements(&self) -> Arc<AtomicUsize> {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let detail = Some("accepted-cas");
        self.client.connect_notify(detail, move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        count
    }
}

fn authority(name: &str) -> Issued {
    Leaf::new(name).authority().self_signed()
}

fn pem(authorities: &[Issued]) -> String {
    authorities.iter().map(Issued::certificate_pem).collect()
}

/// Complete names, in the order of the authorities.
fn names(authorities: &[Issued]) -> Vec<Vec<u8>> {
    let names = authorities.iter().map(|it| it.certificate.subject_name());
    names.map(|name| name.to_der().unwrap()).collect()
}

fn accepted(client: &DtlsClientConnection) -> Vec<Vec<u8>> {
    let names = client.accepted_cas();
    names.iter().map(|name| name.to_vec()).collect()
}

#[test]
fn names_of_the_servers_authorities_are_announced_in_full() {
    let authorities = [
        vec![("C", "DE"), ("O", "Zürich Größe"), ("CN", "Prüfstelle Ω")],
        vec![("CN", "日本語の認証局")],
        vec![("O", "Plain"), ("CN", "Authority")],
    ]
    .map(|name| Leaf::with_subject(&name).authority().self_signed());
    for way in Way::BOTH {
        let ends = Ends::knowing(&pem(&authorities));
        let announced = ends.announcements();
        assert!(ends.client.accepted_cas().is_empty());
        way.meet(&ends.client, &ends.server).0.unwrap();
        assert_eq!(accepted(&ends.client), names(&authorities));
        assert_eq!(announced.load(Ordering::SeqCst), 1);
        // Each reader gets a list of its own, and the facts outlive the association.
        ends.client.close(gio::Cancellable::NONE).unwrap();
        assert_eq!(accepted(&ends.client), names(&authorities));
    }
}

#[test]
fn names_keep_the_order_in_which_they_were_sent() {
    let authorities = ["Zebra", "aardvark", "M", "Aardvark", "0"].map(authority);
    let ends = Ends::knowing(&pem(&authorities));
    Way::Asynchronous
        .meet(&ends.client, &ends.server)
        .0
        .unwrap();
    let sent = ends.net.sent(Direction::ToClient).concat();
    let place = |name: &Vec<u8>| {
        let mut windows = sent.windows(name.len());
        windows.position(|window| window == name).unwrap()
    };
    let places: Vec<usize> = accepted(&ends.client).iter().map(place).collect();
    assert_eq!(places.len(), authorities.len());
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn many_names_of_authorities_arrive_in_fragments() {
    let authorities: Vec<Issued> = (0..60)
        .map(|number| authority(&format!("Authority number {number} of very many")))
        .collect();
    for way in Way::BOTH {
        let ends = Ends::knowing(&pem(&authorities));
        way.meet(&ends.client, &ends.server).0.unwrap();
        assert_eq!(accepted(&ends.client), names(&authorities));
    }
}

#[test]
fn hundreds_of_short_names_fit_a_request() {
    let authorities: Vec<Issued> = (0..250)
        .map(|number| authority(&number.to_string()))
        .collect();
    let ends = Ends::knowing(&pem(&authorities));
    Way::Asynchronous
        .meet(&ends.client, &ends.server)
        .0
        .unwrap();
    assert_eq!(accepted(&ends.client), names(&authorities));
}

#[test]
fn too_many_names_for_a_request_are_left_out() {
    let authorities: Vec<Issued> = (0..60)
        .map(|number| authority(&format!("{number} {}", "x".repeat(60))))
        .collect();
    let ends = Ends::knowing(&pem(&authorities));
    Way::Asynchronous
        .meet(&ends.client, &ends.server)
        .0
        .unwrap();
    assert!(ends.client.accepted_cas().is_empty());
}

#[test]
fn hundreds_of_long_names_of_another_server_are_read() {
    let authorities: Vec<Issued> = (0..400)
        .map(|number| authority(&format!("{number} {}", "é".repeat(50))))
        .collect();
    let pki = Pki::new();
    let file = pki.write("many.pem", pem(&authorities));
    let file = file.to_str().unwrap();
    // Its own choice, 228 bytes, makes more datagrams of this than a socket keeps for its reader.
    let options = ["-mtu", "1400", "-verify", "1", "-CAfile", file];
    let peer = Peer::serve("openssl", "ecdsa", &options);
    for way in Way::BOTH {
        let base = udp_socket(0);
        connect(&base, peer.port);
        let client = common::client(&base);
        match way {
            Way::Blocking => client.handshake(gio::Cancellable::NONE),
            Way::Asynchronous => run(client.handshake_future(glib::Priority::DEFAULT)),
        }
        .unwrap();
        assert_eq!(accepted(&client), names(&authorities));
        client.close(gio::Cancellable::NONE).unwrap();
    }
}

#[test]
fn request_without_names_is_an_empty_list() {
    for way in Way::BOTH {
        let ends = Ends::new(Mode::Requested);
        ends.server.set_database(TlsDatabase::NONE);
        let announced = ends.announcements();
        way.meet(&ends.client, &ends.server).0.unwrap();
        assert!(ends.client.accepted_cas().is_empty());
        assert_eq!(announced.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn server_with_the_systems_authorities_names_none() {
    let ends = Ends::new(Mode::Requested);
    Way::Asynchronous
        .meet(&ends.client, &ends.server)
        .0
        .unwrap();
    assert!(ends.client.accepted_cas().is_empty());
}

#[test]
fn server_that_does_not_ask_is_announced_as_one_without_names() {
    for way in Way::BOTH {
        let ends = Ends::new(Mode::None);
        let announced = ends.announcements();
        way.meet(&ends.client, &ends.server).0.unwrap();
        assert!(ends.client.accepted_cas().is_empty());
        assert_eq!(announced.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn names_of_authorities_are_known_after_a_failed_handshake() {
    hurry();
    let authorities = [authority("Only this one")];
    for way in Way::BOTH {
        let ends = Ends::knowing(&pem(&authorities));
        ends.server.set_authentication_mode(Mode::Required);
        let announced = ends.announcements();
        let (ours, _) = way.meet(&ends.client, &ends.server);
        assert_fails(ours, TlsError::CertificateRequired);
        assert_eq!(accepted(&ends.client), names(&authorities));
        assert_eq!(announced.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn names_are_advice_and_do_not_choose_the_certificate() {
    let ends = Ends::knowing(&pem(&[authority("Somebody else")]));
    ends.client.set_certificate(&certificate("client"));
    ends.server.connect_accept_certificate(|_, _, _| true);
    let (ours, theirs) = Way::Asynchronous.meet(&ends.client, &ends.server);
    ours.unwrap();
    theirs.unwrap();
    let seen = ends.server.peer_certificate().unwrap();
    assert!(seen.is_same(&certificate("client")));
}
