//! Cases that are processes of their own, forked from one that has what they need.

use std::ffi::c_int;
use std::io::{Write, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::atomic::{AtomicBool, Ordering};

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With what its work returned.
    With(c_int),
    Crashed,
    /// It has panicked, also where the library catches it, or hung.
    Wrong,
}

/// What no work returns.
const PANICKED: c_int = 1;

/// A child that runs `body`. No other thread may be at work.
pub fn fork(body: impl FnOnce() -> c_int) -> c_int {
    static HAS_PANICKED: AtomicBool = AtomicBool::new(false);
    // SAFETY: no other thread is at work, and the child ends here.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            // Nothing takes as long, unless it hangs.
            libc::alarm(60);
            set_hook(Box::new(|panic| {
                HAS_PANICKED.store(true, Ordering::Relaxed);
                let _ = writeln!(stderr(), "{panic}");
            }));
            let end = catch_unwind(AssertUnwindSafe(body)).ok();
            let end = end.filter(|_| !HAS_PANICKED.load(Ordering::Relaxed));
            libc::_exit(end.unwrap_or(PANICKED));
        }
        child
    }
}

/// The next child that ends, and how it does.
pub fn wait() -> (c_int, Exit) {
    let mut status = 0;
    // SAFETY: there is nothing to uphold.
    let child = unsafe { libc::waitpid(-1, &mut status, 0) };
    assert!(child > 0);
    let exit = if libc::WIFEXITED(status) {
        match libc::WEXITSTATUS(status) {
            PANICKED => Exit::Wrong,
            end => Exit::With(end),
        }
    } else {
        match libc::WTERMSIG(status) {
            libc::SIGALRM => Exit::Wrong,
            _ => Exit::Crashed,
        }
    };
    (child, exit)
}
