//! Whether a connection can be read from or written to, now or later.

use std::slice;
use std::time::Duration;

use gio::prelude::*;
use glib::subclass::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::DtlsConnection as Connection;
use super::budget::Budget;
use super::imp::DtlsConnection;
use super::status::{Explicit, Handshake, Status};
use crate::error::Error;
use crate::subclass::cancel::{OnCancel, check_cancelled};
use crate::subclass::source::{Running, SourceImpl, datagram_source};
use crate::transport::Transport;

/// What the state says about readiness.
struct View {
    outlook: Outlook,
    /// Nobody has started the handshake, nor closed what is asked for.
    is_unstarted: bool,
    /// Another main loop is in charge of the handshake.
    is_elsewhere: bool,
    is_base_closed: bool,
    /// What an error makes ready that is kept for the next call.
    deferred: IOCondition,
}

/// What the state alone says about readiness.
enum Outlook {
    /// These conditions hold, whatever the base socket says.
    Certain(IOCondition),
    /// The handshake goes on; nothing is ready before its end.
    Handshaking,
    /// The base socket decides about these, and buffered records about `IN`.
    Open(IOCondition),
}

impl Outlook {
    fn of(status: &Status, condition: IOCondition, is_base_closed: bool) -> Self {
        let open = status.open(condition);
        if status.is_hung_up(condition) {
            return Outlook::Certain(IOCondition::HUP);
        }
        match status.handshake {
            // There is nothing but the base's own errors to hear of.
            _ if open.is_empty() => Outlook::Open(IOCondition::ERR),
            // Whatever the caller does next starts the handshake, or reports why there is none.
            Handshake::NotStarted | Handshake::Failed(_) => Outlook::Certain(open),
            Handshake::InProgress if status.write_closed || is_base_closed => {
                Outlook::Certain(open)
            }
            Handshake::InProgress => Outlook::Handshaking,
            Handshake::Established => Outlook::Open(open),
        }
    }
}

impl DtlsConnection {
    /// Which of `condition` hold, or `HUP` where all that is asked for was closed here.
    pub fn readiness(&self, condition: IOCondition) -> IOCondition {
        self.ready(&self.view(condition))
    }

    fn ready(&self, view: &View) -> IOCondition {
        match view.outlook {
            Outlook::Certain(ready) => ready,
            Outlook::Handshaking => IOCondition::empty(),
            Outlook::Open(open) => {
                let mut ready = self.held(view, open);
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

    fn view(&self, condition: IOCondition) -> View {
        let is_base_closed = self.transport().is_ok_and(Transport::is_closed);
        let status = self.shared.lock();
        let mut deferred = IOCondition::empty();
        deferred.set(IOCondition::IN, status.receive_error.is_some());
        deferred.set(IOCondition::OUT, status.send_error.is_some());
        View {
            outlook: Outlook::of(&status, condition, is_base_closed),
            is_unstarted: matches!(status.handshake, Handshake::NotStarted)
                && !status.is_hung_up(condition),
            is_elsewhere: matches!(status.explicit, Some(Explicit::Loop(_))),
            is_base_closed,
            deferred,
        }
    }

    /// Those of the conditions that hold though the base might not say so.
    fn held(&self, view: &View, open: IOCondition) -> IOCondition {
        if view.is_base_closed {
            // The next call reports it.
            return open;
        }
        let mut held = view.deferred & open;
        if (open - held).contains(IOCondition::IN)
            && self.engine().is_ok_and(|mut engine| engine.is_readable())
        {
            held |= IOCondition::IN;
        }
        held
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
        if matches!(self.view(condition).outlook, Outlook::Handshaking) {
            let settled = self.settle(budget, cancellable, closed);
            let over = matches!(self.shared.lock().handshake, Handshake::Failed(_));
            // A failed handshake is for the receive or send to report.
            return if over { Ok(()) } else { settled };
        }
        let Some(waker) = self.shared.waker(cancellable, closed) else {
            return Ok(());
        };
        let view = self.view(condition);
        let Outlook::Open(open) = view.outlook else {
            return Ok(());
        };
        if self.ready(&view).is_empty() {
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
        let watch = Watch {
            condition,
            cancellable: cancellable.cloned(),
            _on_cancel: self.shared.ring_on_cancel(cancellable),
            is_announced: false,
            taken: self.taken(),
        };
        let object = self.obj();
        let causes = self.causes(slice::from_ref(&self.shared.alarm));
        datagram_source(object.upcast_ref(), "GioOssl readiness", watch, causes)
    }
}

/// What a readiness source watches for. The source itself keeps the connection alive.
struct Watch {
    condition: IOCondition,
    cancellable: Option<gio::Cancellable>,
    _on_cancel: Option<OnCancel>,
    /// A connection whose handshake nobody has started is ready, but saying so once is enough.
    is_announced: bool,
    /// How often datagrams had been taken from the base at the end of the latest dispatch.
    taken: usize,
}

impl Watch {
    /// Moves a handshake on, and listens to whatever matters in the state that this leads to.
    fn follow(&self, connection: &DtlsConnection, source: &Running<'_>) -> View {
        let mut view = connection.view(self.condition);
        if view.is_elsewhere {
            connection.await_deadline(source);
            view = connection.view(self.condition);
        } else if matches!(view.outlook, Outlook::Handshaking) {
            // A failing base is for the receive or send to report.
            let is_over = connection.pump(source, None).unwrap_or(false);
            view = connection.view(self.condition);
            if !is_over {
                return view;
            }
        }
        source.listen(match view.outlook {
            Outlook::Certain(_) | Outlook::Handshaking => IOCondition::empty(),
            Outlook::Open(open) => open,
        });
        view
    }

    /// What is ready. The context's poll need not be repeated, if it has found the base readable and
    /// nothing else, and nobody has taken anything since.
    fn ready(&self, connection: &DtlsConnection, source: &Running<'_>, view: &View) -> IOCondition {
        let readable = IOCondition::IN;
        let is_told = matches!(view.outlook, Outlook::Open(open) if open == readable)
            && source.heard() == readable
            && connection.taken() == self.taken;
        if is_told {
            readable
        } else {
            connection.ready(view)
        }
    }

    /// Whether it goes on being ready whatever the base says.
    fn stays_ready(&self, connection: &DtlsConnection, view: &View) -> bool {
        match view.outlook {
            Outlook::Certain(ready) => !ready.is_empty() && !self.is_announced,
            Outlook::Handshaking => false,
            Outlook::Open(open) => !connection.held(view, open).is_empty(),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancellable
            .as_ref()
            .is_some_and(|cancellable| cancellable.is_cancelled())
    }
}

impl SourceImpl for Watch {
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let object = source.object();
        let Some(object) = object.and_then(|object| object.downcast_ref::<Connection>()) else {
            return callback(IOCondition::HUP);
        };
        let connection = object.imp();
        let view = self.follow(connection, source);
        let ready = self.ready(connection, source, &view);
        let is_silent = ready.is_empty() || view.is_unstarted && self.is_announced;
        let flow = if self.is_cancelled() || !is_silent {
            self.is_announced = view.is_unstarted;
            let flow = callback(ready);
            if flow == ControlFlow::Continue {
                // The callback may have begun the handshake.
                let view = self.follow(connection, source);
                if self.stays_ready(connection, &view) {
                    source.again();
                }
            }
            flow
        } else {
            ControlFlow::Continue
        };
        self.taken = connection.taken();
        flow
    }
}
