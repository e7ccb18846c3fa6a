//! The life of sources: cancellation, closures, and what they keep alive.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[path = "common/watched.rs"]
mod watched;

use std::{cell::RefCell, rc::Rc, time::Duration};

use common::{
    NOW, assert_fails,
    calls::NONE,
    client, receive,
    records::alert_count,
    send,
    simnet::{Direction, SimNet},
};
use gio::{IOErrorEnum, prelude::*};
use glib::{ControlFlow, IOCondition};
use watched::{BOTH, Watched, exhaust, idle, on_own_context, rested};

#[test]
fn cancellation_dispatches_the_source() {
    let (client, _server) = rested(&SimNet::new());
    on_own_context(|| {
        let cancellable = gio::Cancellable::new();
        let watched = Watched::new(&client, IOCondition::IN, Some(&cancellable), |_| {
            ControlFlow::Break
        });
        exhaust();
        assert_eq!(watched.count(), 0);
        cancellable.cancel();
        exhaust();
        assert_eq!(watched.count(), 1);
        assert!((watched.seen.borrow()[0] - IOCondition::IN).is_empty());
    });
}

#[test]
fn cancelled_cancellable_dispatches_at_once_in_every_state() {
    let net = SimNet::new();
    let fresh = client(&net.client());
    let shaking = client(&net.client());
    let soon = Some(Duration::from_millis(1));
    assert_fails(receive(&shaking, soon), IOErrorEnum::TimedOut);
    let (open, _server) = rested(&SimNet::new());
    on_own_context(|| {
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        for connection in [&fresh, &shaking, &open] {
            let watched = Watched::new(connection, IOCondition::IN, Some(&cancelled), |_| {
                ControlFlow::Break
            });
            exhaust();
            assert_eq!(watched.count(), 1);
        }
    });
}

#[test]
fn source_keeps_the_connection_alive_until_it_is_destroyed() {
    let net = SimNet::new();
    let (client, server) = rested(&net);
    on_own_context(|| {
        let watched = Watched::new(&client, IOCondition::IN, NONE, |client| {
            receive(client, NOW).unwrap();
            ControlFlow::Continue
        });
        exhaust();
        drop(client);
        send(&server, b"x", NOW).unwrap();
        exhaust();
        assert_eq!(watched.count(), 1);
        assert_eq!(alert_count(&net, Direction::ToServer), 0);
        drop(watched);
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
    });
}

#[test]
fn last_reference_may_go_inside_the_callback() {
    let net = SimNet::new();
    let (client, server) = rested(&net);
    on_own_context(|| {
        let owner = RefCell::new(Some(client.clone()));
        let watched = Watched::new(&client, IOCondition::IN, NONE, move |_| {
            owner.take();
            ControlFlow::Break
        });
        drop(client);
        send(&server, b"x", NOW).unwrap();
        exhaust();
        assert_eq!(watched.count(), 1);
        drop(watched);
        assert_eq!(alert_count(&net, Direction::ToServer), 1);
    });
}

#[test]
fn source_that_was_never_attached_leaves_no_reference() {
    let (client, _server) = rested(&SimNet::new());
    let priority = glib::Priority::DEFAULT;
    let source = client.create_source(IOCondition::IN, NONE, None, priority, |_, _| {
        ControlFlow::Break
    });
    assert!(client.ref_count() > 1);
    drop(source);
    assert_eq!(client.ref_count(), 1);
}

#[test]
fn destroyed_source_leaves_no_reference() {
    let (client, server) = rested(&SimNet::new());
    on_own_context(|| {
        for condition in [IOCondition::IN, IOCondition::OUT, BOTH] {
            let watched = Watched::new(&client, condition, NONE, idle);
            send(&server, b"x", NOW).unwrap();
            let context = glib::MainContext::thread_default().unwrap();
            context.iteration(false);
            drop(watched);
            exhaust();
        }
    });
    assert_eq!(client.ref_count(), 1);
}

#[test]
fn handshake_begun_by_a_poll_leaves_no_reference_when_it_is_dropped() {
    let net = SimNet::new();
    on_own_context(|| {
        let client = client(&net.client());
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
        exhaust();
        assert_eq!(client.ref_count(), 1);
        let weak = client.downgrade();
        drop(client);
        assert!(weak.upgrade().is_none());
        assert!(exhaust() < 10);
    });
}

#[test]
#[allow(unsafe_code)] // GIO's Rust interface never uses a closure here, other languages do.
fn closure_is_called_with_the_connection_and_the_condition() {
    use glib::{ffi, gobject_ffi, translate::*};

    unsafe extern "C" {
        fn g_source_set_closure(source: *mut ffi::GSource, closure: *mut gobject_ffi::GClosure);
    }

    let (client, server) = rested(&SimNet::new());
    on_own_context(|| {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let noted = seen.clone();
        let closure = glib::Closure::new_local(move |values| {
            let connection = values[0].get::<gio::DatagramBased>().unwrap();
            noted
                .borrow_mut()
                .push((connection, values[1].get::<IOCondition>().unwrap()));
            Some(false.to_value())
        });
        let base = client.upcast_ref::<gio::DatagramBased>();
        // SAFETY: the arguments live during the calls; the new source comes with its own reference.
        let source: glib::Source = unsafe {
            let source = gio::ffi::g_datagram_based_create_source(
                base.to_glib_none().0,
                IOCondition::IN.into_glib(),
                std::ptr::null_mut(),
            );
            g_source_set_closure(
                source.cast::<ffi::GSource>(),
                closure.as_ref().to_glib_none().0,
            );
            from_glib_full(source)
        };
        // GLib destroys the source together with the closure, and must find it alive.
        drop(closure);
        source.attach(glib::MainContext::thread_default().as_ref());
        exhaust();
        send(&server, b"x", NOW).unwrap();
        exhaust();
        assert_eq!(*seen.borrow(), [(base.clone(), IOCondition::IN)]);
        assert!(source.is_destroyed());
    });
    assert_eq!(client.ref_count(), 1);
}
