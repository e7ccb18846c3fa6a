//! What a handshake established.

use super::statistics::Stopwatch;
use crate::engine::SrtpProfile;
use crate::subclass::SharedRef;

/// Read without the engine, by any thread at any time.
#[derive(Clone)]
pub struct Facts {
    pub peer_certificate: Option<SharedRef<gio::TlsCertificate>>,
    pub peer_certificate_errors: gio::TlsCertificateFlags,
    /// The authorities that the server named, as complete DER names; clients only.
    pub accepted_authorities: Vec<Vec<u8>>,
    pub protocol_version: gio::TlsProtocolVersion,
    pub cipher_suite: Option<String>,
    pub handshake_time: Stopwatch,
    pub srtp_profile: Option<SrtpProfile>,
}

impl Default for Facts {
    fn default() -> Self {
        Facts {
            peer_certificate: None,
            peer_certificate_errors: gio::TlsCertificateFlags::empty(),
            accepted_authorities: Vec::new(),
            protocol_version: gio::TlsProtocolVersion::Unknown,
            cipher_suite: None,
            handshake_time: Stopwatch::default(),
            srtp_profile: None,
        }
    }
}

/// What people call the version.
pub fn version_name(version: gio::TlsProtocolVersion) -> &'static str {
    match version {
        gio::TlsProtocolVersion::Dtls10 => "DTLS 1.0",
        gio::TlsProtocolVersion::Dtls12 => "DTLS 1.2",
        _ => "an unknown version",
    }
}

/// GIO's name for the version that stands on the wire.
pub fn protocol_version(wire: u16) -> gio::TlsProtocolVersion {
    match wire {
        0xfeff => gio::TlsProtocolVersion::Dtls10,
        0xfefd => gio::TlsProtocolVersion::Dtls12,
        _ => gio::TlsProtocolVersion::Unknown,
    }
}
