//! Driving the handshake: by blocking calls, by main loops, never by a thread of our own.
//!
//! Whoever holds the handshake's lane takes the engine's steps. A call that may not block leaves a
//! source behind on its main context, and every later call moves the handshake as well.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use gio::prelude::*;
use glib::subclass::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::facts;
use super::imp::DtlsConnection;
use super::status::{Budget, Handshake, Lane, LaneGuard, Status, check_cancelled};
use crate::certificate::credentials::Credentials;
use crate::certificate::identity;
use crate::engine::{self, Config, Datagrams, Engine, Role, Step};
use crate::error::Error;
use crate::subclass::dtls_connection::Completion;
use crate::subclass::source::{SourceImpl, add_child, set_priority, set_ready_time, worker_source};
use crate::transport::{Received, Transport};

/// Bytes of UDP payload that a flight's datagrams are fragmented to: what every path of the Internet
/// that carries Ethernet or IPv6 in a tunnel takes without fragmenting.
const MTU: u16 = 1400;
/// Datagrams taken from the base at once during a handshake.
const FLIGHT: usize = 16;

/// What became of the handshake.
pub enum Advance {
    /// It is over, well or badly.
    Done,
    /// The next datagram is needed, or this time must pass.
    Waiting(Option<Duration>),
}

impl DtlsConnection {
    /// `handshake()`: blocks until the handshake is over.
    pub fn handshake_blocking(&self, cancellable: Option<&gio::Cancellable>) -> Result<(), Error> {
        check_cancelled(cancellable)?;
        let _explicit = match self.begin_explicit()? {
            Explicit::Settled => return Ok(()),
            Explicit::Begun(guard) => guard,
        };
        self.settle(Budget::Forever, cancellable, |status| status.write_closed)
    }

    /// `handshake_async()`: completes from the context's loop, never before it runs.
    pub fn handshake_in_background(
        &self,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        let context = completion.context();
        let started = check_cancelled(cancellable).and_then(|()| self.begin_explicit());
        match started {
            Ok(Explicit::Settled) => completion.complete(Ok(())),
            Err(error) => completion.complete(Err(error.into())),
            Ok(Explicit::Begun(guard)) => {
                let worker = Worker {
                    connection: self.obj().downgrade(),
                    task: Some(Task {
                        completion,
                        cancellable: cancellable.cloned(),
                        _guard: guard,
                    }),
                };
                self.attach(worker, priority, cancellable, &context);
            }
        }
    }

    /// Lets the main loop go on with a handshake that a non-blocking call found unfinished.
    pub fn continue_in_background(&self) {
        let mut status = self.shared.lock();
        if status.background.is_some() || status.explicit_handshake {
            return;
        }
        let worker = Worker {
            connection: self.obj().downgrade(),
            task: None,
        };
        let source = worker_source("GioOssl handshake", worker, Some(&self.shared.alarm));
        status.background = Some(source.clone());
        drop(status);
        self.equip(&source, None);
        source.attach(Some(&glib::MainContext::ref_thread_default()));
    }

    fn attach(
        &self,
        worker: Worker,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        context: &glib::MainContext,
    ) {
        let source = worker_source("GioOssl handshake_async", worker, Some(&self.shared.alarm));
        set_priority(&source, priority);
        self.equip(&source, cancellable);
        source.attach(Some(context));
    }

    /// Gives a worker its events: datagrams and cancellation, and a first dispatch at once.
    fn equip(&self, source: &glib::Source, cancellable: Option<&gio::Cancellable>) {
        let child = self
            .transport()
            .ok()
            .and_then(|transport| transport.source(IOCondition::IN, cancellable));
        if let Some(child) = child {
            add_child(source, &child);
        }
        set_ready_time(source, Some(Duration::ZERO));
    }

    /// Claims the right to an explicit handshake.
    fn begin_explicit(&self) -> Result<Explicit, Error> {
        let mut status = self.shared.lock();
        if status.is_held_here(Lane::Handshake) {
            return Err(Error::WouldDeadlock);
        }
        if status.write_closed {
            return Err(Error::Closed);
        }
        match &status.handshake {
            Handshake::Established => return Ok(Explicit::Settled),
            Handshake::Failed(error) => return Err(error.clone()),
            Handshake::NotStarted | Handshake::InProgress => {}
        }
        if status.explicit_handshake {
            return Err(Error::Pending);
        }
        status.explicit_handshake = true;
        Ok(Explicit::Begun(ExplicitGuard {
            connection: self.obj().downgrade(),
        }))
    }

    /// Brings the handshake to its end within the budget. `closed` tells when there is no use in it.
    pub fn settle(
        &self,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
        closed: impl Fn(&Status) -> bool,
    ) -> Result<(), Error> {
        let admit = |status: &Status| {
            if closed(status) {
                Err(Error::Closed)
            } else {
                Ok(())
            }
        };
        if self.is_settled(&admit)? {
            return Ok(());
        }
        let lane = self
            .shared
            .enter(Lane::Handshake, budget, cancellable, admit)?;
        loop {
            check_cancelled(cancellable)?;
            if self.is_settled(&admit)? {
                return Ok(());
            }
            let Advance::Waiting(timeout) = self.advance(&lane)? else {
                continue;
            };
            if let Err(error) = budget.check() {
                if matches!(budget, Budget::Poll) {
                    self.continue_in_background();
                }
                return Err(error);
            }
            let Some(waker) = self.shared.waker(cancellable, &closed) else {
                continue;
            };
            let shortest = [timeout, budget.remaining()].into_iter().flatten().min();
            self.transport()?
                .wait(IOCondition::IN, shortest, &waker.cancellable)?;
        }
    }

    /// Whether application data may flow; fails where it never will.
    fn is_settled(&self, admit: impl Fn(&Status) -> Result<(), Error>) -> Result<bool, Error> {
        let status = self.shared.lock();
        admit(&status)?;
        match &status.handshake {
            Handshake::Established => Ok(true),
            Handshake::Failed(error) => Err(error.clone()),
            Handshake::NotStarted | Handshake::InProgress => Ok(false),
        }
    }

    /// Moves a handshake that is under way as far as it goes without waiting, unless another thread
    /// is at it; then the sources hear of it when that one is done.
    pub fn advance_if_free(&self) -> Result<Advance, Error> {
        match self.shared.try_enter(Lane::Handshake) {
            Some(lane) => self.advance(&lane),
            None => {
                self.shared.lock().handshake_awaited = true;
                Ok(Advance::Waiting(None))
            }
        }
    }

    /// Takes all steps that need no waiting. An error is the base socket's: it belongs to the call in
    /// progress and does not end the association.
    pub fn advance(&self, _lane: &LaneGuard) -> Result<Advance, Error> {
        let transport = self.transport()?;
        self.start()?;
        loop {
            let (step, flight, timeout) = {
                let mut engine = self.engine()?;
                engine.on_deadline();
                let step = engine.handshake();
                (
                    step,
                    engine.take_outgoing(Datagrams::default()),
                    engine.timeout(),
                )
            };
            // What the base does not take now is a lost datagram, which the timer makes good.
            let sent = transport.send(&flight, 0);
            match step {
                Step::NeedVerdict(chain) => {
                    sent?;
                    let verdict = self.judge(&chain);
                    self.engine()?.judge(verdict);
                }
                Step::NeedCertificate(authorities) => {
                    sent?;
                    self.present(authorities)?;
                }
                Step::NeedDatagram => {
                    sent?;
                    match transport.receive(FLIGHT, |datagram| self.feed(datagram))? {
                        Received::Datagrams => {}
                        Received::Nothing => return Ok(Advance::Waiting(timeout)),
                        Received::End => return Err(Error::UnexpectedEof),
                    }
                }
                Step::Established => {
                    self.publish();
                    return Ok(self.conclude(Handshake::Established));
                }
                Step::Failed(error) => {
                    self.report_authorities();
                    return Ok(self.conclude(Handshake::Failed(error)));
                }
            }
        }
    }

    /// Makes the engine, from the settings of this moment, for the first step.
    fn start(&self) -> Result<(), Error> {
        if self.engine.get().is_some() {
            return Ok(());
        }
        let settings = self.settings().clone();
        let role = self.role();
        let server_name = settings
            .server_identity
            .as_deref()
            .and_then(identity::server_name);
        let credentials = match (role, &settings.certificate) {
            (Role::Server, Some(certificate)) => Credentials::of(certificate)?.into_pair(),
            _ => None,
        };
        let protocols = settings.advertised_protocols.unwrap_or_default();
        let engine = Engine::new(&Config {
            role,
            server_name,
            protocols: protocols
                .into_iter()
                .map(|name| name.into_bytes())
                .collect(),
            credentials,
            mtu: MTU,
            initial_timeout: engine::testing::initial_timeout(),
        })?;
        if self.engine.set(Mutex::new(engine)).is_ok() {
            self.shared.lock().handshake = Handshake::InProgress;
        }
        Ok(())
    }

    /// The server asks for our certificate: tells whose it accepts, and presents the one that is set.
    fn present(&self, authorities: Vec<Vec<u8>>) -> Result<(), Error> {
        self.facts().accepted_authorities = authorities;
        let certificate = self.settings().certificate.clone();
        let credentials = match &certificate {
            Some(certificate) => Credentials::of(certificate)?.into_pair(),
            None => None,
        };
        let presented = credentials
            .as_ref()
            .map(|(chain, key)| (chain.as_slice(), key));
        self.engine()?.present(presented);
        Ok(())
    }

    /// Publishes what the handshake established, and notifies what it changed.
    fn publish(&self) {
        let Ok((version, cipher_suite, protocol)) = self.engine().map(|engine| {
            (
                engine.protocol_version(),
                engine.cipher_suite(),
                engine.application_protocol(),
            )
        }) else {
            return;
        };
        {
            let mut facts = self.facts();
            facts.protocol_version = facts::protocol_version(version);
            facts.cipher_suite = cipher_suite;
        }
        self.report_authorities();
        let object = self.obj();
        let name = protocol.and_then(|name| std::ffi::CString::new(name).ok());
        if let Some(name) = name {
            if self.negotiated_protocol.set(name).is_ok() {
                object.notify("negotiated-protocol");
            }
        }
        object.notify("protocol-version");
        object.notify("ciphersuite-name");
    }

    fn report_authorities(&self) {
        if self.role() == Role::Client {
            self.obj().notify("accepted-cas");
        }
    }

    fn conclude(&self, outcome: Handshake) -> Advance {
        self.shared.lock().handshake = outcome;
        self.shared.announce();
        Advance::Done
    }

    /// Gives the engine one received datagram.
    pub fn feed(&self, datagram: &[u8]) {
        if let Ok(mut engine) = self.engine() {
            engine.feed(datagram);
        }
    }

    /// The engine, which exists once the handshake has started.
    pub fn engine(&self) -> Result<MutexGuard<'_, Engine>, Error> {
        let engine = self.engine.get().and_then(|engine| engine.lock().ok());
        engine
            .ok_or_else(|| Error::Tls("The connection failed because of an internal error".into()))
    }

    /// The base socket, which exists once the connection was initialised.
    pub fn transport(&self) -> Result<&Transport, Error> {
        self.transport
            .get()
            .ok_or_else(|| Error::InvalidArgument("The connection was not initialised".into()))
    }
}

enum Explicit {
    /// There is nothing to do any more.
    Settled,
    /// The guard stands for the call.
    Begun(ExplicitGuard),
}

/// An explicit handshake that has not returned.
struct ExplicitGuard {
    connection: glib::WeakRef<super::DtlsConnection>,
}

impl Drop for ExplicitGuard {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.imp().shared.lock().explicit_handshake = false;
        }
    }
}

/// What `handshake_async()` has promised.
struct Task {
    /// Owns a reference on the connection until it is completed.
    completion: Completion,
    cancellable: Option<gio::Cancellable>,
    _guard: ExplicitGuard,
}

/// Moves a handshake from a main loop.
struct Worker {
    connection: glib::WeakRef<super::DtlsConnection>,
    task: Option<Task>,
}

impl Worker {
    /// Ends with a result, which only an explicit handshake has somebody to tell.
    fn finish(&mut self, result: Result<(), Error>) -> ControlFlow {
        if let Some(Task {
            completion, _guard, ..
        }) = self.task.take()
        {
            drop(_guard);
            completion.complete(result.map_err(Into::into));
        }
        ControlFlow::Break
    }

    fn step(&mut self, connection: &DtlsConnection, source: &glib::Source) -> ControlFlow {
        let cancelled = self
            .task
            .as_ref()
            .map_or(Ok(()), |task| check_cancelled(task.cancellable.as_ref()));
        if let Err(error) = cancelled {
            return self.finish(Err(error));
        }
        let open = |status: &Status| {
            if status.write_closed {
                Err(Error::Closed)
            } else {
                Ok(())
            }
        };
        match connection.is_settled(open) {
            Ok(true) => return self.finish(Ok(())),
            Err(error) => return self.finish(Err(error)),
            Ok(false) => {}
        }
        match connection.advance_if_free() {
            Ok(Advance::Done) => self.step(connection, source),
            Ok(Advance::Waiting(timeout)) => {
                set_ready_time(source, timeout);
                ControlFlow::Continue
            }
            Err(error) if self.task.is_some() => self.finish(Err(error)),
            // Nobody is there to tell. A datagram or the next call goes on.
            Err(_) => {
                let timeout = connection.engine().ok().and_then(|engine| engine.timeout());
                set_ready_time(source, timeout);
                ControlFlow::Continue
            }
        }
    }
}

impl SourceImpl for Worker {
    fn is_ready(&self) -> bool {
        false
    }

    fn dispatch(
        &mut self,
        source: &glib::Source,
        _callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let Some(connection) = self.connection.upgrade() else {
            return ControlFlow::Break;
        };
        let flow = self.step(connection.imp(), source);
        if flow == ControlFlow::Break && self.task.is_none() {
            connection
                .imp()
                .shared
                .lock()
                .background
                .take_if(|background| background == source);
        }
        flow
    }
}
