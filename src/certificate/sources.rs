//! What construction properties bring, and what is read from them.

use glib::Value;
use openssl::{
    pkey::{PKey, Private},
    x509::X509,
};
use zeroize::Zeroizing;

use super::{
    link,
    token::{self, TokenKey},
    uri::TokenUri,
};
use crate::{
    error::Error,
    ossl::{keys, pkcs12, recent, x509},
    subclass::values,
};

/// What construction properties brought, kept unread until GInitable asks for the result: then all
/// of them are there. Reading consumes it, and wipes the secrets.
#[derive(Default)]
pub(super) struct Sources {
    certificate: Option<Source>,
    key: Option<Source>,
    password: Option<Zeroizing<String>>,
}

/// Where a certificate, a key or both come from.
enum Source {
    Der(Zeroizing<Vec<u8>>),
    Pem(Zeroizing<String>),
    Pkcs12(Zeroizing<Vec<u8>>),
    /// The key comes along with the certificate.
    Same,
    /// On a PKCS #11 token.
    Token(Zeroizing<String>),
}

/// What was read.
pub(super) struct Contents {
    pub(super) certificate: X509,
    pub(super) key: Key,
    /// Further certificates, each the issuer of the one before, the first the certificate's own.
    pub(super) issuers: Vec<X509>,
}

/// Where the private key is.
pub(super) enum Key {
    Missing,
    Known(PKey<Private>),
    OnToken(TokenKey),
}

impl Key {
    /// The key itself, if it is not on a token.
    pub(super) fn known(&self) -> Option<&PKey<Private>> {
        match self {
            Self::Known(key) => Some(key),
            Self::Missing | Self::OnToken(_) => None,
        }
    }

    /// What may be told of it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Known(_) => "known",
            Self::OnToken(_) => "on a token",
        }
    }
}

impl From<Option<PKey<Private>>> for Key {
    fn from(key: Option<PKey<Private>>) -> Self {
        key.map_or(Self::Missing, Self::Known)
    }
}

impl Sources {
    /// Takes the value of a construction property. Of two sources for the same thing the first one is
    /// kept: false.
    #[must_use]
    pub(super) fn set(&mut self, property: &str, value: &Value) -> bool {
        if property == "password" {
            self.password = values::text(value);
            return true;
        }
        let source = match property {
            "certificate" | "private-key" => bytes(value).map(Source::Der),
            "certificate-pem" | "private-key-pem" => values::text(value).map(Source::Pem),
            "pkcs12-data" => bytes(value).map(Source::Pkcs12),
            "pkcs11-uri" | "private-key-pkcs11-uri" => values::text(value).map(Source::Token),
            _ => None,
        };
        let Some(source) = source else {
            return true;
        };
        let is_key = property.starts_with("private-key");
        let both = matches!(source, Source::Pkcs12(_));
        if (is_key || both) && self.key.is_some() || !is_key && self.certificate.is_some() {
            return false;
        }
        if both {
            self.key = Some(Source::Same);
        }
        let slot = match is_key {
            true => &mut self.key,
            false => &mut self.certificate,
        };
        *slot = Some(source);
        true
    }

    pub(super) fn read(self) -> Result<Contents, Error> {
        let mut shared = None;
        let certificate = match self.certificate {
            None | Some(Source::Same) => {
                return Err(Error::BadCertificate("No certificate data provided".into()));
            }
            Some(Source::Pkcs12(data)) => {
                let password = self.password.as_deref().map(String::as_str);
                return container(&data, password);
            }
            Some(Source::Token(uri)) => {
                let uri = TokenUri::parse(&uri)?;
                let certificate = token::certificate(&uri)?;
                shared = Some(uri).filter(TokenUri::may_be_a_key);
                certificate
            }
            Some(Source::Der(der)) => x509::certificate_from_der(&der)?,
            Some(Source::Pem(pem)) => recent::certificates_from_pem(pem.as_bytes())?
                .into_iter()
                .next()
                .ok_or_else(|| Error::BadCertificate("No PEM-encoded certificate found".into()))?,
        };
        Ok(Contents {
            certificate,
            key: read_key(self.key, shared)?,
            issuers: Vec::new(),
        })
    }
}

/// The key from its own source, or else from the certificate's if that may have it.
fn read_key(source: Option<Source>, shared: Option<TokenUri>) -> Result<Key, Error> {
    Ok(match source {
        Some(Source::Der(der)) => Key::Known(keys::key_from_der(&der)?),
        Some(Source::Pem(pem)) => Key::Known(keys::key_from_pem(pem.as_bytes())?),
        Some(Source::Token(uri)) => {
            let uri = TokenUri::parse(&uri)?;
            token::check()?;
            Key::OnToken(TokenKey::new(uri, false))
        }
        None | Some(Source::Pkcs12(_) | Source::Same) => {
            shared.map_or(Key::Missing, |uri| Key::OnToken(TokenKey::new(uri, true)))
        }
    })
}

fn container(data: &[u8], password: Option<&str>) -> Result<Contents, Error> {
    let pkcs12::Contents { key, certificates } = pkcs12::read(data, password)?;
    let mut linked = link(&certificates).into_iter().cloned();
    let certificate = linked
        .next()
        .ok_or_else(|| Error::BadCertificate("There is no certificate".into()))?;
    Ok(Contents {
        certificate,
        key: Key::Known(key),
        issuers: linked.collect(),
    })
}

/// A byte array that is wiped when it is dropped, if there is one.
fn bytes(value: &Value) -> Option<Zeroizing<Vec<u8>>> {
    let bytes: Option<glib::ByteArray> = value.get().ok()?;
    bytes.map(|bytes| Zeroizing::new(bytes.to_vec()))
}
