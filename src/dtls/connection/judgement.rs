//! Judging the peer's certificate: the database's opinion, then the application's.

use gio::TlsCertificateFlags as Flags;
use gio::prelude::*;
use glib::subclass::prelude::*;
use openssl::x509::X509;

use super::imp::DtlsConnection;
use crate::certificate::Certificate;
use crate::engine::{Refusal, Role, Verdict};
use crate::error::Error;
use crate::subclass::SharedRef;

/// The purposes that a certificate is checked for (RFC 5280, section 4.2.1.12).
const SERVER_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.2";

impl DtlsConnection {
    /// Judges the chain, leaf first, and records it with all that is wrong with it, accepted or not.
    pub fn judge(&self, chain: &[X509]) -> Verdict {
        let certificate = match Certificate::from_chain(chain) {
            Ok(certificate) => certificate,
            Err(error) => return Verdict::Refuse(Refusal::BadCertificate, error),
        };
        let errors = self.verify(certificate.upcast_ref());
        let relevant = errors & self.settings().validation_flags;
        let object = self.obj();
        // A server accepts nobody without being told to.
        let accepted = self.role() == Role::Client && relevant.is_empty();
        let accepted = accepted || object.emit_accept_certificate(&certificate, errors);
        {
            let mut facts = self.facts();
            facts.peer_certificate = Some(SharedRef::new(certificate.upcast()));
            facts.peer_certificate_errors = errors;
        }
        object.notify("peer-certificate");
        object.notify("peer-certificate-errors");
        if accepted {
            Verdict::Accept
        } else {
            Verdict::Refuse(refusal(errors), Error::BadCertificate(describe(errors)))
        }
    }

    /// Everything that is wrong with the certificate.
    fn verify(&self, certificate: &gio::TlsCertificate) -> Flags {
        let settings = self.settings().clone();
        let identity = settings.server_identity.as_deref();
        let (purpose, mut errors) = match self.role() {
            Role::Client if identity.is_none() => (SERVER_AUTHENTICATION, Flags::BAD_IDENTITY),
            Role::Client => (SERVER_AUTHENTICATION, Flags::empty()),
            Role::Server => (CLIENT_AUTHENTICATION, Flags::empty()),
        };
        let Some(database) = settings.database.resolve() else {
            let nobody = gio::TlsCertificate::NONE;
            return errors | Flags::UNKNOWN_CA | certificate.verify(identity, nobody);
        };
        let verified = database.verify_chain(
            certificate,
            purpose,
            identity,
            settings.interaction.as_deref(),
            gio::TlsDatabaseVerifyFlags::NONE,
            gio::Cancellable::NONE,
        );
        errors |= verified.unwrap_or_else(|error| {
            glib::g_debug!(
                "GioOssl",
                "the database could not verify: {}",
                error.message()
            );
            Flags::GENERIC_ERROR
        });
        errors
    }
}

/// The alert that tells the peer most.
fn refusal(errors: Flags) -> Refusal {
    if errors.contains(Flags::UNKNOWN_CA) {
        Refusal::UnknownCa
    } else if errors.contains(Flags::REVOKED) {
        Refusal::Revoked
    } else if errors.contains(Flags::EXPIRED) {
        Refusal::Expired
    } else {
        Refusal::BadCertificate
    }
}

/// Why the certificate was refused, for people.
fn describe(errors: Flags) -> String {
    const REFUSED: &str = "The peer's certificate was not accepted";
    match reasons(errors).as_slice() {
        [] => REFUSED.into(),
        found => format!("{REFUSED}: {}", found.join(", ")),
    }
}

/// What is wrong with a certificate, in words.
pub fn reasons(errors: Flags) -> Vec<&'static str> {
    let reasons = [
        (
            Flags::UNKNOWN_CA,
            "it was not issued by a trusted authority",
        ),
        (Flags::BAD_IDENTITY, "it is for another name"),
        (Flags::NOT_ACTIVATED, "it is not valid yet"),
        (Flags::EXPIRED, "it has expired"),
        (Flags::REVOKED, "it was revoked"),
        (Flags::INSECURE, "its algorithms are insecure"),
        (Flags::GENERIC_ERROR, "it cannot be verified"),
    ];
    let found = reasons
        .into_iter()
        .filter(|(flag, _)| errors.contains(*flag));
    found.map(|(_, reason)| reason).collect()
}
