//! What our sources hear: datagrams, the retransmission timer, cancellation.

use std::sync::Arc;
use std::time::Duration;

use glib::IOCondition;

use super::handshake::{Advance, Driver};
use super::imp::DtlsConnection;
use super::status::Lane;
use crate::error::Error;
use crate::subclass::source::{Alarm, Causes, Running};
use crate::transport::Transport;

/// How long a base socket that fails is left alone if no timer runs.
const RESPITE: Duration = Duration::from_secs(1);

impl DtlsConnection {
    /// What makes a source dispatch that has to do with the base, too.
    pub fn causes<'a>(&'a self, alarms: &'a [Arc<Alarm>]) -> Causes<'a> {
        let base = self.transport.get().map(Transport::base);
        Causes { alarms, base }
    }

    /// Moves the handshake on from a main loop, and lets `source` hear of whatever comes next. True:
    /// it is over. An error is the base socket's.
    pub fn pump(
        &self,
        source: &Running<'_>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<bool, Error> {
        let (wanted, timeout, outcome) = match self.advance_if_free(Driver::Loop(cancellable)) {
            Ok(Some(Advance::Done)) => return Ok(true),
            Ok(Some(Advance::Waiting(timeout))) => {
                (IOCondition::IN, self.within_deadline(timeout), Ok(false))
            }
            // Whoever is at it rings when done.
            Ok(None) => (IOCondition::empty(), None, Ok(false)),
            Err(error) => {
                let timeout = self.engine().ok().and_then(|engine| engine.timeout());
                let timeout = self.within_deadline(timeout.or(Some(RESPITE)));
                (IOCondition::empty(), timeout, Err(error))
            }
        };
        source.listen(wanted);
        source.set_ready_time(timeout);
        outcome
    }

    /// Takes the steps that need no waiting, unless another call is at it; then the sources hear of
    /// it when that one is done.
    fn advance_if_free(&self, driver: Driver<'_>) -> Result<Option<Advance>, Error> {
        match self.shared.try_enter(Lane::Handshake) {
            Some(lane) => self.advance(&lane, driver).map(Some),
            None => Ok(None),
        }
    }
}
