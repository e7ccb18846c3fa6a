//! Closing while others are at work, at every moment of a connection's life, and letting go of it.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{sync::mpsc, thread};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::{
        NONE, SHORT, begin_close, begin_handshake, beside, each_role, each_role_established,
        must_end, receive_with, send_with,
    },
    client, handshakes, identity, receive,
    records::alert_count,
    run, send, server,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, TlsError, prelude::*};
use gio_ossl::DtlsConnection;
use glib::IOCondition;

type Call = fn(&DtlsConnection, &gio::Cancellable) -> Result<(), glib::Error>;

/// Everything that blocks for ever where nothing arrives and nothing can be sent.
const BLOCKING: [Call; 5] = [
    |end, it| receive_with(end, None, it).map(drop),
    |end, it| receive_with(end, PATIENCE, it).map(drop),
    |end, it| send_with(end, None, it).map(drop),
    |end, it| send_with(end, PATIENCE, it).map(drop),
    |end, it| end.condition_wait(IOCondition::IN, None, Some(it)),
];

/// Closes on a main loop of this thread.
fn close_in_loop(end: &DtlsConnection) -> Result<(), glib::Error> {
    run(end.close_future(glib::Priority::DEFAULT))
}

fn close_and_wait(end: &DtlsConnection) -> Result<(), glib::Error> {
    end.close(NONE)
}

type Close = fn(&DtlsConnection) -> Result<(), glib::Error>;
const CLOSES: [Close; 2] = [close_and_wait, close_in_loop];

#[test]
fn close_in_either_form_wakes_every_call_of_either_role() {
    for close in CLOSES {
        for call in BLOCKING {
            for (side, _peer) in each_role_established() {
                side.net.block(side.sends, true);
                let rescue = gio::Cancellable::new();
                let work = || beside(&side.base, || call(&side.end, &rescue), || close(&side.end));
                let (called, closed) = must_end(work, || rescue.cancel());
                assert_fails(called, IOErrorEnum::Closed);
                closed.unwrap();
            }
        }
    }
}

#[test]
fn close_in_either_form_ends_every_call_inside_a_handshake() {
    let handshake: Call = |end, it| end.handshake(Some(it));
    for close in CLOSES {
        for call in [
            BLOCKING[0],
            BLOCKING[1],
            BLOCKING[2],
            BLOCKING[3],
            handshake,
        ] {
            for side in each_role() {
                let rescue = gio::Cancellable::new();
                let work = || beside(&side.base, || call(&side.end, &rescue), || close(&side.end));
                let (called, closed) = must_end(work, || rescue.cancel());
                assert_fails(called, IOErrorEnum::Closed);
                closed.unwrap();
                assert_eq!(alert_count(&side.net, side.sends), 0);
                assert_fails(side.end.handshake(NONE), IOErrorEnum::Closed);
            }
        }
    }
}

#[test]
fn close_of_a_connection_whose_handler_is_at_work_waits_or_is_cancelled() {
    for in_loop in [false, true] {
        let net = SimNet::new();
        let client = client(&net.client());
        client.set_server_identity(&identity("wrong.example.com"));
        let (entered, inside) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        client.connect_accept_certificate(move |_, _, _| {
            entered.send(()).unwrap();
            left.recv().unwrap();
            true
        });
        let (peer, cancellable) = (gio::Cancellable::new(), gio::Cancellable::new());
        thread::scope(|scope| {
            scope.spawn(|| server(&net.server()).handshake(Some(&peer)));
            let handshake = scope.spawn(|| client.handshake(NONE));
            inside.recv().unwrap();
            if in_loop {
                run(async {
                    let closed = begin_close(client.upcast_ref(), Some(&cancellable));
                    glib::timeout_future(std::time::Duration::ZERO).await;
                    assert!(closed.borrow().is_none());
                    cancellable.cancel();
                    until(|| closed.borrow().is_some()).await;
                    assert_fails(closed.take().unwrap(), IOErrorEnum::Cancelled);
                });
            } else {
                let closed = scope.spawn(|| client.close(Some(&cancellable)));
                cancellable.cancel();
                assert_fails(closed.join().unwrap(), IOErrorEnum::Cancelled);
            }
            leave.send(()).unwrap();
            // A close that was cancelled before it began has closed nothing.
            if let Err(error) = handshake.join().unwrap() {
                assert!(error.matches(IOErrorEnum::Closed), "{error:?}");
            }
            client.close(NONE).unwrap();
            peer.cancel();
        });
        assert_fails(client.handshake(NONE), IOErrorEnum::Closed);
    }
}

#[test]
fn receiving_side_may_be_closed_before_and_during_a_handshake() {
    for started in [false, true] {
        for side in each_role() {
            if started {
                assert_fails(receive(&side.end, SHORT), IOErrorEnum::TimedOut);
            }
            side.end.shutdown(true, false, NONE).unwrap();
            side.end.shutdown(true, false, NONE).unwrap();
            let peer = side.peer();
            let (ours, theirs) = run(handshakes(&side.end, &peer));
            ours.unwrap();
            theirs.unwrap();
            assert_fails(receive(&side.end, None), IOErrorEnum::Closed);
            send(&side.end, b"out", NOW).unwrap();
            assert_eq!(receive(&peer, NOW).unwrap().unwrap(), b"out");
            assert_eq!(alert_count(&side.net, side.sends), 0);
        }
    }
}

#[test]
fn each_side_of_either_role_closes_once() {
    for (side, peer) in each_role_established() {
        let end = &side.end;
        for _ in 0..2 {
            end.shutdown(false, true, NONE).unwrap();
            assert_eq!(alert_count(&side.net, side.sends), 1);
            assert_fails(send(end, b"x", None), IOErrorEnum::Closed);
        }
        send(&peer, b"still", NOW).unwrap();
        assert_eq!(receive(end, NOW).unwrap().unwrap(), b"still");
        for timeout in [None, NOW, SHORT] {
            assert_eq!(receive(&peer, timeout).unwrap(), None);
        }
        for _ in 0..2 {
            end.shutdown(true, false, NONE).unwrap();
            assert_fails(receive(end, None), IOErrorEnum::Closed);
        }
        end.close(NONE).unwrap();
        close_in_loop(end).unwrap();
        // The peer's own close_notify goes out all the same.
        peer.close(NONE).unwrap();
        assert_eq!(alert_count(&side.net, side.receives()), 1);
        assert_eq!(alert_count(&side.net, side.sends), 1);
    }
}

#[test]
fn failed_close_reports_the_bases_error_once_and_has_closed_all_the_same() {
    for close in CLOSES {
        for (side, _peer) in each_role_established() {
            let refused = glib::Error::new(IOErrorEnum::ConnectionRefused, "refused");
            side.base.fail_send(0, refused);
            assert_fails(close(&side.end), IOErrorEnum::ConnectionRefused);
            assert_fails(send(&side.end, b"x", NOW), IOErrorEnum::Closed);
            assert_fails(receive(&side.end, NOW), IOErrorEnum::Closed);
            close(&side.end).unwrap();
        }
    }
}

#[test]
fn close_after_a_failed_handshake_succeeds_and_sends_nothing() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    let (client, server) = (client(&near), server(&far));
    client.set_server_identity(&identity("wrong.example.com"));
    let (ours, theirs) = run(handshakes(&client, &server));
    assert_fails(ours, TlsError::BadCertificate);
    assert!(theirs.is_err());
    let sent = net.all_sent().len();
    for end in [client.upcast::<DtlsConnection>(), server.upcast()] {
        end.close(NONE).unwrap();
        close_in_loop(&end).unwrap();
        assert_fails(receive(&end, NOW), IOErrorEnum::Closed);
        assert_fails(end.handshake(NONE), IOErrorEnum::Closed);
        drop(end);
    }
    assert_eq!(net.all_sent().len(), sent);
}

#[test]
fn last_reference_goes_without_waiting_for_a_base_that_takes_nothing() {
    for (side, _peer) in each_role_established() {
        side.net.block(side.sends, true);
        let waits = side.base.calls().wait;
        let trace = side.end.downgrade();
        drop(side.end);
        assert!(trace.upgrade().is_none());
        assert_eq!(side.base.calls().wait, waits);
    }
}

#[test]
fn last_reference_sends_close_notify_only_where_there_is_a_session_that_is_open() {
    for (side, peer) in each_role_established() {
        side.end.close(NONE).unwrap();
        drop(side.end);
        assert_eq!(alert_count(&side.net, side.sends), 1);
        drop(peer);
        let back = match side.sends {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        };
        assert_eq!(alert_count(&side.net, back), 1);
    }
    for side in each_role() {
        assert_fails(receive(&side.end, SHORT), IOErrorEnum::TimedOut);
        let sent = side.net.all_sent().len();
        drop(side.end);
        assert_eq!(side.net.all_sent().len(), sent);
    }
}

#[test]
fn asynchronous_calls_keep_the_connection_until_they_complete() {
    for side in each_role() {
        run(async {
            let peer = side.peer();
            let trace = side.end.downgrade();
            let ours = begin_handshake(&side.end, NONE);
            drop(side.end);
            let theirs = begin_handshake(&peer, NONE);
            until(|| ours.borrow().is_some() && theirs.borrow().is_some()).await;
            ours.take().unwrap().unwrap();
            until(|| trace.upgrade().is_none()).await;
            assert_eq!(receive(&peer, NOW).unwrap(), None);
        });
    }
    for (side, peer) in each_role_established() {
        run(async {
            let trace = side.end.downgrade();
            let closed = begin_close(&side.end, NONE);
            drop(side.end);
            until(|| closed.borrow().is_some()).await;
            closed.take().unwrap().unwrap();
            until(|| trace.upgrade().is_none()).await;
            assert_eq!(receive(&peer, NOW).unwrap(), None);
        });
    }
}

#[test]
fn cancelled_asynchronous_handshake_lets_go_of_the_connection() {
    for side in each_role() {
        run(async {
            let cancellable = gio::Cancellable::new();
            let trace = side.end.downgrade();
            let result = begin_handshake(&side.end, Some(&cancellable));
            drop(side.end);
            glib::timeout_future(std::time::Duration::ZERO).await;
            cancellable.cancel();
            until(|| result.borrow().is_some()).await;
            assert_fails(result.take().unwrap(), IOErrorEnum::Cancelled);
            until(|| trace.upgrade().is_none()).await;
            assert_eq!(alert_count(&side.net, side.sends), 0);
        });
    }
}
