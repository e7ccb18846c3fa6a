//! The two ways to shake hands.

use std::thread;

use gio::prelude::*;
use gio_ossl::{DtlsClientConnection, DtlsServerConnection};

use super::{handshakes, run};

/// What became of one side's handshake.
pub type Outcome = Result<(), glib::Error>;

/// How both sides are asked to shake hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `handshake()` in a thread for each side: the client's is the calling one.
    Blocking,
    /// `handshake_async()` for both on one main context.
    Asynchronous,
}

impl Way {
    pub const BOTH: [Self; 2] = [Self::Blocking, Self::Asynchronous];

    /// The client's outcome and the server's. What handlers keep must bear other threads.
    pub fn meet(
        self,
        client: &DtlsClientConnection,
        server: &DtlsServerConnection,
    ) -> (Outcome, Outcome) {
        match self {
            Self::Asynchronous => run(handshakes(client, server)),
            Self::Blocking => thread::scope(|scope| {
                let theirs = scope.spawn(|| server.handshake(gio::Cancellable::NONE));
                let ours = client.handshake(gio::Cancellable::NONE);
                (ours, theirs.join().unwrap())
            }),
        }
    }
}
