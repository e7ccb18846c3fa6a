//! `send-offload` and `receive-offload`, over real sockets.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use common::{
    IDENTITY, NOW, PATIENCE,
    again::{child, is_child},
    assert_fails, client, handshakes, identity,
    peers::{connect, port, udp_socket},
    run, server,
    simnet::SimNet,
};
use gio::IOErrorEnum;
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, prelude::*};
use glib::Bytes;

const NONE: Option<&gio::Cancellable> = None;
/// `SOL_UDP`, `UDP_GRO`.
const MERGING: (i32, i32) = (17, 104);
/// `SOL_SOCKET`, `SO_NO_CHECK`.
const NO_CHECKSUM: (i32, i32) = (1, 11);

struct Ends {
    near: gio::Socket,
    client: DtlsClientConnection,
    server: DtlsServerConnection,
}

/// Two connections over UDP sockets, before their handshake.
fn ends() -> Ends {
    let (near, far) = (udp_socket(0), udp_socket(0));
    connect(&near, port(&far));
    connect(&far, port(&near));
    Ends {
        client: client(&near),
        server: server(&far),
        near,
    }
}

async fn established() -> Ends {
    let ends = ends();
    let (ours, theirs) = handshakes(&ends.client, &ends.server).await;
    ours.unwrap();
    theirs.unwrap();
    ends
}

fn is_merging(socket: &gio::Socket) -> bool {
    socket.option(MERGING.0, MERGING.1).unwrap() != 0
}

/// Messages of these sizes, no two alike.
fn messages(sizes: &[usize]) -> Vec<Bytes> {
    let numbered = sizes.iter().enumerate();
    numbered
        .map(|(number, size)| Bytes::from_owned(vec![number as u8; *size]))
        .collect()
}

/// All messages arrive, each whole and in order, also where a call takes one.
fn assert_carried(
    from: &impl IsA<gio_ossl::DtlsConnection>,
    to: &impl IsA<gio_ossl::DtlsConnection>,
) {
    for sizes in [
        vec![64; 40],
        vec![1200; 32],
        vec![300, 300, 100, 300, 1, 1, 1, 900],
        vec![16_000; 4],
        vec![1],
    ] {
        let batch = messages(&sizes);
        assert_eq!(from.send_many(&batch, PATIENCE, NONE).unwrap(), batch.len());
        let mut received = Vec::new();
        received.push(to.receive_bytes(16_384, PATIENCE, NONE).unwrap().unwrap());
        while received.len() < batch.len() {
            received.extend(to.receive_many(32, 16_384, PATIENCE, NONE).unwrap());
        }
        assert!(received == batch, "{sizes:?}");
    }
    assert_fails(to.receive_bytes(9, NOW, NONE), IOErrorEnum::WouldBlock);
}

#[test]
fn messages_are_the_same_with_every_offload() {
    run(async {
        for send in [false, true] {
            for receive in [false, true] {
                let ends = ends();
                for end in [ends.client.upcast_ref(), ends.server.upcast_ref()] {
                    let end: &gio_ossl::DtlsConnection = end;
                    end.set_send_offloaded(send);
                    end.set_receive_offloaded(receive);
                    assert_eq!(end.is_send_offloaded(), send);
                    assert_eq!(end.is_receive_offloaded(), receive);
                }
                let (ours, theirs) = handshakes(&ends.client, &ends.server).await;
                ours.unwrap();
                theirs.unwrap();
                assert_carried(&ends.client, &ends.server);
                assert_carried(&ends.server, &ends.client);
            }
        }
    });
}

#[test]
fn offload_may_change_between_messages() {
    run(async {
        let ends = established().await;
        for on in [true, false, true] {
            ends.client.set_send_offloaded(on);
            ends.server.set_receive_offloaded(on);
            assert_carried(&ends.client, &ends.server);
        }
    });
}

/// What is merged already stays so.
#[test]
fn offload_that_is_taken_back_loses_nothing_that_waits() {
    run(async {
        let ends = established().await;
        ends.server.set_receive_offloaded(true);
        let batch = messages(&[1200; 40]);
        assert_eq!(ends.client.send_many(&batch, PATIENCE, NONE).unwrap(), 40);
        ends.server.set_receive_offloaded(false);
        let mut received = Vec::new();
        while received.len() < batch.len() {
            received.extend(ends.server.receive_many(64, 2000, PATIENCE, NONE).unwrap());
        }
        assert!(received == batch);
    });
}

/// A socket whose application has asked for merged datagrams itself.
#[test]
fn socket_that_merges_already_is_understood_and_left_alone() {
    run(async {
        let (near, far) = (udp_socket(0), udp_socket(0));
        connect(&near, port(&far));
        connect(&far, port(&near));
        far.set_option(MERGING.0, MERGING.1, 1).unwrap();
        let (client, server) = (client(&near), server(&far));
        assert!(server.is_receive_offloaded());
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        assert_carried(&client, &server);
        server.close(NONE).unwrap();
        assert!(is_merging(&far));
    });
}

#[test]
fn defaults_are_to_send_and_to_leave_the_socket_alone() {
    let ends = ends();
    assert!(ends.client.is_send_offloaded());
    assert!(!ends.client.is_receive_offloaded());
    assert!(!is_merging(&ends.near));
}

#[test]
fn refused_offload_is_off_and_nothing_is_lost() {
    run(async {
        let ends = established().await;
        ends.near
            .set_option(NO_CHECKSUM.0, NO_CHECKSUM.1, 1)
            .unwrap();
        assert!(ends.client.is_send_offloaded());
        assert_carried(&ends.client, &ends.server);
        assert!(!ends.client.is_send_offloaded());
        // Whoever asks again has it tried again.
        ends.client.set_send_offloaded(true);
        assert!(ends.client.is_send_offloaded());
        assert_carried(&ends.client, &ends.server);
        assert!(!ends.client.is_send_offloaded());
    });
}

#[test]
fn base_that_is_no_socket_has_no_offload() {
    let net = SimNet::new();
    let client = client(&net.client());
    client.set_send_offloaded(true);
    client.set_receive_offloaded(true);
    assert!(!client.is_send_offloaded());
    assert!(!client.is_receive_offloaded());
}

#[test]
fn each_write_is_announced() {
    let ends = ends();
    for property in ["send-offload", "receive-offload"] {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        ends.client.connect_notify(Some(property), move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        ends.client.set_property(property, true);
        ends.client.set_property(property, false);
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}

#[test]
fn closed_connection_leaves_the_socket_as_it_was() {
    run(async {
        for found in [0, 1] {
            let ends = established().await;
            ends.near.set_option(MERGING.0, MERGING.1, found).unwrap();
            ends.client.set_receive_offloaded(true);
            assert!(is_merging(&ends.near));
            ends.client.shutdown(true, false, NONE).unwrap();
            assert!(is_merging(&ends.near));
            ends.client.close(NONE).unwrap();
            assert_eq!(is_merging(&ends.near), found == 1);
            // It is over.
            ends.client.set_receive_offloaded(true);
            assert_eq!(ends.client.is_receive_offloaded(), found == 1);
            assert_eq!(is_merging(&ends.near), found == 1);
        }
    });
}

#[test]
fn connection_that_is_gone_leaves_the_socket_as_it_was() {
    run(async {
        let ends = established().await;
        ends.client.set_receive_offloaded(true);
        assert!(is_merging(&ends.near));
        drop(ends.client);
        assert!(!is_merging(&ends.near));
    });
}

#[test]
fn environment_counts_where_no_property_is_set() {
    if !is_child() {
        let variables = [
            ("GIO_OSSL_SEND_OFFLOAD", "0"),
            ("GIO_OSSL_RECEIVE_OFFLOAD", "1"),
        ];
        return child("environment_counts_where_no_property_is_set", &variables);
    }
    let ends = ends();
    assert!(!ends.client.is_send_offloaded());
    assert!(ends.client.is_receive_offloaded());
    assert!(is_merging(&ends.near));
}

#[test]
fn environment_that_makes_no_sense_is_named() {
    for variable in ["GIO_OSSL_SEND_OFFLOAD", "GIO_OSSL_RECEIVE_OFFLOAD"] {
        if !is_child() {
            child(
                "environment_that_makes_no_sense_is_named",
                &[(variable, "yes")],
            );
        }
    }
    if is_child() {
        let error =
            DtlsClientConnection::new(&udp_socket(0), Some(&identity(IDENTITY))).unwrap_err();
        assert!(error.matches(IOErrorEnum::InvalidArgument));
        let text = error.message();
        assert!(text.contains("_OFFLOAD is neither 0 nor 1: yes"), "{text}");
    }
}
