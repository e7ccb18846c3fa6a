//! Certificates with their keys and issuers: [`Certificate`].

use glib::subclass::prelude::*;
use openssl::{
    pkey::{PKey, Private},
    x509::X509,
};

use self::sources::Key;
use crate::{
    error::Error,
    ossl::{keys::key_from_pem, recent, x509::is_issued_by},
    subclass::tls_certificate::uninitialized,
};

pub(crate) mod credentials;
pub(crate) mod identity;
mod imp;
mod names;
mod sources;
mod token;
mod uri;
pub(crate) mod verification;

/// How many certificates of one chain are looked at. Longer ones exist only to waste our time.
pub(crate) const MAX_CHAIN: usize = 32;

glib::wrapper! {
    /// An X.509 certificate, with its private key and its issuer where known: `GioOsslCertificate`.
    ///
    /// Made by [`gio::TlsCertificate`]'s constructors when this library is the process's TLS backend,
    /// or by the constructors here whatever the backend is. Immutable, and usable in every thread.
    pub struct Certificate(ObjectSubclass<imp::Certificate>)
        @extends gio::TlsCertificate,
        @implements gio::Initable;
}

impl Certificate {
    /// The first certificate of a PEM text, with its private key if given; the text's further
    /// certificates become its issuers where they really are.
    ///
    /// # Errors
    ///
    /// [`Error::BadCertificate`] when there is no certificate, or when a certificate or the key cannot
    /// be read or is encrypted.
    pub fn from_pem(certificates: &str, private_key: Option<&str>) -> Result<Self, Error> {
        let chain = recent::certificates_from_pem(certificates.as_bytes())?;
        let key = private_key
            .map(|pem| key_from_pem(pem.as_bytes()))
            .transpose()?;
        Self::from_chain_and_key(&chain, key)
    }

    /// The chain that a peer presented, leaf first, linked by who really issued whom: certificates in
    /// the wrong order are found, duplicates and strangers are left out, and the links never form a
    /// cycle.
    ///
    /// # Errors
    ///
    /// [`Error::BadCertificate`] for an empty chain.
    pub(crate) fn from_chain(chain: &[X509]) -> Result<Self, Error> {
        let object = Self::from_chain_and_key(chain, None)?;
        let sent = chain.get(..MAX_CHAIN).unwrap_or(chain);
        object.imp().sent.get_or_init(|| sent.to_vec());
        Ok(object)
    }

    /// All that the peer sent with this certificate, whether it is among the issuers or not: other
    /// paths may lead through what is not.
    pub(crate) fn sent(&self) -> &[X509] {
        self.imp().sent.get().map_or(&[], Vec::as_slice)
    }

    /// One certificate without key or issuer, sharing the parsed form.
    pub(crate) fn from_x509(certificate: X509) -> Self {
        Self::from_parts(certificate, None, None)
    }

    /// The parsed certificate.
    pub(crate) fn x509(&self) -> Result<X509, Error> {
        Ok(self.imp().contents()?.certificate.clone())
    }

    /// The private key, where there is one. One on a token is looked for now.
    pub(crate) fn private_key(&self) -> Result<Option<PKey<Private>>, Error> {
        match &self.imp().contents()?.key {
            Key::Missing => Ok(None),
            Key::Known(key) => Ok(Some(key.clone())),
            Key::OnToken(key) => key.open(),
        }
    }

    /// Whether the private key is on a token, where it is looked for when it is needed.
    pub(crate) fn key_is_on_token(&self) -> Result<bool, Error> {
        Ok(matches!(self.imp().contents()?.key, Key::OnToken(_)))
    }

    fn from_chain_and_key(chain: &[X509], key: Option<PKey<Private>>) -> Result<Self, Error> {
        let linked = link(chain);
        let Some((leaf, issuers)) = linked.split_first() else {
            return Err(Error::BadCertificate("There is no certificate".into()));
        };
        Ok(Self::from_parts(
            (*leaf).clone(),
            key,
            Self::from_links(issuers),
        ))
    }

    /// The first of certificates that are each issued by the next.
    fn from_links(links: &[&X509]) -> Option<Self> {
        links.iter().rev().fold(None, |issuer, certificate| {
            Some(Self::from_parts((*certificate).clone(), None, issuer))
        })
    }

    fn from_parts(
        certificate: X509,
        key: Option<PKey<Private>>,
        issuer: Option<Certificate>,
    ) -> Self {
        let object = uninitialized::<imp::Certificate>();
        object.imp().adopt(certificate, key, issuer);
        object
    }
}

/// The path from the first certificate upwards: for each, its issuer among the rest, the next one in
/// the list preferred.
fn link(chain: &[X509]) -> Vec<&X509> {
    let mut rest: Vec<&X509> = Vec::new();
    for certificate in chain.iter().take(MAX_CHAIN) {
        if !rest.contains(&certificate) {
            rest.push(certificate);
        }
    }
    let mut linked = Vec::with_capacity(rest.len());
    let mut position = Some(0);
    while let Some(current) = position.filter(|&at| at < rest.len()) {
        let certificate = rest.remove(current);
        linked.push(certificate);
        if is_issued_by(certificate, certificate) {
            break;
        }
        position = (current..rest.len()).chain(0..current).find(|&at| {
            rest.get(at)
                .is_some_and(|candidate| is_issued_by(certificate, candidate))
        });
    }
    linked
}
