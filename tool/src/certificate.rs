//! Certificates and keys in words.

use gio::{TlsCertificateFlags as Flags, prelude::*};
use openssl::{
    nid::Nid,
    pkey::{HasPublic, Id, PKeyRef},
    x509::X509,
};
use serde_json::{Value, json};

use crate::text::{hex, printable};

/// What a person wants to know of a certificate.
#[derive(Clone, Debug)]
pub struct Description {
    pub subject: String,
    pub issuer: String,
    pub not_before: String,
    pub not_after: String,
    pub dns_names: Vec<String>,
    pub addresses: Vec<String>,
    pub key: String,
    pub serial: String,
    pub signature: String,
    /// SHA-256 of the certificate's encoding.
    pub fingerprint: String,
    pub pem: String,
}

impl Description {
    pub fn of(certificate: &gio::TlsCertificate) -> Self {
        let time = |time: Option<glib::DateTime>| {
            let text = time.and_then(|time| time.format("%Y-%m-%d %H:%M:%S UTC").ok());
            text.map_or_else(unknown, Into::into)
        };
        let encoding = certificate.certificate().map(|bytes| bytes.to_vec());
        let encoding = encoding.unwrap_or_default();
        let parsed = X509::from_der(&encoding).ok();
        let fingerprint = glib::compute_checksum_for_data(glib::ChecksumType::Sha256, &encoding);
        Self {
            subject: name(certificate.subject_name()),
            issuer: name(certificate.issuer_name()),
            not_before: time(certificate.not_valid_before()),
            not_after: time(certificate.not_valid_after()),
            dns_names: names(certificate),
            addresses: addresses(certificate),
            key: parsed
                .as_ref()
                .and_then(|certificate| certificate.public_key().ok())
                .map_or_else(unknown, |key| describe_key(&key)),
            serial: parsed
                .as_ref()
                .and_then(|certificate| certificate.serial_number().to_bn().ok())
                .map_or_else(unknown, |number| hex(&number.to_vec())),
            signature: parsed.as_ref().map_or_else(unknown, |certificate| {
                let algorithm = certificate.signature_algorithm().object();
                printable(&algorithm.to_string())
            }),
            fingerprint: fingerprint.map_or_else(unknown, Into::into),
            pem: certificate
                .certificate_pem()
                .map_or_else(unknown, Into::into),
        }
    }

    /// Label and value of each line.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("subject", self.subject.clone()),
            ("issuer", self.issuer.clone()),
        ];
        let all: Vec<&str> = self.dns_names.iter().map(String::as_str).collect();
        if !all.is_empty() {
            lines.push(("names", all.join(", ")));
        }
        if !self.addresses.is_empty() {
            lines.push(("addresses", self.addresses.join(", ")));
        }
        lines.extend([
            (
                "valid",
                format!("{} to {}", self.not_before, self.not_after),
            ),
            ("key", self.key.clone()),
            ("serial", self.serial.clone()),
            ("signature", self.signature.clone()),
            ("SHA-256", self.fingerprint.clone()),
        ]);
        lines
    }

    pub fn json(&self) -> Value {
        json!({
            "subject": self.subject,
            "issuer": self.issuer,
            "not_before": self.not_before,
            "not_after": self.not_after,
            "dns_names": self.dns_names,
            "addresses": self.addresses,
            "key": self.key,
            "serial": self.serial,
            "signature": self.signature,
            "sha256": self.fingerprint,
            "pem": self.pem,
        })
    }
}

/// The names and addresses that a certificate is for, or a word for none.
pub fn identities(certificate: &gio::TlsCertificate) -> String {
    let mut all = names(certificate);
    all.extend(addresses(certificate));
    if all.is_empty() {
        let subject = name(certificate.subject_name());
        format!("no names, only the subject {subject}")
    } else {
        all.join(", ")
    }
}

/// The chain, the certificate itself first.
pub fn chain(certificate: &gio::TlsCertificate) -> Vec<gio::TlsCertificate> {
    // The library links at most 32, and never in a circle.
    std::iter::successors(Some(certificate.clone()), |link| link.issuer())
        .take(32)
        .collect()
}

/// What each flag means to a person, most telling first.
pub fn problems(flags: Flags) -> Vec<&'static str> {
    const TABLE: [(Flags, &str); 7] = [
        (Flags::UNKNOWN_CA, "no trusted authority has issued it"),
        (Flags::BAD_IDENTITY, "it is for somebody else"),
        (Flags::EXPIRED, "it, or one of its issuers, has expired"),
        (
            Flags::NOT_ACTIVATED,
            "it, or one of its issuers, is not valid yet",
        ),
        (Flags::REVOKED, "it, or one of its issuers, was revoked"),
        (Flags::INSECURE, "its key or signature is too weak"),
        (
            Flags::GENERIC_ERROR,
            "it may not be used for this, or the chain breaks a rule",
        ),
    ];
    let found = TABLE.iter().filter(|(flag, _)| flags.contains(*flag));
    found.map(|(_, meaning)| *meaning).collect()
}

/// GIO's own names of the flags, for programs.
pub fn flag_names(flags: Flags) -> Vec<&'static str> {
    flags.iter_names().map(|(name, _)| name).collect()
}

/// Kind and size of a key.
pub fn describe_key(key: &PKeyRef<impl HasPublic>) -> String {
    let bits = key.bits();
    let kind = match key.id() {
        Id::RSA => "RSA",
        Id::RSA_PSS => "RSA-PSS",
        Id::DSA => "DSA",
        Id::ED25519 => return "Ed25519".into(),
        Id::ED448 => return "Ed448".into(),
        Id::EC => {
            let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
            let name = curve.map_or("of its own curve", curve_name);
            return format!("EC {name}, {bits} bits");
        }
        other => Nid::from_raw(other.as_raw())
            .long_name()
            .unwrap_or("of an unknown kind"),
    };
    format!("{kind}, {bits} bits")
}

fn curve_name(curve: Nid) -> &'static str {
    match curve {
        Nid::X9_62_PRIME256V1 => "P-256",
        Nid::SECP384R1 => "P-384",
        Nid::SECP521R1 => "P-521",
        other => other.short_name().unwrap_or("of an unknown curve"),
    }
}

fn unknown() -> String {
    "unknown".into()
}

fn name(name: Option<glib::GString>) -> String {
    name.map_or_else(unknown, |name| {
        if name.is_empty() {
            "(empty)".into()
        } else {
            printable(&name)
        }
    })
}

fn names(certificate: &gio::TlsCertificate) -> Vec<String> {
    let names = certificate.dns_names();
    let text = |name: &glib::Bytes| printable(&String::from_utf8_lossy(name));
    names.iter().map(text).collect()
}

fn addresses(certificate: &gio::TlsCertificate) -> Vec<String> {
    let addresses = certificate.ip_addresses();
    addresses.iter().map(|it| it.to_str().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_meaning() {
        for (name, flag) in Flags::VALIDATE_ALL.iter_names() {
            assert_eq!(problems(flag).len(), 1, "{name}");
        }
        assert!(problems(Flags::empty()).is_empty());
    }
}
