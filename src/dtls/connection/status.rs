//! Who is doing what on a connection: the state that calls in several threads agree on.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};

use glib::IOCondition;

use super::budget::Budget;
use crate::error::Error;
use crate::subclass::cancel::{OnCancel, WaitToken, check_cancelled};
use crate::subclass::source::Alarm;

/// How far the connection has come.
#[derive(Clone, Debug)]
pub enum Handshake {
    /// Nothing was sent.
    NotStarted,
    /// Some call, or the main loop, moves it on.
    InProgress,
    /// Application data may flow.
    Established,
    /// It ended for good.
    Failed(Error),
}

/// What the application called to have a handshake.
#[derive(Clone, Debug)]
pub enum Explicit {
    /// `handshake()`
    Call,
    /// `handshake_async()`, in this main context.
    Loop(glib::MainContext),
}

/// The request for a certificate that the application's interaction gets.
#[derive(Debug)]
pub enum Question {
    /// Not yet, or not any more.
    NotAsked,
    /// The answer is awaited, in this main context if it comes from a loop.
    Asked(glib::MainContext),
    /// Answered, with the error of an interaction that failed.
    Answered(Option<glib::Error>),
}

/// What only one thread may do at a time.
#[derive(Clone, Copy, Debug)]
pub enum Lane {
    Handshake,
    Receive,
    Send,
}

/// The state under the lock.
pub struct Status {
    pub handshake: Handshake,
    /// An explicit handshake that has not returned.
    pub explicit: Option<Explicit>,
    /// Whether the application was asked for a certificate.
    pub question: Question,
    /// Alive as long as a source moves a handshake that a non-blocking call began. The source itself
    /// belongs to its context alone: no other thread may hold on to it.
    pub background: Weak<()>,
    pub read_closed: bool,
    pub write_closed: bool,
    /// An error of the base after part of a receive had succeeded; the next receive reports it.
    pub receive_error: Option<Error>,
    /// The same of sending.
    pub send_error: Option<Error>,
    /// Whether a source found a lane taken and wants to know when it is free.
    pub lane_awaited: bool,
    holders: [Option<ThreadId>; 3],
    /// The calls that are asleep in [`Shared::wait`].
    asleep: usize,
    /// Trigger whatever blocks on the base socket.
    wakers: Vec<Arc<WaitToken>>,
}

impl Status {
    /// Whether the calling thread holds the lane further up its stack.
    pub fn is_held_here(&self, lane: Lane) -> bool {
        self.holder(lane) == Some(thread::current().id())
    }

    /// Whether any thread holds the lane.
    pub fn is_held(&self, lane: Lane) -> bool {
        self.holder(lane).is_some()
    }

    /// Whether both directions were closed on our side.
    pub fn is_closed(&self) -> bool {
        self.read_closed && self.write_closed
    }

    /// Whether the handshake is not over and never will be, since we may not send.
    pub fn cannot_handshake(&self) -> bool {
        self.write_closed
            && matches!(
                self.handshake,
                Handshake::NotStarted | Handshake::InProgress
            )
    }

    /// Whether the handshake will not move any more.
    pub fn is_over(&self) -> bool {
        let ended = matches!(
            self.handshake,
            Handshake::Established | Handshake::Failed(_)
        );
        ended || self.cannot_handshake()
    }

    /// Those of the conditions whose direction is not closed on our side.
    pub fn open(&self, condition: IOCondition) -> IOCondition {
        let mut open = condition & (IOCondition::IN | IOCondition::OUT);
        if self.read_closed {
            open -= IOCondition::IN;
        }
        if self.write_closed {
            open -= IOCondition::OUT;
        }
        open
    }

    /// Whether all that is asked for was closed on our side; who asks for neither direction means
    /// both.
    pub fn is_hung_up(&self, condition: IOCondition) -> bool {
        let both = IOCondition::IN | IOCondition::OUT;
        let asked = condition & both;
        self.open(if asked.is_empty() { both } else { asked })
            .is_empty()
    }

    /// The main context of an asynchronous handshake that is under way.
    pub fn loop_in_charge(&self) -> Option<glib::MainContext> {
        match &self.explicit {
            Some(Explicit::Loop(context)) => Some(context.clone()),
            _ => None,
        }
    }

    fn holder(&self, lane: Lane) -> Option<ThreadId> {
        let [handshake, receive, send] = self.holders;
        match lane {
            Lane::Handshake => handshake,
            Lane::Receive => receive,
            Lane::Send => send,
        }
    }

    fn set_holder(&mut self, lane: Lane, holder: Option<ThreadId>) {
        let [handshake, receive, send] = &mut self.holders;
        *match lane {
            Lane::Handshake => handshake,
            Lane::Receive => receive,
            Lane::Send => send,
        } = holder;
    }
}

/// The state, its lock, and the news of its changes.
pub struct Shared {
    /// Wakes the sources that watch the connection.
    pub alarm: Arc<Alarm>,
    status: Mutex<Status>,
    /// Notified after a change if a call is asleep, as the lock's holder sees during the change or
    /// later. No wake-up is lost: a call looks at the state, counts itself and falls asleep without
    /// giving up the lock in between. If it looked before the change, it is counted until it has woken,
    /// and if it looked after, it has seen the change.
    changed: Condvar,
}

impl Default for Shared {
    fn default() -> Self {
        Shared {
            alarm: Arc::new(Alarm::new()),
            status: Mutex::new(Status {
                handshake: Handshake::NotStarted,
                explicit: None,
                question: Question::NotAsked,
                background: Weak::new(),
                read_closed: false,
                write_closed: false,
                receive_error: None,
                send_error: None,
                lane_awaited: false,
                holders: [None; 3],
                asleep: 0,
                wakers: Vec::new(),
            }),
            changed: Condvar::new(),
        }
    }
}

impl Shared {
    /// Never held while calling out.
    pub fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes every waiting call and every source look again.
    pub fn announce(&self) {
        let (blocked, asleep) = {
            let status = self.lock();
            (status.wakers.clone(), status.asleep)
        };
        self.wake(asleep);
        for waker in blocked {
            waker.trigger();
        }
        self.alarm.ring();
    }

    /// Makes the calls that wait for one another look again.
    pub fn nudge(&self) {
        // The lock makes sure that a waiting thread is either before its check or asleep.
        let asleep = self.lock().asleep;
        self.wake(asleep);
    }

    /// Wakes the calls that were asleep when the lock was held; for none, that would be a system call
    /// in vain.
    fn wake(&self, asleep: usize) {
        if asleep > 0 {
            self.changed.notify_all();
        }
    }

    /// Rings the sources when the application cancels, as long as the result is kept.
    pub fn ring_on_cancel(&self, cancellable: Option<&gio::Cancellable>) -> Option<OnCancel> {
        let alarm = self.alarm.clone();
        cancellable.map(|cancellable| OnCancel::new(cancellable, move || alarm.ring()))
    }

    /// Waits until `ready` gives a result.
    ///
    /// # Errors
    ///
    /// `Cancelled`, or the budget's own.
    pub fn wait<R>(
        self: &Arc<Self>,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
        mut ready: impl FnMut(&mut Status) -> Option<R>,
    ) -> Result<R, Error> {
        if let Some(result) = ready(&mut self.lock()) {
            return Ok(result);
        }
        budget.check()?;
        let shared = self.clone();
        let nudge = move || shared.nudge();
        let _on_cancel = cancellable.map(|cancellable| OnCancel::new(cancellable, nudge));
        let mut status = self.lock();
        loop {
            check_cancelled(cancellable)?;
            if let Some(result) = ready(&mut status) {
                return Ok(result);
            }
            budget.check()?;
            status.asleep += 1;
            status = match budget.remaining() {
                None => self
                    .changed
                    .wait(status)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let waited = self.changed.wait_timeout(status, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            status.asleep -= 1;
        }
    }

    /// Takes the lane for this thread as soon as it is free. `admit` fails when there is no point in
    /// waiting any more.
    pub fn enter(
        self: &Arc<Self>,
        lane: Lane,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
        admit: impl Fn(&Status) -> Result<(), Error>,
    ) -> Result<LaneGuard, Error> {
        let me = Some(thread::current().id());
        self.wait(budget, cancellable, |status| {
            if let Err(error) = admit(status) {
                return Some(Err(error));
            }
            // Whoever holds another lane waits for the handshake's, or its holder for us.
            let inside = status.holder(lane) == me || status.holder(Lane::Handshake) == me;
            if inside && !matches!(budget, Budget::Poll) {
                return Some(Err(Error::WouldDeadlock));
            }
            if status.is_held(lane) {
                return None;
            }
            status.set_holder(lane, me);
            Some(Ok(LaneGuard {
                shared: self.clone(),
                lane,
            }))
        })?
    }

    /// Takes the lane if it is free; if not, the sources are rung when it is.
    pub fn try_enter(self: &Arc<Self>, lane: Lane) -> Option<LaneGuard> {
        let mut status = self.lock();
        if status.is_held(lane) {
            status.lane_awaited = true;
            return None;
        }
        status.set_holder(lane, Some(thread::current().id()));
        Some(LaneGuard {
            shared: self.clone(),
            lane,
        })
    }

    /// A cancellable that [`announce`](Self::announce) triggers, and `cancellable` too; none if
    /// `settled` says that there is nothing to wait for.
    pub fn waker(
        self: &Arc<Self>,
        cancellable: Option<&gio::Cancellable>,
        settled: impl FnOnce(&Status) -> bool,
    ) -> Option<Waker> {
        let token = WaitToken::take();
        let mut status = self.lock();
        if settled(&status) {
            return None;
        }
        status.wakers.push(token.clone());
        drop(status);
        let chained = token.clone();
        let on_cancel =
            cancellable.map(|cancellable| OnCancel::new(cancellable, move || chained.trigger()));
        Some(Waker {
            shared: self.clone(),
            token,
            _on_cancel: on_cancel,
        })
    }
}

/// The right to act in a lane; given back when dropped.
pub struct LaneGuard {
    shared: Arc<Shared>,
    lane: Lane,
}

impl Drop for LaneGuard {
    fn drop(&mut self) {
        let (awaited, asleep) = {
            let mut status = self.shared.lock();
            status.set_holder(self.lane, None);
            (mem::take(&mut status.lane_awaited), status.asleep)
        };
        self.shared.wake(asleep);
        if awaited {
            self.shared.alarm.ring();
        }
    }
}

/// What wakes one blocked call.
pub struct Waker {
    shared: Arc<Shared>,
    pub token: Arc<WaitToken>,
    _on_cancel: Option<OnCancel>,
}

impl Drop for Waker {
    fn drop(&mut self) {
        let mut status = self.shared.lock();
        status
            .wakers
            .retain(|token| !Arc::ptr_eq(token, &self.token));
        drop(status);
        WaitToken::give_back(&self.token);
    }
}
