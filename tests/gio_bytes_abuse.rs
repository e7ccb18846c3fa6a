//! Asynchronous calls for bytes, as nobody should use them.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // gtk-rs leaves it to the caller that a class survives its disposal.

mod common;

use std::{
    cell::Cell,
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use common::{
    NOW, assert_fails,
    asynchronous::{Slot, begin_receive, receive_async, send_async, slot},
    calls::{NONE, each_role_established},
    client, identity, receive, send, server,
    simnet::SimNet,
};
use gio::IOErrorEnum;
use gio_ossl::{DtlsConnection, prelude::*};
use glib::Bytes;

const DEFAULT: glib::Priority = glib::Priority::DEFAULT;

/// Runs it with a main context of its own as the thread's default, outside of any future.
fn in_loop<T>(work: impl FnOnce(&glib::MainContext) -> T) -> T {
    let context = glib::MainContext::new();
    context.with_thread_default(|| work(&context)).unwrap()
}

fn answer<T>(slot: &Slot<T>) -> T {
    let context = glib::MainContext::ref_thread_default();
    while slot.borrow().is_none() {
        context.iteration(true);
    }
    slot.take().unwrap()
}

/// Lets the loop run a future, whose result comes into the slot.
fn begin<T: 'static>(future: impl Future<Output = T> + 'static) -> Slot<T> {
    let (empty, fill) = slot();
    glib::spawn_future_local(async move { fill(future.await) });
    empty
}

fn iterate() {
    let context = glib::MainContext::ref_thread_default();
    (0..30).for_each(|_| {
        context.iteration(false);
    });
}

#[test]
fn context_that_ends_takes_its_futures_with_it() {
    for (side, peer) in each_role_established() {
        let weak = side.end.downgrade();
        in_loop(|_| {
            side.net.block(side.sends, true);
            let message = Bytes::from(b"never");
            let received = [(); 3].map(|()| begin(side.end.receive_bytes_future(9, DEFAULT)));
            let sent = begin(side.end.send_bytes_future(&message, DEFAULT));
            iterate();
            assert!(received.iter().all(|slot| slot.borrow().is_none()) && sent.borrow().is_none());
        });
        side.net.block(side.sends, false);
        // Others are not held up, and the connection can go.
        send(&peer, b"x", NOW).unwrap();
        let message = in_loop(|_| answer(&begin_receive(&side.end, NONE)));
        assert_eq!(message.unwrap().unwrap(), b"x");
        drop(side);
        assert!(weak.upgrade().is_none());
        assert_eq!(receive(&peer, NOW).unwrap(), None);
    }
}

#[test]
fn disposal_answers_calls_and_futures_and_later_calls_too() {
    for (side, _peer) in each_role_established() {
        in_loop(|_| {
            let call = begin_receive(&side.end, NONE);
            let future = begin(side.end.receive_bytes_future(9, DEFAULT));
            iterate();
            // SAFETY: a disposed connection stays usable; it is closed.
            unsafe { side.end.run_dispose() };
            let later = begin_receive(&side.end, NONE);
            assert_fails(answer(&call), IOErrorEnum::Closed);
            assert_fails(answer(&future), IOErrorEnum::Closed);
            assert_fails(answer(&later), IOErrorEnum::Closed);
            let again = begin(side.end.receive_bytes_future(9, DEFAULT));
            assert_fails(answer(&again), IOErrorEnum::Closed);
        });
    }
}

#[test]
fn disposal_inside_a_callback_answers_the_others() {
    for (side, peer) in each_role_established() {
        in_loop(|_| {
            let end = side.end.clone();
            receive_async(&side.end, 9, DEFAULT, None, move |_| {
                // SAFETY: a disposed connection stays usable; it is closed.
                unsafe { end.run_dispose() };
            });
            let calls: Vec<_> = (0..40).map(|_| begin_receive(&side.end, NONE)).collect();
            let future = begin(side.end.receive_bytes_future(9, DEFAULT));
            iterate();
            send(&peer, b"x", NOW).unwrap();
            for call in &calls {
                assert_fails(answer(call), IOErrorEnum::Closed);
            }
            assert_fails(answer(&future), IOErrorEnum::Closed);
        });
    }
}

#[test]
fn calls_futures_and_priorities_share_one_order() {
    for (side, peer) in each_role_established() {
        in_loop(|_| {
            let order = Rc::new(Cell::new(0_u8));
            let done = |expected: u8, message: &[u8], order: &Cell<u8>| {
                assert_eq!((message, order.get()), (&[expected][..], expected));
                order.set(expected + 1);
            };
            let priorities = [glib::Priority::LOW, glib::Priority::HIGH, DEFAULT];
            for number in 0..30_u8 {
                let (order, priority) = (order.clone(), priorities[usize::from(number) % 3]);
                if number % 5 == 0 {
                    let message = side.end.receive_bytes_future(9, priority);
                    glib::spawn_future_local(async move {
                        done(number, &message.await.unwrap().unwrap(), &order);
                    });
                    iterate();
                } else {
                    receive_async(&side.end, 9, priority, None, move |message| {
                        done(number, &message.unwrap().unwrap(), &order);
                    });
                }
            }
            (0..30).for_each(|number| send(&peer, &[number], NOW).unwrap());
            let context = glib::MainContext::ref_thread_default();
            while order.get() < 30 {
                context.iteration(true);
            }
        });
    }
}

#[test]
fn loop_inside_accept_certificate_serves_nobody_twice() {
    in_loop(|context| {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_server_identity(&identity("wrong.example.com"));
        let inner = context.clone();
        client.connect_accept_certificate(move |client, _, _| {
            let waiting = begin_receive(client.upcast_ref::<DtlsConnection>(), NONE);
            (0..50).for_each(|_| {
                inner.iteration(false);
            });
            assert!(waiting.borrow().is_none());
            true
        });
        let (sent, fill) = slot();
        send_async(&client, b"x", DEFAULT, None, fill);
        let received = begin_receive(&server, NONE);
        let future = begin(client.receive_bytes_future(9, DEFAULT));
        assert_eq!(answer(&sent).unwrap(), 1);
        assert_eq!(answer(&received).unwrap().unwrap(), b"x");
        send(&server, b"1", NOW).unwrap();
        send(&server, b"2", NOW).unwrap();
        assert_eq!(answer(&future).unwrap().unwrap().len(), 1);
    });
}

#[test]
fn urgent_call_goes_on_beside_a_flood_of_lesser_work() {
    for (side, peer) in each_role_established() {
        in_loop(|context| {
            let flood = glib::idle_source_new(None, DEFAULT, || glib::ControlFlow::Continue);
            flood.attach(Some(context));
            let (received, fill) = slot();
            receive_async(&side.end, 9, glib::Priority::HIGH, None, fill);
            iterate();
            send(&peer, b"x", NOW).unwrap();
            assert_eq!(answer(&received).unwrap().unwrap(), b"x");
        });
    }
}

/// What a thread has asked for and been told.
#[derive(Default)]
struct Count {
    begun: Cell<u32>,
    answered: Cell<u32>,
    messages: Cell<u32>,
}

/// Makes calls of every kind until `over`, and returns how many messages it sent and received.
fn use_wildly(end: &DtlsConnection, seed: u32, over: &AtomicBool) -> [u32; 2] {
    in_loop(|context| {
        let counts = [(); 2].map(|()| Rc::new(Count::default()));
        let mut random = seed;
        for _ in 0..300 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let choice = random >> 24;
            let cancellable = (choice & 3 == 0).then(gio::Cancellable::new);
            let [sent, received] = counts.clone();
            if choice & 4 == 0 {
                sent.begun.set(sent.begun.get() + 1);
                send_async(end, b"x", DEFAULT, cancellable.as_ref(), move |result| {
                    sent.answered.set(sent.answered.get() + 1);
                    sent.messages
                        .set(sent.messages.get() + u32::from(result.is_ok()));
                });
            } else if choice & 8 == 0 {
                received.begun.set(received.begun.get() + 1);
                receive_async(end, 9, DEFAULT, cancellable.as_ref(), move |result| {
                    received.answered.set(received.answered.get() + 1);
                    let message = result.is_ok_and(|message| message.is_some());
                    received
                        .messages
                        .set(received.messages.get() + u32::from(message));
                });
            } else {
                received.begun.set(received.begun.get() + 1);
                let message = end.receive_bytes_future(9, DEFAULT);
                glib::spawn_future_local(async move {
                    let message = message.await.is_ok_and(|message| message.is_some());
                    received.answered.set(received.answered.get() + 1);
                    received
                        .messages
                        .set(received.messages.get() + u32::from(message));
                });
            }
            if choice & 16 == 0 {
                context.iteration(false);
            }
            if let Some(cancellable) = cancellable {
                thread::spawn(move || cancellable.cancel());
            }
        }
        let is_open = |count: &Rc<Count>| count.answered.get() < count.begun.get();
        while is_open(&counts[0]) || is_open(&counts[1]) && !over.load(Ordering::SeqCst) {
            context.iteration(true);
        }
        while is_open(&counts[1]) {
            context.iteration(true);
        }
        counts.map(|count| count.messages.get())
    })
}

#[test]
fn wild_use_in_several_contexts_answers_every_call_once() {
    for (side, peer) in each_role_established() {
        let over = AtomicBool::new(false);
        let (end, peer, over) = (&side.end, &peer, &over);
        thread::scope(|scope| {
            let ours: Vec<_> = (1..=3)
                .map(|seed| scope.spawn(move || use_wildly(end, seed, over)))
                .collect();
            let theirs = scope.spawn(move || use_wildly(peer, 4, over));
            // More than they all ask for; then the end.
            for _ in 0..2_000 {
                send(peer, b"y", None).unwrap();
                send(end, b"y", None).unwrap();
            }
            over.store(true, Ordering::SeqCst);
            for thread in ours.into_iter().chain([theirs]) {
                let [sent, received] = thread.join().unwrap();
                assert!(sent > 0 && received > 0);
            }
        });
    }
}
