//! How long futures may go on without their loop.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many futures in a row have not waited. A task that finds everything ready would never let its loop go
/// round, so after many of them one gets in line, whose source the loop has to get to.
#[derive(Default)]
pub struct Burst(AtomicUsize);

impl Burst {
    const MOST: usize = 64;

    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::MOST
    }

    /// One more has not waited.
    pub fn go_on(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The loop has got to the line.
    pub fn end(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
