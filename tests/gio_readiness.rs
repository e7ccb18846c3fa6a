//! Readiness in the corners: nothing asked for, closing during a handshake, bases that hang up.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
};

use common::{
    NOW, assert_fails,
    calls::{NONE, SHORT, Side, beside, each_role, each_role_established, must_end},
    client, handshakes, receive, run, send, server,
    simnet::SimNet,
    until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::{DtlsConnection, subclass::SharedRef};
use glib::{ControlFlow, IOCondition};

const BOTH: IOCondition = IOCondition::IN.union(IOCondition::OUT);
/// More calls than any wait needs, and far fewer than a busy loop makes.
const FEW: usize = 12;

type Seen = Rc<RefCell<Vec<IOCondition>>>;

/// The first conditions that a source of `end` reports, at most one.
fn watch(end: &DtlsConnection, condition: IOCondition) -> (glib::Source, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let priority = glib::Priority::DEFAULT;
    let source = end.create_source(condition, NONE, None, priority, move |_, condition| {
        noted.borrow_mut().push(condition);
        ControlFlow::Break
    });
    source.attach(glib::MainContext::thread_default().as_ref());
    (source, seen)
}

#[test]
fn waiting_for_neither_direction_waits_for_the_time_the_close_or_the_base() {
    for condition in [IOCondition::empty(), IOCondition::ERR, IOCondition::HUP] {
        for (side, _peer) in each_role_established() {
            let before = side.base.calls().sum();
            let result = side.end.condition_wait(condition, SHORT, NONE);
            assert_fails(result, IOErrorEnum::TimedOut);
            assert!(side.base.calls().sum() - before < FEW);
            assert_eq!(side.end.condition_check(condition), IOCondition::empty());
            let (waited, closed) = beside(
                &side.base,
                || side.end.condition_wait(condition, None, NONE),
                || side.end.close(NONE),
            );
            closed.unwrap();
            assert_fails(waited, IOErrorEnum::Closed);
            assert_eq!(side.end.condition_check(condition), IOCondition::HUP);
        }
    }
}

#[test]
fn waiting_for_neither_direction_of_an_unfinished_connection_times_out() {
    for side in each_role() {
        let wait = || side.end.condition_wait(IOCondition::ERR, SHORT, NONE);
        assert_fails(wait(), IOErrorEnum::TimedOut);
        assert_fails(receive(&side.end, SHORT), IOErrorEnum::TimedOut);
        assert_fails(wait(), IOErrorEnum::TimedOut);
        side.end.shutdown(true, false, NONE).unwrap();
        assert_fails(wait(), IOErrorEnum::TimedOut);
    }
}

#[test]
fn closing_the_sending_side_during_a_handshake_makes_the_receiving_one_ready_to_fail() {
    for side in each_role() {
        assert_fails(receive(&side.end, SHORT), IOErrorEnum::TimedOut);
        run(async {
            let (source, seen) = watch(&side.end, IOCondition::IN);
            side.end.shutdown(false, true, NONE).unwrap();
            assert_eq!(side.end.condition_check(BOTH), IOCondition::IN);
            side.end
                .condition_wait(IOCondition::IN, None, NONE)
                .unwrap();
            assert_fails(receive(&side.end, None), IOErrorEnum::Closed);
            until(|| !seen.borrow().is_empty()).await;
            assert_eq!(*seen.borrow(), [IOCondition::IN]);
            source.destroy();
        });
        let result = side.end.condition_wait(IOCondition::OUT, None, NONE);
        assert_fails(result, IOErrorEnum::Closed);
    }
}

/// A connection whose base is a connection: the outer ends, and the inner client.
fn nested() -> ([DtlsConnection; 2], DtlsConnection) {
    let (near, far) = SimNet::new().pair();
    let (inner, far) = (client(&near), server(&far));
    run(handshakes(&inner, &far)).0.unwrap();
    let outer = (client(&inner), server(&far));
    let (ours, theirs) = run(handshakes(&outer.0, &outer.1));
    ours.unwrap();
    theirs.unwrap();
    ([outer.0.upcast(), outer.1.upcast()], inner.upcast())
}

#[test]
fn base_that_hangs_up_makes_the_connection_ready_to_report_it() {
    let ([end, peer], inner) = nested();
    send(&peer, b"hello", NOW).unwrap();
    assert_eq!(receive(&end, NOW).unwrap().unwrap(), b"hello");
    run(async {
        let (source, seen) = watch(&end, IOCondition::IN);
        glib::timeout_future(std::time::Duration::ZERO).await;
        assert!(seen.borrow().is_empty());
        inner.close(NONE).unwrap();
        let turns = Cell::new(0);
        until(|| {
            turns.set(turns.get() + 1);
            !seen.borrow().is_empty() || turns.get() > 1000
        })
        .await;
        assert_eq!(*seen.borrow(), [IOCondition::IN]);
        source.destroy();
    });
    assert_eq!(end.condition_check(IOCondition::IN), IOCondition::IN);
    let rescue = || drop(end.close(NONE));
    let wait = || end.condition_wait(IOCondition::IN, None, NONE);
    must_end(wait, rescue).unwrap();
    assert_fails(receive(&end, None), IOErrorEnum::Closed);
    assert_fails(receive(&end, NOW), IOErrorEnum::Closed);
}

#[test]
fn error_kept_for_the_next_receive_leaves_room_to_send_visible() {
    for (side, peer) in each_role_established() {
        send(&peer, b"one", NOW).unwrap();
        let refused = glib::Error::new(IOErrorEnum::ConnectionRefused, "refused");
        side.base.fail_receive(1, refused);
        let messages = common::receive_many(&side.end, 2, None).unwrap();
        assert_eq!(messages, [b"one"]);
        assert_eq!(side.end.condition_check(BOTH), BOTH);
        assert_fails(receive(&side.end, NOW), IOErrorEnum::ConnectionRefused);
        assert_eq!(side.end.condition_check(BOTH), IOCondition::OUT);
    }
}

/// Runs `then` inside the first wait of another call for a condition, and returns that call's result.
fn amid_wait(side: Side, then: impl Fn(&DtlsConnection) + Send + Sync + 'static) {
    let (end, rescue) = (side.end.clone(), side.end.clone());
    let done = AtomicBool::new(false);
    side.base.on_wait(move |_| {
        if !done.swap(true, Ordering::SeqCst) {
            then(&end);
        }
    });
    let wait = || side.end.condition_wait(IOCondition::IN, None, NONE);
    must_end(wait, || drop(rescue.close(NONE))).unwrap();
}

#[test]
fn record_that_another_call_leaves_behind_ends_a_wait() {
    for (side, peer) in each_role_established() {
        let before = side.net.sent(side.receives()).len();
        send(&peer, b"first", NOW).unwrap();
        send(&peer, b"second", NOW).unwrap();
        let arrived = common::receive_many(&side.base, 2, NOW).unwrap();
        assert_eq!(arrived.len(), 2);
        let both = side.net.sent(side.receives())[before..].concat();
        let (net, receives, end) = (side.net.clone(), side.receives(), side.end.clone());
        amid_wait(side, move |end| {
            net.inject(receives, &both);
            assert_eq!(receive(end, NOW).unwrap().unwrap(), b"first");
        });
        assert_eq!(receive(&end, NOW).unwrap().unwrap(), b"second");
    }
}

#[test]
fn error_that_another_call_leaves_behind_ends_a_wait() {
    for (side, peer) in each_role_established() {
        let (base, end) = (side.base.clone(), side.end.clone());
        let peer: SharedRef<gio::DatagramBased> = SharedRef::new(peer.upcast());
        let base = SharedRef::new(base.upcast::<gio::DatagramBased>());
        amid_wait(side, move |end| {
            send(&*peer, b"one", NOW).unwrap();
            let base = base.downcast_ref::<common::meddler::Meddler>().unwrap();
            let refused = glib::Error::new(IOErrorEnum::ConnectionRefused, "refused");
            base.fail_receive(1, refused);
            let messages = common::receive_many(end, 2, None).unwrap();
            assert_eq!(messages, [b"one"]);
        });
        assert_fails(receive(&end, NOW), IOErrorEnum::ConnectionRefused);
    }
}

#[test]
fn messages_taken_ahead_of_their_calls_are_ready_and_cost_the_base_nothing() {
    for (side, peer) in each_role_established() {
        (0..20).for_each(|number| send(&peer, &[number], NOW).unwrap());
        let before = side.base.calls().receive;
        let mut next = 0;
        while !side.base.condition_check(IOCondition::IN).is_empty() {
            assert_eq!(receive(&side.end, NOW).unwrap().unwrap(), [next]);
            next += 1;
        }
        assert!(next < 20, "{next}");
        let check = || side.end.condition_check(IOCondition::IN);
        run(async {
            let (_source, seen) = watch(&side.end, IOCondition::IN);
            until(|| !seen.borrow().is_empty()).await;
        });
        for number in next..20 {
            assert_eq!(check(), IOCondition::IN);
            side.end
                .condition_wait(IOCondition::IN, None, NONE)
                .unwrap();
            assert_eq!(receive(&side.end, NOW).unwrap().unwrap(), [number]);
        }
        assert!(side.base.calls().receive - before < FEW);
        assert_eq!(check(), IOCondition::empty());
        assert_fails(receive(&side.end, NOW), IOErrorEnum::WouldBlock);
    }
}
