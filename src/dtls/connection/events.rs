//! What our sources hear: datagrams, the retransmission timer, cancellation.

use std::time::Duration;

use glib::IOCondition;

use super::handshake::{Advance, Driver};
use super::imp::DtlsConnection;
use super::status::Lane;
use crate::error::Error;
use crate::subclass::source::{add_child, remove_child, set_ready_time};
use crate::transport::Transport;

/// How long a base socket that fails is left alone if no timer runs.
const RESPITE: Duration = Duration::from_secs(1);

/// The conditions of the base socket that one source listens to.
#[derive(Default)]
pub struct BaseEvents(Option<(IOCondition, glib::Source)>);

impl BaseEvents {
    /// Listens to these conditions from now on.
    pub fn listen(&mut self, source: &glib::Source, base: &Transport, wanted: IOCondition) {
        if self.0.as_ref().is_some_and(|(heard, _)| *heard == wanted) {
            return;
        }
        if let Some((_, child)) = self.0.take() {
            remove_child(source, &child);
        }
        if wanted.is_empty() {
            return;
        }
        if let Some(child) = base.source(wanted, None) {
            add_child(source, &child);
            self.0 = Some((wanted, child));
        }
    }
}

impl DtlsConnection {
    /// Moves the handshake on from a main loop, and lets `source` hear of whatever comes next. True:
    /// it is over. An error is the base socket's.
    pub fn pump(
        &self,
        source: &glib::Source,
        events: &mut BaseEvents,
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
        events.listen(source, self.transport()?, wanted);
        set_ready_time(source, timeout);
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
