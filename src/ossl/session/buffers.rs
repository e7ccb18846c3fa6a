//! The buffers for records, which an idle connection need not have.

use std::time::{Duration, Instant};

use foreign_types::ForeignType;

use super::Session;
use crate::ossl::queue::{self, Failure};
use crate::ossl::sys;

/// How long buffers are unused before they are given back. New ones take some hundred
/// instructions: too many for each message, and nothing ten times in a second.
const IDLE: Duration = Duration::from_millis(100);

/// Whether OpenSSL has buffers for records, two times 16 kB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Buffers {
    /// They have been used since [`Session::rest`] was called.
    Used,
    /// They have not been used since this call.
    Unused(Instant),
    /// It has none.
    Released,
}

impl Session {
    /// Gives the buffers back, unless something waits in them.
    pub fn release_buffers(&mut self) {
        // SAFETY: the `SSL` is valid.
        if self.has_buffers() && unsafe { sys::SSL_free_buffers(self.ssl.as_ptr()) } == 1 {
            self.buffers = Buffers::Released;
        }
    }

    /// Gives back buffers that nobody has used for a while, as far as earlier calls tell. False: there
    /// are still some.
    pub fn rest(&mut self, now: Instant) -> bool {
        match self.buffers {
            Buffers::Used => self.buffers = Buffers::Unused(now),
            Buffers::Unused(since) if now.saturating_duration_since(since) >= IDLE => {
                self.release_buffers();
            }
            Buffers::Unused(_) | Buffers::Released => {}
        }
        !self.has_buffers()
    }

    /// Whether there are buffers.
    pub fn has_buffers(&self) -> bool {
        self.buffers != Buffers::Released
    }

    /// Takes new ones where there are none. OpenSSL does so by itself when it reads; when it writes,
    /// versions before 3.2 do not, and crash.
    pub(super) fn use_buffers(&mut self) -> Result<(), Failure> {
        // SAFETY: the `SSL` is valid.
        if !self.has_buffers() && unsafe { sys::SSL_alloc_buffers(self.ssl.as_ptr()) } != 1 {
            return Err(queue::drain());
        }
        self.buffers = Buffers::Used;
        Ok(())
    }
}
