//! The numbers of a connection.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::thread;

use common::{PATIENCE, established, receive, run, send, simnet::SimNet};
use gio_ossl::prelude::DtlsStatisticsExt;
use gio_ossl::{DtlsClientConnection, Statistics};

#[test]
fn nothing_is_counted_before_the_handshake() {
    let (base, _) = SimNet::new().pair();
    let client = DtlsClientConnection::new(&base, None::<&gio::NetworkAddress>).unwrap();
    assert_eq!(client.statistics(), Statistics::default());
}

#[test]
fn messages_are_counted_and_the_handshake_took_its_time() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&client, b"hello", PATIENCE).unwrap();
        assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"hello");
        let (client, server) = (client.statistics(), server.statistics());
        assert_eq!((client.messages_sent, client.bytes_sent), (1, 5));
        assert_eq!((server.messages_received, server.bytes_received), (1, 5));
        assert!(client.handshake_microseconds > 0 && server.handshake_microseconds > 0);
        assert_eq!(client.dropped_unauthenticated, 0);
    });
}

#[test]
fn any_thread_may_ask_while_others_work() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..100 {
                    send(&client, b"hello", PATIENCE).unwrap();
                }
            });
            let mut last = 0;
            while last < 100 {
                let now = client.statistics().messages_sent;
                assert!(now >= last);
                last = now;
            }
        });
        assert_eq!(client.statistics().bytes_sent, 500);
        assert_eq!(server.statistics().bytes_sent, 0);
    });
}
