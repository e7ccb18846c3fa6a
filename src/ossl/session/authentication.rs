//! Who presents which certificate, and what is said of it.

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslVerifyMode};
use openssl::stack::Stack;
use openssl::x509::{X509, X509Name, X509NameRef};

use super::{Authentication, Config, Session};
use crate::ossl::context::{Refusal, Verdict};
use crate::ossl::{queue, sys};

impl Session {
    /// Says whether the peer's certificate is accepted; the next [`handshake`](Self::handshake)
    /// acts on it.
    pub fn set_verdict(&mut self, verdict: Verdict) {
        if let Some(hooks) = self.hooks() {
            hooks.verdict = Some(verdict);
        }
    }

    /// The verdict that was given.
    pub fn verdict(&mut self) -> Option<Verdict> {
        self.hooks().and_then(|hooks| hooks.verdict)
    }

    /// The certificate that a client has presented, leaf first, when it waits to be judged.
    pub fn presented(&mut self) -> Option<Vec<X509>> {
        self.hooks().and_then(|hooks| hooks.presented.take())
    }

    /// Lets a handshake go on after it was held for the judgement of the peer.
    pub fn release(&mut self) {
        let wire = self.wire();
        (wire.held, wire.stepwise) = (false, false);
    }

    /// Tells the peer that its certificate is refused, where OpenSSL would send an alert of its own
    /// choice, or none: as a server, and when a session is resumed. At this point our side still
    /// writes in plaintext (RFC 6347, section 4.1), and this record is its last.
    pub fn refuse_in_plaintext(&mut self, refusal: Refusal) {
        const FATAL: u8 = 2;
        #[rustfmt::skip]
        let record = [
            21, 0xfe, 0xfd, // alert, DTLS 1.2
            0, 0, 0, 1, 0, 0, 0, 0, // epoch 0, a sequence number beyond any that was used
            0, 2, FATAL, refusal.alert(),
        ];
        self.wire().outgoing.push(&record);
    }

    /// Presents `certificate` with its chain and key, or none, where the server asked for one.
    pub fn answer_certificate_request(
        &mut self,
        credentials: Option<(&[X509], &PKey<Private>)>,
    ) -> Result<(), ErrorStack> {
        if let Some((chain, key)) = credentials {
            self.use_credentials(chain, key)?;
        }
        if let Some(hooks) = self.hooks() {
            hooks.certificate_answered = true;
        }
        Ok(())
    }

    /// Makes `chain`, leaf first, and `key` the certificate of this side.
    pub fn use_credentials(
        &mut self,
        chain: &[X509],
        key: &PKey<Private>,
    ) -> Result<(), ErrorStack> {
        let Some((leaf, issuers)) = chain.split_first() else {
            return Ok(());
        };
        let mut stack = Stack::new()?;
        for issuer in issuers {
            stack.push(issuer.clone())?;
        }
        queue::clear();
        // SAFETY: all are valid; OpenSSL takes references of its own.
        let done = unsafe {
            sys::SSL_use_cert_and_key(
                self.ssl.as_ptr(),
                leaf.as_ptr(),
                key.as_ptr(),
                stack.as_ptr(),
                1,
            )
        };
        if done == 1 {
            Ok(())
        } else {
            Err(ErrorStack::get())
        }
    }

    /// The complete DER names of the authorities that the server accepts, in its order.
    pub fn acceptable_authorities(&self) -> Vec<Vec<u8>> {
        // SAFETY: the list belongs to the `SSL` and is only read here, while `self` is borrowed.
        unsafe {
            let names = sys::SSL_get0_peer_CA_list(self.ssl.as_ptr()).cast();
            let count = openssl_sys::OPENSSL_sk_num(names);
            (0..count)
                .map(|i| openssl_sys::OPENSSL_sk_value(names, i))
                .filter(|name| !name.is_null())
                .filter_map(|name| X509NameRef::from_ptr(name.cast()).to_der().ok())
                .collect()
        }
    }

    /// The peer's certificates, leaf first, as they arrived at a client, now or in the handshake
    /// whose session is resumed.
    pub fn peer_chain(&self) -> Vec<X509> {
        if let Some(earlier) = self.resumed() {
            return earlier.chain().to_vec();
        }
        let chain = self.ssl.peer_cert_chain();
        chain.map_or_else(Vec::new, |chain| {
            chain.iter().map(ToOwned::to_owned).collect()
        })
    }
}

/// Makes a server ask for a certificate.
pub(super) fn request_certificate(ssl: &mut Ssl, config: &Config) -> Result<(), ErrorStack> {
    ssl.set_verify(match config.authentication {
        Authentication::None => return Ok(()),
        Authentication::Requested => SslVerifyMode::PEER,
        Authentication::Required => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
    });
    let mut names = Stack::new()?;
    for name in &config.authorities {
        names.push(X509Name::from_der(name)?)?;
    }
    // SAFETY: both are valid; the `SSL` becomes the owner of the list.
    unsafe {
        openssl_sys::SSL_set_client_CA_list(ssl.as_ptr(), names.as_ptr());
    }
    std::mem::forget(names);
    Ok(())
}
