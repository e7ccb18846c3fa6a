//! `g_object_run_dispose()`, which a binding or a container may call at any time.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // gtk-rs leaves it to the caller that a class survives its disposal.

mod common;

use common::{
    NOW, assert_fails,
    calls::{NONE, begin_handshake, beside, each_role, each_role_established, must_end},
    handshakes, receive, run, send, until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::DtlsConnection;
use glib::IOCondition;

/// A call that blocks.
type Call = fn(&DtlsConnection) -> Result<(), glib::Error>;

fn dispose(end: &DtlsConnection) {
    // SAFETY: a disposed connection stays usable; it is closed.
    unsafe { end.run_dispose() };
}

/// Runs a call, disposes of the connection once that waits for the base, and returns its result.
fn disposed_during(side: &common::calls::Side, call: Call) -> Result<(), glib::Error> {
    let rescue = || drop(side.end.close(NONE));
    let blocked = || beside(&side.base, || call(&side.end), || dispose(&side.end)).0;
    must_end(blocked, rescue)
}

#[test]
fn disposal_wakes_blocked_calls() {
    let calls: [Call; 2] = [
        |end| receive(end, None).map(drop),
        |end| end.condition_wait(IOCondition::IN, None, NONE),
    ];
    for call in calls {
        for (side, _peer) in each_role_established() {
            assert_fails(disposed_during(&side, call), IOErrorEnum::Closed);
        }
    }
    for (side, _peer) in each_role_established() {
        side.net.block(side.sends, true);
        let sent = disposed_during(&side, |end| send(end, b"x", None));
        assert_fails(sent, IOErrorEnum::Closed);
    }
}

#[test]
fn disposal_wakes_blocked_handshakes() {
    let calls: [Call; 3] = [
        |end| end.handshake(NONE),
        |end| receive(end, None).map(drop),
        |end| send(end, b"x", None),
    ];
    for call in calls {
        for side in each_role() {
            assert_fails(disposed_during(&side, call), IOErrorEnum::Closed);
        }
    }
}

#[test]
fn disposal_ends_an_asynchronous_handshake() {
    for side in each_role() {
        run(async {
            let result = begin_handshake(&side.end, NONE);
            until(|| side.base.calls().receive > 0).await;
            dispose(&side.end);
            until(|| result.borrow().is_some()).await;
            let result = result.take().unwrap();
            assert_fails(result, IOErrorEnum::Closed);
        });
    }
}

#[test]
fn disposed_connection_is_closed_once_and_keeps_its_facts() {
    for (side, peer) in each_role_established() {
        dispose(&side.end);
        assert!(receive(&peer, NOW).unwrap().is_none());
        assert_fails(receive(&side.end, NOW), IOErrorEnum::Closed);
        assert_fails(send(&side.end, b"x", NOW), IOErrorEnum::Closed);
        assert_eq!(side.end.condition_check(IOCondition::IN), IOCondition::HUP);
        assert!(side.end.ciphersuite_name().is_some());
        let sent = side.net.sent(side.sends).len();
        side.end.close(NONE).unwrap();
        dispose(&side.end);
        let (net, sends) = (side.net.clone(), side.sends);
        drop(side);
        assert_eq!(net.sent(sends).len(), sent);
    }
}

#[test]
fn disposal_inside_a_handler_closes_the_connection() {
    for property in ["peer-certificate", "protocol-version"] {
        for side in each_role() {
            let peer = side.peer();
            side.end
                .connect_notify(Some(property), |end, _| dispose(end));
            // Whoever is not asked about a certificate has finished the handshake by then.
            let (ours, _) = run(handshakes(&side.end, &peer));
            if property == "peer-certificate" && side.end.is::<gio::DtlsClientConnection>() {
                assert_fails(ours, IOErrorEnum::Closed);
            }
            if property == "protocol-version" {
                assert_fails(receive(&side.end, NOW), IOErrorEnum::Closed);
                assert_fails(send(&side.end, b"x", NOW), IOErrorEnum::Closed);
                drop(side);
                assert!(receive(&peer, NOW).unwrap().is_none());
            }
        }
    }
}
