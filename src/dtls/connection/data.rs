//! Application data: messages in and out, many in one call.

use std::time::Duration;

use glib::IOCondition;

use super::budget::Budget;
use super::imp::DtlsConnection;
use super::status::{Handshake, Lane, LaneGuard, Status};
use crate::engine::{Datagrams, MAX_PLAINTEXT, Opened, Opener};
use crate::error::Error;
use crate::subclass::cancel::check_cancelled;
use crate::subclass::datagram_based::{InputMessages, OutputMessages};
use crate::transport::Received;

/// Datagrams that a call takes for each message that it has room for before it looks around, since they
/// need not hold one.
const PATIENCE: usize = 32;

/// What a receive that may wait waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough {
    /// All messages that it has room for.
    All,
    /// Any message.
    Any,
}

/// How far a receive has come.
#[derive(Default)]
struct Intake {
    /// The messages that were received.
    received: usize,
    /// The datagrams that were taken from the base.
    taken: usize,
    /// Whether the engine had something left to tell when it was asked last.
    more: bool,
}

/// Messages that are sealed before the base is asked to send.
const BATCH: usize = 64;

fn check_flags(flags: i32) -> Result<(), Error> {
    if flags == 0 {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "Message flags are not supported: {flags:#x}"
    )))
}

/// Decrypts the next message of the engine into message `index`.
fn open_one(
    opener: &mut Opener<'_>,
    messages: &mut InputMessages<'_>,
    index: usize,
) -> Result<Opened, Error> {
    let Some(buffer) = messages.single_buffer(index) else {
        let mut payload = vec![0; MAX_PLAINTEXT];
        let opened = opener.open(&mut payload)?;
        if let Opened::Message { length, .. } = opened {
            payload.truncate(length);
            messages.scatter(index, &payload);
        }
        return Ok(opened);
    };
    let opened = opener.open(buffer)?;
    if let Opened::Message { length, truncated } = opened {
        messages.set_received(index, length, truncated);
    }
    Ok(opened)
}

impl DtlsConnection {
    /// Takes the lane of a direction that is not closed, and completes the handshake if need be.
    fn enter(
        &self,
        lane: Lane,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
        closed: impl Fn(&Status) -> bool + Copy,
    ) -> Result<LaneGuard, Error> {
        let admit = |status: &Status| {
            if closed(status) {
                Err(Error::Closed)
            } else {
                Ok(())
            }
        };
        let guard = self.shared.enter(lane, budget, cancellable, admit)?;
        self.settle(budget, cancellable, closed)?;
        Ok(guard)
    }

    /// Receives messages from the front; 0 is the end of the peer's messages.
    pub fn receive(
        &self,
        messages: &mut InputMessages<'_>,
        flags: i32,
        enough: Enough,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, Error> {
        check_flags(flags)?;
        check_cancelled(cancellable)?;
        if messages.is_empty() {
            return Ok(0);
        }
        let budget = Budget::new(timeout);
        let closed = |status: &Status| status.read_closed;
        let _lane = self.enter(Lane::Receive, budget, cancellable, closed)?;
        if let Some(error) = self.shared.lock().receive_error.take() {
            return Err(error);
        }
        let mut intake = Intake::default();
        let outcome = self.fill(messages, enough, &mut intake, budget, cancellable);
        if intake.taken > 0 && intake.more {
            // Whoever waits for the base would not hear of it. Who begins to wait later looks there
            // first, until nothing is left.
            self.shared.announce();
        }
        match outcome {
            Err(error) if intake.received == 0 => return Err(error),
            Err(error) => self.defer(error, |status| &mut status.receive_error),
            Ok(()) => {}
        }
        Ok(intake.received)
    }

    /// What interrupts a call that has something to return is not lost: a failed association and a
    /// message that the base cannot take say so again by themselves, and the time-outs of one call
    /// mean nothing to the next. Whoever waits for the base would not hear of what is kept.
    fn defer(&self, error: Error, place: impl FnOnce(&mut Status) -> &mut Option<Error>) {
        match &error {
            Error::Foreign(cause) if !cause.matches(gio::IOErrorEnum::MessageTooLarge) => {
                *place(&mut self.shared.lock()) = Some(error);
                self.shared.announce();
            }
            _ => {}
        }
    }

    fn fill(
        &self,
        messages: &mut InputMessages<'_>,
        enough: Enough,
        intake: &mut Intake,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), Error> {
        let transport = self.transport()?;
        let patience = PATIENCE.saturating_mul(messages.len());
        // To look for an answer that is still on its way would be in vain.
        let mut may_look = matches!(budget, Budget::Poll) || !transport.is_dialogue();
        loop {
            let ended = self.open_buffered(messages, intake)?;
            let satisfied = match enough {
                Enough::All => intake.received == messages.len(),
                Enough::Any => intake.received > 0,
            };
            if ended || satisfied {
                return Ok(());
            }
            if intake.taken > 0 {
                // Datagrams need not hold a message, and more may arrive for ever.
                check_cancelled(cancellable)?;
                self.check_open_for_reading()?;
                if intake.taken >= patience || !matches!(budget, Budget::Poll) {
                    budget.check()?;
                }
            }
            if may_look {
                let missing = messages.len() - intake.received;
                let limit = missing.max(transport.expected());
                match transport.receive(limit, |datagrams| self.feed(datagrams))? {
                    Received::Datagrams(count) => {
                        intake.taken += count;
                        continue;
                    }
                    Received::End if intake.received > 0 => return Ok(()),
                    Received::End if self.settings().require_close_notify => {
                        return Err(Error::UnexpectedEof);
                    }
                    Received::End => return Ok(()),
                    Received::Nothing => budget.check()?,
                }
            }
            may_look = true;
            let Some(waker) = self.shared.waker(cancellable, |status| status.read_closed) else {
                return Err(Error::Closed);
            };
            transport.wait(IOCondition::IN, budget.remaining(), &waker.token)?;
            check_cancelled(cancellable)?;
            self.check_open_for_reading()?;
        }
    }

    fn check_open_for_reading(&self) -> Result<(), Error> {
        if self.shared.lock().read_closed {
            Err(Error::Closed)
        } else {
            Ok(())
        }
    }

    /// Decrypts what the engine holds. True: the peer has closed.
    fn open_buffered(
        &self,
        messages: &mut InputMessages<'_>,
        intake: &mut Intake,
    ) -> Result<bool, Error> {
        let mut engine = self.engine()?;
        let mut outcome = Ok(false);
        let mut opener = engine.opener();
        while intake.received < messages.len() && opener.is_readable() {
            match open_one(&mut opener, messages, intake.received) {
                Ok(Opened::Message { .. }) => intake.received += 1,
                Ok(Opened::Nothing) => break,
                Ok(Opened::End) => {
                    outcome = Ok(true);
                    break;
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        intake.more = engine.is_readable();
        let replies = engine.take_outgoing();
        drop(engine);
        if let Err(error) = &outcome {
            // The peer's authenticated word or OpenSSL's own: nothing can follow it.
            self.conclude(Handshake::Failed(error.clone()));
        }
        if !replies.is_empty() {
            // Alerts and repeated flights: what is lost, the peer asks for again.
            let _ = self.transport()?.send(&replies, &mut 0);
        }
        outcome
    }

    /// Sends messages from the front, each as one record in one datagram.
    pub fn send(
        &self,
        messages: &mut OutputMessages<'_>,
        flags: i32,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, Error> {
        check_flags(flags)?;
        check_cancelled(cancellable)?;
        if messages.is_empty() {
            return Ok(0);
        }
        let budget = Budget::new(timeout);
        let closed = |status: &Status| status.write_closed;
        let _lane = self.enter(Lane::Send, budget, cancellable, closed)?;
        if let Some(error) = self.shared.lock().send_error.take() {
            return Err(error);
        }
        let mut sent = 0;
        while sent < messages.len() {
            match self.send_some(messages, &mut sent, budget, cancellable) {
                Err(error) if sent == 0 => return Err(error),
                Err(error) => {
                    self.defer(error, |status| &mut status.send_error);
                    break;
                }
                Ok(()) => {}
            }
        }
        Ok(sent)
    }

    /// Seals and sends the next batch.
    fn send_some(
        &self,
        messages: &mut OutputMessages<'_>,
        sent: &mut usize,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), Error> {
        let first = *sent;
        let last = messages.len().min(first + BATCH);
        let mut sealed = 0;
        let mut outcome = Ok(());
        let (replies, datagrams) = {
            let mut engine = self.engine()?;
            let replies = engine.take_outgoing();
            for index in first..last {
                let result = match messages.single_buffer(index) {
                    Some(message) => engine.seal(message),
                    None => {
                        let mut message = Vec::with_capacity(messages.size(index));
                        messages.gather(index, &mut message);
                        engine.seal(&message)
                    }
                };
                if let Err(error) = result {
                    outcome = Err(error);
                    break;
                }
                sealed += 1;
            }
            (replies, engine.take_outgoing())
        };
        if !replies.is_empty() {
            let _ = self.transport()?.send(&replies, &mut 0);
        }
        let mut count = 0;
        let delivery = self.deliver(&datagrams, &mut count, budget, cancellable);
        self.account(messages, first, sealed, count, sent);
        if let Err(error) = &delivery {
            self.learn_from(error, datagrams.nth(count));
        }
        delivery.and(outcome)
    }

    /// Sends all datagrams within the budget, and counts those that went out, even if it fails.
    fn deliver(
        &self,
        datagrams: &Datagrams,
        count: &mut usize,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), Error> {
        let transport = self.transport()?;
        loop {
            transport.send(datagrams, count)?;
            if *count == datagrams.len() {
                return Ok(());
            }
            budget.check()?;
            let Some(waker) = self.shared.waker(cancellable, |status| status.write_closed) else {
                return Err(Error::Closed);
            };
            transport.wait(IOCondition::OUT, budget.remaining(), &waker.token)?;
            check_cancelled(cancellable)?;
            if self.shared.lock().write_closed {
                return Err(Error::Closed);
            }
        }
    }

    /// Marks the messages from `first` on whose datagrams went out. Empty ones have no datagram and
    /// count as sent as soon as all before them are.
    fn account(
        &self,
        messages: &mut OutputMessages<'_>,
        first: usize,
        sealed: usize,
        mut datagrams: usize,
        sent: &mut usize,
    ) {
        for index in first..first + sealed {
            let size = messages.size(index);
            if size > 0 {
                if datagrams == 0 {
                    return;
                }
                datagrams -= 1;
            }
            messages.set_sent(index, size);
            *sent += 1;
        }
    }
}
