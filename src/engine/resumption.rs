//! Resumption of an earlier association's session.
//!
//! ```text
//! client                                server
//! ClientHello              -------->
//!                          <--------    ServerHello [NewSessionTicket]
//!                                       ChangeCipherSpec Finished
//! NeedVerdict
//! ChangeCipherSpec Finished -------->
//! Established                           Established
//! ```

use openssl::error::ErrorStack;
use openssl::ssl::SslSession;

use super::{Engine, Role, State};
use crate::ossl::session::Session;

/// Whether a session outlives its association.
pub enum Resumption {
    /// It does not.
    Never,
    /// A later association may resume it. A server does not allow that to clients that it asks for
    /// a certificate.
    Allowed,
    /// The same, and a client offers to resume this one. The server's certificate is judged again;
    /// a session that does not contain the chain for that is not offered.
    Offer(SslSession),
}

impl Resumption {
    /// Makes a new session do so; it must have its certificate.
    pub(super) fn prepare(&self, session: &mut Session) -> Result<(), ErrorStack> {
        match self {
            Resumption::Never => Ok(()),
            Resumption::Allowed => session.allow_tickets(),
            Resumption::Offer(earlier) => {
                session.allow_tickets()?;
                session.offer(earlier)
            }
        }
    }
}

impl Engine {
    /// Whether this association resumes an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.session.is_resumed()
    }

    /// What an established client may [`Resumption::Offer`] later, if the server allows it.
    pub fn resumable_session(&self) -> Option<SslSession> {
        match (self.role, &self.state) {
            (Role::Client, State::Established) => self.session.resumable(),
            _ => None,
        }
    }
}
