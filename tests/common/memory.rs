//! How much memory the whole process has taken, OpenSSL's and GLib's included.

use std::sync::{Mutex, MutexGuard, PoisonError};

static ALONE: Mutex<()> = Mutex::new(());

/// Keeps the program's other tests from taking memory meanwhile.
pub fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that were allocated and not given back.
#[allow(unsafe_code)]
pub fn used() -> usize {
    // SAFETY: it has no arguments and gives a plain structure.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}
