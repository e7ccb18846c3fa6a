//! The trampolines, called as an application calls them: through GIO's own functions.

use std::{cell::RefCell, ptr, rc::Rc, sync::mpsc, time::Duration};

use gio::prelude::*;
use glib::{IOCondition, MainContext, translate::*};

use super::{
    datagram_based::{receive_batch, send_batch},
    test_class::{Behaviour, TestBase},
};

/// A base and GIO's view of it.
fn base() -> (TestBase, gio::DatagramBased) {
    let base = TestBase::new();
    let view = base.clone().upcast();
    (base, view)
}

#[test]
fn batches_keep_datagram_boundaries() {
    let (_, base) = base();
    let sent = send_batch(&base, b"abbccc", 0, &[1, 3, 6, 6], None, None).unwrap();
    assert_eq!(sent, 4);
    let (mut arena, mut lengths) = ([0u8; 11], [99; 8]);
    let limit = Some(Duration::ZERO);
    let received = receive_batch(&base, &mut arena, 2, &mut lengths, limit, None).unwrap();
    assert_eq!(received, 4);
    assert_eq!(lengths[..5], [1, 2, 2, 0, 99]);
    assert_eq!(&arena[..6], b"a\0bbcc");
    let error = receive_batch(&base, &mut arena, 2, &mut lengths, limit, None).unwrap_err();
    assert!(error.matches(gio::IOErrorEnum::WouldBlock));
}

#[test]
fn batches_refuse_arguments_that_do_not_fit() {
    let (_, base) = base();
    for ends in [&[1, 7][..], &[4, 3], &[7]] {
        let error = send_batch(&base, b"abcdef", 0, ends, None, None).unwrap_err();
        assert!(error.matches(gio::IOErrorEnum::InvalidArgument));
    }
    assert_eq!(send_batch(&base, b"", 0, &[], None, None).unwrap(), 0);
    for (stride, room) in [(0, 1), (9, 1), (8, 0)] {
        let mut lengths = vec![0; room];
        let error =
            receive_batch(&base, &mut [0; 8], stride, &mut lengths, None, None).unwrap_err();
        assert!(error.matches(gio::IOErrorEnum::InvalidArgument));
    }
}

#[test]
fn mistakes_of_an_implementation_become_lawful_results() {
    let (test, base) = base();
    let (mut arena, mut lengths) = ([0u8; 4], [0; 4]);
    test.behave(Behaviour::ClaimTooMuch);
    let received = receive_batch(&base, &mut arena, 1, &mut lengths, None, None);
    assert_eq!(received.unwrap(), 4);
    test.behave(Behaviour::Forget);
    let error = send_batch(&base, b"a", 0, &[1], None, None).unwrap_err();
    assert!(error.matches(gio::IOErrorEnum::Failed));
}

#[test]
fn panics_of_an_implementation_become_errors() {
    let (test, base) = base();
    test.behave(Behaviour::Panic);
    let cancellable = gio::Cancellable::NONE;
    let failures = [
        receive_batch(&base, &mut [0; 4], 4, &mut [0], None, None).unwrap_err(),
        send_batch(&base, b"a", 0, &[1], None, None).unwrap_err(),
        base.condition_wait(IOCondition::IN, None, cancellable)
            .unwrap_err(),
        test.handshake(cancellable).unwrap_err(),
    ];
    for failure in failures {
        assert!(failure.matches(gio::IOErrorEnum::Failed));
        assert!(failure.message().starts_with("internal error in "));
    }
    assert_eq!(base.condition_check(IOCondition::IN), IOCondition::ERR);
    let condition = source_condition(&base);
    assert_eq!(condition, IOCondition::IN | IOCondition::ERR);
}

#[test]
fn source_reaches_the_callback() {
    let (_, base) = base();
    assert_eq!(source_condition(&base), IOCondition::OUT);
}

/// What a source of the base first tells its callback.
fn source_condition(base: &gio::DatagramBased) -> IOCondition {
    let context = MainContext::new();
    let (tell, told) = mpsc::channel();
    let source = base.create_source(
        IOCondition::IN,
        gio::Cancellable::NONE,
        None,
        glib::Priority::DEFAULT,
        move |_, condition| {
            tell.send(condition).unwrap();
            glib::ControlFlow::Break
        },
    );
    source.attach(Some(&context));
    context.iteration(false);
    assert!(source.is_destroyed());
    told.try_recv().unwrap()
}

/// Runs a handshake to its end in a context of its own.
fn handshake(behaviour: Behaviour) -> Result<(), glib::Error> {
    let context = MainContext::new();
    context
        .with_thread_default(|| {
            let connection = TestBase::new();
            connection.behave(behaviour);
            let result = Rc::new(RefCell::new(None));
            let cancellable = gio::Cancellable::new();
            connection.handshake_async(glib::Priority::HIGH, Some(&cancellable), {
                let result = result.clone();
                move |outcome| {
                    result.replace(Some(outcome));
                }
            });
            assert!(result.borrow().is_none());
            cancellable.cancel();
            while result.borrow().is_none() {
                context.iteration(true);
            }
            result.take().unwrap()
        })
        .unwrap()
}

#[test]
fn completion_reports_success_in_spite_of_a_late_cancel() {
    handshake(Behaviour::Succeed).unwrap();
    handshake(Behaviour::SucceedInThread).unwrap();
}

#[test]
fn forgotten_completion_reports_a_failure() {
    for behaviour in [Behaviour::Forget, Behaviour::Panic] {
        let error = handshake(behaviour).unwrap_err();
        assert!(error.matches(gio::IOErrorEnum::Failed));
    }
}

#[test]
fn shutdown_works_both_ways() {
    let connection = TestBase::new();
    connection.close(gio::Cancellable::NONE).unwrap();
    let context = MainContext::new();
    context
        .with_thread_default(|| context.block_on(connection.close_future(glib::Priority::DEFAULT)))
        .unwrap()
        .unwrap();
}

#[test]
fn finish_refuses_the_result_of_another_operation() {
    unsafe extern "C" fn finish_as_handshake(
        source: *mut glib::gobject_ffi::GObject,
        result: *mut gio::ffi::GAsyncResult,
        data: glib::ffi::gpointer,
    ) {
        // SAFETY: GIO passes the connection and its result; the test passes its error pointer.
        let value = unsafe {
            gio::ffi::g_dtls_connection_handshake_finish(source.cast(), result, data.cast())
        };
        assert_eq!(value, glib::ffi::GFALSE);
    }

    let connection: gio::DtlsConnection = TestBase::new().upcast();
    let context = MainContext::new();
    let mut error: *mut glib::ffi::GError = ptr::null_mut();
    let place = &raw mut error;
    context
        .with_thread_default(|| {
            // SAFETY: the connection and the error pointer outlive the iteration that calls back.
            unsafe {
                gio::ffi::g_dtls_connection_close_async(
                    connection.to_glib_none().0,
                    0,
                    ptr::null_mut(),
                    Some(finish_as_handshake),
                    place.cast(),
                );
            }
            context.iteration(true);
        })
        .unwrap();
    // SAFETY: the callback has stored an owned error.
    let error: glib::Error = unsafe { from_glib_full(error) };
    assert!(error.matches(gio::IOErrorEnum::InvalidArgument));
}

#[test]
fn protocols_arrive_as_bytes_and_null_disables_them() {
    let connection = TestBase::new();
    let names = [c"h2".as_ptr(), c"\xff".as_ptr(), ptr::null()];
    let view: *mut gio::ffi::GDtlsConnection = connection.as_ptr().cast();
    // SAFETY: `names` is an array of C strings that NULL ends. GIO does not write to it.
    unsafe { gio::ffi::g_dtls_connection_set_advertised_protocols(view, names.as_ptr().cast()) };
    let expected = vec![c"h2".to_owned(), c"\xff".to_owned()];
    assert_eq!(connection.advertised(), Some(expected));
    // SAFETY: NULL stands for no protocols.
    unsafe { gio::ffi::g_dtls_connection_set_advertised_protocols(view, ptr::null()) };
    assert_eq!(connection.advertised(), None);
    assert_eq!(connection.negotiated_protocol().as_deref(), Some("test/1"));
}

#[test]
fn channel_binding_replaces_the_array_or_only_says_that_there_is_one() {
    let connection: gio::DtlsConnection = TestBase::new().upcast();
    let view: *mut gio::ffi::GDtlsConnection = connection.to_glib_none().0;
    let old = glib::ByteArray::from(&[9; 40][..]);
    let binding = |kind, array| {
        let mut error = ptr::null_mut();
        // SAFETY: the connection is alive, and the array is one or NULL.
        unsafe {
            gio::ffi::g_dtls_connection_get_channel_binding_data(view, kind, array, &mut error);
            Option::<glib::Error>::from_glib_full(error)
        }
    };
    assert!(
        binding(
            gio::ffi::G_TLS_CHANNEL_BINDING_TLS_UNIQUE,
            old.to_glib_none().0
        )
        .is_none()
    );
    assert_eq!(&old[..], [1, 2, 3]);
    assert!(binding(gio::ffi::G_TLS_CHANNEL_BINDING_TLS_UNIQUE, ptr::null_mut()).is_none());
    let error = binding(77, ptr::null_mut()).unwrap();
    assert!(error.matches(gio::TlsChannelBindingError::NotImplemented));
}
