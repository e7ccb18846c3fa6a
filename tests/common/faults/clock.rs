//! OpenSSL's clock, which stands still in a thread that stops it until that thread moves it on.
//!
//! OpenSSL asks `gettimeofday()`, and the dynamic linker finds this program's before the C library's.
//! Where it does not, the clock is the real one, and who waits for a deadline must look again.

#![allow(unsafe_code)] // What is called by C.

use std::{
    cell::Cell,
    time::{Duration, SystemTime},
};

use libc::{c_int, c_void, timeval};

thread_local! {
    static STOPPED: Cell<Option<Duration>> = const { Cell::new(None) };
}

fn real() -> Duration {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.unwrap_or_default()
}

/// Stops the calling thread's clock at this moment.
pub fn stop() {
    STOPPED.set(Some(real()));
}

/// Moves the calling thread's clock on.
pub fn advance(time: Duration) {
    STOPPED.set(STOPPED.get().map(|now| now + time));
}

// SAFETY: the function is as C knows it, in all that its callers can see.
#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(time: *mut timeval, _zone: *mut c_void) -> c_int {
    let now = STOPPED.get().unwrap_or_else(real);
    // SAFETY: the caller has room for the time, or passes no pointer.
    if let Some(time) = unsafe { time.as_mut() } {
        time.tv_sec = now.as_secs() as libc::time_t;
        time.tv_usec = now.subsec_micros().cast_signed().into();
    }
    0
}
