//! Calls on one main loop, which none of them may block.

use std::{cell::Cell, time::Duration};

use gio_ossl::engine::testing;
use glib::{WeakRef, object::ObjectType};

use crate::{assert_no_error_is_left, script::Script};

pub(crate) const MOST_OPERATIONS: usize = 200;
const MOST_ITERATIONS: usize = 10_000;

/// Has `play` follow the script on a main context of its own. What it returns must be gone when that is.
pub(crate) fn perform<T: ObjectType>(
    data: &[u8],
    play: impl FnOnce(&mut Script<'_>, &glib::MainContext) -> Vec<WeakRef<T>>,
) {
    // A setting that comes too late is no more than a warning.
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL);
    testing::set_initial_timeout(Duration::from_micros(1));
    let context = glib::MainContext::new();
    let gone = context.with_thread_default(|| play(&mut Script::new(data), &context));
    let gone = gone.expect("a context of its own");
    drop(context);
    let left = gone.iter().filter(|it| it.upgrade().is_some());
    assert_eq!(left.count(), 0, "objects that nobody has any more");
    assert_no_error_is_left();
}

/// Runs the loop until so many calls as are pending have called back.
pub(crate) fn settle(context: &glib::MainContext, pending: &Cell<usize>) {
    for _ in 0..MOST_ITERATIONS {
        if pending.get() == 0 && !context.pending() {
            break;
        }
        context.iteration(false);
    }
    assert_eq!(pending.get(), 0, "calls that never call back");
}
