//! Pre-shared keys (RFC 4279).
//!
//! ```text
//! client                                server
//! ClientHello              -------->
//!                          <--------    ServerHello [ServerKeyExchange] ServerHelloDone
//! NeedKey
//! ClientKeyExchange
//! ChangeCipherSpec Finished -------->   NeedKey
//!                          <--------    ChangeCipherSpec Finished
//! Established                           Established
//! ```
//!
//! OpenSSL cannot suspend where it wants a key. So the wire is held before the message that makes it
//! want one.

use super::{Engine, State, Step};
use crate::error::Error;
use crate::ossl::Role;
use crate::ossl::queue;
use crate::ossl::session::{Key, PreSharedKey};

/// A plaintext record's header and a handshake message's (RFC 6347, sections 4.1 and 4.2.2).
const HEADERS: usize = 13 + 12;

/// Which key is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRequest {
    /// A client's own, for a server that says this of the keys that it knows:
    /// [`Engine::provide_key`].
    Hint(Option<Vec<u8>>),
    /// The one of the client that calls itself so: [`Engine::provide_key_of`].
    Identity(Vec<u8>),
}

impl Engine {
    /// Asks for the key if the next message needs it, and lets that message pass if it does not.
    pub(super) fn ask_for_key(&mut self) -> Option<Step> {
        let exchange = self.session.pending_exchange();
        if let (Role::Server, Some(sieve), Some(exchange)) = (self.role, &mut self.sieve, exchange)
        {
            sieve.expect_key(exchange);
        }
        let message = self.session.wire().at_gate()?;
        let identity = identity(message).map(<[u8]>::to_vec);
        let request = match self.role {
            _ if exchange.is_none() => None,
            Role::Client => Some(KeyRequest::Hint(self.session.identity_hint())),
            // One that goes on in the next record is longer than OpenSSL takes.
            Role::Server => identity.map(KeyRequest::Identity),
        };
        let Some(request) = request else {
            self.session.wire().gate = None;
            return Some(self.handshake());
        };
        self.state = State::Asking(request.clone());
        Some(Step::NeedKey(request))
    }

    /// Answers a client's [`Step::NeedKey`]; without a key the handshake fails.
    pub fn provide_key(&mut self, key: Option<PreSharedKey>) {
        if !matches!(self.state, State::Asking(KeyRequest::Hint(_))) {
            return;
        }
        self.state = match key {
            Some(_) => State::Handshaking { suspicion: None },
            // OpenSSL tells the server.
            None => State::Refusing(Error::NoKey),
        };
        self.session.give_own(key);
        self.session.wire().gate = None;
    }

    /// Answers a server's [`Step::NeedKey`]. Without a key the client learns no more than that its
    /// Finished is not understood, as with a wrong key (RFC 4279, section 2).
    pub fn provide_key_of(&mut self, key: Option<Key>) {
        if !matches!(self.state, State::Asking(KeyRequest::Identity(_))) {
            return;
        }
        self.state = match self.session.give_for_identity(key) {
            Ok(()) => State::Handshaking { suspicion: None },
            Err(stack) => State::Failed(Error::tls(
                "Cannot make up a key",
                queue::describe(&stack).reason,
            )),
        };
        self.session.wire().gate = None;
    }
}

/// The identity in a ClientKeyExchange (RFC 4279, section 2).
fn identity(record: &[u8]) -> Option<&[u8]> {
    let (length, rest) = record.get(HEADERS..)?.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}
