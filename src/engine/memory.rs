//! Memory that an idle association need not have.

use std::time::Instant;

use super::{Engine, State};

impl Engine {
    /// Whether an established association has taken memory for messages, since the beginning or since
    /// [`rest`](Self::rest); true only once.
    pub fn wakes(&mut self) -> bool {
        let wakes = !self.is_awake
            && matches!(self.state, State::Established)
            && self.session.has_buffers();
        self.is_awake |= wakes;
        wakes
    }

    /// Gives back what has not been used for a while, as far as earlier calls tell. False: there is
    /// something left.
    pub fn rest(&mut self, now: Instant) -> bool {
        self.is_awake = !self.session.rest(now);
        !self.is_awake
    }
}
