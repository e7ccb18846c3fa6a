//! Properties at every moment of a connection's life, from a thread that has nothing to do with it.

#![allow(deprecated)] // `rehandshake-mode` and `validation-flags` must work all the same.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use common::{
    NOW, assert_fails, certificate, client, database, hurry, identity, receive, run, server,
    simnet::SimNet, ways::Way,
};
use gio::{IOErrorEnum, TlsAuthenticationMode, TlsError, TlsProtocolVersion, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsConnection, DtlsServerConnection};
use glib::ParamFlags;

const NONE: Option<&gio::Cancellable> = gio::Cancellable::NONE;

/// Another thread reads every property of this end, and sets all that can be set to what it is. It is
/// done on return: whoever calls this holds nothing that a property needs.
fn visit(end: &DtlsConnection) {
    thread::scope(|scope| {
        scope.spawn(|| {
            for property in end.list_properties() {
                if property.name() == "accepted-cas" {
                    let client = end.downcast_ref::<DtlsClientConnection>().unwrap();
                    client.accepted_cas();
                    continue;
                }
                let value = end.property_value(property.name());
                let flags = property.flags();
                let settable = flags.contains(ParamFlags::WRITABLE)
                    && !flags.contains(ParamFlags::CONSTRUCT_ONLY);
                if settable {
                    end.set_property_from_value(property.name(), &value);
                }
            }
            end.condition_check(glib::IOCondition::IN | glib::IOCondition::OUT);
        });
    });
}

/// A client that has to ask about its server, and a server that asks for the client's certificate.
fn ends(net: &SimNet) -> (DtlsClientConnection, DtlsServerConnection) {
    let (near, far) = net.pair();
    let (client, server) = (client(&near), server(&far));
    client.set_server_identity(&identity("wrong.example.com"));
    client.set_certificate(&certificate("client"));
    server.set_database(Some(&database("ca")));
    server.set_authentication_mode(TlsAuthenticationMode::Required);
    (client, server)
}

fn both<'a>(
    client: &'a DtlsClientConnection,
    server: &'a DtlsServerConnection,
) -> [&'a DtlsConnection; 2] {
    [client.upcast_ref(), server.upcast_ref()]
}

/// Visits this end inside each of its signals, and counts the calls of `accept-certificate`.
fn visit_in_signals(end: &DtlsConnection, accept: bool) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    end.connect_accept_certificate(move |end, _, _| {
        assert!(end.peer_certificate().is_none());
        assert!(end.peer_certificate_errors().is_empty());
        assert_eq!(end.protocol_version(), TlsProtocolVersion::Unknown);
        visit(end);
        counted.fetch_add(1, Ordering::SeqCst);
        accept
    });
    for fact in [
        "peer-certificate-errors",
        "accepted-cas",
        "ciphersuite-name",
    ] {
        // Setting properties announces them: only facts are followed, or this would not end.
        end.connect_notify(Some(fact), |end, _| visit(end));
    }
    asked
}

#[test]
fn fresh_connection() {
    let (client, server) = ends(&SimNet::new());
    both(&client, &server).iter().for_each(|end| visit(end));
}

#[test]
fn handshake_that_waits_for_the_peer() {
    run(async {
        let net = SimNet::new();
        let (client, server) = ends(&net);
        for end in both(&client, &server) {
            assert_fails(receive(end, NOW), IOErrorEnum::WouldBlock);
            visit(end);
        }
        assert!(!net.all_sent().is_empty());
    });
}

#[test]
fn blocking_handshake_that_waits_for_the_peer() {
    let net = SimNet::new();
    let (client, _) = ends(&net);
    let cancellable = gio::Cancellable::new();
    thread::scope(|scope| {
        let handshake = scope.spawn(|| client.handshake(Some(&cancellable)));
        let peer = net.server();
        peer.condition_wait(glib::IOCondition::IN, None, NONE)
            .unwrap();
        visit(client.upcast_ref());
        cancellable.cancel();
        assert_fails(handshake.join().unwrap(), IOErrorEnum::Cancelled);
    });
}

#[test]
fn inside_the_signals_of_an_accepted_handshake_and_after_it() {
    for way in Way::BOTH {
        let (client, server) = ends(&SimNet::new());
        let asked = both(&client, &server).map(|end| visit_in_signals(end, true));
        let (ours, theirs) = way.meet(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(asked.map(|calls| calls.load(Ordering::SeqCst)), [1, 1]);
        both(&client, &server).iter().for_each(|end| visit(end));
        client.close(NONE).unwrap();
        assert_eq!(receive(&server, None).unwrap(), None);
        both(&client, &server).iter().for_each(|end| visit(end));
        server.close(NONE).unwrap();
        both(&client, &server).iter().for_each(|end| visit(end));
        assert!(client.peer_certificate().is_some() && server.peer_certificate().is_some());
    }
}

#[test]
fn inside_the_signals_of_a_refused_handshake_and_after_it() {
    hurry();
    for way in Way::BOTH {
        for (accepts, calls) in [([false, true], [1, 0]), ([true, false], [1, 1])] {
            let (client, server) = ends(&SimNet::new());
            let asked = [
                visit_in_signals(client.upcast_ref(), accepts[0]),
                visit_in_signals(server.upcast_ref(), accepts[1]),
            ];
            let (ours, theirs) = way.meet(&client, &server);
            assert_fails(ours, TlsError::BadCertificate);
            assert_fails(theirs, TlsError::BadCertificate);
            assert_eq!(asked.map(|calls| calls.load(Ordering::SeqCst)), calls);
            both(&client, &server).iter().for_each(|end| visit(end));
        }
    }
}
