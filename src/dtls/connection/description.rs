//! A connection in words, for people who look for what is wrong with it.

use std::fmt::Write as _;

use gio::prelude::*;
use glib::subclass::prelude::*;

use super::imp::DtlsConnection;
use super::judgement::reasons;
use super::status::Handshake;
use crate::engine::Role;
use crate::ossl::digest::sha256;
use crate::subclass::values;

/// Letters of a line that are shown. A peer may send a hundred thousand.
const LONGEST: usize = 4096;

/// A connection in words.
pub trait DtlsDescriptionExt: IsA<super::DtlsConnection> {
    /// The session in lines for people, each `name: value` after the first. There are no secrets in
    /// it, and nothing that controls a terminal. Programs ask the properties: the text may change.
    fn description(&self) -> String {
        self.as_ref().imp().describe()
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsDescriptionExt for T {}

impl DtlsConnection {
    fn describe(&self) -> String {
        let mut lines = vec![self.headline()];
        let facts = self.facts().clone();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                lines.push(format!("{:<21}{value}", format!("{name}:")));
            }
        };
        let agreed = &facts.negotiated;
        let suite = facts.cipher_suite.as_deref();
        let bits = agreed.cipher_bits;
        add(
            "cipher suite",
            suite.map(|suite| format!("{suite}, {bits} bits")),
        );
        add("key exchange", agreed.group.clone());
        add("signature", agreed.signature_scheme.map(Into::into));
        if let Some(certificate) = facts.peer_certificate.as_deref() {
            add("peer", certificate.subject_name().map(Into::into));
            add("issued by", certificate.issuer_name().map(Into::into));
            add("valid", validity(certificate));
            add("names", names(certificate));
            add("SHA-256", fingerprint(certificate));
            let problems = reasons(facts.peer_certificate_errors);
            add("verification", Some(verification(&problems)));
        } else if suite.is_some_and(|suite| suite.contains("PSK")) {
            add("peer", Some("proved by a pre-shared key".into()));
        }
        let protocol = self.negotiated_protocol.get();
        add(
            "application protocol",
            protocol.map(|name| name.to_string_lossy().into_owned()),
        );
        add(
            "SRTP profile",
            facts.srtp_profile.map(|profile| profile.name().into()),
        );
        let largest: u32 = self.obj().property("max-payload");
        add(
            "largest message",
            (largest > 0).then(|| format!("{largest} bytes")),
        );
        add("handshake", facts.handshake_time.in_words());
        let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
        lines.join("\n")
    }

    /// What it is and how far it has come.
    fn headline(&self) -> String {
        let settings = self.settings().clone();
        let mut line = match (self.role(), &settings.server_identity) {
            (Role::Client, Some(identity)) => {
                format!("DTLS client of {}", values::connectable(identity))
            }
            (Role::Client, None) => "DTLS client of an unnamed server".to_string(),
            (Role::Server, _) => "DTLS server".to_string(),
        };
        let version = self.facts().protocol_version;
        let status = self.shared.lock();
        let closed = match (status.read_closed, status.write_closed) {
            (true, true) => ", closed",
            _ => "",
        };
        let _ = match &status.handshake {
            Handshake::NotStarted => write!(line, ", not connected yet{closed}"),
            Handshake::InProgress => write!(line, ", in its handshake{closed}"),
            Handshake::Established => {
                write!(line, ", {}{closed}", super::facts::version_name(version))
            }
            Handshake::Failed(error) => write!(line, ", failed: {error}"),
        };
        line
    }
}

/// Text of which a peer may have chosen a part: it neither begins lines nor controls terminals, and
/// does not turn the direction of writing.
fn printable(text: &str) -> String {
    let is_shown = |letter: char| {
        let directs = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(letter, '\u{61c}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        !letter.is_control() && !directs
    };
    let mut shown = escaped(text.chars().take(LONGEST), is_shown);
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(text: impl Iterator<Item = char>, is_shown: impl Fn(char) -> bool) -> String {
    let mut result = String::new();
    for letter in text {
        match is_shown(letter) {
            true => result.push(letter),
            false => result.extend(letter.escape_unicode()),
        }
    }
    result
}

fn verification(problems: &[&str]) -> String {
    match problems {
        [] => "no problem was found".to_string(),
        problems => format!("problems: {}", problems.join(", ")),
    }
}

fn validity(certificate: &gio::TlsCertificate) -> Option<String> {
    let day = |time: Option<glib::DateTime>| time?.to_utc().ok()?.format_iso8601().ok();
    let from = day(certificate.not_valid_before())?;
    let until = day(certificate.not_valid_after())?;
    Some(format!("{from} to {until}"))
}

/// The names that the certificate is for.
fn names(certificate: &gio::TlsCertificate) -> Option<String> {
    let dns = certificate.dns_names();
    // One name is not to look like two.
    let is_shown = |letter: char| !letter.is_whitespace() && letter != ',';
    let dns = dns
        .iter()
        .map(|name| escaped(String::from_utf8_lossy(name).chars(), is_shown));
    let addresses = certificate.ip_addresses();
    let addresses = addresses.iter().map(|address| address.to_str().to_string());
    let names: Vec<String> = dns.chain(addresses).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn fingerprint(certificate: &gio::TlsCertificate) -> Option<String> {
    let digest = sha256(&certificate.certificate()?);
    let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(bytes.join(":"))
}
