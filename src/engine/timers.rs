//! The retransmission timer, and what it has done.

use std::time::Duration;

use super::{Engine, State};
use crate::ossl::Pace;

impl Engine {
    /// How long until [`on_deadline`](Self::on_deadline) is due, if the timer runs.
    pub fn timeout(&self) -> Option<Duration> {
        match self.state {
            State::Handshaking { .. } => self.session.timeout(),
            _ => None,
        }
    }

    /// Retransmits the last flight if its time is up; earlier calls do nothing.
    pub fn on_deadline(&mut self) {
        if self.timeout() != Some(Duration::ZERO) {
            return;
        }
        let pace = match &mut self.state {
            State::Handshaking {
                suspicion: Some(suspicion),
            } => match suspicion.confirmed() {
                Some(alert) => {
                    self.state = State::Failed(self.told(alert));
                    return;
                }
                None => Pace::Initial,
            },
            _ => Pace::BackOff,
        };
        self.fall_back();
        if let Err(failure) = self.session.handle_timeout(pace) {
            self.fail("The peer does not answer", failure);
        }
    }

    /// How often a flight of ours was repeated because nothing answered it.
    pub fn retransmissions(&self) -> u64 {
        self.session.repeated()
    }
}
