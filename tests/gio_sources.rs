//! When sources fire, and what they report.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[path = "common/watched.rs"]
mod watched;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use common::{
    NOW, assert_fails,
    calls::NONE,
    client, handshakes, hurry, identity,
    meddler::Meddler,
    receive, receive_many, run, send, server,
    simnet::{Direction, SimNet},
    until,
};
use gio::{IOErrorEnum, TlsError, prelude::*};
use glib::{ControlFlow, IOCondition};
use watched::{BOTH, Watched, exhaust, idle, on_own_context, rested};

#[test]
fn fresh_connection_is_announced_once_and_not_over_and_over() {
    let net = SimNet::new();
    for end in [
        client(&net.client()).upcast::<gio::DtlsConnection>(),
        server(&net.server()).upcast(),
    ] {
        on_own_context(|| {
            let watched = Watched::new(&end, BOTH, NONE, idle);
            assert!(exhaust() < 10);
            assert_eq!(*watched.seen.borrow(), [BOTH]);
        });
    }
    assert!(net.all_sent().is_empty());
}

#[test]
fn source_is_silent_while_a_handshake_goes_unanswered() {
    let net = SimNet::new();
    for end in [
        client(&net.client()).upcast::<gio::DtlsConnection>(),
        server(&SimNet::new().server()).upcast(),
    ] {
        on_own_context(|| {
            let result = receive(&end, Some(Duration::from_millis(1)));
            assert_fails(result, IOErrorEnum::TimedOut);
            let watched = Watched::new(&end, BOTH, NONE, idle);
            assert!(exhaust() < 10);
            assert_eq!(watched.count(), 0);
        });
    }
}

#[test]
fn sources_alone_drive_a_whole_session() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let answers = Rc::new(RefCell::new(Vec::new()));
        let noted = answers.clone();
        let asked = Cell::new(false);
        let watched_client = Watched::new(&client, BOTH, NONE, move |client| {
            if !asked.get() {
                asked.set(send(client, b"question", NOW).is_ok());
            }
            if let Ok(Some(message)) = receive(client, NOW) {
                noted.borrow_mut().push(message);
            }
            ControlFlow::Continue
        });
        let watched_server = Watched::new(&server, IOCondition::IN, NONE, |server| {
            if let Ok(Some(message)) = receive(server, NOW) {
                assert_eq!(message, b"question");
                send(server, b"answer", NOW).unwrap();
            }
            ControlFlow::Continue
        });
        until(|| !answers.borrow().is_empty()).await;
        assert_eq!(*answers.borrow(), [b"answer"]);
        drop((watched_client, watched_server));
    });
}

#[test]
fn lost_flight_is_repeated_with_only_a_source() {
    hurry();
    run(async {
        let net = SimNet::new();
        let client = client(&net.client());
        let result = receive(&client, Some(Duration::from_millis(1)));
        assert_fails(result, IOErrorEnum::TimedOut);
        let first = net.sent(Direction::ToServer).len();
        let watched = Watched::new(&client, IOCondition::IN, NONE, idle);
        until(|| net.sent(Direction::ToServer).len() >= first + 2).await;
        assert_eq!(watched.count(), 0);
    });
}

#[test]
fn second_record_of_a_datagram_fires_without_the_base() {
    let net = SimNet::new();
    let (client, server) = rested(&net);
    let before = net.sent(Direction::ToClient).len();
    for message in [b"1", b"2", b"3"] {
        send(&server, message, NOW).unwrap();
    }
    receive_many(&net.client(), 3, NOW).unwrap();
    let all = net.sent(Direction::ToClient)[before..].concat();
    net.inject(Direction::ToClient, &all);
    on_own_context(|| {
        let watched = Watched::new(&client, IOCondition::IN, NONE, |client| {
            receive(client, NOW).unwrap().unwrap();
            ControlFlow::Continue
        });
        exhaust();
        assert_eq!(watched.count(), 3);
    });
}

#[test]
fn records_buffered_before_the_source_was_made_make_it_fire() {
    let net = SimNet::new();
    let (client, server) = rested(&net);
    let before = net.sent(Direction::ToClient).len();
    send(&server, b"1", NOW).unwrap();
    send(&server, b"2", NOW).unwrap();
    receive_many(&net.client(), 2, NOW).unwrap();
    net.inject(
        Direction::ToClient,
        &net.sent(Direction::ToClient)[before..].concat(),
    );
    assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"1");
    on_own_context(|| {
        let watched = Watched::new(&client, IOCondition::IN, NONE, |client| {
            assert_eq!(receive(client, NOW).unwrap().unwrap(), b"2");
            ControlFlow::Continue
        });
        exhaust();
        assert_eq!(watched.count(), 1);
    });
}

#[test]
fn established_connection_without_messages_is_silent() {
    let (client, server) = rested(&SimNet::new());
    on_own_context(|| {
        let ours = Watched::new(&client, IOCondition::IN, NONE, idle);
        let theirs = Watched::new(&server, IOCondition::IN, NONE, idle);
        assert!(exhaust() < 20);
        assert_eq!((ours.count(), theirs.count()), (0, 0));
    });
}

#[test]
fn source_reports_only_what_was_asked_for_and_holds() {
    let net = SimNet::new();
    let (client, server) = rested(&net);
    on_own_context(|| {
        let once = |condition| {
            let watched = Watched::new(&client, condition, NONE, |_| ControlFlow::Break);
            exhaust();
            let seen = watched.seen.borrow().clone();
            assert!(seen.is_empty() || watched.source.is_destroyed());
            seen
        };
        assert_eq!(once(BOTH), [IOCondition::OUT]);
        net.block(Direction::ToServer, true);
        assert_eq!(once(BOTH), []);
        send(&server, b"x", NOW).unwrap();
        assert_eq!(once(BOTH), [IOCondition::IN]);
        assert_eq!(once(IOCondition::OUT), []);
        net.block(Direction::ToServer, false);
        assert_eq!(once(BOTH), [BOTH]);
    });
}

#[test]
fn source_fires_when_the_base_has_room_again() {
    let net = SimNet::new();
    let (client, _server) = rested(&net);
    net.block(Direction::ToServer, true);
    on_own_context(|| {
        let watched = Watched::new(&client, IOCondition::OUT, NONE, |_| ControlFlow::Break);
        exhaust();
        assert_eq!(watched.count(), 0);
        net.block(Direction::ToServer, false);
        exhaust();
        assert_eq!(*watched.seen.borrow(), [IOCondition::OUT]);
    });
}

#[test]
fn garbage_does_not_keep_a_source_busy() {
    let net = SimNet::new();
    let (client, _server) = rested(&net);
    on_own_context(|| {
        let watched = Watched::new(&client, IOCondition::IN, NONE, |client| {
            assert_fails(receive(client, NOW), IOErrorEnum::WouldBlock);
            ControlFlow::Continue
        });
        net.inject(Direction::ToClient, b"garbage");
        assert!(exhaust() < 20);
        assert!(watched.count() <= 1);
    });
}

#[test]
fn close_hangs_up_sources_that_are_attached_and_later_ones() {
    let (client, _server) = rested(&SimNet::new());
    on_own_context(|| {
        let attached = Watched::new(&client, IOCondition::IN, NONE, |_| ControlFlow::Break);
        exhaust();
        assert_eq!(attached.count(), 0);
        client.close(NONE).unwrap();
        exhaust();
        assert_eq!(*attached.seen.borrow(), [IOCondition::HUP]);
        let later = Watched::new(&client, BOTH, NONE, |_| ControlFlow::Break);
        exhaust();
        assert_eq!(*later.seen.borrow(), [IOCondition::HUP]);
    });
}

#[test]
fn close_hangs_up_sources_that_have_announced_a_fresh_connection() {
    let net = SimNet::new();
    for end in [
        client(&net.client()).upcast::<gio::DtlsConnection>(),
        server(&net.server()).upcast(),
    ] {
        on_own_context(|| {
            let hung_up = IOCondition::HUP;
            let both = Watched::new(&end, BOTH, NONE, idle);
            let reading = Watched::new(&end, IOCondition::IN, NONE, idle);
            exhaust();
            end.shutdown(true, false, NONE).unwrap();
            exhaust();
            assert_eq!(
                reading.seen.borrow()[..3],
                [IOCondition::IN, hung_up, hung_up]
            );
            assert_eq!(*both.seen.borrow(), [BOTH]);
            drop(reading);
            end.close(NONE).unwrap();
            exhaust();
            assert_eq!(both.seen.borrow()[..3], [BOTH, hung_up, hung_up]);
        });
    }
}

#[test]
fn half_close_hangs_up_its_own_direction_alone() {
    let (client, server) = rested(&SimNet::new());
    on_own_context(|| {
        let reading = Watched::new(&client, IOCondition::IN, NONE, |_| ControlFlow::Break);
        exhaust();
        client.shutdown(false, true, NONE).unwrap();
        exhaust();
        assert_eq!(reading.count(), 0);
        let writing = Watched::new(&client, IOCondition::OUT, NONE, |_| ControlFlow::Break);
        exhaust();
        assert_eq!(*writing.seen.borrow(), [IOCondition::HUP]);
        send(&server, b"x", NOW).unwrap();
        exhaust();
        assert_eq!(*reading.seen.borrow(), [IOCondition::IN]);
    });
}

#[test]
fn peers_close_makes_the_source_fire_so_that_the_end_is_read() {
    let (client, server) = rested(&SimNet::new());
    on_own_context(|| {
        let watched = Watched::new(&client, IOCondition::IN, NONE, |client| {
            assert_eq!(receive(client, NOW).unwrap(), None);
            ControlFlow::Break
        });
        exhaust();
        assert_eq!(watched.count(), 0);
        server.close(NONE).unwrap();
        exhaust();
        assert_eq!(*watched.seen.borrow(), [IOCondition::IN]);
        // The end stays readable.
        assert_eq!(client.condition_check(IOCondition::IN), IOCondition::IN);
    });
}

#[test]
fn failed_handshake_makes_the_source_fire_so_that_the_error_is_read() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_server_identity(&identity("wrong.example.com"));
        assert_fails(receive(&server, NOW), IOErrorEnum::WouldBlock);
        let failed = Rc::new(Cell::new(false));
        let noted = failed.clone();
        let _watched = Watched::new(&client, IOCondition::IN, NONE, move |client| match receive(
            client, NOW,
        ) {
            Err(error) if error.matches(IOErrorEnum::WouldBlock) => ControlFlow::Continue,
            result => {
                assert_fails(result, TlsError::BadCertificate);
                noted.set(true);
                ControlFlow::Break
            }
        });
        until(|| failed.get()).await;
    });
}

#[test]
fn error_kept_for_the_next_receive_makes_the_source_fire() {
    let net = SimNet::new();
    let (near, far) = net.pair();
    let base = Meddler::new(&near);
    let (client, server) = (client(&base), server(&far));
    run(handshakes(&client, &server)).0.unwrap();
    send(&server, b"one", NOW).unwrap();
    base.fail_receive(
        1,
        glib::Error::new(IOErrorEnum::ConnectionRefused, "refused"),
    );
    assert_eq!(receive_many(&client, 2, None).unwrap(), [b"one"]);
    on_own_context(|| {
        let watched = Watched::new(&client, IOCondition::IN, NONE, |client| {
            assert_fails(receive(client, NOW), IOErrorEnum::ConnectionRefused);
            ControlFlow::Continue
        });
        exhaust();
        assert_eq!(*watched.seen.borrow(), [IOCondition::IN]);
    });
}

#[test]
fn several_sources_of_one_connection_all_fire() {
    let (client, server) = rested(&SimNet::new());
    on_own_context(|| {
        let sources: Vec<Watched> = (0..3)
            .map(|_| Watched::new(&client, IOCondition::IN, NONE, |_| ControlFlow::Break))
            .collect();
        exhaust();
        send(&server, b"x", NOW).unwrap();
        exhaust();
        assert!(sources.iter().all(|watched| watched.count() == 1));
    });
}

#[test]
fn source_fires_when_an_asynchronous_handshake_is_done() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let ours = client.handshake_future(glib::Priority::DEFAULT);
        let ours = glib::spawn_future_local(ours);
        until(|| client.condition_check(BOTH).is_empty()).await;
        let watched = Watched::new(&client, IOCondition::OUT, NONE, |client| {
            send(client, b"done", NOW).unwrap();
            ControlFlow::Break
        });
        let theirs = server.handshake_future(glib::Priority::DEFAULT);
        let theirs = glib::spawn_future_local(theirs);
        until(|| watched.count() > 0).await;
        assert_eq!(*watched.seen.borrow(), [IOCondition::OUT]);
        ours.await.unwrap().unwrap();
        theirs.await.unwrap().unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"done");
    });
}
