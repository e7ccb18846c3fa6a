//! Sessions that outlive their association (RFC 5246, section 7.3; tickets, RFC 5077).

use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::ssl::{SslSession, SslSessionRef, SslVerifyMode};

use super::Session;
use crate::ossl::{queue, sys};

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
    pub fn prepare(&self, session: &mut Session) -> Result<(), ErrorStack> {
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

impl Session {
    /// Takes part in tickets: a client asks for one, a server gives and honours them.
    ///
    /// A ticket is good for the certificate that the server had when it gave it: the client must
    /// not find itself with another one's server. Of the client's certificates it would keep the
    /// leaf alone, which nobody could judge: a server that asks for them gives and honours none.
    pub fn allow_tickets(&mut self) -> Result<(), ErrorStack> {
        if self.ssl.is_server() {
            let asks = self.ssl.verify_mode().contains(SslVerifyMode::PEER);
            let Some(certificate) = self.ssl.certificate().filter(|_| !asks) else {
                return Ok(());
            };
            let context = certificate.digest(MessageDigest::sha256())?;
            let length = u32::try_from(context.len()).unwrap_or(0);
            // SAFETY: the `SSL` is valid and copies the `length` bytes.
            let done = unsafe {
                sys::SSL_set_session_id_context(self.ssl.as_ptr(), context.as_ptr(), length)
            };
            if done != 1 {
                return Err(ErrorStack::get());
            }
        }
        // SAFETY: the `SSL` is valid.
        unsafe { sys::SSL_clear_options(self.ssl.as_ptr(), openssl_sys::SSL_OP_NO_TICKET) };
        Ok(())
    }

    /// Makes a client offer to resume `session`, unless the server's chain is not kept in it: that
    /// of a session that was exported, and nobody could judge it again.
    pub fn offer(&mut self, session: &SslSessionRef) -> Result<(), ErrorStack> {
        if self.ssl.is_server() {
            return Ok(());
        }
        let session = duplicate(session)?;
        // SAFETY: both are valid; the `SSL` takes a reference of its own.
        if unsafe { openssl_sys::SSL_set_session(self.ssl.as_ptr(), session.as_ptr()) } != 1 {
            return Err(ErrorStack::get());
        }
        if self.ssl.peer_cert_chain().is_some() {
            self.wire().stepwise = true;
        } else {
            // SAFETY: the `SSL` is valid; without a session it offers none.
            unsafe { openssl_sys::SSL_set_session(self.ssl.as_ptr(), ptr::null_mut()) };
        }
        Ok(())
    }

    /// Whether an earlier session is resumed; known from the ServerHello on.
    pub fn is_resumed(&self) -> bool {
        self.ssl.session_reused()
    }

    /// The session as it is now, if it can be resumed.
    pub fn resumable(&self) -> Option<SslSession> {
        let session = self.ssl.session()?;
        // SAFETY: the session is valid.
        let resumable = unsafe { sys::SSL_SESSION_is_resumable(session.as_ptr()) } == 1;
        resumable.then(|| duplicate(session).ok()).flatten()
    }
}

/// An `SSL` writes to its session, also at its end, so none is shared with another.
fn duplicate(session: &SslSessionRef) -> Result<SslSession, ErrorStack> {
    queue::clear();
    // SAFETY: the session is valid, and the copy is ours.
    unsafe {
        let copy = sys::SSL_SESSION_dup(session.as_ptr());
        if copy.is_null() {
            return Err(ErrorStack::get());
        }
        Ok(SslSession::from_ptr(copy))
    }
}
