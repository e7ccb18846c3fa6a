//! `gio_ossl_dtls_connection_send_bytes_async()` and `..._receive_bytes_async()`.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // gtk-rs leaves it to the caller that a task returns what it was made for.

mod common;

use std::{cell::RefCell, rc::Rc, thread};

use common::{
    NOW, assert_fails,
    asynchronous::{
        answer, begin_receive, begin_send, exhaust, finish_receive, finish_send, receive_async,
        slot,
    },
    calls::{NONE, begin_handshake, each_role, each_role_established},
    client, established, identity, receive, run, send,
    simnet::SimNet,
    until,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::DtlsConnection;

const DEFAULT: glib::Priority = glib::Priority::DEFAULT;

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
