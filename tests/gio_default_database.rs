//! The three states of the property `database`. This program changes its backend's default, which is
//! everybody's, and so holds one test alone.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use common::{
    IDENTITY, assert_fails, certificate, database, hurry, identity, simnet::SimNet, ways::Way,
};
use gio::{TlsAuthenticationMode, TlsCertificateFlags as Flags, TlsDatabase, TlsError, prelude::*};
use gio_ossl::{Backend, DtlsClientConnection, DtlsServerConnection};

/// A client and a server of the PKI whose databases were never set.
fn ends() -> (DtlsClientConnection, DtlsServerConnection) {
    let (near, far) = SimNet::new().pair();
    let client = DtlsClientConnection::new(&near, Some(&identity(IDENTITY))).unwrap();
    let server = common::server(&far);
    client.set_certificate(&certificate("client"));
    server.set_authentication_mode(TlsAuthenticationMode::Required);
    server.connect_accept_certificate(|_, _, _| true);
    (client, server)
}

#[test]
fn database_is_the_default_until_it_is_set_and_null_is_none_at_all() {
    hurry();
    let backend = Backend::get();
    let systems = backend.default_database();
    let pki = database("ca");

    // The system does not know the PKI.
    for way in Way::BOTH {
        let (client, server) = ends();
        assert_fails(way.meet(&client, &server).0, TlsError::BadCertificate);
        assert_eq!(client.peer_certificate_errors(), Flags::UNKNOWN_CA);
        assert_eq!(client.database().as_ref(), Some(&systems));
        assert_eq!(server.database().as_ref(), Some(&systems));
    }

    // The default of the moment decides, whether it was read before or not.
    let (reader, _) = ends();
    assert_eq!(reader.database().as_ref(), Some(&systems));
    backend.set_default_database(Some(&pki));
    assert_eq!(reader.database().as_ref(), Some(&systems), "read before");
    for way in Way::BOTH {
        let (client, server) = ends();
        let (ours, theirs) = way.meet(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        assert!(client.peer_certificate_errors().is_empty());
        assert!(server.peer_certificate_errors().is_empty());
        assert_eq!(client.database().as_ref(), Some(pki.upcast_ref()));
        assert_eq!(server.database().as_ref(), Some(pki.upcast_ref()));
    }

    // NULL does not fall back to the default.
    for way in Way::BOTH {
        let (client, server) = ends();
        client.set_database(TlsDatabase::NONE);
        assert_fails(way.meet(&client, &server).0, TlsError::BadCertificate);
        assert_eq!(client.peer_certificate_errors(), Flags::UNKNOWN_CA);
        let (client, server) = ends();
        server.set_database(TlsDatabase::NONE);
        way.meet(&client, &server).1.unwrap();
        assert_eq!(server.peer_certificate_errors(), Flags::UNKNOWN_CA);
        assert!(server.database().is_none());
    }

    // One that was set is not the default.
    for way in Way::BOTH {
        let (client, server) = ends();
        client.set_database(Some(&database("other-ca")));
        assert_fails(way.meet(&client, &server).0, TlsError::BadCertificate);
        assert_eq!(client.peer_certificate_errors(), Flags::UNKNOWN_CA);
    }

    backend.set_default_database(TlsDatabase::NONE);
    assert_eq!(backend.default_database(), systems);
}
