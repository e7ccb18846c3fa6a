//! How long a handshake waits, and how long it may take.

use std::time::{Duration, Instant};

use glib::prelude::*;
use glib::{ParamSpec, ParamSpecUInt};

use super::budget::Budget;
use super::imp::DtlsConnection;
use super::properties::{Property, SETTABLE, Write};
use super::status::{Handshake, Lane, Status};
use crate::engine::testing;
use crate::error::Error;
use crate::subclass::source::Running;

/// The properties that set the timers.
pub const PROPERTIES: [Property; 2] = [
    Property {
        spec: initial_timeout_spec,
        read: |connection| {
            connection
                .settings()
                .timers
                .initial_milliseconds()
                .to_value()
        },
        write: Write::BeforeHandshake(|settings, value| {
            settings.timers.initial = value
                .get()
                .ok()
                .map(|milliseconds: u32| Duration::from_millis(milliseconds.into()));
        }),
    },
    Property {
        spec: handshake_timeout_spec,
        read: |connection| {
            connection
                .settings()
                .timers
                .handshake_milliseconds
                .to_value()
        },
        write: Write::BeforeHandshake(|settings, value| {
            settings.timers.handshake_milliseconds = value.get().unwrap_or(0);
        }),
    },
];

fn initial_timeout_spec() -> ParamSpec {
    ParamSpecUInt::builder("initial-timeout")
        .nick("Initial time-out")
        .blurb("Milliseconds until the first flight is repeated")
        .minimum(1)
        .maximum(60_000)
        .default_value(1000)
        .flags(SETTABLE)
        .build()
}

fn handshake_timeout_spec() -> ParamSpec {
    ParamSpecUInt::builder("handshake-timeout")
        .nick("Handshake time-out")
        .blurb("Milliseconds that the handshake may take in all, or 0 for no limit")
        .default_value(0)
        .flags(SETTABLE)
        .build()
}

/// What the application says of the timers.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    initial: Option<Duration>,
    /// None is 0.
    handshake_milliseconds: u32,
}

impl Timers {
    /// How long the first flight waits for its answer.
    pub fn initial(&self) -> Duration {
        self.initial.unwrap_or_else(testing::initial_timeout)
    }

    fn initial_milliseconds(&self) -> u32 {
        u32::try_from(self.initial().as_millis()).unwrap_or(u32::MAX)
    }
}

/// When a handshake that has begun must be over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    fn left(self) -> Option<Duration> {
        let (end, _) = self.0?;
        Some(end.saturating_duration_since(Instant::now()))
    }
}

impl DtlsConnection {
    /// The handshake begins.
    pub fn start_deadline(&self) {
        let limit = Duration::from_millis(self.settings().timers.handshake_milliseconds.into());
        let end = Instant::now().checked_add(limit);
        self.facts().deadline = Deadline(end.filter(|_| !limit.is_zero()).map(|end| (end, limit)));
    }

    /// The shorter of `wait` and of what is left for the handshake.
    pub fn within_deadline(&self, wait: Option<Duration>) -> Option<Duration> {
        let left = self.facts().deadline.left();
        [wait, left].into_iter().flatten().min()
    }

    /// The shorter of a call's budget and of the handshake's.
    pub fn limit(&self, budget: Budget) -> Budget {
        let end = self.facts().deadline.0.map(|(end, _)| end);
        match (budget, end) {
            (Budget::Until(own), Some(end)) => Budget::Until(own.min(end)),
            (Budget::Forever, Some(end)) => Budget::Until(end),
            _ => budget,
        }
    }

    /// Ends a handshake whose time is up, though the loop in charge of it does not move it on.
    pub fn expire(
        &self,
        budget: Budget,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), Error> {
        let free = |_: &Status| Ok(());
        let _lane = self
            .shared
            .enter(Lane::Handshake, budget, cancellable, free)?;
        if let Some(error) = self.overdue() {
            self.give_up(error);
        }
        Ok(())
    }

    /// The same for a source that waits for that loop.
    pub fn await_deadline(&self, source: &Running<'_>) {
        let left = self.within_deadline(None);
        // Whoever is in the lane looks at the clock on the way out, and rings.
        if left == Some(Duration::ZERO)
            && let Some(_lane) = self.shared.try_enter(Lane::Handshake)
            && let Some(error) = self.overdue()
        {
            self.give_up(error);
        }
        source.set_ready_time(left.filter(|left| !left.is_zero()));
    }

    /// The failure of a handshake that has taken too long.
    pub fn overdue(&self) -> Option<Error> {
        let (end, limit) = self.facts().deadline.0?;
        let running = matches!(self.shared.lock().handshake, Handshake::InProgress);
        (running && end <= Instant::now()).then_some(Error::HandshakeTimedOut(limit))
    }
}

/// What a call on messages may report: GIO allows only those to time out that have a time limit.
pub fn reportable(error: Error, timeout: Option<Duration>) -> Error {
    match &error {
        Error::HandshakeTimedOut(_) if timeout.is_none_or(|limit| limit.is_zero()) => {
            Error::Tls(error.to_string())
        }
        _ => error,
    }
}

/// The timers of a connection.
pub trait DtlsTimersExt: IsA<super::DtlsConnection> {
    /// `initial-timeout`: how long the first flight waits for its answer before it is repeated
    /// (RFC 6347, section 4.2.4.1); one second by default. Later flights wait no longer.
    fn initial_timeout(&self) -> Duration {
        let milliseconds: u32 = self.as_ref().property("initial-timeout");
        Duration::from_millis(milliseconds.into())
    }

    /// Sets `initial-timeout`, in whole milliseconds from 1 to 60,000, before the handshake.
    fn set_initial_timeout(&self, timeout: Duration) {
        let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self.as_ref()
            .set_property("initial-timeout", milliseconds.clamp(1, 60_000));
    }

    /// `handshake-timeout`: how long the handshake may take in all; `None`, the default, is no limit.
    fn handshake_timeout(&self) -> Option<Duration> {
        let milliseconds: u32 = self.as_ref().property("handshake-timeout");
        (milliseconds > 0).then(|| Duration::from_millis(milliseconds.into()))
    }

    /// Sets `handshake-timeout`, in whole milliseconds, before the handshake.
    fn set_handshake_timeout(&self, timeout: Option<Duration>) {
        let milliseconds = timeout.map_or(0, |timeout| {
            u32::try_from(timeout.as_millis())
                .unwrap_or(u32::MAX)
                .max(1)
        });
        self.as_ref()
            .set_property("handshake-timeout", milliseconds);
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsTimersExt for T {}
