//! How long calls may wait.

use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a call may take in all.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// It must not wait.
    Poll,
    /// It may wait until then.
    Until(Instant),
    /// It may wait for ever.
    Forever,
}

impl Budget {
    /// From GIO's time-out: none blocks, zero never does.
    pub fn new(timeout: Option<Duration>) -> Self {
        match timeout {
            None => Budget::Forever,
            Some(Duration::ZERO) => Budget::Poll,
            Some(timeout) => Instant::now()
                .checked_add(timeout)
                .map_or(Budget::Forever, Budget::Until),
        }
    }

    /// What is left, if there is a limit.
    pub fn remaining(self) -> Option<Duration> {
        match self {
            Budget::Poll => Some(Duration::ZERO),
            Budget::Until(end) => Some(end.saturating_duration_since(Instant::now())),
            Budget::Forever => None,
        }
    }

    /// The error of a call that has used it up.
    pub fn check(self) -> Result<(), Error> {
        match self {
            Budget::Poll => Err(Error::WouldBlock),
            Budget::Until(end) if end <= Instant::now() => Err(Error::TimedOut),
            _ => Ok(()),
        }
    }
}
