//! The time that certificates, sessions and tickets are judged by.

use std::cell::Cell;
use std::time::SystemTime;

thread_local! {
    static CLOCK: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Makes it this time in the calling thread, in seconds since 1970, or the system's again: for tests.
pub fn set(time: Option<i64>) {
    CLOCK.set(time);
}

/// The time that was set.
pub fn injected() -> Option<i64> {
    CLOCK.get()
}

/// The time in seconds since 1970.
pub fn now() -> i64 {
    injected().unwrap_or_else(|| {
        let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        passed.map_or(0, |passed| passed.as_secs().cast_signed())
    })
}
