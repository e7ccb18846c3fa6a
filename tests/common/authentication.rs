//! Two ends of the throw-away PKI, whose server may ask for a certificate.

#![allow(dead_code)] // Each test program uses a part of it.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use gio::{TlsAuthenticationMode as Mode, TlsCertificateFlags as Flags, TlsError, prelude::*};
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection, FileDatabase};

use crate::common::{
    self, NOW, assert_fails, database, hurry, receive,
    records::{finished_was_sent, plain_alerts},
    send,
    simnet::{Direction, SimNet},
    ways::{Outcome, Way},
};
use crate::pki::{Issued, Leaf};

const FATAL: u8 = 2;

/// A client and a server of this PKI that have not shaken hands.
pub struct Ends {
    way: Way,
    pub net: SimNet,
    pub client: DtlsClientConnection,
    pub server: DtlsServerConnection,
}

impl Ends {
    /// The same for blocking and for asynchronous handshakes.
    pub fn both(mode: Mode) -> [Self; 2] {
        hurry();
        Way::BOTH.map(|way| Self {
            way,
            ..Self::new(mode)
        })
    }

    /// The server asks in this way, and knows the PKI's anchor.
    pub fn new(mode: Mode) -> Self {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let (client, server) = (common::client(&near), common::server(&far));
        server.set_authentication_mode(mode);
        server.set_database(Some(&database("ca")));
        Self {
            way: Way::Asynchronous,
            net,
            client,
            server,
        }
    }

    /// The client's result and the server's.
    pub fn meet(&self) -> (Outcome, Outcome) {
        self.way.meet(&self.client, &self.server)
    }

    /// Has the server's handler answer this, and counts its calls and what it sees.
    pub fn answer(&self, accept: bool) -> Arc<Mutex<Vec<Flags>>> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        self.server
            .connect_accept_certificate(move |server, certificate, errors| {
                assert!(certificate.subject_name().is_some());
                assert!(server.peer_certificate().is_none());
                assert!(server.peer_certificate_errors().is_empty());
                noted.lock().unwrap().push(errors);
                accept
            });
        seen
    }

    /// Both ends fail, with this alert from the server and before its Finished.
    #[track_caller]
    pub fn refuse(&self, alert: u8, code: TlsError) {
        let (ours, theirs) = self.meet();
        assert_fails(ours, code);
        assert_fails(theirs, code);
        let alerts = plain_alerts(&self.net, Direction::ToClient);
        assert_eq!(alerts, [(FATAL, alert)]);
        assert!(!finished_was_sent(&self.net, Direction::ToClient));
        for end in [
            self.client.upcast_ref::<gio::DtlsConnection>(),
            self.server.upcast_ref(),
        ] {
            assert_eq!(end.protocol_version(), gio::TlsProtocolVersion::Unknown);
            assert_eq!(end.ciphersuite_name(), None);
            assert_fails(end.handshake(gio::Cancellable::NONE), code);
            assert_fails(send(end, b"x", NOW), code);
            assert_fails(receive(end, NOW), code);
        }
    }
}

/// A leaf with its key and these issuers.
pub fn credential(leaf: &Issued, issuers: &[&Issued]) -> Certificate {
    let mut text = leaf.certificate_pem();
    for issuer in issuers {
        text += &issuer.certificate_pem();
    }
    Certificate::from_pem(&text, Some(&leaf.key_pem())).unwrap()
}

/// The database of a file.
pub fn anchors(path: &Path) -> FileDatabase {
    FileDatabase::new(path).unwrap()
}

/// What a client may present.
pub fn client_leaf() -> Leaf {
    Leaf::new("client.example.com").usage("clientAuth")
}
