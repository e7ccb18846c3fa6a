//! Channel bindings (RFC 5929, RFC 9266).

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::X509Ref;

use super::{Engine, Role, State};
use crate::error::{ChannelBindingFailure, Error};
use crate::ossl::{queue, x509};

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
        let data = match binding {
            Binding::Unique => self.unique(),
            Binding::ServerEndPoint => self.server_end_point(),
            Binding::Exporter => self.exporter(),
        };
        queue::clear();
        data
    }

    /// The Finished message that was sent first: the client's, or the server's if a session is
    /// resumed.
    fn unique(&self) -> Result<Vec<u8>, Error> {
        let ssl = self.session.ssl();
        let resumed = self.session.is_resumed();
        if resumed && !self.session.has_extended_master_secret() {
            // An attacker in the middle can make two such associations agree on theirs (RFC 7627,
            // section 1).
            return Err(unavailable(
                "The resumed session has no extended master secret",
            ));
        }
        // verify_data is 12 bytes in every DTLS 1.2 cipher suite (RFC 5246, section 7.4.9).
        let mut finished = vec![0; 64];
        let we_are_first = (self.role == Role::Client) != resumed;
        let length = if we_are_first {
            ssl.finished(&mut finished)
        } else {
            ssl.peer_finished(&mut finished)
        };
        if length == 0 {
            return Err(unavailable("There is no Finished message"));
        }
        finished.truncate(length);
        Ok(finished)
    }

    fn server_end_point(&self) -> Result<Vec<u8>, Error> {
        let ssl = self.session.ssl();
        match self.role {
            Role::Client => end_point(ssl.peer_certificate().as_deref()),
            // What certificate there may be has not been shown.
            Role::Server if self.session.is_pre_shared() => end_point(None),
            Role::Server => end_point(ssl.certificate()),
        }
    }

    fn exporter(&self) -> Result<Vec<u8>, Error> {
        // Without it the master secret is not unique to the session (RFC 9266, section 4).
        if !self.session.has_extended_master_secret() {
            return Err(unavailable("The session has no extended master secret"));
        }
        let data = self
            .session
            .export("EXPORTER-Channel-Binding", Some(&[]), 32)
            .map_err(|stack| general(&stack))?;
        Ok(data.to_vec())
    }
}

/// The hash of the server's certificate (RFC 5929, section 4.1).
fn end_point(certificate: Option<&X509Ref>) -> Result<Vec<u8>, Error> {
    let certificate =
        certificate.ok_or_else(|| unavailable("The server presented no certificate"))?;
    let digest = end_point_digest(x509::signature(certificate).map(|signature| signature.digest))?;
    let hash = certificate
        .digest(digest)
        .map_err(|stack| general(&stack))?;
    Ok(hash.to_vec())
}

/// The signature's own hash, but SHA-256 in place of MD5 and SHA-1. Undefined is what signatures
/// with two hashes or none have, and RFC 5929 says nothing of what to do then.
fn end_point_digest(signature: Option<Nid>) -> Result<MessageDigest, Error> {
    let undefined = |why: &str| {
        Err(Error::ChannelBinding(
            ChannelBindingFailure::NotSupported,
            why.into(),
        ))
    };
    match signature {
        None => Err(Error::ChannelBinding(
            ChannelBindingFailure::General,
            "The certificate's signature algorithm is unknown".into(),
        )),
        Some(Nid::UNDEF | Nid::MD5_SHA1) => {
            undefined("The certificate's signature has no hash of its own")
        }
        Some(Nid::MD5 | Nid::SHA1) => Ok(MessageDigest::sha256()),
        Some(digest) => MessageDigest::from_nid(digest).map_or_else(
            || undefined("The hash of the certificate's signature is not available"),
            Ok,
        ),
    }
}

fn general(stack: &ErrorStack) -> Error {
    Error::ChannelBinding(
        ChannelBindingFailure::General,
        format!("Cannot compute the data: {}", queue::describe(stack).reason),
    )
}

fn unavailable(why: &str) -> Error {
    Error::ChannelBinding(ChannelBindingFailure::NotAvailable, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails_as(result: Result<impl Sized, Error>, expected: ChannelBindingFailure) -> bool {
        matches!(result, Err(Error::ChannelBinding(failure, _)) if failure == expected)
    }

    #[test]
    fn without_a_certificate_there_is_no_end_point() {
        let result = end_point(None);
        assert!(fails_as(result, ChannelBindingFailure::NotAvailable));
    }

    #[test]
    fn signatures_with_two_hashes_or_none_have_no_end_point() {
        for digest in [Nid::UNDEF, Nid::MD5_SHA1] {
            let result = end_point_digest(Some(digest));
            assert!(fails_as(result, ChannelBindingFailure::NotSupported));
        }
    }

    #[test]
    fn hash_that_cannot_be_computed_is_not_supported() {
        let result = end_point_digest(Some(Nid::COMMONNAME));
        assert!(fails_as(result, ChannelBindingFailure::NotSupported));
    }

    #[test]
    fn unknown_signature_is_a_general_failure() {
        let result = end_point_digest(None);
        assert!(fails_as(result, ChannelBindingFailure::General));
    }

    #[test]
    fn broken_hashes_give_way_to_sha_256() {
        for digest in [Nid::MD5, Nid::SHA1] {
            assert!(end_point_digest(Some(digest)).unwrap() == MessageDigest::sha256());
        }
    }
}
