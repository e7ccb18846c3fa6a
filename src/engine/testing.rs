//! What tests change about time: OpenSSL's retransmission clock is real time, and so is the one that
//! certificates and sessions expire by.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ossl::clock;

/// In microseconds; one second, as RFC 6347, section 4.2.4.1, has it.
static INITIAL_TIMEOUT: AtomicU64 = AtomicU64::new(1_000_000);

/// The first retransmission time-out of associations that begin from now on.
pub fn set_initial_timeout(timeout: Duration) {
    let microseconds = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
    INITIAL_TIMEOUT.store(microseconds, Ordering::Relaxed);
}

pub(crate) fn initial_timeout() -> Duration {
    Duration::from_micros(INITIAL_TIMEOUT.load(Ordering::Relaxed))
}

/// Certificates, sessions and their tickets are judged in the calling thread as if this were the time,
/// in seconds since 1970. `None` is the system's clock again.
pub fn set_clock(time: Option<i64>) {
    clock::set(time);
}
