//! Alerts (RFC 5246, section 7.2) and what they mean to a caller.

use std::fmt;

use crate::error::Error;

/// A fatal alert's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alert(pub u8);

impl Alert {
    /// The name in the RFCs.
    fn name(self) -> &'static str {
        match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            60 => "export_restriction",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            111 => "certificate_unobtainable",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            114 => "bad_certificate_hash_value",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "unassigned",
        }
    }

    /// The failure of an association that the peer ended with this alert.
    pub(super) fn into_error(self) -> Error {
        match self.0 {
            42..=46 | 48 => {
                Error::BadCertificate(format!("The peer refused our certificate: {self}"))
            }
            86 => Error::InappropriateFallback,
            116 => Error::CertificateRequired,
            _ => Error::Tls(format!("The peer ended the association: {self}")),
        }
    }
}

/// A plaintext alert, which anybody may have sent.
///
/// An honest peer that has given up answers no flight, however often it is repeated. Silence alone
/// proves nothing, as a datagram may be lost: so the alert is believed when our flight has been
/// repeated since, and not even that has brought anything better by the next deadline.
pub(super) struct Suspicion {
    alert: Alert,
    repeated: bool,
}

impl Suspicion {
    pub(super) fn new(alert: Alert) -> Self {
        Suspicion {
            alert,
            repeated: false,
        }
    }

    /// At a deadline: the alert, if our flight has been repeated in vain. Otherwise the caller repeats
    /// it now.
    pub(super) fn confirmed(&mut self) -> Option<Alert> {
        std::mem::replace(&mut self.repeated, true).then_some(self.alert)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} alert ({})", self.name(), self.0)
    }
}
