//! Real sockets as the base: how GSocket rounds time limits, and how a sequenced-packet socket ends.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // The standard library makes no sequenced-packet sockets.

mod common;

use std::{
    os::fd::{FromRawFd, OwnedFd},
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{
    NOW, assert_fails,
    calls::{NONE, beside, must_end, receive_with},
    client, handshakes,
    meddler::Meddler,
    peers::{connect, port, udp_socket},
    receive, run, send, server,
};
use gio::{IOErrorEnum, TlsError, prelude::*};
use gio_ossl::DtlsConnection;
use glib::IOCondition;

/// More calls than any wait needs, and far fewer than a busy loop makes.
const FEW: usize = 12;

/// A client over a base that counts, its base, and the server.
fn established_over_udp() -> (DtlsConnection, Meddler, DtlsConnection) {
    let (near, far) = (udp_socket(0), udp_socket(0));
    connect(&near, port(&far));
    connect(&far, port(&near));
    let base = Meddler::new(&near);
    let (client, server) = (client(&base), server(&far));
    run(handshakes(&client, &server)).0.unwrap();
    (client.upcast(), base, server.upcast())
}

/// A client and a server that have shaken hands, and their sequenced-packet sockets.
fn established_over_packets() -> (DtlsConnection, DtlsConnection, [gio::Socket; 2]) {
    let sockets = packet_sockets();
    let (client, server) = (client(&sockets[0]), server(&sockets[1]));
    run(handshakes(&client, &server)).0.unwrap();
    (client.upcast(), server.upcast(), sockets)
}

fn packet_sockets() -> [gio::Socket; 2] {
    const AF_UNIX: i32 = 1;
    const SOCK_SEQPACKET: i32 = 5;
    unsafe extern "C" {
        fn socketpair(domain: i32, kind: i32, protocol: i32, sockets: *mut i32) -> i32;
    }
    let mut sockets = [-1; 2];
    // SAFETY: there is room for the two descriptors, which are new and so belong to nobody else.
    unsafe {
        assert_eq!(
            socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets.as_mut_ptr()),
            0
        );
        sockets.map(|fd| gio::Socket::from_fd(OwnedFd::from_raw_fd(fd)).unwrap())
    }
}

fn strict() {
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
}

#[test]
fn waiting_over_a_socket_calls_it_a_few_times_only() {
    let (client, base, _server) = established_over_udp();
    // A socket counts in milliseconds: the last half must not be spent in a loop.
    let limit = Some(Duration::from_micros(2500));
    let waits: [&dyn Fn() -> Result<(), glib::Error>; 3] = [
        &|| receive(&client, limit).map(drop),
        &|| client.condition_wait(IOCondition::IN, limit, NONE),
        &|| client.condition_wait(IOCondition::ERR, limit, NONE),
    ];
    for wait in waits {
        let before = base.calls().sum();
        assert_fails(wait(), IOErrorEnum::TimedOut);
        let calls = base.calls().sum() - before;
        assert!(calls < FEW, "{calls} calls");
    }
}

#[test]
fn very_long_time_limits_are_waited_for_in_parts() {
    let (client, base, _server) = established_over_udp();
    let longest = Arc::new(Mutex::new(Duration::ZERO));
    let noted = longest.clone();
    base.on_wait(move |limit| *noted.lock().unwrap() = limit.unwrap());
    // 2 to the power of 32 milliseconds would become 0 in an int.
    for limit in [
        Duration::from_millis(1 << 32),
        Duration::from_micros(i64::MAX as u64),
    ] {
        let cancellable = gio::Cancellable::new();
        let call = || receive_with(&client, Some(limit), &cancellable);
        let (result, ()) = beside(&base, call, || cancellable.cancel());
        assert_fails(result, IOErrorEnum::Cancelled);
        assert!(longest.lock().unwrap().as_millis() < i32::MAX as u128);
    }
}

#[test]
fn messages_cross_sequenced_packets() {
    strict();
    let (client, server, _sockets) = established_over_packets();
    send(&client, b"there", NOW).unwrap();
    assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"there");
    server.close(NONE).unwrap();
    assert_eq!(receive(&client, None).unwrap(), None);
}

#[test]
fn sequenced_packets_ending_without_close_notify_are_an_error_unless_that_is_allowed() {
    strict();
    let (client, server, [_near, far]) = established_over_packets();
    send(&server, b"last", NOW).unwrap();
    far.close().unwrap();
    let rescue = gio::Cancellable::new();
    let read = || receive_with(&client, None, &rescue);
    assert_eq!(must_end(read, || rescue.cancel()).unwrap(), 1);
    let both = IOCondition::IN | IOCondition::OUT;
    assert!(client.condition_check(both).contains(IOCondition::IN));
    client.condition_wait(IOCondition::IN, NOW, NONE).unwrap();
    assert_fails(must_end(read, || rescue.cancel()), TlsError::Eof);
    assert_fails(receive(&client, NOW), TlsError::Eof);
    client.set_require_close_notify(false);
    assert_eq!(receive(&client, None).unwrap(), None);
}

#[test]
fn sequenced_packets_that_end_during_a_handshake_end_it() {
    let [near, far] = packet_sockets();
    let client = client(&near).upcast::<DtlsConnection>();
    far.close().unwrap();
    let rescue = gio::Cancellable::new();
    let result = must_end(|| client.handshake(Some(&rescue)), || rescue.cancel());
    // The first flight meets a broken pipe before the end is seen.
    assert_fails(result, IOErrorEnum::BrokenPipe);
    let [near, far] = packet_sockets();
    let server = server(&near).upcast::<DtlsConnection>();
    far.close().unwrap();
    let result = must_end(|| server.handshake(Some(&rescue)), || rescue.cancel());
    assert_fails(result, TlsError::Eof);
}

/// Iterates the thread-default context until nothing in it is ready, or for very many times.
fn exhaust() -> usize {
    let context = glib::MainContext::thread_default().unwrap();
    (0..1000).take_while(|_| context.iteration(false)).count()
}

#[test]
fn socket_closed_underneath_makes_the_sources_fire_so_that_it_is_read() {
    let sockets = [udp_socket(0), udp_socket(0)];
    connect(&sockets[0], port(&sockets[1]));
    connect(&sockets[1], port(&sockets[0]));
    let ends = (client(&sockets[0]), server(&sockets[1]));
    run(handshakes(&ends.0, &ends.1)).0.unwrap();
    let ends: [DtlsConnection; 2] = [ends.0.upcast(), ends.1.upcast()];
    strict();
    for (end, socket) in ends.iter().zip(sockets) {
        let context = glib::MainContext::new();
        context
            .with_thread_default(|| {
                let attach = || {
                    let heard = Arc::new(Mutex::new(Vec::new()));
                    let noted = heard.clone();
                    let priority = glib::Priority::DEFAULT;
                    let source =
                        end.create_source(IOCondition::IN, NONE, None, priority, move |_, it| {
                            noted.lock().unwrap().push(it);
                            glib::ControlFlow::Break
                        });
                    source.attach(Some(&context));
                    heard
                };
                let before = attach();
                exhaust();
                assert!(before.lock().unwrap().is_empty());
                socket.close().unwrap();
                let after = attach();
                assert!(exhaust() < 1000);
                assert_eq!(*before.lock().unwrap(), [IOCondition::IN]);
                assert_eq!(*after.lock().unwrap(), [IOCondition::IN]);
            })
            .unwrap();
        let condition = IOCondition::IN | IOCondition::OUT;
        assert_eq!(end.condition_check(condition), condition);
        end.condition_wait(condition, NOW, NONE).unwrap();
        assert_fails(receive(end, None), IOErrorEnum::Closed);
        assert_fails(send(end, b"x", None), IOErrorEnum::Closed);
    }
}

#[test]
fn socket_closed_underneath_an_unfinished_handshake_makes_the_source_fire() {
    strict();
    let roles: [fn(&gio::Socket) -> DtlsConnection; 2] =
        [|base| client(base).upcast(), |base| server(base).upcast()];
    for role in roles {
        let (socket, peer) = (udp_socket(0), udp_socket(0));
        connect(&socket, port(&peer));
        let end = &role(&socket);
        let context = glib::MainContext::new();
        context
            .with_thread_default(|| {
                assert_fails(receive(end, NOW), IOErrorEnum::WouldBlock);
                let fired = Arc::new(Mutex::new(0));
                let noted = fired.clone();
                let priority = glib::Priority::DEFAULT;
                let source =
                    end.create_source(IOCondition::IN, NONE, None, priority, move |it, _| {
                        *noted.lock().unwrap() += 1;
                        assert_fails(receive(it, NOW), IOErrorEnum::Closed);
                        glib::ControlFlow::Break
                    });
                source.attach(Some(&context));
                exhaust();
                assert_eq!(*fired.lock().unwrap(), 0);
                socket.close().unwrap();
                assert!(exhaust() < 1000);
                assert_eq!(*fired.lock().unwrap(), 1);
            })
            .unwrap();
    }
}
