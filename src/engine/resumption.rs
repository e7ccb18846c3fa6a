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

use super::{Engine, Role, SavedSession, State};

impl Engine {
    /// Whether this association resumes an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.session.is_resumed()
    }

    /// What an established client may [`Offer`](super::Resumption::Offer) later, if the server allows
    /// it.
    pub fn resumable_session(&self) -> Option<SavedSession> {
        match (self.role, &self.state) {
            (Role::Client, State::Established) => self.session.resumable(),
            _ => None,
        }
    }
}
