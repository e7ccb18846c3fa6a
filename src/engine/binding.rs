//! Channel bindings (RFC 5929, RFC 9266).

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::X509;

use super::{Engine, Role, State};
use crate::error::{ChannelBindingFailure, Error};

/// What a channel is bound by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `tls-unique`: the first Finished message (RFC 5929, section 3).
    Unique,
    /// `tls-server-end-point`: the server's certificate (RFC 5929, section 4).
    ServerEndPoint,
    /// `tls-exporter` (RFC 9266).
    Exporter,
}

impl Engine {
    /// The data that binds something to this association.
    pub fn channel_binding(&self, binding: Binding) -> Result<Vec<u8>, Error> {
        if !matches!(self.state, State::Established) {
            return Err(Error::ChannelBinding(
                ChannelBindingFailure::InvalidState,
                "The handshake is not finished".into(),
            ));
        }
        match binding {
            Binding::Unique => self.unique(),
            Binding::ServerEndPoint => self.server_end_point(),
            Binding::Exporter => self.exporter(),
        }
    }

    /// The Finished message that was sent first: the client's, as there is no resumption.
    fn unique(&self) -> Result<Vec<u8>, Error> {
        let ssl = self.session.ssl();
        // verify_data is 12 bytes in every DTLS 1.2 cipher suite (RFC 5246, section 7.4.9).
        let mut finished = vec![0; 64];
        let length = match self.role {
            Role::Client => ssl.finished(&mut finished),
            Role::Server => ssl.peer_finished(&mut finished),
        };
        finished.truncate(length);
        if finished.is_empty() {
            return Err(unavailable("The session has no Finished message"));
        }
        Ok(finished)
    }

    fn server_end_point(&self) -> Result<Vec<u8>, Error> {
        let certificate = match self.role {
            Role::Client => self.session.ssl().peer_certificate(),
            Role::Server => self.session.ssl().certificate().map(ToOwned::to_owned),
        };
        let certificate =
            certificate.ok_or_else(|| unavailable("The server presented no certificate"))?;
        let digest = certificate.digest(end_point_digest(&certificate)?);
        digest.map(|digest| digest.to_vec()).map_err(|stack| {
            let reason = crate::ossl::queue::describe(&stack).reason;
            Error::ChannelBinding(ChannelBindingFailure::General, reason)
        })
    }

    fn exporter(&self) -> Result<Vec<u8>, Error> {
        let ssl = self.session.ssl();
        // Without it the master secret does not identify the session (RFC 9266, section 4.2).
        if ssl.extms_support() != Some(true) {
            return Err(unavailable("The session has no extended master secret"));
        }
        let mut data = vec![0; 32];
        ssl.export_keying_material(&mut data, "EXPORTER-Channel-Binding", Some(&[]))
            .map_err(|stack| {
                let reason = crate::ossl::queue::describe(&stack).reason;
                Error::ChannelBinding(ChannelBindingFailure::General, reason)
            })?;
        Ok(data)
    }
}

/// The signature's own hash, but SHA-256 in place of MD5 and SHA-1 (RFC 5929, section 4.1).
fn end_point_digest(certificate: &X509) -> Result<MessageDigest, Error> {
    let signature = certificate.signature_algorithm().object().nid();
    let algorithms = signature.signature_algorithms().ok_or_else(|| {
        Error::ChannelBinding(
            ChannelBindingFailure::General,
            "The certificate's signature algorithm is unknown".into(),
        )
    })?;
    match algorithms.digest {
        Nid::UNDEF => Err(Error::ChannelBinding(
            ChannelBindingFailure::NotSupported,
            "The certificate's signature algorithm has no hash of its own".into(),
        )),
        Nid::MD5 | Nid::SHA1 => Ok(MessageDigest::sha256()),
        digest => MessageDigest::from_nid(digest).ok_or_else(|| {
            Error::ChannelBinding(
                ChannelBindingFailure::NotSupported,
                "The hash of the certificate's signature is not available".into(),
            )
        }),
    }
}

fn unavailable(why: &str) -> Error {
    Error::ChannelBinding(ChannelBindingFailure::NotAvailable, why.into())
}
