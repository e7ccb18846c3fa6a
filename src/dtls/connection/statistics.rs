//! The numbers of one connection.

use std::time::{Duration, Instant};

use glib::prelude::*;
use glib::subclass::prelude::*;

use crate::dtls::statistics::Statistics;
use crate::engine;

/// How long the handshake takes.
#[derive(Clone, Copy, Debug, Default)]
pub enum Stopwatch {
    #[default]
    Stopped,
    Running(Instant),
    Taken(Duration),
}

impl Stopwatch {
    pub fn start(&mut self) {
        *self = Stopwatch::Running(Instant::now());
    }

    /// Takes the time, once.
    pub fn stop(&mut self) {
        if let Stopwatch::Running(since) = self {
            *self = Stopwatch::Taken(since.elapsed());
        }
    }

    /// The time, for people, once it is taken.
    pub fn in_words(self) -> Option<String> {
        match self {
            Stopwatch::Taken(time) => Some(format!("{:.1} ms", time.as_secs_f64() * 1e3)),
            Stopwatch::Stopped | Stopwatch::Running(_) => None,
        }
    }

    fn microseconds(self) -> u64 {
        match self {
            Stopwatch::Taken(time) => u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
            Stopwatch::Stopped | Stopwatch::Running(_) => 0,
        }
    }
}

/// The numbers of a connection.
pub trait DtlsStatisticsExt: IsA<super::DtlsConnection> {
    /// What the connection has done so far.
    fn statistics(&self) -> Statistics {
        let connection = self.as_ref().imp();
        let counted = connection.engine().map(|engine| engine.statistics());
        let time = connection.facts().handshake_time.microseconds();
        Statistics::new(
            &counted.unwrap_or_else(|_| engine::Statistics::default()),
            time,
        )
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsStatisticsExt for T {}
