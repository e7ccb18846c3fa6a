//! What ends the program early, with what to try next.

use std::{fmt::Display, io, process::ExitCode};

use crate::text::printable;

/// The exit status; documented in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something else went wrong, such as writing the output.
    Failed = 1,
    /// An option or a file that cannot be used; clap's status for the arguments it refuses.
    Usage = 2,
    /// Nobody can be reached, or nobody answers.
    Network = 3,
    /// The two sides did not come to an agreement, or the session broke.
    Handshake = 4,
    /// The peer's certificate, or ours, is not trusted.
    Verification = 5,
    /// Ended by a signal before there was a session; as shells put it for SIGINT.
    Interrupted = 130,
}

impl Status {
    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Status::Failed => "failed",
            Status::Usage => "usage",
            Status::Network => "network",
            Status::Handshake => "handshake",
            Status::Verification => "verification",
            Status::Interrupted => "interrupted",
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        ExitCode::from(status as u8)
    }
}

/// Why the program ends, and what its user may try.
#[derive(Clone, Debug)]
pub struct Failure {
    pub status: Status,
    pub message: String,
    pub hints: Vec<String>,
}

impl Failure {
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            // Names of files and words of the peer are in there.
            message: printable(&message.into()),
            hints: Vec::new(),
        }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// A file named on the command line that cannot be used.
    pub fn file(path: impl Display, reason: impl Display) -> Self {
        Self::usage(format!("{path}: {reason}"))
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(printable(&hint.into()));
        self
    }
}

/// Writing to the standard output failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(
            Status::Failed,
            format!("cannot write to the standard output: {error}"),
        )
    }
}
