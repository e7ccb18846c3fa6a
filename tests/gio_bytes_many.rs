//! Many asynchronous calls for bytes at once, and calls that their callbacks make.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
};

use common::{
    NOW, assert_fails,
    asynchronous::{Message, Slot, begin_receive, begin_send, receive_async, send_async, slot},
    calls::{NONE, begin_handshake, beside, each_role, each_role_established},
    receive, send,
};
use gio::IOErrorEnum;
use gio_ossl::{DtlsConnection, prelude::*};
use glib::{Bytes, ControlFlow};

const DEFAULT: glib::Priority = glib::Priority::DEFAULT;

/// As many calls as a program may reasonably have waiting, and ten times more.
const MANY: u32 = 10_000;

/// Runs the thread's main loop until there is nothing to do now, and fails if that never comes.
fn exhaust() {
    let context = glib::MainContext::ref_thread_default();
    assert!(
        (0..1_000).any(|_| !context.iteration(false)),
        "the loop does not come to rest"
    );
}

/// Runs it with a main context of its own as the thread's default, outside of any future.
fn in_loop<T>(work: impl FnOnce() -> T) -> T {
    glib::MainContext::new().with_thread_default(work).unwrap()
}

/// Runs the thread's main loop until something holds.
fn until(mut holds: impl FnMut() -> bool) {
    let context = glib::MainContext::ref_thread_default();
    while !holds() {
        context.iteration(true);
    }
}

/// Waits for the answer of a call.
fn answer<T>(slot: &Slot<T>) -> T {
    until(|| slot.borrow().is_some());
    slot.take().unwrap()
}

/// Lets the loop run a future, whose result comes into the slot.
fn begin<T: 'static>(future: impl Future<Output = T> + 'static) -> Slot<T> {
    let (empty, fill) = slot();
    glib::spawn_future_local(async move { fill(future.await) });
    empty
}

/// Polls a future in the thread's default context; it has nothing to return yet.
fn assert_pending(future: &mut (impl Future + Unpin)) {
    let mut task = Context::from_waker(Waker::noop());
    assert!(Pin::new(future).poll(&mut task).is_pending());
}

/// Receives in the context, and notes the numbers in the messages.
fn note_receives(end: &DtlsConnection, count: u32) -> Rc<RefCell<Vec<u32>>> {
    let noted = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..count {
        let noted = noted.clone();
        receive_async(end, 4, DEFAULT, None, move |message| {
            let number = message.unwrap().unwrap().try_into().unwrap();
            noted.borrow_mut().push(u32::from_be_bytes(number));
        });
    }
    noted
}

#[test]
fn ten_thousand_messages_cross_in_order() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            side.net.block(side.sends, true);
            let done = Rc::new(Cell::new(0));
            for number in 0..MANY {
                let done = done.clone();
                send_async(
                    &side.end,
                    &number.to_be_bytes(),
                    DEFAULT,
                    None,
                    move |sent| {
                        assert_eq!(sent.unwrap(), 4);
                        done.set(done.get() + 1);
                    },
                );
            }
            let received = note_receives(&peer, MANY);
            exhaust();
            assert!(done.get() == 0 && received.borrow().is_empty());
            side.net.block(side.sends, false);
            until(|| done.get() == MANY && received.borrow().len() == MANY as usize);
            assert!(received.take().into_iter().eq(0..MANY));
        });
    }
}

#[test]
fn ten_thousand_calls_are_cancelled_or_closed() {
    for (side, _peer) in each_role_established() {
        in_loop(|| {
            let cancellables: Vec<_> = (0..100).map(|_| gio::Cancellable::new()).collect();
            let (cancelled, closed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            for number in 0..MANY as usize {
                let (cancelled, closed) = (cancelled.clone(), closed.clone());
                // Half of them, spread over the whole line.
                let cancellable = cancellables.get(number % 200);
                receive_async(&side.end, 4, DEFAULT, cancellable, move |message| {
                    let error = message.unwrap_err();
                    let count = if error.matches(IOErrorEnum::Cancelled) {
                        cancelled
                    } else {
                        assert!(error.matches(IOErrorEnum::Closed), "{error}");
                        closed
                    };
                    count.set(count.get() + 1);
                });
            }
            exhaust();
            cancellables.iter().for_each(gio::Cancellable::cancel);
            until(|| cancelled.get() == MANY / 2);
            exhaust();
            assert_eq!(closed.get(), 0);
            side.end.close(NONE).unwrap();
            until(|| closed.get() == MANY / 2);
        });
    }
}

#[test]
fn thousands_of_futures_are_served() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            let numbers: Vec<_> = (0..2_000_u32)
                .map(|it| Bytes::from(&it.to_be_bytes()))
                .collect();
            let received: Vec<_> = (0..2_000)
                .map(|_| begin(side.end.receive_bytes_future(4, DEFAULT)))
                .collect();
            let sent: Vec<_> = numbers
                .iter()
                .map(|it| begin(peer.send_bytes_future(it, DEFAULT)))
                .collect();
            for (number, (received, sent)) in numbers.iter().zip(received.into_iter().zip(sent)) {
                assert_eq!(answer(&sent).unwrap(), 4);
                assert_eq!(&answer(&received).unwrap().unwrap(), number);
            }
        });
    }
}

#[test]
fn burst_of_answers_leaves_the_loop_to_others() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            let received = note_receives(&side.end, 1_000);
            for number in 0..1_000_u32 {
                send(&peer, &number.to_be_bytes(), NOW).unwrap();
            }
            let others = Arc::new(AtomicUsize::new(0));
            let counted = others.clone();
            let source = glib::idle_source_new(None, DEFAULT, move || {
                counted.fetch_add(1, Ordering::SeqCst);
                ControlFlow::Continue
            });
            source.attach(Some(&glib::MainContext::ref_thread_default()));
            until(|| received.borrow().len() == 1_000);
            source.destroy();
            assert!(others.load(Ordering::SeqCst) > 50, "{others:?}");
        });
    }
}

#[test]
fn callback_may_run_the_loop_until_the_next_call_has_answered() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            let order = Rc::new(RefCell::new(Vec::new()));
            let third = Rc::new(RefCell::new(None));
            let (noted, waited) = (order.clone(), third.clone());
            receive_async(&side.end, 9, DEFAULT, None, move |message| {
                let context = glib::MainContext::ref_thread_default();
                while waited.borrow().is_none() {
                    context.iteration(true);
                }
                noted.borrow_mut().push(message.unwrap().unwrap());
            });
            let noted = order.clone();
            receive_async(&side.end, 9, DEFAULT, None, move |message| {
                noted.borrow_mut().push(message.unwrap().unwrap());
            });
            receive_async(&side.end, 9, DEFAULT, None, move |message| {
                third.replace(Some(message.unwrap().unwrap()));
            });
            for message in [b"1", b"2", b"3"] {
                send(&peer, message, NOW).unwrap();
            }
            until(|| order.borrow().len() == 2);
            assert_eq!(order.take(), [b"2", b"1"]);
        });
    }
}

#[test]
fn callback_may_cancel_the_others_and_begin_new_calls() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            let cancellable = gio::Cancellable::new();
            let (cancel, end) = (cancellable.clone(), side.end.clone());
            let (last, fill) = slot::<Message>();
            receive_async(&side.end, 9, DEFAULT, None, move |_| {
                cancel.cancel();
                receive_async(&end, 9, DEFAULT, None, fill);
            });
            let calls = [(); 5].map(|()| begin_receive(&side.end, Some(&cancellable)));
            send(&peer, b"1", NOW).unwrap();
            send(&peer, b"2", NOW).unwrap();
            for call in &calls {
                assert_fails(answer(call), IOErrorEnum::Cancelled);
            }
            assert_eq!(answer(&last).unwrap().unwrap(), b"2");
        });
    }
}

#[test]
fn callback_may_close_the_connection_with_calls_waiting() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            let end = side.end.clone();
            receive_async(&side.end, 9, DEFAULT, None, move |_| {
                end.close(NONE).unwrap();
            });
            let received = [(); 20].map(|()| begin_receive(&side.end, NONE));
            side.net.block(side.sends, true);
            let sent = begin_send(&side.end, b"x");
            exhaust();
            send(&peer, b"1", NOW).unwrap();
            send(&peer, b"2", NOW).unwrap();
            for call in &received {
                assert_fails(answer(call), IOErrorEnum::Closed);
            }
            assert_fails(answer(&sent), IOErrorEnum::Closed);
        });
    }
}

#[test]
fn last_callback_may_drop_the_last_reference() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            let end = side.end;
            let weak = end.downgrade();
            let kept = end.clone();
            receive_async(&end, 9, DEFAULT, None, move |message| {
                message.unwrap();
                drop(kept);
            });
            drop(end);
            exhaust();
            send(&peer, b"x", NOW).unwrap();
            until(|| weak.upgrade().is_none());
            assert_eq!(receive(&peer, NOW).unwrap(), None);
        });
    }
}

#[test]
fn peers_end_is_told_to_every_call() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            let calls: Vec<_> = (0..100).map(|_| begin_receive(&side.end, NONE)).collect();
            exhaust();
            peer.close(NONE).unwrap();
            for call in &calls {
                assert_eq!(answer(call).unwrap(), None);
            }
        });
    }
}

#[test]
fn calls_rest_while_a_handshake_waits_for_a_context_that_nobody_runs() {
    for side in each_role() {
        let elsewhere = glib::MainContext::new();
        let cancellable = gio::Cancellable::new();
        let shake = || begin_handshake(&side.end, Some(&cancellable));
        let handshake = elsewhere.with_thread_default(shake).unwrap();
        let peer = side.peer();
        in_loop(|| {
            let message = Bytes::from(b"x");
            let received = begin(side.end.receive_bytes_future(9, DEFAULT));
            let sent = begin(side.end.send_bytes_future(&message, DEFAULT));
            // A future is in line from its first poll on.
            exhaust();
            let call = begin_receive(&side.end, NONE);
            exhaust();
            assert!(side.net.all_sent().is_empty());
            cancellable.cancel();
            while handshake.borrow().is_none() {
                elsewhere.iteration(true);
            }
            let theirs = begin(peer.receive_bytes_future(9, DEFAULT));
            assert_eq!(answer(&sent).unwrap(), 1);
            assert_eq!(answer(&theirs).unwrap().unwrap(), message);
            send(&peer, b"y", NOW).unwrap();
            assert_eq!(&answer(&received).unwrap().unwrap()[..], b"y");
            send(&peer, b"z", NOW).unwrap();
            assert_eq!(answer(&call).unwrap().unwrap(), b"z");
        });
    }
}

#[test]
fn future_rests_while_another_thread_receives() {
    for (side, peer) in each_role_established() {
        let blocked = || receive(&side.end, common::PATIENCE).unwrap().unwrap();
        let (first, second) = beside(&side.base, blocked, || {
            in_loop(|| {
                let received = begin(side.end.receive_bytes_future(9, DEFAULT));
                exhaust();
                send(&peer, b"1", NOW).unwrap();
                send(&peer, b"2", NOW).unwrap();
                answer(&received).unwrap().unwrap().to_vec()
            })
        });
        let mut all = [first, second];
        all.sort();
        assert_eq!(all, [b"1", b"2"]);
    }
}

#[test]
fn future_goes_on_in_another_context() {
    for (side, peer) in each_role_established() {
        let mut received = side.end.receive_bytes_future(9, DEFAULT);
        in_loop(|| {
            assert_pending(&mut received);
            exhaust();
        });
        let message = in_loop(|| {
            let received = begin(received);
            exhaust();
            send(&peer, b"x", NOW).unwrap();
            answer(&received)
        });
        assert_eq!(&message.unwrap().unwrap()[..], b"x");
    }
}

#[test]
fn failing_base_fails_the_future_that_performs_the_handshake() {
    for side in each_role() {
        in_loop(|| {
            let error = glib::Error::new(IOErrorEnum::HostUnreachable, "scripted");
            side.base.fail_receive(0, error);
            let first = begin(side.end.receive_bytes_future(9, DEFAULT));
            let second = begin(side.end.receive_bytes_future(9, DEFAULT));
            assert_fails(answer(&first), IOErrorEnum::HostUnreachable);
            let peer = side.peer();
            answer(&begin_send(&peer, b"x")).unwrap();
            assert_eq!(&answer(&second).unwrap().unwrap()[..], b"x");
        });
    }
}

#[test]
fn future_that_is_dropped_lets_the_connection_go() {
    for (side, peer) in each_role_established() {
        let context = glib::MainContext::new();
        let weak = side.end.downgrade();
        let mut received = side.end.receive_bytes_future(9, DEFAULT);
        context
            .with_thread_default(|| assert_pending(&mut received))
            .unwrap();
        let end = side.end;
        drop((received, end));
        // Nobody runs the context any more.
        assert!(weak.upgrade().is_none());
        assert_eq!(receive(&peer, NOW).unwrap(), None);
    }
}

#[test]
fn noise_before_a_message_wakes_the_future_for_the_message() {
    for (side, peer) in each_role_established() {
        in_loop(|| {
            let received = begin(side.end.receive_bytes_future(9, DEFAULT));
            exhaust();
            (0..100).for_each(|_| side.net.inject(side.receives(), &[23; 40]));
            exhaust();
            send(&peer, b"x", NOW).unwrap();
            assert_eq!(&answer(&received).unwrap().unwrap()[..], b"x");
        });
    }
}
