//! What a handshake established.

use std::ffi::CString;

use glib::prelude::*;
use glib::subclass::prelude::*;
use glib::{ParamFlags, ParamSpec, ParamSpecString, ParamSpecUInt};

use super::imp::DtlsConnection;
use super::path::Path;
use super::properties::{Property, Write};
use super::session_cache::Tie;
use super::statistics::Stopwatch;
use super::timers::Deadline;
use crate::engine::{Negotiated, SrtpProfile};
use crate::subclass::SharedRef;

/// The names of the facts that GIO does not have.
pub const NAMES: [&str; 3] = ["group", "signature-scheme", "cipher-bits"];

/// The same facts as properties.
pub const PROPERTIES: [Property; 3] = [
    Property {
        spec: || string("group", "Group", "The group of the key exchange"),
        read: |connection| connection.facts().negotiated.group.to_value(),
        write: Write::Never,
    },
    Property {
        spec: || {
            let meaning = "The scheme of the server's signature";
            string("signature-scheme", "Signature scheme", meaning)
        },
        read: |connection| connection.facts().negotiated.signature_scheme.to_value(),
        write: Write::Never,
    },
    Property {
        spec: cipher_bits_spec,
        read: |connection| connection.facts().negotiated.cipher_bits.to_value(),
        write: Write::Never,
    },
];

fn string(name: &str, nick: &str, meaning: &str) -> ParamSpec {
    ParamSpecString::builder(name)
        .nick(nick)
        .blurb(meaning)
        .flags(ParamFlags::READABLE | ParamFlags::EXPLICIT_NOTIFY)
        .build()
}

fn cipher_bits_spec() -> ParamSpec {
    ParamSpecUInt::builder("cipher-bits")
        .nick("Cipher bits")
        .blurb("The secret bits of the cipher's key")
        .flags(ParamFlags::READABLE | ParamFlags::EXPLICIT_NOTIFY)
        .build()
}

/// Read without the engine, by any thread at any time.
#[derive(Clone)]
pub struct Facts {
    pub peer_certificate: Option<SharedRef<gio::TlsCertificate>>,
    pub peer_certificate_errors: gio::TlsCertificateFlags,
    /// The authorities that the server named, as complete DER names; clients only.
    pub accepted_authorities: Vec<Vec<u8>>,
    pub protocol_version: gio::TlsProtocolVersion,
    pub cipher_suite: Option<String>,
    pub path: Path,
    pub deadline: Deadline,
    pub handshake_time: Stopwatch,
    pub srtp_profile: Option<SrtpProfile>,
    pub negotiated: Negotiated,
    pub session_resumed: bool,
    /// What a client's session is for.
    pub session_tie: Option<Tie>,
}

impl Default for Facts {
    fn default() -> Self {
        Facts {
            peer_certificate: None,
            peer_certificate_errors: gio::TlsCertificateFlags::empty(),
            accepted_authorities: Vec::new(),
            protocol_version: gio::TlsProtocolVersion::Unknown,
            cipher_suite: None,
            path: Path::default(),
            deadline: Deadline::default(),
            handshake_time: Stopwatch::default(),
            srtp_profile: None,
            negotiated: Negotiated::default(),
            session_resumed: false,
            session_tie: None,
        }
    }
}

impl DtlsConnection {
    /// Publishes what the handshake established, and notifies what it changed.
    pub fn publish(&self) {
        let Ok((version, cipher_suite, protocol, srtp_profile, negotiated, is_resumed)) =
            self.engine().map(|engine| {
                (
                    engine.protocol_version(),
                    engine.cipher_suite(),
                    engine.application_protocol(),
                    engine.srtp_profile(),
                    engine.negotiated(),
                    engine.is_resumed(),
                )
            })
        else {
            return;
        };
        {
            let mut facts = self.facts();
            facts.protocol_version = protocol_version(version);
            facts.cipher_suite = cipher_suite;
            facts.handshake_time.stop();
            facts.srtp_profile = srtp_profile;
            facts.negotiated = negotiated;
            facts.session_resumed = is_resumed;
        }
        self.keep_session();
        self.report_authorities();
        let object = self.obj();
        let name = protocol.and_then(|name| CString::new(name).ok());
        if let Some(name) = name
            && self.negotiated_protocol.set(name).is_ok()
        {
            object.notify("negotiated-protocol");
        }
        object.notify("protocol-version");
        object.notify("ciphersuite-name");
        self.announce_srtp_profile();
        for fact in NAMES {
            object.notify(fact);
        }
        object.notify("session-resumed");
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

/// What was agreed on.
pub trait DtlsFactsExt: IsA<super::DtlsConnection> {
    /// `group`: the group of the key exchange, as the registry of TLS calls it, such as `x25519`.
    fn group(&self) -> Option<String> {
        self.as_ref().property("group")
    }

    /// `signature-scheme`: how the server's signature proved who it is, as the registry of TLS calls it,
    /// such as `ecdsa_secp256r1_sha256`.
    fn signature_scheme(&self) -> Option<String> {
        self.as_ref().property("signature-scheme")
    }

    /// `cipher-bits`: the secret bits of the cipher's key; 0 before the end of the handshake.
    fn cipher_bits(&self) -> u32 {
        self.as_ref().property("cipher-bits")
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsFactsExt for T {}
