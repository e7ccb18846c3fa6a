//! Certificates and revocation lists with any extension, key, digest or date: good ones and bad ones.
//!
//! ```ignore
//! let root = Draft::authority("Root").self_signed();
//! let leaf = Draft::new("leaf").set("extendedKeyUsage", "codeSigning").signed_by(&root);
//! let list = List::of(&root).revoking(&leaf).pem();
//! ```

#![allow(deprecated)] // Extensions as text are easier to read than what replaces them.

use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    sign::Signer,
    x509::{X509, X509Builder, X509Extension, X509Name},
};

use crate::pki::Issued;

/// An object identifier that nobody knows, as the name of an extension or a purpose.
pub const UNKNOWN: &str = "1.3.6.1.4.1.99999.1";

const DAY: i64 = 24 * 60 * 60;

/// The issuer in the extensions of a self-signed certificate is the certificate itself.
#[derive(Clone)]
pub struct Draft {
    subject: Vec<(String, String)>,
    extensions: Vec<(String, String)>,
    key: Option<PKey<Private>>,
    digest: MessageDigest,
    version: i32,
    serial: Option<u32>,
    days: (i64, i64),
}

impl Draft {
    /// An end entity: valid from yesterday for a year, P-256, with key identifiers.
    pub fn new(name: &str) -> Self {
        Self {
            subject: vec![("CN".into(), name.into())],
            extensions: vec![
                ("subjectKeyIdentifier".into(), "hash".into()),
                ("authorityKeyIdentifier".into(), "keyid".into()),
            ],
            key: None,
            digest: MessageDigest::sha256(),
            version: 2,
            serial: None,
            days: (-1, 365),
        }
    }

    pub fn authority(name: &str) -> Self {
        Self::new(name)
            .set("basicConstraints", "critical,CA:TRUE")
            .set("keyUsage", "critical,keyCertSign,cRLSign")
    }

    /// Adds an extension or replaces it, as in OpenSSL's configuration files.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.extensions.push((name.into(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.extensions.retain(|(other, _)| other != name);
        self
    }

    /// Without key identifiers, so that its name alone says who issued it.
    pub fn anonymous(self) -> Self {
        self.without("subjectKeyIdentifier")
            .without("authorityKeyIdentifier")
    }

    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.subject.insert(0, (name.into(), value.into()));
        self
    }

    pub fn key(mut self, key: &PKey<Private>) -> Self {
        self.key = Some(key.clone());
        self
    }

    pub fn rsa(self, bits: u32) -> Self {
        let key = PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
        self.key(&key)
    }

    pub fn curve(self, curve: Nid) -> Self {
        self.key(&ec_key(curve))
    }

    pub fn digest(mut self, digest: MessageDigest) -> Self {
        self.digest = digest;
        self
    }

    /// As it stands in the encoding: 0 is version 1, which has no extensions.
    pub fn version(mut self, version: i32) -> Self {
        self.version = version;
        self
    }

    pub fn serial(mut self, serial: u32) -> Self {
        self.serial = Some(serial);
        self
    }

    /// Valid from and until so many days from now.
    pub fn days(mut self, begin: i64, end: i64) -> Self {
        self.days = (begin, end);
        self
    }

    pub fn expired(self) -> Self {
        self.days(-10, -1)
    }

    pub fn self_signed(self) -> Issued {
        let key = self
            .key
            .clone()
            .unwrap_or_else(|| ec_key(Nid::X9_62_PRIME256V1));
        self.key(&key).build(None, &key)
    }

    pub fn signed_by(self, issuer: &Issued) -> Issued {
        self.build(Some(&issuer.certificate), &issuer.key)
    }

    /// With a signature of another key than the issuer's.
    pub fn forged_as_from(self, issuer: &Issued) -> Issued {
        self.build(Some(&issuer.certificate), &ec_key(Nid::X9_62_PRIME256V1))
    }

    fn build(self, issuer: Option<&X509>, signer: &PKey<Private>) -> Issued {
        let key = self.key.unwrap_or_else(|| ec_key(Nid::X9_62_PRIME256V1));
        let mut subject = X509Name::builder().unwrap();
        for (name, value) in &self.subject {
            subject.append_entry_by_text(name, value).unwrap();
        }
        let subject = subject.build();
        let serial = self.serial.unwrap_or_else(rand_serial);
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(self.version).unwrap();
        builder.set_serial_number(&integer(serial)).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder
            .set_issuer_name(issuer.map_or(&*subject, |issuer| issuer.subject_name()))
            .unwrap();
        builder.set_pubkey(&key).unwrap();
        let (begin, end) = (in_days(self.days.0), in_days(self.days.1));
        builder.set_not_before(&begin).unwrap();
        builder.set_not_after(&end).unwrap();
        if self.version == 2 {
            for (name, value) in &self.extensions {
                let has_identifier = issuer.is_some_and(|issuer| issuer.subject_key_id().is_some());
                if name == "authorityKeyIdentifier" && !has_identifier {
                    continue;
                }
                let context = builder.x509v3_context(issuer.map(|issuer| &**issuer), None);
                let extension = X509Extension::new(None, Some(&context), name, value).unwrap();
                builder.append_extension(extension).unwrap();
            }
        }
        builder.sign(signer, self.digest).unwrap();
        let certificate = builder.build();
        Issued { certificate, key }
    }
}

/// A certificate revocation list: valid from yesterday for a month, with its issuer's identifier.
#[derive(Clone)]
pub struct List<'a> {
    issuer: &'a Issued,
    signer: &'a PKey<Private>,
    revoked: Vec<Vec<u8>>,
    days: (i64, i64),
    identified: bool,
    extensions: Vec<Vec<u8>>,
}

impl<'a> List<'a> {
    pub fn of(issuer: &'a Issued) -> Self {
        Self {
            issuer,
            signer: &issuer.key,
            revoked: Vec::new(),
            days: (-1, 30),
            identified: true,
            extensions: Vec::new(),
        }
    }

    pub fn revoking(mut self, issued: &Issued) -> Self {
        let serial = issued.certificate.serial_number().to_bn().unwrap();
        let entry = [unsigned(&serial.to_vec()), time(self.days.0)].concat();
        self.revoked.push(tlv(0x30, &entry));
        self
    }

    pub fn days(mut self, begin: i64, end: i64) -> Self {
        self.days = (begin, end);
        self
    }

    pub fn signed_by(mut self, other: &'a Issued) -> Self {
        self.signer = &other.key;
        self
    }

    pub fn anonymous(mut self) -> Self {
        self.identified = false;
        self
    }

    /// A critical extension, by its OID's contents and its value in DER.
    pub fn critical(mut self, oid: &[u8], value: &[u8]) -> Self {
        let parts = [tlv(0x06, oid), tlv(0x01, &[0xff]), tlv(0x04, value)];
        self.extensions.push(tlv(0x30, &parts.concat()));
        self
    }

    pub fn pem(mut self) -> String {
        const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];
        let identifier = self.issuer.certificate.subject_key_id();
        if let Some(identifier) = identifier.filter(|_| self.identified) {
            let value = tlv(0x30, &tlv(0x80, identifier.as_slice()));
            let parts = [tlv(0x06, AUTHORITY_KEY_IDENTIFIER), tlv(0x04, &value)];
            self.extensions.push(tlv(0x30, &parts.concat()));
        }
        let algorithm = tlv(0x30, &tlv(0x06, ECDSA_WITH_SHA256));
        let issuer = self.issuer.certificate.subject_name().to_der().unwrap();
        let mut parts = vec![tlv(0x02, &[1]), algorithm.clone(), issuer];
        parts.extend([time(self.days.0), time(self.days.1)]);
        if !self.revoked.is_empty() {
            parts.push(tlv(0x30, &self.revoked.concat()));
        }
        if !self.extensions.is_empty() {
            parts.push(tlv(0xa0, &tlv(0x30, &self.extensions.concat())));
        }
        let contents = tlv(0x30, &parts.concat());
        let mut signer = Signer::new(MessageDigest::sha256(), self.signer).unwrap();
        let mut bits = vec![0];
        bits.extend(signer.sign_oneshot_to_vec(&contents).unwrap());
        let der = tlv(0x30, &[contents, algorithm, tlv(0x03, &bits)].concat());
        let list = openssl::x509::X509Crl::from_der(&der).unwrap();
        String::from_utf8(list.to_pem().unwrap()).unwrap()
    }
}

/// The usual anchor, with a new key each time.
pub fn root() -> Issued {
    Draft::authority("Root").self_signed()
}

/// One DER element.
pub fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut element = vec![tag];
    match length {
        0..0x80 => element.push(length as u8),
        0x80..0x100 => element.extend([0x81, length as u8]),
        _ => element.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    element.extend(contents);
    element
}

fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let sign = bytes.first().is_none_or(|first| first & 0x80 != 0);
    tlv(0x02, &[&[0][..usize::from(sign)], bytes].concat())
}

fn time(days: i64) -> Vec<u8> {
    let when = glib::DateTime::from_unix_utc(now() + days * DAY).unwrap();
    tlv(0x18, when.format("%Y%m%d%H%M%SZ").unwrap().as_bytes())
}

fn in_days(days: i64) -> Asn1Time {
    Asn1Time::from_unix(now() + days * DAY).unwrap()
}

fn now() -> i64 {
    glib::real_time() / 1_000_000
}

fn rand_serial() -> u32 {
    glib::random_int() | 1
}

fn integer(value: u32) -> Asn1Integer {
    BigNum::from_u32(value).unwrap().to_asn1_integer().unwrap()
}

pub fn ec_key(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}
