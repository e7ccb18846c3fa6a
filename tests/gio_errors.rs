//! What goes wrong outside: the network, the base socket, peers that cannot agree with us.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::os::{fd::OwnedFd, unix::net::UnixDatagram};

use common::{
    IDENTITY, NOW, PATIENCE, assert_fails, client, handshakes, hurry,
    meddler::Meddler,
    peers::{Peer, connect, port, udp_socket},
    receive, run, send, server,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, TlsError, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsServerConnection};

const NONE: Option<&gio::Cancellable> = None;

/// Two UDP sockets that are each other's peers.
fn sockets() -> (gio::Socket, gio::Socket) {
    let (near, far) = (udp_socket(0), udp_socket(0));
    connect(&near, port(&far));
    connect(&far, port(&near));
    (near, far)
}

/// Established ends over UDP, and the client's socket and the server's.
fn established() -> (
    DtlsClientConnection,
    DtlsServerConnection,
    gio::Socket,
    gio::Socket,
) {
    let (near, far) = sockets();
    let (client, server) = (client(&near), server(&far));
    let (ours, theirs) = run(handshakes(&client, &server));
    ours.unwrap();
    theirs.unwrap();
    (client, server, near, far)
}

#[test]
fn refusal_of_an_established_association_is_reported_once_and_not_kept() {
    let (client, server, _near, far) = established();
    let there = port(&far);
    far.close().unwrap();
    send(&client, b"into the void", NOW).unwrap();
    assert_fails(receive(&client, NOW), IOErrorEnum::ConnectionRefused);
    assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
    // Something listens again.
    let again = udp_socket(there);
    send(&client, b"hello again", NOW).unwrap();
    assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
    assert!(receive(&again, PATIENCE).unwrap().is_some());
    client.close(NONE).unwrap();
    drop(server);
}

#[test]
fn refused_handshake_is_reported_and_succeeds_when_a_server_appears() {
    hurry();
    let (near, far) = sockets();
    let there = port(&far);
    far.close().unwrap();
    let client = client(&near);
    assert_fails(client.handshake(NONE), IOErrorEnum::ConnectionRefused);
    let far = udp_socket(there);
    connect(&far, port(&near));
    let (ours, theirs) = run(handshakes(&client, &server(&far)));
    ours.unwrap();
    theirs.unwrap();
}

#[test]
fn refused_asynchronous_handshake_is_reported() {
    let (near, far) = sockets();
    far.close().unwrap();
    let client = client(&near);
    let result = run(client.handshake_future(glib::Priority::DEFAULT));
    assert_fails(result, IOErrorEnum::ConnectionRefused);
}

#[test]
fn peer_that_refuses_us_and_goes_away_is_reported_by_its_alert() {
    hurry();
    let (near, far) = sockets();
    let (client, server) = (client(&near), server(&far));
    client.set_server_identity(&common::identity("wrong.example.com"));
    let (ours, theirs) = run(async {
        let server = glib::spawn_future_local(server.handshake_future(glib::Priority::DEFAULT));
        let ours = client.handshake_future(glib::Priority::DEFAULT).await;
        near.close().unwrap();
        (ours, server.await.unwrap())
    });
    assert_fails(ours, TlsError::BadCertificate);
    assert_fails(theirs, TlsError::BadCertificate);
}

#[test]
fn base_closed_underneath_is_closed_for_every_call() {
    let (client, _server, near, _far) = established();
    near.close().unwrap();
    assert_fails(send(&client, b"x", NOW), IOErrorEnum::Closed);
    assert_fails(receive(&client, NOW), IOErrorEnum::Closed);
    assert_fails(receive(&client, None), IOErrorEnum::Closed);
    assert_fails(client.close(NONE), IOErrorEnum::Closed);
    client.close(NONE).unwrap();
}

#[test]
fn base_closed_underneath_an_established_server_is_closed_for_every_call() {
    let (_client, server, _near, far) = established();
    far.close().unwrap();
    assert_fails(send(&server, b"x", NOW), IOErrorEnum::Closed);
    assert_fails(receive(&server, NOW), IOErrorEnum::Closed);
    assert_fails(receive(&server, None), IOErrorEnum::Closed);
    assert_fails(server.close(NONE), IOErrorEnum::Closed);
    server.close(NONE).unwrap();
}

#[test]
fn handshake_over_a_closed_base_fails() {
    let (near, far) = sockets();
    near.close().unwrap();
    far.close().unwrap();
    let (client, server) = (client(&near), server(&far));
    assert_fails(client.handshake(NONE), IOErrorEnum::Closed);
    assert_fails(server.handshake(NONE), IOErrorEnum::Closed);
    let (ours, theirs) = run(handshakes(&client, &server));
    assert_fails(ours, IOErrorEnum::Closed);
    assert_fails(theirs, IOErrorEnum::Closed);
    assert_fails(receive(&client, None), IOErrorEnum::Closed);
    assert_fails(send(&client, b"x", NOW), IOErrorEnum::Closed);
    assert_fails(receive(&server, None), IOErrorEnum::Closed);
    assert_fails(send(&server, b"x", None), IOErrorEnum::Closed);
}

/// What a network says when a datagram cannot get through.
const FROM_THE_NETWORK: [IOErrorEnum; 3] = [
    IOErrorEnum::ConnectionRefused,
    IOErrorEnum::HostUnreachable,
    IOErrorEnum::NetworkUnreachable,
];

/// Has the base fail once, in receiving or sending.
fn let_fail(base: &Meddler, receiving: bool, code: IOErrorEnum) {
    let error = glib::Error::new(code, "from the network");
    if receiving {
        base.fail_receive(0, error);
    } else {
        base.fail_send(0, error);
    }
}

#[test]
fn error_of_the_base_during_a_handshake_is_reported_and_not_kept() {
    hurry();
    for code in FROM_THE_NETWORK {
        for receiving in [true, false] {
            run(async {
                let (near, far) = SimNet::new().pair();
                let base = Meddler::new(&near);
                let (client, server) = (client(&base), server(&far));
                let_fail(&base, receiving, code);
                let result = client.handshake_future(glib::Priority::DEFAULT).await;
                assert_fails(result, code);
                let_fail(&base, receiving, code);
                assert_fails(client.handshake(NONE), code);
                let (ours, theirs) = handshakes(&client, &server).await;
                ours.unwrap();
                theirs.unwrap();
            });
        }
    }
}

#[test]
fn error_of_a_servers_base_during_a_handshake_is_reported_and_not_kept() {
    hurry();
    for code in FROM_THE_NETWORK {
        run(async {
            let (near, far) = SimNet::new().pair();
            let base = Meddler::new(&far);
            let (client, server) = (client(&near), server(&base));
            let_fail(&base, true, code);
            let result = server.handshake_future(glib::Priority::DEFAULT).await;
            assert_fails(result, code);
            let_fail(&base, true, code);
            assert_fails(server.handshake(NONE), code);
            let client = client.handshake_future(glib::Priority::DEFAULT);
            let client = glib::spawn_future_local(client);
            let_fail(&base, false, code);
            let result = server.handshake_future(glib::Priority::DEFAULT).await;
            assert_fails(result, code);
            let result = server.handshake_future(glib::Priority::DEFAULT).await;
            result.unwrap();
            client.await.unwrap().unwrap();
        });
    }
}

#[test]
fn error_of_the_base_when_established_is_reported_and_not_kept() {
    for code in FROM_THE_NETWORK {
        run(async {
            let (near, far) = SimNet::new().pair();
            let (near, far) = (Meddler::new(&near), Meddler::new(&far));
            let (client, server) = (client(&near), server(&far));
            let (ours, theirs) = handshakes(&client, &server).await;
            ours.unwrap();
            theirs.unwrap();
            let ends = [(client.upcast_ref(), &near), (server.upcast_ref(), &far)];
            let ends: [(&gio::DatagramBased, &Meddler); 2] = ends;
            for (end, base) in ends {
                for timeout in [NOW, PATIENCE, None] {
                    let_fail(base, true, code);
                    assert_fails(receive(end, timeout), code);
                    let_fail(base, false, code);
                    assert_fails(send(end, b"lost", timeout), code);
                }
            }
            for (from, to) in [(ends[0].0, ends[1].0), (ends[1].0, ends[0].0)] {
                send(from, b"alive", NOW).unwrap();
                assert_eq!(receive(to, NOW).unwrap().unwrap(), b"alive");
            }
        });
    }
}

/// Two datagram sockets that take no long messages.
fn narrow_sockets() -> (gio::Socket, gio::Socket) {
    let (near, far) = UnixDatagram::pair().unwrap();
    let near = gio::Socket::from_fd(OwnedFd::from(near)).unwrap();
    // SOL_SOCKET, SO_SNDBUF.
    near.set_option(1, 7, 4096).unwrap();
    let far = gio::Socket::from_fd(OwnedFd::from(far)).unwrap();
    (near, far)
}

#[test]
fn message_that_a_socket_does_not_take_is_too_large_and_the_connection_lives_on() {
    let (near, far) = narrow_sockets();
    let (client, server) = (client(&near), server(&far));
    let (ours, theirs) = run(handshakes(&client, &server));
    ours.unwrap();
    theirs.unwrap();
    for timeout in [NOW, PATIENCE, None] {
        let result = send(&client, &[7; 16_000], timeout);
        assert_fails(result, IOErrorEnum::MessageTooLarge);
        send(&client, b"short", timeout).unwrap();
        assert_eq!(receive(&server, PATIENCE).unwrap().unwrap(), b"short");
    }
}

#[test]
fn base_that_ends_during_a_handshake_is_an_end_without_notice() {
    let net = SimNet::new();
    let client = client(&net.client());
    net.end(Direction::ToClient);
    assert_fails(client.handshake(NONE), TlsError::Eof);
}

/// A handshake with `openssl s_server` that these options make impossible.
fn impossible(options: &[&str]) -> glib::Error {
    impossible_with("openssl", options)
}

fn impossible_with(server: &str, options: &[&str]) -> glib::Error {
    hurry();
    let peer = Peer::serve(server, "ecdsa", options);
    let socket = udp_socket(0);
    connect(&socket, peer.port);
    client(&socket).handshake(NONE).unwrap_err()
}

#[test]
fn no_shared_cipher_is_named_in_the_error() {
    let error = impossible(&["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]);
    assert!(error.matches(TlsError::Misc), "{error:?}");
    assert!(error.message().contains("handshake_failure"), "{error}");
}

#[test]
fn server_that_speaks_dtls_1_0_only_is_not_talked_to() {
    let error = impossible_with("openssl-dtls1", &[]);
    assert!(error.matches(TlsError::Misc), "{error:?}");
    assert!(error.message().contains("handshake_failure"), "{error}");
}

#[test]
fn refused_client_certificate_is_named_in_the_error() {
    hurry();
    let anchor = common::pki_file("other-ca.pem");
    let anchor = anchor.to_str().unwrap();
    let options = ["-Verify", "1", "-verify_return_error", "-CAfile", anchor];
    let peer = Peer::serve("openssl", "ecdsa", &options);
    let socket = udp_socket(0);
    connect(&socket, peer.port);
    let client = client(&socket);
    client.set_certificate(&common::certificate("client"));
    let error = client.handshake(NONE).unwrap_err();
    assert!(error.matches(TlsError::BadCertificate), "{error:?}");
    assert!(error.message().contains("unknown_ca"), "{error}");
}

#[test]
fn missing_client_certificate_is_required_by_a_server_of_another_maker() {
    let anchor = common::pki_file("ca.pem");
    let error = impossible(&["-Verify", "1", "-CAfile", anchor.to_str().unwrap()]);
    assert!(error.matches(TlsError::CertificateRequired), "{error:?}");
}

#[test]
fn base_that_cannot_carry_datagrams_is_refused_at_once() {
    let stream = gio::Socket::new(
        gio::SocketFamily::Ipv4,
        gio::SocketType::Stream,
        gio::SocketProtocol::Tcp,
    )
    .unwrap();
    let limited = udp_socket(0);
    limited.set_timeout(1);
    for base in [stream, limited] {
        let name = common::identity(IDENTITY);
        let result = DtlsClientConnection::new(&base, Some(&name));
        assert_fails(result, IOErrorEnum::NotSupported);
        let result = DtlsServerConnection::new(&base, Some(&common::certificate("ecdsa")));
        assert_fails(result, IOErrorEnum::NotSupported);
    }
}

#[test]
fn refusal_is_reported_by_a_waiting_source() {
    let (client, server, _near, far) = established();
    far.close().unwrap();
    run(async {
        send(&client, b"into the void", NOW).unwrap();
        let refused = std::rc::Rc::new(std::cell::Cell::new(false));
        let noted = refused.clone();
        let source = client.create_source(
            glib::IOCondition::IN,
            NONE,
            None,
            glib::Priority::DEFAULT,
            move |client, _| {
                noted.set(receive(client, NOW).is_err());
                glib::ControlFlow::Break
            },
        );
        source.attach(glib::MainContext::thread_default().as_ref());
        until(|| refused.get()).await;
    });
    drop(server);
}
