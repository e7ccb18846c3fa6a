//! How asynchronous calls that move bytes end otherwise than by a message: cancelled, closed, disposed.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // gtk-rs leaves it to the caller that a class survives its disposal.

mod common;

use std::thread;

use common::{
    NOW, assert_fails,
    asynchronous::{answer, begin_receive, begin_send, exhaust, receive_async, send_async, slot},
    calls::{NONE, begin_close, each_role, each_role_established},
    client, established, receive, run, send,
    simnet::SimNet,
    until,
};
use gio::{IOErrorEnum, prelude::*};

const DEFAULT: glib::Priority = glib::Priority::DEFAULT;

#[test]
fn call_that_was_cancelled_before_has_no_effect() {
    for side in each_role() {
        run(async {
            let cancellable = gio::Cancellable::new();
            cancellable.cancel();
            let received = begin_receive(&side.end, Some(&cancellable));
            let (sent, fill) = slot();
            send_async(&side.end, b"x", DEFAULT, Some(&cancellable), fill);
            assert!(received.borrow().is_none() && sent.borrow().is_none());
            assert_fails(answer(&received).await, IOErrorEnum::Cancelled);
            assert_fails(answer(&sent).await, IOErrorEnum::Cancelled);
            assert!(side.net.all_sent().is_empty(), "no handshake was begun");
        });
    }
}

#[test]
fn cancelled_receive_takes_no_message() {
    for (side, peer) in each_role_established() {
        run(async {
            let cancellables: [_; 3] = std::array::from_fn(|_| gio::Cancellable::new());
            let calls = cancellables
                .each_ref()
                .map(|cancellable| begin_receive(&side.end, Some(cancellable)));
            exhaust();
            // One in the middle, and the first, whose message is there already.
            cancellables[1].cancel();
            send(&peer, b"kept", NOW).unwrap();
            cancellables[0].cancel();
            assert_fails(answer(&calls[0]).await, IOErrorEnum::Cancelled);
            assert_fails(answer(&calls[1]).await, IOErrorEnum::Cancelled);
            assert_eq!(answer(&calls[2]).await.unwrap().unwrap(), b"kept");
        });
    }
}

#[test]
fn late_cancellation_does_not_hide_a_message() {
    for (side, peer) in each_role_established() {
        run(async {
            let cancellable = gio::Cancellable::new();
            send(&peer, b"one", NOW).unwrap();
            send(&peer, b"two", NOW).unwrap();
            let (second, fill) = slot();
            let (end, cancel) = (side.end.clone(), cancellable.clone());
            let (first, note) = slot();
            receive_async(
                &side.end,
                100,
                DEFAULT,
                Some(&cancellable),
                move |message| {
                    cancel.cancel();
                    note(message);
                    receive_async(&end, 100, DEFAULT, None, fill);
                },
            );
            assert_eq!(answer(&first).await.unwrap().unwrap(), b"one");
            assert_eq!(answer(&second).await.unwrap().unwrap(), b"two");
        });
    }
}

#[test]
fn cancelled_send_takes_its_message_back() {
    for (side, peer) in each_role_established() {
        run(async {
            side.net.block(side.sends, true);
            let cancellable = gio::Cancellable::new();
            let (cancelled, fill) = slot();
            send_async(&side.end, b"never", DEFAULT, Some(&cancellable), fill);
            let sent = begin_send(&side.end, b"sent");
            exhaust();
            cancellable.cancel();
            assert_fails(answer(&cancelled).await, IOErrorEnum::Cancelled);
            side.net.block(side.sends, false);
            assert_eq!(answer(&sent).await.unwrap(), 4);
            assert_eq!(receive(&peer, NOW).unwrap().unwrap(), b"sent");
            assert_fails(receive(&peer, NOW), IOErrorEnum::WouldBlock);
        });
    }
}

#[test]
fn cancelling_during_the_handshake_leaves_it_to_the_next_call() {
    for side in each_role() {
        run(async {
            let cancellable = gio::Cancellable::new();
            let first = begin_receive(&side.end, Some(&cancellable));
            let second = begin_receive(&side.end, NONE);
            exhaust();
            cancellable.cancel();
            assert_fails(answer(&first).await, IOErrorEnum::Cancelled);
            let peer = side.peer();
            answer(&begin_send(&peer, b"x")).await.unwrap();
            assert_eq!(answer(&second).await.unwrap().unwrap(), b"x");
        });
    }
}

#[test]
fn cancellation_from_another_thread_wakes_the_loop() {
    for (side, _peer) in each_role_established() {
        run(async {
            let cancellable = gio::Cancellable::new();
            let received = begin_receive(&side.end, Some(&cancellable));
            exhaust();
            let canceller = thread::spawn(move || cancellable.cancel());
            let context = glib::MainContext::ref_thread_default();
            while received.borrow().is_none() {
                context.iteration(true);
            }
            canceller.join().unwrap();
            assert_fails(received.take().unwrap(), IOErrorEnum::Cancelled);
        });
    }
}

#[test]
fn closing_wakes_all_calls_of_its_direction() {
    for (side, peer) in each_role_established() {
        run(async {
            side.net.block(side.sends, true);
            let received = [(); 3].map(|()| begin_receive(&side.end, NONE));
            let sent = [(); 3].map(|()| begin_send(&side.end, b"x"));
            exhaust();
            side.end.shutdown(true, false, NONE).unwrap();
            for call in &received {
                assert_fails(answer(call).await, IOErrorEnum::Closed);
            }
            assert!(sent.iter().all(|call| call.borrow().is_none()));
            let closed = begin_close(&side.end, NONE);
            for call in &sent {
                assert_fails(answer(call).await, IOErrorEnum::Closed);
            }
            until(|| closed.borrow().is_some()).await;
            assert_fails(
                answer(&begin_receive(&side.end, NONE)).await,
                IOErrorEnum::Closed,
            );
            assert_fails(
                answer(&begin_send(&side.end, b"x")).await,
                IOErrorEnum::Closed,
            );
            drop(peer);
        });
    }
}

#[test]
fn peers_close_is_none_for_each_call() {
    for (side, peer) in each_role_established() {
        run(async {
            let calls = [(); 3].map(|()| begin_receive(&side.end, NONE));
            exhaust();
            send(&peer, b"last", NOW).unwrap();
            peer.close(NONE).unwrap();
            assert_eq!(answer(&calls[0]).await.unwrap().unwrap(), b"last");
            assert_eq!(answer(&calls[1]).await.unwrap(), None);
            assert_eq!(answer(&calls[2]).await.unwrap(), None);
        });
    }
}

#[test]
fn closed_base_socket_is_noticed() {
    let [near, far] = [0, 0].map(common::peers::udp_socket);
    common::peers::connect(&near, common::peers::port(&far));
    common::peers::connect(&far, common::peers::port(&near));
    let (client, server) = (client(&near), common::server(&far));
    run(async {
        let (ours, theirs) = common::handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        let received = begin_receive(&client, NONE);
        exhaust();
        SocketExt::close(&near).unwrap();
        assert_fails(answer(&received).await, IOErrorEnum::Closed);
    });
}

#[test]
fn pending_call_keeps_the_connection_until_it_has_answered() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let weak = client.downgrade();
        let received = begin_receive(&client, NONE);
        drop(client);
        exhaust();
        assert!(weak.upgrade().is_some());
        send(&server, b"x", NOW).unwrap();
        assert_eq!(answer(&received).await.unwrap().unwrap(), b"x");
        until(|| weak.upgrade().is_none()).await;
        assert_eq!(receive(&server, NOW).unwrap(), None);
    });
}

#[test]
fn disposal_answers_the_calls() {
    for (side, _peer) in each_role_established() {
        run(async {
            let received = begin_receive(&side.end, NONE);
            exhaust();
            // SAFETY: a disposed connection stays usable; it is closed.
            unsafe { side.end.run_dispose() };
            assert_fails(answer(&received).await, IOErrorEnum::Closed);
        });
    }
}
