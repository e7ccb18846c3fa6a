//! Our client against the servers of other makers, over real UDP sockets.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use common::{
    PATIENCE, assert_fails, client, identity,
    peers::{Peer, connect, udp_socket},
    receive, send,
};
use gio::{TlsError, prelude::*};
use gio_ossl::DtlsClientConnection;

fn client_of(peer: &Peer) -> DtlsClientConnection {
    let socket = udp_socket(0);
    connect(&socket, peer.port);
    client(&socket)
}

/// A hundred datagrams there and back, the longest of 1200 bytes; the echo may come in pieces.
fn session(name: &str, credential: &str) {
    let peer = Peer::serve(name, credential, &[]);
    let client = client_of(&peer);
    client.handshake(gio::Cancellable::NONE).unwrap();
    assert!(client.peer_certificate_errors().is_empty());
    assert_eq!(client.protocol_version(), gio::TlsProtocolVersion::Dtls12);
    for number in 0..100 {
        let size = 1 + number * 1199 / 99;
        let message: Vec<u8> = (0..size)
            .map(|at| b'a' + ((at + number) % 26) as u8)
            .collect();
        send(&client, &message, PATIENCE).unwrap();
        let mut echo = Vec::new();
        while echo.len() < message.len() {
            echo.extend(receive(&client, PATIENCE).unwrap().unwrap());
        }
        assert_eq!(echo, message);
    }
    client.close(gio::Cancellable::NONE).unwrap();
}

fn refusal(name: &str) {
    let peer = Peer::serve(name, "ecdsa", &[]);
    let client = client_of(&peer);
    client.set_server_identity(&identity("wrong.example.com"));
    let result = client.handshake(gio::Cancellable::NONE);
    assert_fails(result, TlsError::BadCertificate);
}

#[test]
fn openssl_server_echoes_a_hundred_datagrams() {
    session("openssl", "ecdsa");
    session("openssl", "rsa");
}

#[test]
fn gnutls_server_echoes_a_hundred_datagrams() {
    session("gnutls", "ecdsa");
    session("gnutls", "rsa");
}

#[test]
fn servers_of_other_makers_are_refused_under_a_wrong_name() {
    refusal("openssl");
    refusal("gnutls");
}
