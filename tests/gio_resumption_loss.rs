//! Resumed handshakes of connections over a network that loses, doubles or delays datagrams.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use common::simnet::{Direction, Fate, SimNet};
use common::{NOW, PATIENCE, client, handshakes, hurry, receive, records, run, send, server};
use gio_ossl::DtlsClientConnection;
use gio_ossl::prelude::*;

/// Makes a connection look at what its peer repeats, once it is established.
fn listen(connection: &impl IsA<gio::DatagramBased>) -> glib::Source {
    let source = connection.create_source(
        glib::IOCondition::IN,
        gio::Cancellable::NONE,
        None,
        glib::Priority::LOW,
        |connection, _| {
            let connection = connection.dynamic_cast_ref::<gio::DtlsConnection>();
            if connection
                .is_some_and(|it| it.protocol_version() != gio::TlsProtocolVersion::Unknown)
            {
                let based: &gio::DatagramBased = connection.unwrap().dynamic_cast_ref().unwrap();
                let _ = receive(based, NOW);
            }
            glib::ControlFlow::Continue
        },
    );
    source.attach(glib::MainContext::thread_default().as_ref());
    source
}

/// Shakes hands, and exchanges a message each way.
async fn resume(net: &SimNet, first: &DtlsClientConnection, fault: &str) {
    let (client, server) = (client(&net.client()), server(&net.server()));
    client.copy_session(first).unwrap();
    let sources = [listen(&client), listen(&server)];
    let (ours, theirs) = handshakes(&client, &server).await;
    sources.iter().for_each(glib::Source::destroy);
    ours.unwrap_or_else(|error| panic!("client, {fault}: {error}"));
    theirs.unwrap_or_else(|error| panic!("server, {fault}: {error}"));
    assert!(client.is_session_resumed() && server.is_session_resumed());
    for (from, to) in [
        (client.upcast_ref(), server.upcast_ref()),
        (server.upcast_ref(), client.upcast_ref()),
    ] {
        let (from, to): (&gio::DatagramBased, &gio::DatagramBased) = (from, to);
        send(from, b"message", NOW).unwrap();
        let received = receive(to, PATIENCE).unwrap_or_else(|error| panic!("{fault}: {error}"));
        assert_eq!(received.unwrap(), b"message", "{fault}");
    }
}

#[test]
fn each_datagram_of_a_resumption_may_suffer() {
    hurry();
    let net = SimNet::new();
    let (first, other) = (client(&net.client()), server(&net.server()));
    run(async {
        let (ours, theirs) = handshakes(&first, &other).await;
        ours.unwrap();
        theirs.unwrap();
    });
    let fates = [
        Fate::Drop,
        Fate::Duplicate,
        Fate::DelayPast(1),
        Fate::Truncate(20),
    ];
    for fate in fates {
        // The client says two things, the server one.
        for (direction, number) in [
            (Direction::ToServer, 0),
            (Direction::ToServer, 1),
            (Direction::ToClient, 0),
        ] {
            let suffered = fate.clone();
            let net = SimNet::scripted(move |way, count, bytes| {
                let hit = way == direction
                    && count == number
                    && bytes.first() != Some(&records::APPLICATION_DATA);
                if hit { suffered.clone() } else { Fate::Deliver }
            });
            let fault = format!("{fate:?} of datagram {number} {direction:?}");
            run(resume(&net, &first, &fault));
        }
    }
}
