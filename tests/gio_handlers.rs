//! Calls from inside `accept-certificate`: of a client and of a server, however the handshake is
//! moved on.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{cell::RefCell, rc::Rc, thread};

use common::{
    NOW, PATIENCE, assert_fails,
    calls::{NONE, Outcome, Side, begin_close, begin_handshake, each_role},
    certificate, identity, receive, run, send,
    simnet::Direction,
    until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsConnection, DtlsServerConnection};
use glib::IOCondition;

const BOTH: IOCondition = IOCondition::IN.union(IOCondition::OUT);

/// Every call that may not wait reports that it would have to, every other one fails, and nothing
/// has an effect. What answers later is returned.
fn try_everything(end: &DtlsConnection) -> Vec<Outcome> {
    for timeout in [None, PATIENCE] {
        assert_fails(receive(end, timeout), IOErrorEnum::Failed);
        assert_fails(send(end, b"x", timeout), IOErrorEnum::Failed);
        let wait = end.condition_wait(BOTH, timeout, NONE);
        assert_fails(wait, IOErrorEnum::Failed);
    }
    assert_fails(receive(end, NOW), IOErrorEnum::WouldBlock);
    assert_fails(send(end, b"x", NOW), IOErrorEnum::WouldBlock);
    let wait = end.condition_wait(BOTH, NOW, NONE);
    assert_fails(wait, IOErrorEnum::TimedOut);
    assert_eq!(end.condition_check(BOTH), IOCondition::empty());
    assert_fails(end.handshake(NONE), IOErrorEnum::Failed);
    assert_fails(end.close(NONE), IOErrorEnum::Failed);
    assert_fails(end.shutdown(true, false, NONE), IOErrorEnum::Failed);
    assert_fails(end.shutdown(false, true, NONE), IOErrorEnum::Failed);
    vec![begin_handshake(end, NONE), begin_close(end, NONE)]
}

/// Makes the end ask its handler, which tries everything and accepts. Its peer is returned.
fn prepare(side: &Side, answers: &Rc<RefCell<Vec<Outcome>>>) -> DtlsConnection {
    let peer = side.peer();
    match side.sends {
        Direction::ToServer => {
            let client: &DtlsClientConnection = side.end.downcast_ref().unwrap();
            client.set_server_identity(&identity("wrong.example.com"));
        }
        Direction::ToClient => {
            let server: &DtlsServerConnection = side.end.downcast_ref().unwrap();
            server.set_authentication_mode(gio::TlsAuthenticationMode::Required);
            peer.set_certificate(&certificate("client"));
        }
    }
    let noted = answers.clone();
    side.end.connect_accept_certificate(move |end, _, _| {
        let later = try_everything(end);
        assert!(later.iter().all(|answer| answer.borrow().is_none()));
        noted.borrow_mut().extend(later);
        true
    });
    peer
}

/// Moves the handshake with `drive`, in a main context of its own; the peer blocks elsewhere.
fn meet(drive: impl AsyncFn(&DtlsConnection)) {
    for side in each_role() {
        let answers = Rc::default();
        let peer = prepare(&side, &answers);
        thread::scope(|scope| {
            scope.spawn(|| {
                peer.handshake(NONE).unwrap();
                send(&peer, b"x", PATIENCE).unwrap();
            });
            run(async {
                drive(&side.end).await;
                let done = || answers.borrow().iter().all(|it| it.borrow().is_some());
                until(done).await;
            });
        });
        let answers = answers.take();
        assert_eq!(answers.len(), 2, "the handler was called once");
        for answer in answers {
            assert_fails(answer.take().unwrap(), IOErrorEnum::Failed);
        }
        send(&side.end, b"alive", NOW).unwrap();
        assert_eq!(receive(&peer, PATIENCE).unwrap().unwrap(), b"alive");
    }
}

/// A peer that is fast lets it succeed at once.
fn begin_by_poll(end: &DtlsConnection) {
    if let Err(error) = send(end, b"", NOW) {
        assert!(error.matches(IOErrorEnum::WouldBlock), "{error:?}");
    }
}

#[test]
fn calls_inside_a_blocking_handshakes_handler_fail_cleanly() {
    meet(async |end| end.handshake(NONE).unwrap());
}

#[test]
fn calls_inside_an_asynchronous_handshakes_handler_fail_cleanly() {
    meet(async |end| {
        let handshake = end.handshake_future(glib::Priority::DEFAULT);
        handshake.await.unwrap();
    });
}

#[test]
fn calls_inside_the_handler_of_a_blocking_receive_fail_cleanly() {
    meet(async |end| assert_eq!(receive(end, PATIENCE).unwrap().unwrap(), b"x"));
}

#[test]
fn calls_inside_the_handler_of_a_blocking_send_fail_cleanly() {
    meet(async |end| send(end, b"", None).unwrap());
}

#[test]
fn calls_inside_the_handler_of_a_blocking_wait_fail_cleanly() {
    meet(async |end| {
        begin_by_poll(end);
        end.condition_wait(IOCondition::OUT, PATIENCE, NONE)
            .unwrap();
    });
}

#[test]
fn calls_inside_the_handler_of_a_handshake_that_a_poll_began_fail_cleanly() {
    meet(async |end| {
        begin_by_poll(end);
        until(|| end.condition_check(BOTH).contains(IOCondition::OUT)).await;
    });
}
