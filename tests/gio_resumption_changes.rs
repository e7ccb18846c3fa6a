//! Settings that change while a handshake is under way.

#![allow(clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use common::simnet::SimNet;
use common::{certificate, client, database, handshakes, run, server};
use gio::TlsCertificateFlags as Flags;
use gio_ossl::prelude::*;
use gio_ossl::{DtlsClientConnection, FileDatabase};

type Change = fn(&DtlsClientConnection);

/// Whether a client resumes that trusts this database, and changes so when it has seen the server's
/// certificate.
fn resumes(database: &FileDatabase, change: Change) -> bool {
    let net = SimNet::new();
    let (client, server) = (client(&net.client()), server(&net.server()));
    client.set_database(Some(database));
    client.connect_peer_certificate_notify(change);
    let (ours, theirs) = run(handshakes(&client, &server));
    ours.unwrap();
    theirs.unwrap();
    client.is_session_resumed()
}

#[test]
fn session_is_not_kept_of_a_connection_that_has_changed_meanwhile() {
    let changes: [Change; 5] = [
        |client| client.set_server_identity(&gio::NetworkAddress::new("other.example", 1)),
        |client| client.set_database(Some(&database("ca"))),
        |client| client.set_certificate(&certificate("client")),
        |client| client.set_property("validation-flags", Flags::VALIDATE_ALL - Flags::EXPIRED),
        |client| client.set_advertised_protocols(&["coap"]),
    ];
    let unchanged: Change = |_| {};
    for change in changes {
        let ours = database("ca");
        assert!(!resumes(&ours, change));
        assert!(!resumes(&ours, unchanged));
        assert!(resumes(&ours, unchanged));
        // What was kept goes as well.
        assert!(resumes(&ours, change));
        assert!(!resumes(&ours, unchanged));
    }
}
