//! One session, whichever side we are: settings, facts, messages.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use gio::{TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::{DtlsClientConnection, DtlsConnection, Statistics, prelude::*};
use glib::IOCondition;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    certificate::{Description, chain, flag_names, problems},
    cli::{Protocol, Version},
    failure::Failure,
    output::Output,
    text::{count, printable},
};

/// As large as a message can be.
const LARGEST_MESSAGE: usize = 16384;

/// What the options say of the protocol.
pub struct Settings<'a> {
    options: &'a Protocol,
    keylog: Option<Arc<File>>,
}

impl<'a> Settings<'a> {
    pub fn of(options: &'a Protocol) -> Result<Self, Failure> {
        check(options)?;
        let keylog = options.keylog.as_deref().map(open_keylog).transpose()?;
        Ok(Self {
            options,
            keylog: keylog.map(Arc::new),
        })
    }

    pub fn apply(&self, connection: &DtlsConnection) {
        let options = self.options;
        let strings = |list: &'a [String]| list.iter().map(String::as_str).collect::<Vec<_>>();
        if !options.alpn.is_empty() {
            connection.set_advertised_protocols(&strings(&options.alpn));
        }
        if !options.srtp.is_empty() {
            connection.set_srtp_profiles(&strings(&options.srtp));
        }
        if let Some(version) = options.min_version {
            connection.set_min_protocol_version(version.into());
        }
        if let Some(version) = options.max_version {
            connection.set_max_protocol_version(version.into());
        }
        if let Some(list) = &options.ciphers {
            connection.set_cipher_list(Some(list));
        }
        if let Some(list) = &options.groups {
            connection.set_groups(Some(list));
        }
        if let Some(list) = &options.signatures {
            connection.set_signature_algorithms(Some(list));
        }
        if let Some(bytes) = options.mtu {
            connection.set_mtu(bytes);
        }
        if let Some(milliseconds) = options.initial_timeout {
            connection.set_initial_timeout(Duration::from_millis(milliseconds.into()));
        }
        if let Some(file) = self.keylog.clone() {
            connection.connect_keylog(move |_, line| append(&file, line));
        }
    }
}

/// Tells at once what could never work: words that the library does not know.
fn check(options: &Protocol) -> Result<(), Failure> {
    let (family, kind) = (gio::SocketFamily::Ipv4, gio::SocketType::Datagram);
    // Nothing is ever sent there: the values are looked at as the connection is made.
    let checked = gio::Socket::new(family, kind, gio::SocketProtocol::Udp).and_then(|socket| {
        gio::Initable::builder::<DtlsClientConnection>()
            .property("base-socket", socket)
            .property("cipher-list", &options.ciphers)
            .property("groups", &options.groups)
            .property("signature-algorithms", &options.signatures)
            .property("srtp-profiles", &options.srtp)
            .build(gio::Cancellable::NONE)
    });
    checked
        .map(drop)
        .map_err(|error| Failure::usage(printable(error.message())))
}

impl From<Version> for gio::TlsProtocolVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Dtls12 => Self::Dtls12,
        }
    }
}

/// Opens a key log, which nobody else may read if it is new.
fn open_keylog(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let file = options.open(path);
    file.map_err(|error| Failure::file(path.display(), error))
}

/// Appends a line in one piece: other programs may share the file.
fn append(mut file: &File, line: &str) {
    let mut text = Zeroizing::new(String::with_capacity(line.len() + 1));
    text.push_str(line);
    text.push('\n');
    if let Err(error) = file.write_all(text.as_bytes()) {
        let _ = writeln!(
            io::stderr(),
            "WARNING: cannot write to the key log: {error}"
        );
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
    group: Option<String>,
    signature_scheme: Option<String>,
    application_protocol: Option<String>,
    session_resumed: bool,
    srtp_profile: Option<String>,
    max_payload: u32,
    statistics: Statistics,
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
            group: connection.group(),
            signature_scheme: connection.signature_scheme(),
            application_protocol: application_protocol.map(|name| printable(&name)),
            session_resumed: connection.is_session_resumed(),
            srtp_profile: connection.negotiated_srtp_profile().map(Into::into),
            max_payload: connection.max_payload(),
            statistics: connection.statistics(),
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
        let group = self.group.clone().map(|it| ("group", it));
        let scheme = self.signature_scheme.clone();
        lines.extend(group);
        lines.extend(scheme.map(|it| ("server's signature", it)));
        if let Some(name) = &self.application_protocol {
            lines.push(("application protocol", name.clone()));
        }
        if let Some(profile) = &self.srtp_profile {
            lines.push(("SRTP profile", profile.clone()));
        }
        let resumed = if self.session_resumed {
            "an earlier one, resumed"
        } else {
            "new"
        };
        lines.push(("session", resumed.into()));
        let payload = count(self.max_payload.into(), "byte");
        lines.push(("fits one datagram", payload));
        lines.push(("handshake", self.handshake()));
        lines.push(("verification", self.verification()));
        output.table(&format!("Session with {}", self.peer), &lines);
        if let Some(certificate) = &self.certificate {
            tell_certificate(output, certificate);
        }
        output.event("session", self.json())
    }

    fn handshake(&self) -> String {
        let time = self.statistics.handshake_microseconds as f64 / 1e3;
        match self.statistics.flights_retransmitted {
            0 => format!("{time:.1} ms"),
            repeated => format!("{time:.1} ms, {} repeated", count(repeated, "flight")),
        }
    }

    fn verification(&self) -> String {
        if self.has_pre_shared_key() {
            return "the peer knows the pre-shared key".into();
        }
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

    /// Whether a pre-shared key took the place of certificates.
    fn has_pre_shared_key(&self) -> bool {
        self.certificate.is_none() && self.ciphersuite.contains("PSK")
    }

    fn json(&self) -> Value {
        let certificates = self.certificate.as_ref().map(chain).unwrap_or_default();
        let described: Vec<Value> = certificates
            .iter()
            .map(|certificate| Description::of(certificate).json())
            .collect();
        let verified = match &self.certificate {
            Some(_) => self.flags.is_empty(),
            None => self.has_pre_shared_key(),
        };
        json!({
            "peer": self.peer,
            "protocol": self.protocol,
            "cipher_suite": self.ciphersuite,
            "group": self.group,
            "signature_scheme": self.signature_scheme,
            "application_protocol": self.application_protocol,
            "session_resumed": self.session_resumed,
            "srtp_profile": self.srtp_profile,
            "max_payload": self.max_payload,
            "handshake_microseconds": self.statistics.handshake_microseconds,
            "flights_retransmitted": self.statistics.flights_retransmitted,
            "verified": verified,
            "pre_shared_key": self.has_pre_shared_key(),
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

/// Which datagrams were of no use, in words.
pub fn dropped(statistics: &Statistics) -> Option<String> {
    let reasons = [
        (statistics.dropped_malformed, "no DTLS"),
        (statistics.dropped_unexpected, "out of place"),
        (statistics.dropped_replayed, "seen before, or too old"),
        (statistics.dropped_unauthenticated, "forged or garbled"),
        (statistics.dropped_overflowed, "too many at a time"),
    ];
    let found = reasons.iter().filter(|(number, _)| *number > 0);
    let all: Vec<String> = found
        .map(|(number, reason)| format!("{number} {reason}"))
        .collect();
    (!all.is_empty()).then(|| format!("datagrams dropped: {}", all.join(", ")))
}

fn protocol_name(version: gio::TlsProtocolVersion) -> String {
    match version {
        gio::TlsProtocolVersion::Dtls10 => "DTLS 1.0".into(),
        gio::TlsProtocolVersion::Dtls12 => "DTLS 1.2".into(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_dropped_is_told() {
        let mut statistics = Statistics::default();
        assert_eq!(dropped(&statistics), None);
        statistics.dropped_malformed = 2;
        statistics.dropped_unauthenticated = 1;
        let told = "datagrams dropped: 2 no DTLS, 1 forged or garbled";
        assert_eq!(dropped(&statistics).as_deref(), Some(told));
    }
}
