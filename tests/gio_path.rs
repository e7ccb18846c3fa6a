//! `mtu` and `max-payload`.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{
    NOW, PATIENCE, assert_fails, client, established, handshakes, hurry, in_threads,
    meddler::Meddler,
    peers::{connect, port, udp_socket},
    receive, run, send, server, server_with,
    simnet::{Direction, Fate, SimNet},
};
use gio::{Cancellable, IOErrorEnum};
use gio_ossl::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);

fn too_large() -> glib::Error {
    glib::Error::new(IOErrorEnum::MessageTooLarge, "EMSGSIZE")
}

/// What `property` is from now on, each time that it is notified.
fn noted(
    connection: &impl IsA<gio_ossl::DtlsConnection>,
    property: &'static str,
) -> Arc<Mutex<Vec<u32>>> {
    let values = Arc::new(Mutex::new(Vec::new()));
    let noted = values.clone();
    connection
        .as_ref()
        .connect_notify(Some(property), move |it, _| {
            // Whoever is told may ask anything: no lock is held.
            assert!(it.mtu() >= 256);
            noted.lock().unwrap().push(it.property(property));
        });
    values
}

/// The longest datagram of a direction.
fn longest(net: &SimNet, direction: Direction) -> usize {
    net.sent(direction).iter().map(Vec::len).max().unwrap()
}

#[test]
fn mtu_is_found_out_when_the_handshake_begins_and_the_payload_when_it_ends() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        assert_eq!((client.mtu(), client.max_payload()), (0, 0));
        let (mtus, payloads) = (noted(&client, "mtu"), noted(&client, "max-payload"));
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(*mtus.lock().unwrap(), [1400]);
        assert_eq!(*payloads.lock().unwrap(), [client.max_payload()]);
        assert_eq!(client.max_payload(), server.max_payload());
        // AES-GCM has 13 bytes of header, 8 of nonce and 16 of tag.
        assert_eq!(client.max_payload(), 1400 - 37);
    });
}

#[test]
fn longest_payload_fills_a_datagram() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let message = vec![7; client.max_payload() as usize];
        send(&client, &message, NOW).unwrap();
        assert_eq!(net.sent(Direction::ToServer).last().unwrap().len(), 1400);
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), message);
    });
}

#[test]
fn every_flight_of_both_roles_is_fragmented_to_the_mtu() {
    for mtu in [256, 512, 1400] {
        let net = SimNet::new();
        in_threads(
            &net,
            |base| {
                let client = client(&base);
                client.set_mtu(mtu);
                client.handshake(Cancellable::NONE).unwrap();
                assert_eq!(client.mtu(), mtu);
            },
            |base| {
                let server = server_with(&base, "rsa");
                server.set_mtu(mtu);
                server.handshake(Cancellable::NONE).unwrap();
            },
        );
        for direction in Direction::BOTH {
            assert!(longest(&net, direction) <= mtu as usize);
        }
    }
}

#[test]
fn change_after_the_handshake_changes_the_payload_at_once() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let (mtus, payloads) = (noted(&client, "mtu"), noted(&client, "max-payload"));
        client.set_mtu(512);
        assert_eq!((client.mtu(), client.max_payload()), (512, 512 - 37));
        client.set_mtu(512);
        client.set_mtu(0);
        assert_eq!(*mtus.lock().unwrap(), [512, 1400]);
        assert_eq!(*payloads.lock().unwrap(), [512 - 37, 1400 - 37]);
    });
}

#[test]
fn less_than_openssl_can_do_counts_as_that() {
    let (near, _far) = SimNet::new().pair();
    let client = client(&near);
    client.set_mtu(1);
    assert_eq!(client.mtu(), 256);
    client.set_mtu(u32::MAX);
    assert_eq!(client.mtu(), 65_507);
    client.set_mtu(0);
    assert_eq!(client.mtu(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn connected_socket_is_asked_and_another_one_is_not() {
    let (near, far) = (udp_socket(0), udp_socket(0));
    connect(&near, port(&far));
    connect(&far, port(&near));
    let known = near.option(0, 14).unwrap() - 28;
    let (client, server) = (client(&near), server(&far));
    run(handshakes(&client, &server)).0.unwrap();
    assert_eq!(client.mtu(), u32::try_from(known).unwrap().min(65_507));
    let unconnected = udp_socket(0);
    let client = common::client(&unconnected);
    assert!(receive(&client, NOW).is_err());
    assert_eq!(client.mtu(), 1400);
}

#[test]
fn flight_that_gets_lost_for_its_size_is_fragmented_more() {
    hurry();
    let net = SimNet::scripted(|_, _, datagram| {
        if datagram.len() > 600 {
            Fate::Drop
        } else {
            Fate::Deliver
        }
    });
    run(async {
        let (near, far) = net.pair();
        let (client, server) = (client(&near), server_with(&far, "rsa"));
        let mtus = noted(&server, "mtu");
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(*mtus.lock().unwrap(), [1400, 548]);
        assert_eq!(server.max_payload(), 548 - 37);
        assert_eq!(client.mtu(), 1400);
    });
}

#[test]
fn flight_that_the_base_finds_too_long_goes_out_shorter_at_once() {
    let net = SimNet::new();
    run(async {
        let (near, far) = net.pair();
        let base = Meddler::new(&far);
        let (client, server) = (client(&near), server_with(&base, "rsa"));
        client.set_initial_timeout(MINUTE);
        server.set_initial_timeout(MINUTE);
        // Whoever waits for a repetition fails.
        client.set_handshake_timeout(PATIENCE);
        server.set_handshake_timeout(PATIENCE);
        base.fail_send(0, too_large());
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        assert!(longest(&net, Direction::ToClient) <= server.mtu() as usize);
        assert_eq!(server.mtu(), 548);
        assert_eq!(server.statistics().flights_retransmitted, 0);
        send(&server, b"hello", NOW).unwrap();
        assert_eq!(receive(&client, PATIENCE).unwrap().unwrap(), b"hello");
    });
}

#[test]
fn base_that_takes_no_datagram_at_all_fails_the_handshake_with_its_own_error() {
    let base = Meddler::new(&SimNet::new().client());
    let client = client(&base);
    client.set_mtu(256);
    base.fail_send(0, too_large());
    assert_fails(
        client.handshake(Cancellable::NONE),
        IOErrorEnum::MessageTooLarge,
    );
}

#[test]
fn message_that_is_too_long_for_the_base_lowers_what_it_contradicts() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let base = Meddler::new(&near);
        let (client, server) = (client(&base), server(&far));
        handshakes(&client, &server).await.0.unwrap();
        let (mtus, payloads) = (noted(&client, "mtu"), noted(&client, "max-payload"));
        // Longer than a datagram was said to be: no news.
        base.fail_send(0, too_large());
        assert_fails(send(&client, &[0; 9000], NOW), IOErrorEnum::MessageTooLarge);
        assert_eq!(client.mtu(), 1400);
        base.fail_send(0, too_large());
        let longest = vec![0; client.max_payload() as usize];
        assert_fails(send(&client, &longest, NOW), IOErrorEnum::MessageTooLarge);
        assert_eq!(*mtus.lock().unwrap(), [1232]);
        assert_eq!(*payloads.lock().unwrap(), [1232 - 37]);
        send(&client, b"fine", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"fine");
    });
}
