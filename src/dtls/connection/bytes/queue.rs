//! The asynchronous calls of one direction, in the order in which they are served.
//!
//! Each main context has a line of its own: a call must not wait for one whose context nobody runs.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::burst::Burst;
use crate::subclass::cancel::OnCancel;
use crate::subclass::dtls_connection::Completion;
use crate::subclass::source::Alarm;

/// The lines of one direction.
pub struct Queue<O> {
    state: Mutex<State<O>>,
    /// Of the futures that need no place in them.
    pub burst: Burst,
}

struct State<O> {
    /// The number of the next caller.
    next: u64,
    /// By the address of the main context, which is never looked into. Each line that is there has a
    /// source that serves it.
    lines: BTreeMap<usize, Line<O>>,
}

struct Line<O> {
    /// Wakes the source.
    alarm: Arc<Alarm>,
    waiting: BTreeMap<u64, Waiting<O>>,
    cancelled: VecDeque<u64>,
}

/// The main context's address, and the caller's number.
pub type Place = (usize, u64);

/// Somebody who waits.
pub struct Waiting<O> {
    /// Of the source, while this is the first one.
    pub priority: glib::Priority,
    /// Who it is.
    pub caller: Caller<O>,
}

/// Who waits.
pub enum Caller<O> {
    /// A call with a callback, which the source serves.
    Call(Call<O>),
    /// A future, which serves itself when it is told to.
    Future(Ticket),
}

/// A call with a callback.
pub struct Call<O> {
    /// What to do.
    pub operation: O,
    /// Whom to tell.
    pub completion: Completion,
    /// What the caller may trigger.
    pub cancellable: Option<gio::Cancellable>,
    /// Moves it out of the line.
    pub _on_cancel: Option<OnCancel>,
}

/// What a future has left in the line.
#[derive(Default)]
pub struct Ticket {
    /// Nobody while the future is told to try, and has not yet.
    pub waker: Option<Waker>,
    /// The base socket's, met on its behalf.
    pub error: Option<glib::Error>,
}

/// What a source has to do.
pub enum Next<O> {
    /// Tell this one that it was cancelled.
    Cancelled(Call<O>),
    /// Serve this one, which was taken out of the line, or put it back.
    Serve(u64, Call<O>),
    /// Serve the future that comes first.
    Future,
    /// Nothing: the first one, if there is any, came later or has another priority.
    Nothing,
}

impl<O> Default for Queue<O> {
    fn default() -> Self {
        let state = State {
            next: 0,
            lines: BTreeMap::new(),
        };
        Queue {
            state: Mutex::new(state),
            burst: Burst::default(),
        }
    }
}

impl<O> Line<O> {
    fn first(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(number, _)| *number)
    }

    fn ticket(&mut self, number: u64) -> Option<&mut Ticket> {
        match &mut self.waiting.get_mut(&number)?.caller {
            Caller::Future(ticket) => Some(ticket),
            Caller::Call(_) => None,
        }
    }

    fn first_ticket(&mut self) -> Option<&mut Ticket> {
        let first = self.first()?;
        self.ticket(first)
    }
}

impl<O> Queue<O> {
    /// A number for a new caller, behind all others.
    pub fn number(&self) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        state.next
    }

    /// Takes a place. If the line is new, its alarm is returned: it needs a source.
    #[must_use]
    pub fn join(&self, (context, number): Place, waiting: Waiting<O>) -> Option<Arc<Alarm>> {
        let mut new = None;
        let mut state = self.lock();
        let line = state.lines.entry(context).or_insert_with(|| {
            let alarm = Arc::new(Alarm::new());
            new = Some(alarm.clone());
            Line {
                alarm,
                waiting: BTreeMap::new(),
                cancelled: VecDeque::new(),
            }
        });
        line.waiting.insert(number, waiting);
        new
    }

    /// What the source of a line has to do next. It serves those that came before the number `end`,
    /// and have its own priority.
    pub fn next(&self, context: usize, end: u64, priority: glib::Priority) -> Next<O> {
        let next = self.line(context, |line| {
            while let Some(number) = line.cancelled.pop_front() {
                if let Some(Caller::Call(call)) = line.waiting.remove(&number).map(|it| it.caller) {
                    return Next::Cancelled(call);
                }
            }
            let Some(first) = line.waiting.first_entry() else {
                return Next::Nothing;
            };
            let number = *first.key();
            if number >= end || first.get().priority != priority {
                return Next::Nothing;
            }
            if let Caller::Future(_) = first.get().caller {
                return Next::Future;
            }
            match first.remove().caller {
                Caller::Call(call) => Next::Serve(number, call),
                Caller::Future(_) => Next::Nothing,
            }
        });
        next.unwrap_or(Next::Nothing)
    }

    /// The first one's priority, for the next source. A line where nobody waits ends.
    pub fn hand_over(&self, context: usize) -> Option<glib::Priority> {
        let mut state = self.lock();
        let line = state.lines.get(&context)?;
        let first = line.waiting.first_key_value();
        let priority = first.map(|(_, first)| first.priority);
        if priority.is_none() {
            state.lines.remove(&context);
        }
        priority
    }

    /// Ends a line whose source is gone. Those who wait are given up.
    pub fn abandon(&self, context: usize) {
        let line = self.lock().lines.remove(&context);
        // With the lock released: it may run anything.
        drop(line);
    }

    /// Puts a call among those that were cancelled.
    pub fn cancel(&self, (context, number): Place) {
        let alarm = self.line(context, |line| {
            line.cancelled.push_back(number);
            line.alarm.clone()
        });
        ring(alarm);
    }

    /// Wakes the source of a line.
    pub fn ring(&self, context: usize) {
        ring(self.line(context, |line| line.alarm.clone()));
    }

    /// Whether nobody waits before this number.
    pub fn is_next(&self, context: usize, number: Option<u64>) -> bool {
        let first = self.line(context, |line| line.first()).flatten();
        first.is_none() || first == number
    }

    /// Whether somebody has this place.
    pub fn holds(&self, (context, number): Place) -> bool {
        let holds = self.line(context, |line| line.waiting.contains_key(&number));
        holds.unwrap_or(false)
    }

    /// The error that the source has met on behalf of a future.
    pub fn take_error(&self, (context, number): Place) -> Option<glib::Error> {
        self.line(context, |line| line.ticket(number)?.error.take())?
    }

    /// Leaves word whom to tell when it is time to try; for the first one, the source looks now.
    pub fn wait(&self, (context, number): Place, waker: &Waker) {
        let mut waker = Some(waker.clone());
        let alarm = self.line(context, |line| {
            mem::swap(&mut line.ticket(number)?.waker, &mut waker);
            (line.first() == Some(number)).then(|| line.alarm.clone())
        });
        // With the lock released: a waker may own a task, and with it a future that has a place here.
        drop(waker);
        ring(alarm.flatten());
    }

    /// Whether the future that comes first has yet to be told.
    pub fn is_untold(&self, context: usize) -> bool {
        let waker = self.line(context, |line| Some(line.first_ticket()?.waker.is_some()));
        waker.flatten().unwrap_or(false)
    }

    /// Tells the future that comes first to try, or to fail with this error.
    pub fn tell(&self, context: usize, error: Option<glib::Error>) {
        let waker = self.line(context, |line| {
            let ticket = line.first_ticket()?;
            ticket.error = error;
            ticket.waker.take()
        });
        // With the lock released: it may run anything.
        if let Some(waker) = waker.flatten() {
            waker.wake();
        }
    }

    /// Gives up a place.
    pub fn leave(&self, (context, number): Place) {
        let left = self.line(context, |line| line.waiting.remove(&number));
        drop(left);
        self.ring(context);
    }

    fn line<R>(&self, context: usize, look: impl FnOnce(&mut Line<O>) -> R) -> Option<R> {
        self.lock().lines.get_mut(&context).map(look)
    }

    fn lock(&self) -> MutexGuard<'_, State<O>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ring(alarm: Option<Arc<Alarm>>) {
    if let Some(alarm) = alarm {
        alarm.ring();
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)] // These are tests.
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    const DEFAULT: glib::Priority = glib::Priority::DEFAULT;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Owns a place, as the waker of a task does whose future waits.
    struct Owner(Arc<Queue<()>>, Place);

    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Owner {
        fn drop(&mut self) {
            self.0.leave(self.1);
        }
    }

    fn future(priority: glib::Priority) -> Waiting<()> {
        let ticket = Ticket::default();
        let caller = Caller::Future(ticket);
        Waiting { priority, caller }
    }

    #[test]
    fn turns_come_one_after_the_other_in_each_context() {
        let queue = Queue::default();
        let [first, second, third, other] = [1, 1, 1, 2].map(|line| (line, queue.number()));
        let new = [first, second, other].map(|place| queue.join(place, future(DEFAULT)).is_some());
        assert_eq!(new, [true, false, true]);
        assert!(queue.is_next(2, Some(other.1)) && queue.is_next(3, None));
        let come = |place: Place| queue.is_next(place.0, Some(place.1));
        assert!(come(first) && !come(second) && !queue.is_next(1, None));
        // One that gives up in the middle leaves the order.
        assert!(queue.join(third, future(DEFAULT)).is_none());
        queue.leave(second);
        assert!(come(first) && !come(third) && !queue.holds(second));
        queue.leave(first);
        assert!(come(third));
    }

    #[test]
    fn first_one_alone_is_told() {
        let queue = Queue::default();
        let [first, second] = [(); 2].map(|()| (1, queue.number()));
        let counts: [Arc<Count>; 2] = Default::default();
        for (place, count) in [first, second].into_iter().zip(&counts) {
            let _ = queue.join(place, future(DEFAULT));
            queue.wait(place, &Waker::from(count.clone()));
        }
        let error = glib::Error::new(gio::IOErrorEnum::Failed, "scripted");
        assert!(queue.is_untold(1));
        queue.tell(1, Some(error));
        assert!(!queue.is_untold(1));
        queue.tell(1, None);
        let told = counts.map(|count| count.0.load(Ordering::SeqCst));
        assert_eq!(told, [1, 0]);
        queue.leave(first);
        assert!(queue.is_untold(1) && queue.take_error(second).is_none());
    }

    #[test]
    fn wakers_may_own_places() {
        let queue = Arc::new(Queue::default());
        let places = [(); 3].map(|()| (1, queue.number()));
        let [replaced, told, abandoned] = places.map(|place| {
            let _ = queue.join(place, future(DEFAULT));
            Waker::from(Arc::new(Owner(queue.clone(), place)))
        });
        queue.wait(places[1], &replaced);
        drop(replaced);
        queue.wait(places[1], &told);
        assert!(!queue.holds(places[0]) && queue.holds(places[1]));
        drop(told);
        queue.tell(1, None);
        assert!(!queue.holds(places[1]));
        queue.wait(places[2], &abandoned);
        drop(abandoned);
        queue.abandon(1);
        assert!(!queue.holds(places[2]));
    }

    #[test]
    fn source_leaves_later_callers_and_other_priorities_to_the_next_one() {
        let queue = Queue::default();
        let [first, second] = [(); 2].map(|()| (1, queue.number()));
        let _ = queue.join(first, future(DEFAULT));
        let _ = queue.join(second, future(glib::Priority::HIGH));
        let is_served = |end, priority| matches!(queue.next(1, end, priority), Next::Future);
        assert!(is_served(second.1, DEFAULT));
        assert!(!is_served(first.1, DEFAULT) && !is_served(second.1, glib::Priority::HIGH));
        queue.leave(first);
        assert_eq!(queue.hand_over(1), Some(glib::Priority::HIGH));
        queue.leave(second);
        assert_eq!(queue.hand_over(1), None);
        assert!(
            queue.join(first, future(DEFAULT)).is_some(),
            "the line had ended"
        );
    }
}
