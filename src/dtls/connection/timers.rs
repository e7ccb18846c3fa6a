//! How long a handshake waits.

use std::time::Duration;

use glib::prelude::*;
use glib::{ParamSpec, ParamSpecUInt};

use super::properties::{Property, SETTABLE, Write};
use crate::engine::testing;

/// The properties that set the timers.
pub const PROPERTIES: [Property; 1] = [Property {
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
}];

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

/// What the application says of the timers.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    initial: Option<Duration>,
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

/// The timers of a connection.
pub trait DtlsTimersExt: IsA<super::DtlsConnection> {
    /// `initial-timeout`: how long the first flight waits for its answer before it is repeated
    /// (RFC 6347, section 4.2.4.1); one second by default.
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
}

impl<T: IsA<super::DtlsConnection>> DtlsTimersExt for T {}
