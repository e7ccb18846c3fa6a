//! What GIO's own functions check after every call, in every state, of both roles, with every kind
//! of time limit: criticals end the program here.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // GIO's Rust interface hides what is tested here.

mod common;

use std::{
    ptr,
    sync::{Arc, Mutex},
};

use common::{
    NOW, assert_fails,
    calls::{NONE, SHORT, Side, each_role, each_role_established},
    handshakes, identity, receive, receive_many, run, send,
};
use gio::{IOErrorEnum, ffi, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsConnection};
use glib::{IOCondition, translate::*};

const BOTH: IOCondition = IOCondition::IN.union(IOCondition::OUT);

/// Microseconds: for ever, not at all, a while.
const TIMEOUTS: [i64; 3] = [-1, 0, 2000];

fn strict() {
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
}

/// Count and error agree with each other, with the number of messages and with the time limit.
fn check_moved(count: i32, error: Option<glib::Error>, wanted: u32, timeout: i64) {
    assert_eq!(count < 0, error.is_some(), "{count} {error:?}");
    assert!(count <= wanted as i32);
    if let Some(error) = error {
        assert!(timeout == 0 || !error.matches(IOErrorEnum::WouldBlock));
        assert!(timeout > 0 || !error.matches(IOErrorEnum::TimedOut));
    }
}

fn check_receive(end: &DtlsConnection, wanted: u32, timeout: i64, cancellable: &gio::Cancellable) {
    let mut buffers = [[0_u8; 64]; 3];
    let mut vectors = buffers.each_mut().map(|buffer| ffi::GInputVector {
        buffer: buffer.as_mut_ptr().cast(),
        size: buffer.len(),
    });
    let mut messages = vectors.each_mut().map(|vector| ffi::GInputMessage {
        address: ptr::null_mut(),
        vectors: vector,
        num_vectors: 1,
        bytes_received: 0,
        flags: 0,
        control_messages: ptr::null_mut(),
        num_control_messages: ptr::null_mut(),
    });
    let mut error = ptr::null_mut();
    // SAFETY: at most three messages are wanted; they and all they point to outlive the call.
    let (count, error) = unsafe {
        let count = ffi::g_datagram_based_receive_messages(
            end.upcast_ref::<gio::DatagramBased>().to_glib_none().0,
            messages.as_mut_ptr(),
            wanted,
            0,
            timeout,
            cancellable.to_glib_none().0,
            &mut error,
        );
        (count, from_glib_full::<_, Option<glib::Error>>(error))
    };
    check_moved(count, error, wanted, timeout);
}

fn check_send(end: &DtlsConnection, wanted: u32, timeout: i64, cancellable: &gio::Cancellable) {
    let vectors = [ffi::GOutputVector {
        buffer: b"m".as_ptr().cast(),
        size: 1,
    }; 3];
    let mut messages = vectors.each_ref().map(|vector| ffi::GOutputMessage {
        address: ptr::null_mut(),
        vectors: ptr::from_ref(vector).cast_mut(),
        num_vectors: 1,
        bytes_sent: 0,
        control_messages: ptr::null_mut(),
        num_control_messages: 0,
    });
    let mut error = ptr::null_mut();
    // SAFETY: at most three messages are wanted; they and all they point to outlive the call.
    let (count, error) = unsafe {
        let count = ffi::g_datagram_based_send_messages(
            end.upcast_ref::<gio::DatagramBased>().to_glib_none().0,
            messages.as_mut_ptr(),
            wanted,
            0,
            timeout,
            cancellable.to_glib_none().0,
            &mut error,
        );
        (count, from_glib_full::<_, Option<glib::Error>>(error))
    };
    check_moved(count, error, wanted, timeout);
    assert!(count != 0 || wanted == 0 || timeout >= 0);
    let sent = messages.iter().filter(|message| message.bytes_sent == 1);
    assert_eq!(sent.count(), usize::try_from(count).unwrap_or(0));
}

fn check_conditions(end: &DtlsConnection, timeout: i64, cancellable: &gio::Cancellable) {
    for asked in [BOTH, IOCondition::IN, IOCondition::OUT, IOCondition::ERR] {
        let found = end.condition_check(asked);
        let lawful = asked | IOCondition::ERR | IOCondition::HUP;
        assert!(lawful.contains(found), "{found:?}");
        assert!(!found.contains(IOCondition::HUP) || !found.intersects(BOTH));
        let mut error = ptr::null_mut();
        // SAFETY: the arguments live during the call.
        let (met, error) = unsafe {
            let met = ffi::g_datagram_based_condition_wait(
                end.upcast_ref::<gio::DatagramBased>().to_glib_none().0,
                asked.into_glib(),
                timeout,
                cancellable.to_glib_none().0,
                &mut error,
            );
            (met, from_glib_full::<_, Option<glib::Error>>(error))
        };
        assert_eq!(met != 0, error.is_none(), "{error:?}");
    }
}

/// Makes every call. One that would block is cancelled when it waits for the base.
fn check_every_call(side: &Side) {
    strict();
    let current = Arc::new(Mutex::new(gio::Cancellable::new()));
    let blocked = current.clone();
    side.base.on_wait(move |_| blocked.lock().unwrap().cancel());
    let fresh = || {
        let cancellable = gio::Cancellable::new();
        *current.lock().unwrap() = cancellable.clone();
        cancellable
    };
    for timeout in TIMEOUTS {
        for wanted in [0, 1, 3] {
            check_receive(&side.end, wanted, timeout, &fresh());
            check_send(&side.end, wanted, timeout, &fresh());
        }
        check_conditions(&side.end, timeout, &fresh());
        let cancelled = fresh();
        cancelled.cancel();
        check_receive(&side.end, 3, timeout, &cancelled);
        check_send(&side.end, 3, timeout, &cancelled);
        check_conditions(&side.end, timeout, &cancelled);
    }
}

#[test]
fn calls_before_and_during_a_handshake_keep_the_rules() {
    for started in [false, true] {
        for side in each_role() {
            if started {
                assert_fails(receive(&side.end, SHORT), IOErrorEnum::TimedOut);
            }
            check_every_call(&side);
        }
    }
}

#[test]
fn calls_after_a_failed_handshake_keep_the_rules() {
    for side in each_role() {
        let peer = side.peer();
        for end in [&side.end, &peer] {
            if let Some(client) = end.downcast_ref::<DtlsClientConnection>() {
                client.set_server_identity(&identity("wrong.example.com"));
            }
        }
        let (ours, theirs) = run(handshakes(&side.end, &peer));
        assert!(ours.is_err() && theirs.is_err());
        check_every_call(&side);
    }
}

#[test]
fn calls_of_an_established_connection_keep_the_rules() {
    type Prepare = fn(&Side, &DtlsConnection);
    let states: [Prepare; 9] = [
        |_, _| {},
        |_, peer| send(peer, b"m", NOW).unwrap(),
        |_, peer| (0..40).for_each(|_| send(peer, b"m", NOW).unwrap()),
        |side, peer| {
            // Two records in one datagram, of which one is taken.
            let before = side.net.sent(side.receives()).len();
            send(peer, b"1", NOW).unwrap();
            send(peer, b"2", NOW).unwrap();
            receive_many(&side.base, 2, NOW).unwrap();
            let both = side.net.sent(side.receives())[before..].concat();
            side.net.inject(side.receives(), &both);
            assert_eq!(receive(&side.end, NOW).unwrap().unwrap(), b"1");
        },
        |_, peer| peer.close(NONE).unwrap(),
        |side, _| side.end.close(NONE).unwrap(),
        |side, _| side.end.shutdown(true, false, NONE).unwrap(),
        |side, _| side.end.shutdown(false, true, NONE).unwrap(),
        |side, _| side.net.end(side.receives()),
    ];
    for prepare in states {
        for full in [false, true] {
            for (side, peer) in each_role_established() {
                prepare(&side, &peer);
                side.net.block(side.sends, full);
                check_every_call(&side);
            }
        }
    }
}

#[test]
fn calls_over_a_base_that_fails_keep_the_rules() {
    let codes = [
        IOErrorEnum::ConnectionRefused,
        IOErrorEnum::TimedOut,
        IOErrorEnum::WouldBlock,
        IOErrorEnum::Failed,
    ];
    let fail = |side: &Side| {
        for code in codes {
            for successes in [0, 1] {
                let error = glib::Error::new(code, "made up");
                side.base.fail_receive(successes, error.clone());
                side.base.fail_send(successes, error);
            }
        }
    };
    for side in each_role() {
        fail(&side);
        check_every_call(&side);
    }
    for (side, peer) in each_role_established() {
        fail(&side);
        (0..9).for_each(|_| send(&peer, b"m", NOW).unwrap());
        check_every_call(&side);
    }
}

#[test]
fn messages_with_control_messages_go_to_the_peer_without_them() {
    for (side, peer) in each_role_established() {
        let control = gio::UnixCredentialsMessage::new();
        let elsewhere = gio::InetSocketAddress::from_string("192.0.2.1", 9).unwrap();
        let vectors = [
            gio::OutputVector::new(b"to "),
            gio::OutputVector::new(b"you"),
        ];
        let controls = [control.upcast()];
        let message = gio::OutputMessage::new(Some(&elsewhere), &vectors, &controls);
        let count = side.end.send_messages(&mut [message], 0, None, NONE);
        assert_eq!(count.unwrap(), 1);
        assert_eq!(receive(&peer, NOW).unwrap().unwrap(), b"to you");
    }
}
