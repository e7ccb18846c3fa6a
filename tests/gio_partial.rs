//! What a call that is interrupted has done, for both roles and every kind of time limit.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::time::Duration;

use common::{
    NOW, assert_fails,
    calls::{NONE, SHORT, beside, each_role_established},
    receive, receive_many, send,
};
use gio::{IOErrorEnum, prelude::*};
use gio_ossl::{DtlsConnection, subclass::datagram_based::receive_batch};
use glib::IOCondition;

/// More than the base is given at once.
const MESSAGES: u8 = 100;

const OUT: IOCondition = IOCondition::OUT;

type Limit = Option<Duration>;

/// Receives three messages of one byte, and returns how many there were.
fn receive_three(
    end: &DtlsConnection,
    limit: Limit,
    cancellable: Option<&gio::Cancellable>,
) -> Result<usize, glib::Error> {
    let end = end.upcast_ref();
    receive_batch(end, &mut [0; 3], 1, &mut [0; 3], limit, cancellable)
}

/// Sends messages of one byte, from the `first`th on.
fn send_from(
    end: &DtlsConnection,
    first: u8,
    limit: Limit,
    cancellable: &gio::Cancellable,
) -> Result<usize, glib::Error> {
    let bytes: Vec<[u8; 1]> = (first..MESSAGES).map(|number| [number]).collect();
    let vectors: Vec<_> = bytes
        .iter()
        .map(|it| [gio::OutputVector::new(it)])
        .collect();
    let nowhere = gio::SocketAddress::NONE;
    let messages = vectors
        .iter()
        .map(|it| gio::OutputMessage::new(nowhere, it, &[]));
    let mut messages: Vec<_> = messages.collect();
    end.send_messages(&mut messages, 0, limit, Some(cancellable))
}

#[test]
fn interrupted_send_counts_what_went_out_and_the_next_one_goes_on() {
    for limit in [None, NOW, SHORT] {
        for (side, peer) in each_role_established() {
            let cancellable = gio::Cancellable::new();
            // The base takes the first batch, and then nothing more for a while.
            let full = glib::Error::new(IOErrorEnum::WouldBlock, "full");
            side.base.fail_send(1, full);
            let (net, sends, interruption) = (side.net.clone(), side.sends, cancellable.clone());
            side.base.on_wait(move |_| {
                net.block(sends, true);
                if limit.is_none() {
                    interruption.cancel();
                }
            });
            let count = send_from(&side.end, 0, limit, &cancellable).unwrap();
            assert!((1..usize::from(MESSAGES)).contains(&count), "{count}");
            side.net.block(side.sends, false);
            let cancellable = gio::Cancellable::new();
            let rest = send_from(&side.end, count as u8, NOW, &cancellable).unwrap();
            assert_eq!(count + rest, usize::from(MESSAGES));
            for number in 0..MESSAGES {
                assert_eq!(receive(&peer, NOW).unwrap().unwrap(), [number]);
            }
            assert_fails(receive(&peer, NOW), IOErrorEnum::WouldBlock);
        }
    }
}

#[test]
fn interrupted_receive_returns_what_it_has() {
    for limit in [None, NOW, SHORT] {
        for (side, peer) in each_role_established() {
            let cancellable = gio::Cancellable::new();
            let interruption = cancellable.clone();
            side.base.on_wait(move |_| {
                if limit.is_none() {
                    interruption.cancel();
                }
            });
            send(&peer, b"1", NOW).unwrap();
            let count = receive_three(&side.end, limit, Some(&cancellable));
            assert_eq!(count.unwrap(), 1);
            assert_fails(receive(&side.end, NOW), IOErrorEnum::WouldBlock);
            send(&peer, b"2", NOW).unwrap();
            assert_eq!(receive(&side.end, NOW).unwrap().unwrap(), b"2");
        }
    }
}

#[test]
fn receive_that_a_close_interrupts_returns_what_it_has() {
    for (side, peer) in each_role_established() {
        send(&peer, b"1", NOW).unwrap();
        let (count, closed) = beside(
            &side.base,
            || receive_three(&side.end, None, None),
            || side.end.close(NONE),
        );
        assert_eq!(count.unwrap(), 1);
        closed.unwrap();
        assert_fails(receive(&side.end, None), IOErrorEnum::Closed);
    }
}

#[test]
fn end_of_the_base_comes_after_the_messages_before_it_in_every_form() {
    for required in [true, false] {
        for limit in [None, NOW, SHORT] {
            for (side, peer) in each_role_established() {
                side.end.set_require_close_notify(required);
                send(&peer, b"1", NOW).unwrap();
                side.net.end(side.receives());
                assert_eq!(receive_three(&side.end, limit, None).unwrap(), 1);
                for _ in 0..2 {
                    let next = receive_three(&side.end, limit, None);
                    if required {
                        assert_fails(next, gio::TlsError::Eof);
                    } else {
                        assert_eq!(next.unwrap(), 0);
                    }
                }
                // The other direction is open.
                send(&side.end, b"back", NOW).unwrap();
                assert_eq!(receive(&peer, NOW).unwrap().unwrap(), b"back");
            }
        }
    }
}

#[test]
fn deferred_error_is_reported_once_in_every_form() {
    for limit in [None, NOW, SHORT] {
        for (side, peer) in each_role_established() {
            send(&peer, b"1", NOW).unwrap();
            let refused = glib::Error::new(IOErrorEnum::ConnectionRefused, "refused");
            side.base.fail_receive(1, refused);
            assert_eq!(receive_many(&side.end, 3, limit).unwrap(), [b"1"]);
            let next = receive_three(&side.end, limit, None);
            assert_fails(next, IOErrorEnum::ConnectionRefused);
            assert_fails(receive(&side.end, NOW), IOErrorEnum::WouldBlock);
        }
    }
}

#[test]
fn error_after_a_part_was_sent_is_reported_once_by_the_next_send() {
    for limit in [None, NOW, SHORT] {
        for (side, peer) in each_role_established() {
            let cancellable = gio::Cancellable::new();
            let refused = glib::Error::new(IOErrorEnum::ConnectionRefused, "refused");
            side.base.fail_send(1, refused);
            let count = send_from(&side.end, 0, limit, &cancellable).unwrap();
            assert!((1..usize::from(MESSAGES)).contains(&count), "{count}");
            assert_eq!(side.end.condition_check(OUT), OUT);
            // The other direction hears nothing of it.
            assert_fails(receive(&side.end, NOW), IOErrorEnum::WouldBlock);
            let next = send_from(&side.end, count as u8, limit, &cancellable);
            assert_fails(next, IOErrorEnum::ConnectionRefused);
            let rest = send_from(&side.end, count as u8, limit, &cancellable).unwrap();
            assert_eq!(count + rest, usize::from(MESSAGES));
            for number in 0..MESSAGES {
                assert_eq!(receive(&peer, NOW).unwrap().unwrap(), [number]);
            }
        }
    }
}

#[test]
fn error_kept_for_the_next_send_makes_a_full_base_ready() {
    for (side, _peer) in each_role_established() {
        let refused = glib::Error::new(IOErrorEnum::ConnectionRefused, "refused");
        side.base.fail_send(1, refused);
        send_from(&side.end, 0, NOW, &gio::Cancellable::new()).unwrap();
        side.net.block(side.sends, true);
        assert_eq!(side.end.condition_check(OUT), OUT);
        side.end.condition_wait(OUT, NOW, NONE).unwrap();
        assert_fails(send(&side.end, b"x", NOW), IOErrorEnum::ConnectionRefused);
        assert_eq!(side.end.condition_check(OUT), IOCondition::empty());
    }
}
