//! One session, whichever side we are: settings, facts, messages.

use std::time::Duration;

use gio::{TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::{DtlsConnection, prelude::*};
use glib::IOCondition;
use serde_json::{Value, json};

use crate::{
    certificate::{Description, chain, flag_names, problems},
    cli::Protocol,
    failure::Failure,
    output::Output,
    text::printable,
};

/// As large as a message can be.
const LARGEST_MESSAGE: usize = 16384;

/// Sets what the options say of the protocol.
pub fn configure(connection: &DtlsConnection, options: &Protocol) {
    let protocols: Vec<&str> = options.alpn.iter().map(String::as_str).collect();
    if !protocols.is_empty() {
        connection.set_advertised_protocols(&protocols);
    }
    if let Some(milliseconds) = options.initial_timeout {
        connection.set_initial_timeout(Duration::from_millis(milliseconds.into()));
    }
}

/// Sends one message, and waits for room where that is needed.
pub async fn send(connection: &DtlsConnection, message: &[u8]) -> Result<(), glib::Error> {
    loop {
        match connection.send(message, Some(Duration::ZERO), None) {
            Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => {
                wait(connection, IOCondition::OUT).await;
            }
            result => return result.map(drop),
        }
    }
}

/// Waits for the next message; `None` is the end.
pub async fn receive(connection: &DtlsConnection) -> Result<Option<glib::Bytes>, glib::Error> {
    loop {
        match connection.receive_bytes(LARGEST_MESSAGE, Some(Duration::ZERO), None) {
            Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => {
                wait(connection, IOCondition::IN).await;
            }
            result => return result,
        }
    }
}

async fn wait(connection: &DtlsConnection, condition: IOCondition) {
    let priority = glib::Priority::DEFAULT;
    connection
        .create_source_future(condition, gio::Cancellable::NONE, priority)
        .await;
}

/// What the handshake has established.
pub struct Facts {
    peer: String,
    protocol: String,
    ciphersuite: String,
    application_protocol: Option<String>,
    certificate: Option<gio::TlsCertificate>,
    flags: Flags,
}

impl Facts {
    pub fn of(connection: &DtlsConnection, peer: &str) -> Self {
        let application_protocol = connection.negotiated_protocol();
        Self {
            peer: peer.into(),
            protocol: protocol_name(connection.protocol_version()),
            ciphersuite: connection.ciphersuite_name().unwrap_or_default().into(),
            application_protocol: application_protocol.map(|name| printable(&name)),
            certificate: connection.peer_certificate(),
            flags: connection.peer_certificate_errors(),
        }
    }

    /// Tells them.
    pub fn tell(&self, output: &Output) -> Result<(), Failure> {
        let mut lines = vec![
            ("protocol", self.protocol.clone()),
            ("cipher suite", self.ciphersuite.clone()),
        ];
        if let Some(name) = &self.application_protocol {
            lines.push(("application protocol", name.clone()));
        }
        lines.push(("verification", self.verification()));
        output.table(&format!("Session with {}", self.peer), &lines);
        if let Some(certificate) = &self.certificate {
            tell_certificate(output, certificate);
        }
        output.event("session", self.json())
    }

    fn verification(&self) -> String {
        if self.certificate.is_none() {
            return "the peer has shown no certificate".into();
        }
        let problems = problems(self.flags);
        if problems.is_empty() {
            "the peer's certificate is trusted".into()
        } else {
            format!("NOT TRUSTED, and accepted: {}", problems.join("; "))
        }
    }

    fn json(&self) -> Value {
        let certificates = self.certificate.as_ref().map(chain).unwrap_or_default();
        let described: Vec<Value> = certificates
            .iter()
            .map(|certificate| Description::of(certificate).json())
            .collect();
        json!({
            "peer": self.peer,
            "protocol": self.protocol,
            "cipher_suite": self.ciphersuite,
            "application_protocol": self.application_protocol,
            "verified": self.certificate.is_some() && self.flags.is_empty(),
            "problems": flag_names(self.flags),
            "certificates": described,
        })
    }
}

/// Shows the certificate of the peer.
pub fn tell_certificate(output: &Output, certificate: &gio::TlsCertificate) {
    let issuers = chain(certificate).len() - 1;
    let heading = match issuers {
        0 => "The peer's certificate, without issuers".into(),
        1 => "The peer's certificate, with one issuer".into(),
        more => format!("The peer's certificate, with {more} issuers"),
    };
    output.table(&heading, &Description::of(certificate).lines());
}

fn protocol_name(version: gio::TlsProtocolVersion) -> String {
    match version {
        gio::TlsProtocolVersion::Dtls10 => "DTLS 1.0".into(),
        gio::TlsProtocolVersion::Dtls12 => "DTLS 1.2".into(),
        other => format!("{other:?}"),
    }
}
