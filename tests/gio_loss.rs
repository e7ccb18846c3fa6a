//! Handshakes over a network that loses, doubles, delays or garbles datagrams.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::time::Duration;

use common::{
    NOW, PATIENCE, client, established, hurry, in_threads, receive,
    records::{ALERT, APPLICATION_DATA},
    run, send, server,
    simnet::{Direction, Fate, SimNet},
};
use gio_ossl::prelude::*;

/// How many datagrams a handshake without faults takes in each direction.
fn datagrams_of_a_handshake() -> [(Direction, usize); 2] {
    let net = SimNet::new();
    run(async { drop(established(&net).await) });
    // The client's close_notify is not part of it.
    Direction::BOTH.map(|direction| {
        let sent = net.sent(direction);
        let handshake = sent.iter().filter(|datagram| datagram[0] != ALERT);
        (direction, handshake.count())
    })
}

/// Shakes hands while both main loops run, and exchanges a message each way.
async fn handshake_survives(net: &SimNet, fault: &str) {
    let (near, far) = net.pair();
    let (client, server) = (client(&near), server(&far));
    // A server that is already done must still answer a client whose datagrams were lost: its source
    // makes it look at them.
    let listening = server.create_source(
        glib::IOCondition::IN,
        gio::Cancellable::NONE,
        None,
        glib::Priority::LOW,
        |server, _| {
            if server.protocol_version() != gio::TlsProtocolVersion::Unknown {
                let _ = receive(server, NOW);
            }
            glib::ControlFlow::Continue
        },
    );
    listening.attach(glib::MainContext::thread_default().as_ref());
    let (ours, theirs) = common::handshakes(&client, &server).await;
    listening.destroy();
    ours.unwrap_or_else(|error| panic!("client, {fault}: {error}"));
    theirs.unwrap_or_else(|error| panic!("server, {fault}: {error}"));
    for (from, to) in [
        (client.upcast_ref(), server.upcast_ref()),
        (server.upcast_ref(), client.upcast_ref()),
    ] {
        let (from, to): (&gio::DatagramBased, &gio::DatagramBased) = (from, to);
        send(from, b"message", NOW).unwrap_or_else(|error| panic!("sending, {fault}: {error}"));
        let received = receive(to, PATIENCE);
        let received = received.unwrap_or_else(|error| panic!("receiving, {fault}: {error}"));
        assert_eq!(received.unwrap(), b"message", "{fault}");
    }
}

/// A network that gives the `number`th datagram of a handshake this fate. Application data is spared,
/// which nobody repeats: on a busy machine a number may lie beyond the handshake.
fn network_with_fate(direction: Direction, number: usize, fate: &Fate) -> SimNet {
    let fate = fate.clone();
    SimNet::scripted(move |way, count, bytes| {
        let hit = way == direction && count == number && bytes.first() != Some(&APPLICATION_DATA);
        if hit { fate.clone() } else { Fate::Deliver }
    })
}

fn each_datagram_may_suffer(fate: &Fate) {
    hurry();
    for (direction, count) in datagrams_of_a_handshake() {
        assert!(count > 1);
        for number in 0..count {
            let net = network_with_fate(direction, number, fate);
            let fault = format!("{fate:?} of datagram {number} of {count} {direction:?}");
            run(handshake_survives(&net, &fault));
        }
    }
}

#[test]
fn each_single_datagram_may_be_lost() {
    each_datagram_may_suffer(&Fate::Drop);
}

#[test]
fn each_single_datagram_may_be_doubled() {
    each_datagram_may_suffer(&Fate::Duplicate);
}

#[test]
fn each_single_datagram_may_be_overtaken() {
    each_datagram_may_suffer(&Fate::DelayPast(1));
    each_datagram_may_suffer(&Fate::DelayPast(2));
}

#[test]
fn each_single_datagram_may_be_cut_short() {
    each_datagram_may_suffer(&Fate::Truncate(20));
    each_datagram_may_suffer(&Fate::Truncate(0));
}

#[test]
fn each_single_datagram_may_be_preceded_by_noise() {
    each_datagram_may_suffer(&Fate::Inject(vec![
        Vec::new(),
        b"noise".to_vec(),
        vec![0x16; 300],
        vec![0xff; 1400],
    ]));
}

#[test]
fn blocking_handshake_survives_the_loss_of_each_datagram() {
    hurry();
    for (direction, count) in datagrams_of_a_handshake() {
        for number in 0..count {
            let net = network_with_fate(direction, number, &Fate::Drop);
            in_threads(
                &net,
                |base| {
                    let client = client(&base);
                    client.handshake(gio::Cancellable::NONE).unwrap();
                    send(&client, b"done", None).unwrap();
                    assert_eq!(receive(&client, None).unwrap().unwrap(), b"seen");
                },
                |base| {
                    let server = server(&base);
                    assert_eq!(receive(&server, None).unwrap().unwrap(), b"done");
                    send(&server, b"seen", None).unwrap();
                },
            );
        }
    }
}

#[test]
fn lost_first_flight_is_repeated_without_any_further_call() {
    hurry();
    run(async {
        let net = SimNet::with_fate(Direction::ToServer, 0, Fate::Drop);
        let client = client(&net.client());
        assert!(receive(&client, NOW).is_err());
        common::until(|| net.sent(Direction::ToServer).len() >= 3).await;
    });
}

#[test]
fn unreliable_network_is_survived_for_many_seeds() {
    hurry();
    for seed in 1..=20 {
        let net = SimNet::unreliable(seed, 4);
        // Messages after the handshake may be lost as well, which is no fault of ours: only the
        // handshake is looked at.
        run(async {
            let (near, far) = net.pair();
            let (client, server) = (client(&near), server(&far));
            // Nothing but Finished proves a ticket that was garbled to be wrong.
            server.set_session_resumption(false);
            let poke = glib::spawn_future_local({
                let server = server.clone();
                async move {
                    loop {
                        glib::timeout_future(Duration::from_millis(5)).await;
                        if server.protocol_version() != gio::TlsProtocolVersion::Unknown {
                            let _ = receive(&server, NOW);
                        }
                    }
                }
            });
            let (ours, theirs) = common::handshakes(&client, &server).await;
            poke.abort();
            ours.unwrap_or_else(|error| panic!("client, seed {seed}: {error}"));
            theirs.unwrap_or_else(|error| panic!("server, seed {seed}: {error}"));
        });
    }
}
