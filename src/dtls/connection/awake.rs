//! The connections that have memory for messages, so that idle ones give theirs back.
//!
//! There is no thread to look after them, so each that takes memory looks at some others. That four are
//! looked at, and an idle one twice, keeps the idle ones with memory as few as those in use.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use crate::engine::Engine;

/// All of this process.
pub static AWAKE: Awake<Engine> = Awake::new(Engine::rest);

const LOOKS: usize = 4;

/// Those that were looked at longest ago are first.
pub struct Awake<T> {
    queue: Mutex<VecDeque<Weak<Mutex<T>>>>,
    /// Makes one give its memory back, if it is idle. False: it has some still.
    rest: fn(&mut T, Instant) -> bool,
}

impl<T> Awake<T> {
    const fn new(rest: fn(&mut T, Instant) -> bool) -> Self {
        Awake {
            queue: Mutex::new(VecDeque::new()),
            rest,
        }
    }

    /// One has taken memory.
    pub fn add(&self, newcomer: &Arc<Mutex<T>>, now: Instant) {
        let mut queue = self.queue();
        let looks = queue.len().min(LOOKS);
        let first: Vec<_> = queue.drain(..looks).collect();
        queue.push_back(Arc::downgrade(newcomer));
        drop(queue);
        for one in first {
            // Those that are gone have no place here any more.
            let Some(alive) = one.upgrade() else {
                continue;
            };
            // One that is locked is not idle.
            let rests = alive
                .try_lock()
                .is_ok_and(|mut it| (self.rest)(&mut it, now));
            if !rests {
                self.queue().push_back(one);
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Weak<Mutex<T>>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MANY: u32 = 640;

    /// When it was last used, or that it has no memory.
    type Sleeper = Option<Instant>;

    /// As if each look were the second.
    fn rest(used: &mut Sleeper, now: Instant) -> bool {
        *used = used.filter(|used| now - *used < SECOND);
        used.is_none()
    }

    fn add(awake: &Awake<Sleeper>, now: Instant) -> Arc<Mutex<Sleeper>> {
        let one = Arc::new(Mutex::new(Some(now)));
        awake.add(&one, now);
        one
    }

    fn with_memory(all: &[Arc<Mutex<Sleeper>>]) -> usize {
        all.iter()
            .filter(|one| one.lock().unwrap().is_some())
            .count()
    }

    #[test]
    fn idle_ones_give_their_memory_back_when_others_take_some() {
        let awake = Awake::new(rest);
        let begin = Instant::now();
        let all: Vec<_> = (0..MANY)
            .map(|at| add(&awake, begin + SECOND * at / 10))
            .collect();
        // Ten of them are of the last second.
        assert!(with_memory(&all) < 20);
        assert!(awake.queue().len() < 20);
    }

    #[test]
    fn any_number_of_those_in_use_keep_their_memory() {
        let awake = Awake::new(rest);
        let begin = Instant::now();
        let used: Vec<_> = (0..MANY).map(|_| add(&awake, begin)).collect();
        for tenth in 0..100 {
            let now = begin + SECOND * tenth / 10;
            used.iter().for_each(|one| *one.lock().unwrap() = Some(now));
            add(&awake, now);
        }
        assert_eq!(with_memory(&used), used.len());
    }

    #[test]
    fn one_that_is_locked_is_looked_at_later() {
        let awake = Awake::new(rest);
        let begin = Instant::now();
        let one = add(&awake, begin);
        let locked = one.lock().unwrap();
        drop(add(&awake, begin + SECOND));
        assert!(locked.is_some());
        drop(locked);
        drop(add(&awake, begin + SECOND));
        assert_eq!(*one.lock().unwrap(), None);
    }

    #[test]
    fn those_that_are_gone_are_forgotten() {
        let awake = Awake::new(rest);
        let now = Instant::now();
        for _ in 0..MANY {
            drop(add(&awake, now));
        }
        assert_eq!(awake.queue().len(), 1);
    }
}
