//! The scripted network itself.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{cell::Cell, rc::Rc, thread, time::Duration};

use common::simnet::{Direction, Fate, SimNet};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::subclass::datagram_based::{receive_batch, send_batch};
use glib::IOCondition;

fn send(from: &impl IsA<gio::DatagramBased>, datagram: &[u8]) {
    let count = send_batch(
        from.upcast_ref(),
        datagram,
        0,
        &[datagram.len()],
        Some(Duration::ZERO),
        None,
    );
    assert_eq!(count.unwrap(), 1);
}

fn receive(
    at: &impl IsA<gio::DatagramBased>,
    timeout: Option<Duration>,
    cancellable: Option<&gio::Cancellable>,
) -> Result<Vec<u8>, glib::Error> {
    let mut arena = [0; 64];
    let mut lengths = [0];
    let count = receive_batch(
        at.upcast_ref(),
        &mut arena,
        64,
        &mut lengths,
        timeout,
        cancellable,
    )?;
    assert_eq!(count, 1);
    Ok(arena[..lengths[0]].to_vec())
}

/// Sends "a", "b" and "c" over a network that gives "b" this fate; what arrives.
fn arrivals(fate: Fate) -> Vec<Vec<u8>> {
    let net = SimNet::with_fate(Direction::ToServer, 1, fate);
    let (client, server) = net.pair();
    for datagram in [b"a", b"b", b"c"] {
        send(&client, datagram);
    }
    assert_eq!(net.sent(Direction::ToServer), [b"a", b"b", b"c"]);
    assert!(net.sent(Direction::ToClient).is_empty());
    std::iter::from_fn(|| receive(&server, Some(Duration::ZERO), None).ok()).collect()
}

#[test]
fn fates_are_dealt_to_the_datagram_they_are_meant_for() {
    assert_eq!(arrivals(Fate::Deliver), [b"a", b"b", b"c"]);
    assert_eq!(arrivals(Fate::Drop), [b"a", b"c"]);
    assert_eq!(arrivals(Fate::Duplicate), [b"a", b"b", b"b", b"c"]);
    assert_eq!(arrivals(Fate::DelayPast(1)), [b"a", b"c", b"b"]);
    assert_eq!(arrivals(Fate::DelayPast(2)), [b"a", b"c"]);
    let corrupt = Fate::Corrupt {
        offset: 0,
        mask: 0x20,
    };
    assert_eq!(arrivals(corrupt), [b"a", b"B", b"c"]);
    assert_eq!(arrivals(Fate::Truncate(0)), [&b"a"[..], b"", b"c"]);
    let inject = Fate::Inject(vec![b"x".to_vec()]);
    assert_eq!(arrivals(inject), [b"a", b"x", b"b", b"c"]);
}

#[test]
fn nothing_there_would_block_or_times_out() {
    let (client, _server) = SimNet::new().pair();
    let error = receive(&client, Some(Duration::ZERO), None).unwrap_err();
    assert!(error.matches(IOErrorEnum::WouldBlock));
    let error = receive(&client, Some(Duration::from_millis(1)), None).unwrap_err();
    assert!(error.matches(IOErrorEnum::TimedOut));
}

#[test]
fn blocked_receiver_is_woken_by_a_datagram_from_another_thread() {
    let net = SimNet::new();
    let far = net.clone();
    let receiver = thread::spawn(move || receive(&far.server(), None, None).unwrap());
    send(&net.client(), b"wake");
    assert_eq!(receiver.join().unwrap(), b"wake");
}

#[test]
fn blocked_receiver_is_woken_by_cancellation() {
    let net = SimNet::new();
    let cancellable = gio::Cancellable::new();
    let canceller = thread::spawn({
        let cancellable = cancellable.clone();
        move || cancellable.cancel()
    });
    let error = receive(&net.client(), None, Some(&cancellable)).unwrap_err();
    assert!(error.matches(IOErrorEnum::Cancelled));
    canceller.join().unwrap();
}

#[test]
fn source_fires_on_arrival_and_on_cancellation() {
    let context = glib::MainContext::new();
    let (client, server) = SimNet::new().pair();
    let seen = Rc::new(Cell::new(None));
    let cancellable = gio::Cancellable::new();
    for cancel in [false, true] {
        let noted = seen.clone();
        let source = client.create_source(
            IOCondition::IN,
            Some(&cancellable),
            None,
            glib::Priority::DEFAULT,
            move |_, condition| {
                noted.set(Some(condition));
                glib::ControlFlow::Break
            },
        );
        source.attach(Some(&context));
        while context.iteration(false) {}
        assert_eq!(seen.get(), None);
        if cancel {
            cancellable.cancel();
        } else {
            send(&server, b"wake");
        }
        while seen.get().is_none() {
            context.iteration(true);
        }
        let condition = seen.take();
        assert_eq!(condition == Some(IOCondition::IN), !cancel);
        receive(&client, Some(Duration::ZERO), None).ok();
    }
}
