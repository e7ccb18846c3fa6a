//! Whether a connection can be read from or written to, now or later.

use std::time::Duration;

use gio::prelude::*;
use glib::subclass::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::budget::Budget;
use super::events::BaseEvents;
use super::imp::DtlsConnection;
use super::status::{Handshake, Status};
use crate::error::Error;
use crate::subclass::cancel::{OnCancel, check_cancelled};
use crate::subclass::source::{SourceImpl, datagram_source, set_ready_time};
use crate::transport::Transport;

/// What the state alone says about readiness.
enum Outlook {
    /// These conditions hold, whatever the base socket says.
    Certain(IOCondition),
    /// The handshake goes on; nothing is ready before its end.
    Handshaking,
    /// The base socket decides about these, and buffered records about `IN`.
    Open(IOCondition),
}

impl DtlsConnection {
    /// Which of `condition` hold, or `HUP` where all that is asked for was closed here.
    pub fn readiness(&self, condition: IOCondition) -> IOCondition {
        match self.outlook(condition) {
            Outlook::Certain(ready) => ready,
            Outlook::Handshaking => IOCondition::empty(),
            Outlook::Open(open) => {
                let mut ready = self.held(open);
                if let Ok(transport) = self.transport() {
                    ready |= transport.check(open - ready);
                }
                if ready.contains(IOCondition::HUP) {
                    // The next call does not block, but reports what the base has to say.
                    ready |= open;
                }
                ready & (open | IOCondition::ERR)
            }
        }
    }

    fn outlook(&self, condition: IOCondition) -> Outlook {
        let base_closed = self.transport().is_ok_and(Transport::is_closed);
        let status = self.shared.lock();
        let open = status.open(condition);
        if status.is_hung_up(condition) {
            return Outlook::Certain(IOCondition::HUP);
        }
        match status.handshake {
            // There is nothing but the base's own errors to hear of.
            _ if open.is_empty() => Outlook::Open(IOCondition::ERR),
            // Whatever the caller does next starts the handshake, or reports why there is none.
            Handshake::NotStarted | Handshake::Failed(_) => Outlook::Certain(open),
            Handshake::InProgress if status.write_closed || base_closed => Outlook::Certain(open),
            Handshake::InProgress => Outlook::Handshaking,
            Handshake::Established => Outlook::Open(open),
        }
    }

    /// Those of the conditions that hold though the base might not say so.
    fn held(&self, open: IOCondition) -> IOCondition {
        if self.transport().is_ok_and(Transport::is_closed) {
            // The next call reports it.
            return open;
        }
        let mut held = IOCondition::empty();
        if open.contains(IOCondition::OUT) && self.shared.lock().send_error.is_some() {
            held |= IOCondition::OUT;
        }
        if open.contains(IOCondition::IN) && self.has_buffered() {
            held |= IOCondition::IN;
        }
        held
    }

    /// Whether a receive has something to return without a further datagram.
    fn has_buffered(&self) -> bool {
        let deferred = self.shared.lock().receive_error.is_some();
        deferred || self.engine().is_ok_and(|mut engine| engine.is_readable())
    }

    /// Blocks until one of the conditions holds, moving a handshake on meanwhile.
    pub fn wait_ready(
        &self,
        condition: IOCondition,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), Error> {
        let budget = Budget::new(timeout);
        loop {
            check_cancelled(cancellable)?;
            let ready = self.readiness(condition);
            if ready.contains(IOCondition::HUP) {
                return Err(Error::Closed);
            }
            if !ready.is_empty() {
                return Ok(());
            }
            if budget.check().is_err() {
                return Err(Error::TimedOut);
            }
            self.wait_once(condition, budget, cancellable)?;
        }
    }

    fn wait_once(
        &self,
        condition: IOCondition,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), Error> {
        let closed = |status: &Status| status.is_hung_up(condition);
        if matches!(self.outlook(condition), Outlook::Handshaking) {
            let settled = self.settle(budget, cancellable, closed);
            let over = matches!(self.shared.lock().handshake, Handshake::Failed(_));
            // A failed handshake is for the receive or send to report.
            return if over { Ok(()) } else { settled };
        }
        let Some(waker) = self.shared.waker(cancellable, closed) else {
            return Ok(());
        };
        let Outlook::Open(open) = self.outlook(condition) else {
            return Ok(());
        };
        if self.readiness(condition).is_empty() {
            self.transport()?
                .wait(open, budget.remaining(), &waker.token)?;
        }
        Ok(())
    }

    /// A source that fires while one of the conditions holds.
    pub fn readiness_source(
        &self,
        condition: IOCondition,
        cancellable: Option<&gio::Cancellable>,
    ) -> glib::Source {
        let object = self.obj();
        let watch = Watch {
            connection: object.downgrade(),
            condition,
            cancellable: cancellable.cloned(),
            _on_cancel: self.shared.ring_on_cancel(cancellable),
            announced: false,
            events: BaseEvents::default(),
        };
        let base = object.upcast_ref::<gio::DatagramBased>();
        let source = datagram_source(base, "GioOssl readiness", watch, Some(&self.shared.alarm));
        set_ready_time(&source, Some(Duration::ZERO));
        source
    }
}

/// What a readiness source watches for. The source itself keeps the connection alive.
struct Watch {
    connection: glib::WeakRef<super::DtlsConnection>,
    condition: IOCondition,
    cancellable: Option<gio::Cancellable>,
    _on_cancel: Option<OnCancel>,
    /// A connection whose handshake nobody has started is ready, but saying so once is enough.
    announced: bool,
    events: BaseEvents,
}

impl Watch {
    /// Moves a handshake on, and listens to whatever matters in the state that this leads to.
    fn follow(&mut self, connection: &DtlsConnection, source: &glib::Source) {
        let elsewhere = connection.shared.lock().loop_in_charge().is_some();
        if !elsewhere && matches!(connection.outlook(self.condition), Outlook::Handshaking) {
            match connection.pump(source, &mut self.events, None) {
                Ok(true) => {}
                // A failing base is for the receive or send to report.
                Ok(false) | Err(_) => return,
            }
        }
        if elsewhere {
            connection.await_deadline(source);
        }
        let wanted = match connection.outlook(self.condition) {
            Outlook::Certain(_) | Outlook::Handshaking => IOCondition::empty(),
            Outlook::Open(open) => open,
        };
        if let Ok(base) = connection.transport() {
            self.events.listen(source, base, wanted);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancellable
            .as_ref()
            .is_some_and(|cancellable| cancellable.is_cancelled())
    }
}

impl SourceImpl for Watch {
    fn is_ready(&self) -> bool {
        let Some(connection) = self.connection.upgrade() else {
            return false;
        };
        let connection = connection.imp();
        match connection.outlook(self.condition) {
            Outlook::Certain(ready) => !ready.is_empty() && !self.announced,
            Outlook::Handshaking => false,
            Outlook::Open(open) => !connection.held(open).is_empty(),
        }
    }

    fn dispatch(
        &mut self,
        source: &glib::Source,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let Some(object) = self.connection.upgrade() else {
            // It was disposed of, which clears weak references.
            return callback(IOCondition::HUP);
        };
        let connection = object.imp();
        self.follow(connection, source);
        let ready = connection.readiness(self.condition);
        let unstarted = matches!(connection.shared.lock().handshake, Handshake::NotStarted);
        let silent = ready.is_empty() || unstarted && self.announced;
        let call = self.is_cancelled() || !silent;
        self.announced = unstarted && call;
        let flow = if call {
            callback(ready)
        } else {
            ControlFlow::Continue
        };
        if call && flow == ControlFlow::Continue {
            // The callback may have begun the handshake.
            self.follow(connection, source);
        }
        flow
    }
}
