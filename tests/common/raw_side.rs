//! Plain OpenSSL as a side of a handshake that may resume a session.

use crate::{raw::Raw, resumption::Side};

impl Side for Raw {
    fn advance(&mut self) -> bool {
        self.handshake()
    }

    fn feed(&mut self, datagram: &[u8]) {
        self.receive(datagram);
    }

    fn take(&mut self) -> Vec<Vec<u8>> {
        self.take_outgoing()
    }

    fn time_passes(&mut self) {}
}
