//! Sources that listen to a socket, or to another base.

use std::{
    net::UdpSocket,
    os::fd::AsRawFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use gio::prelude::*;
use glib::MainContext;

use super::{
    tests::{Probe, count, iterate},
    *,
};
use crate::subclass::test_class::TestBase;

/// A connected socket, and its peer.
fn sockets() -> (gio::Socket, UdpSocket) {
    let [near, far] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    near.connect(far.local_addr().unwrap()).unwrap();
    far.connect(near.local_addr().unwrap()).unwrap();
    (gio::Socket::from_fd(near.into()).unwrap(), far)
}

fn attach(
    context: &MainContext,
    base: &impl IsA<gio::DatagramBased>,
    body: impl FnMut(&Running<'_>) + Send + 'static,
) -> (glib::Source, Arc<AtomicUsize>) {
    let (probe, runs) = Probe::new(body);
    let base = SharedRef::new(base.clone().upcast());
    let causes = Causes {
        base: Some(&base),
        ..Causes::default()
    };
    let source = worker_source("test", probe, causes);
    source.attach(Some(context));
    (source, runs)
}

/// What the context would poll now, and for how long.
fn polled(context: &MainContext) -> Vec<i32> {
    let context: *mut ffi::GMainContext = context.to_glib_none().0;
    let mut descriptors = [ffi::GPollFD {
        fd: -1,
        events: 0,
        revents: 0,
    }; 16];
    // SAFETY: the context is alive and run by this thread; there is room for as many as is said.
    let number = unsafe {
        let (mut priority, mut timeout) = (0, 0);
        assert_eq!(ffi::g_main_context_acquire(context), ffi::GTRUE);
        ffi::g_main_context_prepare(context, &mut priority);
        let number = ffi::g_main_context_query(
            context,
            priority,
            &mut timeout,
            descriptors.as_mut_ptr(),
            16,
        );
        ffi::g_main_context_release(context);
        number as usize
    };
    descriptors[..number].iter().map(|it| it.fd).collect()
}

fn take(socket: &gio::Socket) {
    socket
        .receive(&mut [0; 16], gio::Cancellable::NONE)
        .unwrap();
}

#[test]
fn source_dispatches_while_what_it_listens_to_holds() {
    let (socket, peer) = sockets();
    let context = MainContext::new();
    let (told, heard) = std::sync::mpsc::channel();
    let listening = Arc::new(AtomicUsize::new(IOCondition::IN.bits() as usize));
    let wanted = listening.clone();
    let (source, runs) = attach(&context, &socket, move |source| {
        told.send(source.heard()).unwrap();
        let wanted = wanted.load(Ordering::Relaxed);
        source.listen(IOCondition::from_bits_truncate(wanted as u32));
    });
    iterate(&context);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [IOCondition::empty()]);
    assert!(polled(&context).contains(&socket.as_raw_fd()));
    peer.send(b"x").unwrap();
    for _ in 0..3 {
        assert!(context.iteration(true));
    }
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [IOCondition::IN; 3]);
    listening.store(IOCondition::OUT.bits() as usize, Ordering::Relaxed);
    context.iteration(true);
    context.iteration(true);
    assert_eq!(heard.try_iter().last(), Some(IOCondition::OUT));
    listening.store(0, Ordering::Relaxed);
    iterate(&context);
    assert!(!polled(&context).contains(&socket.as_raw_fd()));
    assert!(count(&runs) >= 6);
    source.destroy();
}

/// A dispatch that runs the context while `base` is ready, on a source that may recurse or not.
fn nested(recursion: bool, base: &impl IsA<gio::DatagramBased>, descriptor: Option<i32>) {
    let context = MainContext::new();
    let (source, runs) = attach(&context, base, {
        let (context, mut listens) = (context.clone(), false);
        move |source| {
            source.listen(IOCondition::IN);
            if std::mem::replace(&mut listens, true) {
                // It has listened, and so was dispatched.
                iterate(&context);
                let polled = polled(&context);
                assert!(descriptor.is_none_or(|it| !polled.contains(&it)));
                assert!(!context.pending());
            }
        }
    });
    // SAFETY: the source is alive.
    unsafe { ffi::g_source_set_can_recurse(source.to_glib_none().0, recursion.into_glib()) };
    for run in 1..=4 {
        // Poll may have been woken by what has changed, and by nothing else.
        while count(&runs) < run {
            context.iteration(true);
        }
    }
    source.destroy();
}

#[test]
fn context_that_a_dispatch_runs_does_not_hear_its_source_until_that_is_over() {
    let (socket, peer) = sockets();
    peer.send(b"x").unwrap();
    for recursion in [false, true] {
        nested(recursion, &socket, Some(socket.as_raw_fd()));
        // Always ready, by a child that is asked before its parent.
        nested(recursion, &TestBase::new(), None);
    }
}

#[test]
fn source_is_told_once_that_its_socket_is_closed() {
    let (socket, _peer) = sockets();
    let context = MainContext::new();
    let (source, runs) = attach(&context, &socket, |source| source.listen(IOCondition::IN));
    iterate(&context);
    assert_eq!(count(&runs), 1);
    let descriptor = socket.as_raw_fd();
    socket.close().unwrap();
    // Another file may have the number now.
    assert!(!polled(&context).contains(&descriptor));
    iterate(&context);
    assert_eq!(count(&runs), 2);
    source.destroy();
}

#[test]
fn source_that_its_callback_destroys_does_not_listen_any_more() {
    let (socket, peer) = sockets();
    let context = MainContext::new();
    let handle: Arc<Mutex<Option<glib::Source>>> = Arc::default();
    let destroyed = handle.clone();
    let (source, runs) = attach(&context, &socket, move |source| {
        source.listen(IOCondition::IN);
        if source.heard() == IOCondition::IN {
            destroyed.lock().unwrap().take().unwrap().destroy();
            source.listen(IOCondition::OUT);
        }
    });
    *handle.lock().unwrap() = Some(source);
    iterate(&context);
    peer.send(b"x").unwrap();
    while count(&runs) < 2 {
        context.iteration(true);
    }
    iterate(&context);
    assert_eq!(count(&runs), 2);
    take(&socket);
}
