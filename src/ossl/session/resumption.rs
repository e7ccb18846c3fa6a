//! Sessions that outlive their association (RFC 5246, section 7.3; tickets, RFC 5077).

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::sha::Sha256;
use openssl::ssl::{SslSession, SslSessionRef, SslVerifyMode};

use super::{Config, Protocol, SavedSession, Session};
use crate::ossl::{clock, queue, sys};

/// Bytes of a datagram with a ClientHello, without its ticket, but with a name and a cookie.
const CLIENT_HELLO: usize = 320;

/// Whether a session outlives its association.
pub enum Resumption {
    /// It does not.
    Never,
    /// A later association may resume it. A server does not allow that to clients that it asks for
    /// a certificate.
    Allowed,
    /// The same, and a client offers to resume this one. The server's certificate is judged again;
    /// a session that does not contain the chain for that is not offered.
    Offer(SavedSession),
}

impl Resumption {
    /// Makes a new session do so, whose configuration this is; it must have its certificate and its
    /// ciphers.
    pub fn prepare(&self, session: &mut Session, config: &Config) -> Result<(), ErrorStack> {
        match self {
            Resumption::Never => Ok(()),
            Resumption::Allowed => session.allow_tickets(&config.protocol),
            Resumption::Offer(earlier) => {
                session.allow_tickets(&config.protocol)?;
                match earlier.ticket_length() + CLIENT_HELLO <= usize::from(config.mtu) {
                    true => session.offer(earlier),
                    // A server that wants a cookie first takes no fragments, and stays silent.
                    false => Ok(()),
                }
            }
        }
    }
}

impl Session {
    /// Takes part in tickets: a client asks for one, a server gives and honours them.
    ///
    /// Of the client's certificates a ticket would keep the leaf alone, which nobody could judge: a
    /// server that asks for them gives and honours none.
    pub fn allow_tickets(&mut self, protocol: &Protocol) -> Result<(), ErrorStack> {
        if self.ssl.is_server() {
            let asks = self.ssl.verify_mode().contains(SslVerifyMode::PEER);
            let Some(certificate) = self.ssl.certificate().filter(|_| !asks) else {
                return Ok(());
            };
            let certificate = certificate.to_der()?;
            let context = self.ticket_context(&certificate, protocol)?;
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

    /// What a server's ticket is good for: the same certificate, because the client must not find
    /// itself with another one's server; and the same ciphers, groups and signatures, because OpenSSL
    /// does not ask whether this server would still choose the session's.
    fn ticket_context(
        &mut self,
        certificate: &[u8],
        protocol: &Protocol,
    ) -> Result<[u8; 32], ErrorStack> {
        let mut digest = Sha256::new();
        digest.update(&certificate.len().to_be_bytes());
        digest.update(certificate);
        for cipher in self.supported_ciphers()? {
            digest.update(&cipher.to_be_bytes());
        }
        protocol.digest(&mut digest);
        Ok(digest.finish())
    }

    /// Makes a client offer to resume `earlier`, unless nobody could judge its server again, or its
    /// cipher is not offered any more.
    pub fn offer(&mut self, earlier: &SavedSession) -> Result<(), ErrorStack> {
        if self.ssl.is_server() || !earlier.can_be_judged() || !self.supports_cipher_of(earlier)? {
            return Ok(());
        }
        let session = duplicate(earlier.session())?;
        // SAFETY: both are valid; the `SSL` takes a reference of its own.
        if unsafe { openssl_sys::SSL_set_session(self.ssl.as_ptr(), session.as_ptr()) } != 1 {
            return Err(ErrorStack::get());
        }
        self.wire().stepwise = true;
        self.offered = Some(earlier.clone());
        Ok(())
    }

    fn supports_cipher_of(&mut self, earlier: &SavedSession) -> Result<bool, ErrorStack> {
        // SAFETY: the session is valid, and OpenSSL's ciphers are for ever.
        let cipher = unsafe {
            let cipher = sys::SSL_SESSION_get0_cipher(earlier.session().as_ptr());
            if cipher.is_null() {
                return Ok(false);
            }
            sys::SSL_CIPHER_get_protocol_id(cipher)
        };
        Ok(self.supported_ciphers()?.contains(&cipher))
    }

    /// The cipher suites that this side may agree to, by their numbers.
    fn supported_ciphers(&mut self) -> Result<Vec<u16>, ErrorStack> {
        queue::clear();
        // SAFETY: the `SSL` is valid; the list is ours, and what it points to is for ever.
        unsafe {
            let list = sys::SSL_get1_supported_ciphers(self.ssl.as_ptr());
            if list.is_null() {
                return Err(ErrorStack::get());
            }
            let list = list.cast();
            let count = openssl_sys::OPENSSL_sk_num(list);
            let ciphers = (0..count)
                .map(|i| openssl_sys::OPENSSL_sk_value(list, i))
                .filter(|cipher| !cipher.is_null())
                .map(|cipher| sys::SSL_CIPHER_get_protocol_id(cipher.cast()))
                .collect();
            openssl_sys::OPENSSL_sk_free(list);
            Ok(ciphers)
        }
    }

    /// Whether an earlier session is resumed; known from the ServerHello on.
    pub fn is_resumed(&self) -> bool {
        self.ssl.session_reused()
    }

    /// The session that a client offers.
    pub fn offered(&self) -> Option<&SslSessionRef> {
        self.offered.as_ref().map(SavedSession::session)
    }

    /// The session that is resumed, as it was offered.
    pub fn resumed(&self) -> Option<&SavedSession> {
        self.offered.as_ref().filter(|_| self.is_resumed())
    }

    /// The session as it is now, if it can and may be resumed. One that a shared key made is not: who has
    /// the key proves that anew each time.
    pub fn resumable(&self) -> Option<SavedSession> {
        let session = self.ssl.session()?;
        // SAFETY: the session and the `SSL` are valid.
        let resumable = unsafe {
            sys::SSL_SESSION_is_resumable(session.as_ptr()) == 1
                && sys::SSL_get_psk_identity(self.ssl.as_ptr()).is_null()
                && sys::SSL_get_options(self.ssl.as_ptr()) & openssl_sys::SSL_OP_NO_TICKET == 0
        };
        if !resumable {
            return None;
        }
        let established = match self.resumed() {
            Some(earlier) => earlier.established(),
            None => clock::now(),
        };
        let saved = SavedSession::new(duplicate(session).ok()?, self.peer_chain(), established);
        saved.can_be_judged().then_some(saved)
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
