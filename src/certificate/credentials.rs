//! What a connection presents: a chain and the key to its first certificate.

use std::fmt;

use gio::prelude::*;
use glib::subclass::prelude::*;
use openssl::{
    pkey::{PKey, Private},
    x509::X509,
};
use zeroize::Zeroizing;

use super::{Certificate, MAX_CHAIN};
use crate::{
    error::Error,
    ossl::{keys::key_from_pem, queue, x509::certificate_from_der},
};

/// A certificate in OpenSSL's types, with everything that goes with it.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// Leaf first, then its issuers; bounded, and free of cycles.
    pub(crate) chain: Vec<X509>,
    /// The leaf's private key, where it is known.
    pub(crate) key: Option<PKey<Private>>,
}

impl Credentials {
    /// Takes apart any certificate object, of this library or of another.
    pub(crate) fn of(certificate: &gio::TlsCertificate) -> Result<Self, Error> {
        Ok(Self {
            chain: Self::chain_of(certificate)?,
            key: key_of(certificate)?,
        })
    }

    /// The chain and the key, if there is a key: without one a certificate cannot be presented.
    pub(crate) fn into_pair(self) -> Option<(Vec<X509>, PKey<Private>)> {
        Some((self.chain, self.key?))
    }

    /// Whether the certificate can be presented, as far as that can be told without its token.
    pub(crate) fn check(certificate: &gio::TlsCertificate) -> Result<(), Error> {
        let key = match certificate.downcast_ref::<Certificate>() {
            Some(own) if own.key_is_on_token()? => return Ok(()),
            _ => key_of(certificate)?,
        };
        let text = match key {
            None => "The certificate has no private key",
            Some(key) if !belongs(&key, &x509_of(certificate)?) => {
                "The private key is not the certificate's"
            }
            Some(_) => return Ok(()),
        };
        Err(Error::BadCertificate(text.into()))
    }

    /// The certificates alone, leaf first.
    pub(crate) fn chain_of(certificate: &gio::TlsCertificate) -> Result<Vec<X509>, Error> {
        let mut chain: Vec<X509> = Vec::new();
        let mut next = Some(certificate.clone());
        // What comes twice is looked at as well, or a cycle of foreign objects would not end.
        for _ in 0..MAX_CHAIN {
            let Some(link) = next else { break };
            let parsed = x509_of(&link)?;
            if !chain.contains(&parsed) {
                chain.push(parsed);
            }
            next = match link.downcast_ref::<Certificate>() {
                Some(own) => own.imp().issuer(),
                None => link.issuer(),
            };
        }
        Ok(chain)
    }

    /// The same, and whatever else a peer sent with it: all that a path may lead through.
    pub(crate) fn links_of(certificate: &gio::TlsCertificate) -> Result<Vec<X509>, Error> {
        let mut links = Self::chain_of(certificate)?;
        let own = certificate.downcast_ref::<Certificate>();
        for sent in own.map_or(&[][..], Certificate::sent) {
            if !links.contains(sent) {
                links.push(sent.clone());
            }
        }
        Ok(links)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("chain", &self.chain.len())
            .field("has_key", &self.key.is_some())
            .finish()
    }
}

/// The parsed form of any certificate object.
pub(crate) fn x509_of(certificate: &gio::TlsCertificate) -> Result<X509, Error> {
    if let Some(own) = certificate.downcast_ref::<Certificate>() {
        return own.x509();
    }
    let der: Option<glib::ByteArray> = certificate.property("certificate");
    let der = der.ok_or_else(|| Error::BadCertificate("Certificate has no data".into()))?;
    certificate_from_der(&der)
}

fn key_of(certificate: &gio::TlsCertificate) -> Result<Option<PKey<Private>>, Error> {
    if let Some(own) = certificate.downcast_ref::<Certificate>() {
        return own.private_key();
    }
    // Not `private-key`: GIO's base class answers that one with a critical where a class does not
    // override it.
    let pem: Option<String> = certificate.property("private-key-pem");
    pem.map(Zeroizing::new)
        .map(|pem| key_from_pem(pem.as_bytes()))
        .transpose()
}

fn belongs(key: &PKey<Private>, certificate: &X509) -> bool {
    let public = certificate.public_key();
    let belongs = public.is_ok_and(|public| public.public_eq(key));
    queue::clear();
    belongs
}
