//! What is in a file, in its own order.

use gio::{glib::ByteArray, prelude::*};
use gio_ossl::Certificate;
use openssl::{
    pkey::{PKey, Private},
    x509::{X509, X509VerifyResult},
};
use zeroize::Zeroizing;

use crate::{
    certificate::{chain, describe_key},
    cli::Show,
    failure::Failure,
    files::{self, is_container, is_pem},
};

/// A file with more than that is a collection, which nobody reads one by one.
const MOST_CERTIFICATES: usize = 1000;

pub struct Contents {
    /// In the order of the file.
    pub certificates: Vec<Certificate>,
    pub keys: Vec<Key>,
    /// The first certificate with what the file has of its issuers.
    pub chain: Option<Certificate>,
    parsed: Vec<X509>,
}

/// A private key, of which only this is told.
pub struct Key {
    pub kind: String,
    /// The number of its certificate, from 0.
    pub certificate: Option<usize>,
}

pub fn read(options: &Show) -> Result<Contents, Failure> {
    let bytes = files::read(&options.file)?;
    let password = files::password(options.password_file.as_ref())?;
    let source = Source {
        options,
        password: password.as_ref(),
    };
    let (certificates, keys, chain) = if is_container(&bytes) {
        source.container(&bytes)?
    } else if is_pem(&bytes) {
        source.pem(&bytes)?
    } else {
        source.der(&bytes)?
    };
    if certificates.is_empty() && keys.is_empty() {
        return Err(source.failure("has no certificate and no private key"));
    }
    let parsed: Vec<X509> = certificates.iter().filter_map(x509).collect();
    let keys = keys.iter().map(|key| Key::of(key, &parsed)).collect();
    Ok(Contents {
        certificates,
        keys,
        chain,
        parsed,
    })
}

impl Key {
    fn of(key: &PKey<Private>, certificates: &[X509]) -> Self {
        let fits = |certificate: &X509| {
            let public = certificate.public_key();
            public.is_ok_and(|public| public.public_eq(key))
        };
        Self {
            kind: describe_key(key),
            certificate: certificates.iter().position(fits),
        }
    }
}

impl Contents {
    /// What may surprise those who use the file.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (index, pair) in self.parsed.windows(2).enumerate() {
            if let [certificate, next] = pair
                && !is_issued_by(certificate, next)
            {
                let (this, next) = (index + 1, index + 2);
                remarks.push(self.disorder(this, next, certificate));
            }
        }
        if !self.keys.is_empty() && !self.certificates.is_empty() {
            let first_fits = self.keys.iter().any(|key| key.certificate == Some(0));
            if !first_fits {
                remarks.push("no private key here fits certificate 1".into());
            }
        }
        remarks
    }

    fn disorder(&self, this: usize, next: usize, certificate: &X509) -> String {
        if is_issued_by(certificate, certificate) {
            return format!(
                "certificate {this} is its own issuer; {next} is not part of its chain"
            );
        }
        let issuer = self
            .parsed
            .iter()
            .position(|it| is_issued_by(certificate, it));
        match issuer {
            Some(issuer) => format!(
                "certificate {this} is issued by {}, which should come next, in place of {next}",
                issuer + 1
            ),
            None => format!("certificate {this} is not issued by {next}, which comes next"),
        }
    }
}

type Found = (Vec<Certificate>, Vec<PKey<Private>>, Option<Certificate>);

struct Source<'a> {
    options: &'a Show,
    password: Option<&'a Zeroizing<String>>,
}

impl Source<'_> {
    fn failure(&self, reason: &str) -> Failure {
        Failure::file(self.options.file.display(), reason)
    }

    fn container(&self, bytes: &[u8]) -> Result<Found, Failure> {
        let password = self.password.map(|it| it.as_str());
        let container = files::container(&self.options.file, bytes, password)?;
        let links = chain(container.upcast_ref());
        let certificates = links
            .into_iter()
            .filter_map(|link| link.downcast().ok())
            .collect();
        let key: Option<ByteArray> = container.property("private-key");
        let key = key.and_then(|der| PKey::private_key_from_der(&der).ok());
        Ok((certificates, key.into_iter().collect(), Some(container)))
    }

    fn pem(&self, bytes: &[u8]) -> Result<Found, Failure> {
        let mut certificates = Vec::new();
        let mut keys = Vec::new();
        let text = String::from_utf8_lossy(bytes);
        let text = Zeroizing::new(text.into_owned());
        for block in blocks(&text) {
            let Some((label, pem)) = block else {
                return Err(self.failure("a PEM block does not end"));
            };
            if label.ends_with("CERTIFICATE") {
                let number = certificates.len() + 1;
                let certificate = Certificate::from_pem(&pem, None);
                certificates.push(certificate.map_err(|error| {
                    self.failure(&format!("certificate {number} cannot be read: {error}"))
                })?);
            } else if label.ends_with("PRIVATE KEY") {
                keys.push(self.key(&pem)?);
            }
            if certificates.len() > MOST_CERTIFICATES {
                let text = format!("has more than {MOST_CERTIFICATES} certificates");
                return Err(self.failure(&text));
            }
        }
        let chain = Certificate::from_pem(&text, None).ok();
        Ok((certificates, keys, chain))
    }

    fn key(&self, pem: &str) -> Result<PKey<Private>, Failure> {
        let password = self.password.map_or("", |it| it.as_str());
        // A password in any case: OpenSSL would ask the terminal.
        let key = PKey::private_key_from_pem_passphrase(pem.as_bytes(), password.as_bytes());
        key.map_err(|_| {
            let encrypted = pem.contains("ENCRYPTED");
            match (encrypted, self.password) {
                (true, None) => self
                    .failure("a private key is encrypted")
                    .hint("--password-file FILE opens it with the first line of FILE"),
                (true, Some(_)) => self.failure("the password does not open the private key"),
                (false, _) => self.failure("a private key cannot be read"),
            }
        })
    }

    fn der(&self, bytes: &[u8]) -> Result<Found, Failure> {
        let certificate = gio::Initable::builder::<Certificate>()
            .property("certificate", ByteArray::from(bytes))
            .build(gio::Cancellable::NONE);
        if let Ok(certificate) = certificate {
            return Ok((vec![certificate.clone()], Vec::new(), Some(certificate)));
        }
        let key = PKey::private_key_from_der(bytes);
        let key = key.map_err(|_| {
            self.failure("is no certificate, no private key and no PKCS #12 container")
                .hint("PEM begins with -----BEGIN; encrypted keys must be in PEM")
        })?;
        Ok((Vec::new(), vec![key], None))
    }
}

/// The PEM blocks of a text with their labels; `None` is one that does not end.
fn blocks(text: &str) -> impl Iterator<Item = Option<(&str, Zeroizing<String>)>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find("-----BEGIN ")?;
        rest = rest.get(start..)?;
        let label = rest.strip_prefix("-----BEGIN ")?.split_once("-----")?.0;
        let end = format!("-----END {label}-----");
        let Some(at) = rest.find(&end) else {
            rest = "";
            return Some(None);
        };
        let block = rest.get(..at + end.len())?;
        rest = rest.get(block.len()..)?;
        Some(Some((label, Zeroizing::new(format!("{block}\n")))))
    })
}

fn x509(certificate: &Certificate) -> Option<X509> {
    let der = certificate.certificate()?;
    X509::from_der(&der).ok()
}

/// Whether names and signature say so.
fn is_issued_by(certificate: &X509, issuer: &X509) -> bool {
    let signed = || {
        let key = issuer.public_key();
        key.is_ok_and(|key| certificate.verify(&key).unwrap_or(false))
    };
    issuer.issued(certificate) == X509VerifyResult::OK && signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_between_other_text() {
        let text = "x\n-----BEGIN A-----\n1\n-----END A-----\ny\n-----BEGIN B-----\n";
        let found: Vec<_> = blocks(text).collect();
        assert_eq!(found.len(), 2);
        let (label, block) = found[0].as_ref().unwrap();
        assert_eq!(*label, "A");
        assert!(block.ends_with("-----END A-----\n"));
        assert!(found[1].is_none());
    }
}
