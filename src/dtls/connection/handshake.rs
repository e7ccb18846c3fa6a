//! Driving the handshake: by blocking calls, by main loops, never by a thread of our own.
//!
//! Whoever holds the handshake's lane takes the engine's steps. A call that may not block leaves a
//! source behind on its main context, and every later call moves the handshake as well.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use gio::prelude::*;
use glib::IOCondition;
use glib::subclass::prelude::*;
use zeroize::Zeroizing;

use super::awake::AWAKE;
use super::budget::Budget;
use super::imp::DtlsConnection;
use super::interaction;
use super::status::{Explicit, Handshake, Lane, LaneGuard, Question, Shared, Status};
use crate::engine::{Datagrams, Engine, Role, Step};
use crate::error::Error;
use crate::subclass::cancel::check_cancelled;
use crate::transport::{Received, Transport};

/// Datagrams taken from the base at once during a handshake.
const FLIGHT: usize = 16;
/// Steps, and datagrams, after which a handshake that is flooded gives others a turn.
const PATIENCE: usize = 32;
const MOST_TAKEN: usize = PATIENCE * FLIGHT;

/// What became of the handshake.
pub enum Advance {
    /// It is over, well or badly.
    Done,
    /// The next datagram is needed, or this time must pass.
    Waiting(Option<Duration>),
}

/// Who moves the handshake on, with what cancels it.
#[derive(Clone, Copy)]
pub enum Driver<'a> {
    /// A call that may block.
    Call(Option<&'a gio::Cancellable>),
    /// Something that must not: a main loop, or a call that polls.
    Loop(Option<&'a gio::Cancellable>),
}

/// What the engine has done in a step, and wants next.
struct Turn {
    step: Step,
    flight: Datagrams,
    timeout: Option<Duration>,
    /// Whether the peer seems to have refused us.
    refused: bool,
    keylog: Vec<Zeroizing<String>>,
}

/// What the claim to an explicit handshake found.
pub enum Begun {
    /// There is nothing to do any more.
    Settled,
    /// The claim stands until this is dropped.
    Claimed(Claim),
}

/// An explicit handshake that has not returned.
pub struct Claim(Arc<Shared>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.lock().explicit = None;
        self.0.announce();
    }
}

impl DtlsConnection {
    /// `handshake()`: blocks until the handshake is over.
    pub fn handshake_blocking(&self, cancellable: Option<&gio::Cancellable>) -> Result<(), Error> {
        check_cancelled(cancellable)?;
        match self.begin_explicit(Explicit::Call)? {
            Begun::Settled => Ok(()),
            Begun::Claimed(_claim) => {
                self.settle(Budget::Forever, cancellable, |status| status.write_closed)
            }
        }
    }

    /// Claims the right to an explicit handshake.
    pub fn begin_explicit(&self, explicit: Explicit) -> Result<Begun, Error> {
        let mut status = self.shared.lock();
        if status.is_held_here(Lane::Handshake) {
            return Err(Error::WouldDeadlock);
        }
        if status.write_closed {
            return Err(Error::Closed);
        }
        match &status.handshake {
            Handshake::Established => return Ok(Begun::Settled),
            Handshake::Failed(error) => return Err(error.clone()),
            Handshake::NotStarted | Handshake::InProgress => {}
        }
        if status.explicit.is_some() {
            return Err(Error::Pending);
        }
        status.explicit = Some(explicit);
        Ok(Begun::Claimed(Claim(self.shared.clone())))
    }

    /// Brings the handshake to its end within the budget. `closed` tells when there is no use in it.
    ///
    /// An asynchronous handshake emits its signals in its own main context. A call that could only
    /// wait for that context to run fails; one in another thread waits; and where nobody runs the
    /// context, the caller becomes its owner and takes the handshake over.
    pub fn settle(
        &self,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
        closed: impl Fn(&Status) -> bool,
    ) -> Result<(), Error> {
        loop {
            if self.is_settled(&closed)? {
                return Ok(());
            }
            let Some(context) = self.shared.lock().loop_in_charge() else {
                return self.drive(budget, cancellable, &closed);
            };
            if matches!(budget, Budget::Poll) {
                self.continue_in_loop();
                return Err(Error::WouldBlock);
            }
            if context.is_owner() {
                return Err(Error::WouldDeadlock);
            }
            let turn = self.shared.wait(self.limit(budget), cancellable, |status| {
                if status.loop_in_charge().is_none() || status.is_over() || closed(status) {
                    return Some(None);
                }
                context.acquire().ok().map(Some)
            });
            if let Err(Error::TimedOut) = turn {
                budget.check()?;
                self.expire(budget, cancellable)?;
                continue;
            }
            if let Some(owned) = turn? {
                let result = self.drive(budget, cancellable, &closed);
                drop(owned);
                // The next one may have the context now.
                self.shared.nudge();
                return result;
            }
        }
    }

    /// Moves the handshake on until it is over, in this call.
    fn drive(
        &self,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
        closed: &impl Fn(&Status) -> bool,
    ) -> Result<(), Error> {
        let admit = |status: &Status| {
            if closed(status) || status.cannot_handshake() {
                Err(Error::Closed)
            } else {
                Ok(())
            }
        };
        let lane = self
            .shared
            .enter(Lane::Handshake, budget, cancellable, admit)?;
        let driver = match budget {
            Budget::Poll => Driver::Loop(None),
            _ => Driver::Call(cancellable),
        };
        loop {
            check_cancelled(cancellable)?;
            if self.is_settled(closed)? {
                return Ok(());
            }
            let Advance::Waiting(timeout) = self.advance(&lane, driver)? else {
                continue;
            };
            if let Err(error) = budget.check() {
                if matches!(budget, Budget::Poll) {
                    self.continue_in_loop();
                }
                return Err(error);
            }
            let asked = match &self.shared.lock().question {
                Question::Asked(context) => Some(context.clone()),
                _ => None,
            };
            if let Some(context) = asked
                && interaction::run(
                    &context,
                    self.within_deadline(budget.remaining()),
                    cancellable,
                )
            {
                continue;
            }
            let news = |status: &Status| {
                closed(status)
                    || status.cannot_handshake()
                    || matches!(status.question, Question::Answered(_))
            };
            let Some(waker) = self.shared.waker(cancellable, news) else {
                continue;
            };
            let patience = [timeout, budget.remaining()].into_iter().flatten().min();
            let shortest = self.within_deadline(patience);
            self.transport()?
                .wait(IOCondition::IN, shortest, &waker.token)?;
        }
    }

    /// Whether application data may flow; fails where it never will. `closed` tells whether the
    /// direction that the caller is interested in was closed; a handshake needs the sending one, too.
    pub fn is_settled(&self, closed: impl Fn(&Status) -> bool) -> Result<bool, Error> {
        let status = self.shared.lock();
        if closed(&status) {
            return Err(Error::Closed);
        }
        match &status.handshake {
            Handshake::Established => Ok(true),
            Handshake::Failed(error) => Err(error.clone()),
            _ if status.cannot_handshake() => Err(Error::Closed),
            Handshake::NotStarted | Handshake::InProgress => Ok(false),
        }
    }

    /// Takes all steps that need no waiting. An error is the base socket's: it belongs to the call in
    /// progress and does not end the association.
    pub fn advance(&self, _lane: &LaneGuard, driver: Driver<'_>) -> Result<Advance, Error> {
        // Without what has arrived since the last call, there is rarely a step to take.
        let mut arrived = (!self.start()?).then(|| self.take_flight());
        let mut taken = match arrived {
            Some(Ok(Received::Datagrams(count))) => count,
            _ => 0,
        };
        for _ in 0..PATIENCE {
            if taken >= MOST_TAKEN {
                break;
            }
            if let Some(error) = self.overdue() {
                return Ok(self.give_up(error));
            }
            let Turn {
                step,
                flight,
                timeout,
                refused,
                keylog,
            } = self.turn()?;
            self.report_keylog(keylog);
            let sent = unless_gone(self.send_flight(flight), refused, ());
            self.report_path();
            let mut take_flight = || match arrived.take() {
                None | Some(Ok(Received::Datagrams(_))) => self.take_flight(),
                Some(other) => other,
            };
            match step {
                Step::NeedVerdict(chain) => {
                    sent?;
                    let verdict = self.judge(&chain);
                    self.engine()?.judge(verdict);
                }
                Step::NeedCertificate(authorities) => {
                    sent?;
                    if !self.present(authorities, driver)? {
                        // What arrives meanwhile must not keep the base ready.
                        return Ok(match take_flight()? {
                            Received::Datagrams(_) => Advance::Waiting(Some(Duration::ZERO)),
                            Received::Nothing => Advance::Waiting(None),
                            Received::End => self.give_up(Error::UnexpectedEof),
                        });
                    }
                }
                Step::NeedKey(request) => {
                    sent?;
                    self.provide_key(&request)?;
                }
                Step::NeedDatagram => {
                    sent?;
                    match unless_gone(take_flight(), refused, Received::Nothing)? {
                        Received::Datagrams(count) => taken += count,
                        Received::Nothing => return Ok(Advance::Waiting(timeout)),
                        Received::End => return Ok(self.give_up(Error::UnexpectedEof)),
                    }
                }
                Step::Established => {
                    self.publish();
                    return Ok(self.conclude(Handshake::Established));
                }
                Step::Failed(error) => return Ok(self.give_up(error)),
            }
        }
        Ok(Advance::Waiting(Some(Duration::ZERO)))
    }

    /// Lets the engine take a step.
    fn turn(&self) -> Result<Turn, Error> {
        let mut engine = self.engine()?;
        engine.on_deadline();
        Ok(Turn {
            step: engine.handshake(),
            flight: engine.take_outgoing(),
            timeout: engine.timeout(),
            refused: engine.suspects_refusal(),
            keylog: engine.take_keylog(),
        })
    }

    /// Feeds what has arrived.
    fn take_flight(&self) -> Result<Received, Error> {
        self.transport()?
            .receive(FLIGHT, |datagrams| self.feed(datagrams))
    }

    pub fn report_authorities(&self) {
        if self.role() == Role::Client {
            self.obj().notify("accepted-cas");
        }
    }

    /// Ends the handshake for good.
    pub fn give_up(&self, error: Error) -> Advance {
        self.report_authorities();
        self.conclude(Handshake::Failed(self.own_failure(error)))
    }

    /// Says how the handshake ended, or that what it established has ended.
    pub fn conclude(&self, outcome: Handshake) -> Advance {
        if let Handshake::Failed(_) = outcome {
            self.forget_session();
        }
        self.shared.lock().handshake = outcome;
        self.shared.announce();
        Advance::Done
    }

    /// Gives the engine received datagrams.
    pub fn feed(&self, datagrams: &mut dyn Iterator<Item = &[u8]>) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut engine) = self.engine() {
            datagrams.for_each(|datagram| engine.feed(datagram));
        }
    }

    /// How often datagrams were taken from the base.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// The engine, which exists once the handshake has started.
    pub fn engine(&self) -> Result<MutexGuard<'_, Engine>, Error> {
        let broken = || Error::Tls("The connection failed because of an internal error".into());
        let shared = self.engine.get().ok_or_else(broken)?;
        let mut engine = shared.lock().map_err(|_| broken())?;
        if engine.wakes() {
            AWAKE.add(shared, Instant::now());
        }
        Ok(engine)
    }

    /// The base socket, which exists once the connection was initialised.
    pub fn transport(&self) -> Result<&Transport, Error> {
        self.transport
            .get()
            .ok_or_else(|| Error::InvalidArgument("The connection was not initialised".into()))
    }
}

/// A peer that seems to have refused us may have closed its socket since: that is no news, and its
/// alert tells more.
fn unless_gone<T>(result: Result<T, Error>, refused: bool, instead: T) -> Result<T, Error> {
    match result {
        Err(Error::Foreign(error))
            if refused && error.matches(gio::IOErrorEnum::ConnectionRefused) =>
        {
            Ok(instead)
        }
        result => result,
    }
}
