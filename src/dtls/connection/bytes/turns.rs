//! The order in which the asynchronous calls of one direction are served.
//!
//! Each main context has an order of its own: a call must not wait for one whose context nobody runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The calls that have not been served, by main context.
#[derive(Default)]
pub struct Turns(Mutex<State>);

/// The address of the main context, which is never looked into, and a running number.
type Place = (usize, u64);

#[derive(Default)]
struct State {
    next: u64,
    waiting: BTreeMap<Place, Waker>,
}

impl Turns {
    /// Puts a call behind those that wait in the same context.
    pub fn take(self: &Arc<Self>, context: &glib::MainContext) -> Turn {
        let mut state = self.lock();
        let place = (context.as_ptr().addr(), state.next);
        state.next += 1;
        state.waiting.insert(place, Waker::noop().clone());
        Turn {
            turns: self.clone(),
            place,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's place in the order. Dropping it lets the next one go.
pub struct Turn {
    turns: Arc<Turns>,
    place: Place,
}

impl Turn {
    /// Whether all calls before this one were served; `waker` hears when they are.
    pub fn has_come(&self, waker: &Waker) -> bool {
        let mut state = self.turns.lock();
        let before = (self.place.0, 0)..self.place;
        let first = state.waiting.range(before).next().is_none();
        if !first && let Some(kept) = state.waiting.get_mut(&self.place) {
            kept.clone_from(waker);
        }
        first
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = self.turns.lock();
            state.waiting.remove(&self.place);
            let (context, _) = self.place;
            let next = state
                .waiting
                .range((context, 0)..=(context, u64::MAX))
                .next();
            next.map(|(_, waker)| waker.clone())
        };
        // With the lock released: it may run anything.
        if let Some(next) = next {
            next.wake();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // These are tests.
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn turns_come_one_after_the_other() {
        let turns = Arc::new(Turns::default());
        let counts: [Arc<Count>; 3] = Default::default();
        let wakers = counts.clone().map(Waker::from);
        let (here, elsewhere) = (glib::MainContext::new(), glib::MainContext::new());
        let _earlier = turns.take(&elsewhere);
        let [first, second, third] = [(); 3].map(|()| turns.take(&here));
        assert!(turns.take(&glib::MainContext::new()).has_come(&wakers[0]));
        let come = || {
            let all = [&first, &second, &third];
            all.iter()
                .zip(&wakers)
                .map(|(turn, waker)| turn.has_come(waker))
                .collect::<Vec<_>>()
        };
        assert_eq!(come(), [true, false, false]);
        // One that gives up in the middle wakes nobody but the first, and leaves the order.
        drop(second);
        assert!(!third.has_come(&wakers[2]));
        drop(first);
        assert!(third.has_come(&wakers[2]));
        assert_eq!(counts[2].0.load(Ordering::SeqCst), 1);
        assert_eq!(counts[1].0.load(Ordering::SeqCst), 0);
    }
}
