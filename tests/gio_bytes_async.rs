//! `gio_ossl_dtls_connection_send_bytes_async()` and `..._receive_bytes_async()`.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // gtk-rs leaves it to the caller that a class survives its disposal.

mod common;

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use common::{
    NOW, PATIENCE, assert_fails,
    asynchronous::{
        Message, Slot, begin_receive, begin_send, finish_receive, finish_send, receive_async,
        send_async, slot,
    },
    calls::{NONE, begin_close, begin_handshake, beside, each_role, each_role_established},
    client, established, identity, receive, run, send,
    simnet::SimNet,
    until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::DtlsConnection;
use glib::ControlFlow;

const DEFAULT: glib::Priority = glib::Priority::DEFAULT;

/// Waits for the answer of a call.
async fn answer<T>(slot: &Slot<T>) -> T {
    until(|| slot.borrow().is_some()).await;
    slot.take().unwrap()
}

/// Lets the main loop do what it can now.
fn exhaust() {
    let context = glib::MainContext::ref_thread_default();
    for _ in 0..50 {
        context.iteration(false);
    }
}

/// Runs `work` in the main loop at the default priority.
fn idle(work: impl FnMut() -> ControlFlow + Send + 'static) -> glib::Source {
    let source = glib::idle_source_new(None, DEFAULT, work);
    source.attach(Some(&glib::MainContext::ref_thread_default()));
    source
}

#[test]
fn messages_cross_after_the_handshake_that_the_calls_perform() {
    for side in each_role() {
        let peer = side.peer();
        run(async {
            let received = begin_receive(&peer, NONE);
            let sent = begin_send(&side.end, b"question");
            assert!(sent.borrow().is_none(), "answered before the loop runs");
            assert_eq!(answer(&sent).await.unwrap(), 8);
            assert_eq!(answer(&received).await.unwrap().unwrap(), b"question");
            let received = begin_receive(&side.end, NONE);
            exhaust();
            assert!(received.borrow().is_none());
            assert_eq!(answer(&begin_send(&peer, b"answer")).await.unwrap(), 6);
            assert_eq!(answer(&received).await.unwrap().unwrap(), b"answer");
        });
    }
}

#[test]
fn nothing_happens_before_the_loop_runs() {
    run(async {
        let net = SimNet::new();
        let client = client(&net.client());
        let sent = begin_send(&client, b"x");
        assert!(net.all_sent().is_empty() && sent.borrow().is_none());
    });
}

#[test]
fn calls_ask_the_application_to_accept_the_certificate() {
    run(async {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let (client, server) = (client(&near), common::server(&far));
        client.set_server_identity(&identity("wrong.example.com"));
        let asked = Rc::new(RefCell::new(None));
        let noted = asked.clone();
        let here = thread::current().id();
        client.connect_accept_certificate(move |client, _, _| {
            // From inside, a call waits like any other.
            let waiting = begin_receive(client.upcast_ref::<DtlsConnection>(), NONE);
            assert!(waiting.borrow().is_none() && thread::current().id() == here);
            noted.replace(Some(waiting));
            true
        });
        let received = begin_receive(&server, NONE);
        assert_eq!(answer(&begin_send(&client, b"x")).await.unwrap(), 1);
        assert_eq!(answer(&received).await.unwrap().unwrap(), b"x");
        answer(&begin_send(&server, b"y")).await.unwrap();
        let waiting = asked.take().unwrap();
        assert_eq!(answer(&waiting).await.unwrap().unwrap(), b"y");
    });
}

#[test]
fn failed_handshake_fails_every_call() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), common::server(&far));
        client.set_server_identity(&identity("wrong.example.com"));
        let (sent, first) = (begin_send(&client, b"x"), begin_receive(&client, NONE));
        let second = begin_receive(&client, NONE);
        let theirs = begin_receive(&server, NONE);
        let code = gio::TlsError::BadCertificate;
        assert_fails(answer(&sent).await, code);
        assert_fails(answer(&first).await, code);
        assert_fails(answer(&second).await, code);
        assert!(answer(&theirs).await.is_err());
    });
}

#[test]
fn call_waits_for_an_asynchronous_handshake_and_takes_over_a_cancelled_one() {
    for side in each_role() {
        run(async {
            let cancellable = gio::Cancellable::new();
            let handshake = begin_handshake(&side.end, Some(&cancellable));
            let received = begin_receive(&side.end, NONE);
            exhaust();
            cancellable.cancel();
            until(|| handshake.borrow().is_some()).await;
            assert_fails(handshake.take().unwrap(), IOErrorEnum::Cancelled);
            let peer = side.peer();
            answer(&begin_send(&peer, b"x")).await.unwrap();
            assert_eq!(answer(&received).await.unwrap().unwrap(), b"x");
        });
    }
}

#[test]
fn receives_are_served_in_order() {
    for (side, peer) in each_role_established() {
        run(async {
            let order = Rc::new(RefCell::new(Vec::new()));
            for number in 0..20 {
                let order = order.clone();
                // An urgent call does not overtake an idle one.
                let priority = [glib::Priority::LOW, glib::Priority::HIGH][number % 2];
                receive_async(&side.end, 100, priority, None, move |message| {
                    order.borrow_mut().push((number, message.unwrap().unwrap()));
                });
            }
            for number in 0..20_u8 {
                send(&peer, &[number], NOW).unwrap();
            }
            until(|| order.borrow().len() == 20).await;
            for (place, (number, message)) in order.take().into_iter().enumerate() {
                assert_eq!((number, message), (place, vec![place as u8]));
            }
        });
    }
}

#[test]
fn sends_that_wait_for_the_base_go_out_in_order() {
    for (side, peer) in each_role_established() {
        run(async {
            side.net.block(side.sends, true);
            let calls: Vec<_> = (0..10).map(|it| begin_send(&side.end, &[it])).collect();
            exhaust();
            assert!(calls.iter().all(|call| call.borrow().is_none()));
            side.net.block(side.sends, false);
            // One that comes when there is room again waits for the others all the same.
            let last = begin_send(&side.end, &[10]);
            assert_eq!(answer(&last).await.unwrap(), 1);
            for (call, number) in calls.iter().chain([&last]).zip(0..) {
                assert!(number == 10 || call.take().unwrap().is_ok());
                assert_eq!(receive(&peer, NOW).unwrap().unwrap(), [number]);
            }
        });
    }
}

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
fn failing_base_fails_the_first_call_alone() {
    for (side, peer) in each_role_established() {
        run(async {
            let error = glib::Error::new(IOErrorEnum::HostUnreachable, "scripted");
            let calls = [(); 2].map(|()| begin_receive(&side.end, NONE));
            side.base.fail_receive(0, error.clone());
            assert_fails(answer(&calls[0]).await, IOErrorEnum::HostUnreachable);
            side.base.fail_send(0, error);
            let sent = begin_send(&side.end, b"x");
            assert_fails(answer(&sent).await, IOErrorEnum::HostUnreachable);
            send(&peer, b"x", NOW).unwrap();
            assert_eq!(answer(&calls[1]).await.unwrap().unwrap(), b"x");
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

#[test]
fn call_in_a_context_that_nobody_runs_holds_nobody_up() {
    for (side, peer) in each_role_established() {
        let context = glib::MainContext::new();
        let begin = || begin_receive(&side.end, NONE);
        let idle = context.with_thread_default(begin).unwrap();
        run(async {
            let received = begin_receive(&side.end, NONE);
            send(&peer, b"x", NOW).unwrap();
            assert_eq!(answer(&received).await.unwrap().unwrap(), b"x");
        });
        send(&peer, b"y", NOW).unwrap();
        while idle.borrow().is_none() {
            context.iteration(true);
        }
        assert_eq!(idle.take().unwrap().unwrap().unwrap(), b"y");
    }
}

#[test]
fn blocking_receive_in_another_thread_and_a_waiting_call_both_get_a_message() {
    for (side, peer) in each_role_established() {
        let blocked = || receive(&side.end, PATIENCE).unwrap().unwrap();
        let mut all = Vec::new();
        let (first, second) = beside(&side.base, blocked, || {
            run(async {
                let received = begin_receive(&side.end, NONE);
                exhaust();
                let checks = side.base.calls().sum();
                exhaust();
                assert_eq!(side.base.calls().sum(), checks, "it does not spin");
                send(&peer, b"1", NOW).unwrap();
                send(&peer, b"2", NOW).unwrap();
                answer(&received).await.unwrap().unwrap()
            })
        });
        all.extend([first, second]);
        all.sort();
        assert_eq!(all, [b"1", b"2"]);
    }
}

#[test]
fn calls_complete_in_the_context_they_were_made_in() {
    for (side, peer) in each_role_established() {
        let waiting = |number: u8| {
            let end = side.end.clone();
            move || {
                run(async {
                    let here = thread::current().id();
                    let (slot, fill) = slot::<Message>();
                    receive_async(&end, 100, DEFAULT, None, move |message| {
                        assert_eq!(thread::current().id(), here);
                        fill(message);
                    });
                    (number, answer(&slot).await.unwrap().unwrap())
                })
            }
        };
        thread::scope(|scope| {
            let threads = [0, 1, 2].map(|number| scope.spawn(waiting(number)));
            (0..3).for_each(|number| send(&peer, &[number], NOW).unwrap());
            let mut all = threads.map(|thread| thread.join().unwrap().1[0]);
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2]);
        });
    }
}

#[test]
fn flood_of_noise_leaves_the_loop_to_others() {
    for (side, peer) in each_role_established() {
        run(async {
            let received = begin_receive(&side.end, NONE);
            exhaust();
            (0..5_000).for_each(|_| side.net.inject(side.receives(), &[23; 40]));
            send(&peer, b"after all", NOW).unwrap();
            let others = Arc::new(AtomicUsize::new(0));
            let counted = others.clone();
            let source = idle(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                ControlFlow::Continue
            });
            assert_eq!(answer(&received).await.unwrap().unwrap(), b"after all");
            source.destroy();
            assert!(others.load(Ordering::SeqCst) > 50, "{others:?}");
        });
    }
}

#[test]
fn urgent_calls_go_before_idle_work_and_idle_ones_after_it() {
    for (priority, first) in [(glib::Priority::HIGH, true), (glib::Priority::LOW, false)] {
        for (side, peer) in each_role_established() {
            run(async {
                let order = Arc::new(Mutex::new(Vec::new()));
                let (noted, other) = (order.clone(), order.clone());
                receive_async(&side.end, 100, priority, None, move |_| {
                    noted.lock().unwrap().push(true);
                });
                exhaust();
                send(&peer, b"x", NOW).unwrap();
                idle(move || {
                    other.lock().unwrap().push(false);
                    ControlFlow::Break
                });
                until(|| order.lock().unwrap().len() == 2).await;
                assert_eq!(*order.lock().unwrap(), [first, !first]);
            });
        }
    }
}

#[test]
fn too_large_message_and_no_room_fail() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let sent = begin_send(&client, &[0; 16_385]);
        assert_fails(answer(&sent).await, IOErrorEnum::MessageTooLarge);
        assert_eq!(answer(&begin_send(&client, b"")).await.unwrap(), 0);
        let (received, fill) = slot();
        receive_async(&client, 0, DEFAULT, None, fill);
        assert_fails(answer(&received).await, IOErrorEnum::InvalidArgument);
    });
}

#[test]
fn foreign_results_are_refused() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        // SAFETY: the value type is the one that is returned.
        let task = unsafe { gio::LocalTask::<bool>::new(Some(&client), NONE, |_, _| {}) };
        let result = task.upcast_ref::<gio::AsyncResult>();
        for end in [client.upcast_ref::<DtlsConnection>(), server.upcast_ref()] {
            assert_fails(finish_send(end, result), IOErrorEnum::InvalidArgument);
            assert_fails(finish_receive(end, result), IOErrorEnum::InvalidArgument);
        }
        task.return_result(Ok(true));
    });
}
