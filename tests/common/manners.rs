//! How connections are used by their applications, each of which sends back what it receives.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use gio::{IOErrorEnum, prelude::*};
use gio_ossl::engine::{Config, Role};
use gio_ossl::{DtlsConnection, prelude::*};
use glib::{ControlFlow, IOCondition, Priority};

use crate::{
    common::{NOW, client, receive, send, server},
    floods::patient,
    outpost::Peer,
};

const NONE: Option<&gio::Cancellable> = None;
const LONGEST: usize = 2_000;

/// The interface that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Blocking calls.
    Blocking,
    /// Blocking calls for many messages, with the kernel's offloads.
    Batches,
    /// A source, and calls that do not wait.
    Source,
    /// Futures.
    Future,
}

/// What an application has come to.
pub type End = Rc<RefCell<Option<Result<(), glib::Error>>>>;

impl Manner {
    pub const ALL: [Self; 4] = [Self::Blocking, Self::Batches, Self::Source, Self::Future];

    /// Sends messages back until one side closes. Counts the calls of the application, or those that the main
    /// loop makes.
    pub fn serve(self, end: &DtlsConnection, calls: &AtomicUsize) {
        let result = match self {
            Self::Blocking | Self::Batches => self.block(end, calls),
            Self::Source | Self::Future => glib::MainContext::new()
                .with_thread_default(|| {
                    let context = glib::MainContext::ref_thread_default();
                    let over = End::default();
                    self.attach(end, &context, over.clone());
                    while over.borrow().is_none() {
                        context.iteration(true);
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                    over.take().unwrap()
                })
                .unwrap(),
        };
        if let Err(error) = result {
            assert!(error.matches(IOErrorEnum::Closed), "{self:?}: {error}");
        }
    }

    /// The same in a main loop, which says when it is over.
    pub fn attach(self, end: &DtlsConnection, context: &glib::MainContext, over: End) {
        match self {
            Self::Source => watch(end, context, over),
            _ => await_messages(end, context, over),
        }
    }

    fn block(self, end: &DtlsConnection, calls: &AtomicUsize) -> Result<(), glib::Error> {
        let limit = if self == Self::Batches { 32 } else { 1 };
        loop {
            calls.fetch_add(1, Ordering::Relaxed);
            let messages = end.receive_many(limit, LONGEST, None, NONE)?;
            if messages.is_empty() {
                return Ok(());
            }
            end.send_many(&messages, None, NONE)?;
        }
    }
}

fn watch(end: &DtlsConnection, context: &glib::MainContext, over: End) {
    let react = move |end: &DtlsConnection, _| {
        match receive(end, NOW) {
            Ok(Some(message)) => send(end, &message, NOW).unwrap(),
            Err(error) if error.matches(IOErrorEnum::WouldBlock) => {}
            ended => {
                over.replace(Some(ended.map(drop)));
                return ControlFlow::Break;
            }
        }
        ControlFlow::Continue
    };
    let source = end.create_source(IOCondition::IN, NONE, None, Priority::DEFAULT, react);
    source.attach(Some(context));
}

fn await_messages(end: &DtlsConnection, context: &glib::MainContext, over: End) {
    let end = end.clone();
    let echo = async move || -> Result<(), glib::Error> {
        let priority = Priority::DEFAULT;
        while let Some(message) = end.receive_bytes_future(LONGEST, priority).await? {
            end.send_bytes_future(&message, priority).await?;
        }
        Ok(())
    };
    context.spawn_local(async move {
        let result = echo().await;
        over.replace(Some(result));
    });
}

/// Runs `body` with a peer by hand whose other end is served in another thread, before their handshake.
pub fn beside_service<T>(
    role: Role,
    manner: Manner,
    body: impl FnOnce(&mut Peer, &DtlsConnection, &AtomicUsize) -> T,
) -> T {
    beside_service_with(role, manner, patient(other(role)), body)
}

/// The same with a peer of this configuration.
pub fn beside_service_with<T>(
    role: Role,
    manner: Manner,
    config: Config,
    body: impl FnOnce(&mut Peer, &DtlsConnection, &AtomicUsize) -> T,
) -> T {
    let (mut peer, end) = meet_with(role, config);
    // Nothing is repeated.
    end.set_initial_timeout(Duration::from_secs(60));
    if manner == Manner::Batches {
        end.set_receive_offloaded(true);
    }
    let calls = AtomicUsize::new(0);
    thread::scope(|scope| {
        let closing = Closing(&end);
        scope.spawn(|| manner.serve(&end, &calls));
        let result = body(&mut peer, &end, &calls);
        drop(closing);
        result
    })
}

/// The role of the peer.
pub fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// A connection in this role, and its peer.
pub fn meet(role: Role) -> (Peer, DtlsConnection) {
    meet_with(role, patient(other(role)))
}

fn meet_with(role: Role, config: Config) -> (Peer, DtlsConnection) {
    let (peer, base) = Peer::new(config);
    let end = match role {
        Role::Client => client(&base).upcast(),
        Role::Server => server(&base).upcast(),
    };
    (peer, end)
}

/// Closes a connection in the end, so that a test that fails does not wait for those who use it.
pub struct Closing<'a>(pub &'a DtlsConnection);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let _ = self.0.close(NONE);
    }
}
