//! A collection of trust anchors, of which only those that are needed are parsed.

use std::{
    cmp,
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use openssl::{
    error::ErrorStack,
    x509::{X509, X509Name, X509NameRef},
};

use super::der;
use crate::{
    error::Error,
    ossl::{digest::sha256, pem, queue, trust::TrustStore, x509::certificate_from_der},
};

/// A SHA-256 digest of a certificate's encoding.
pub(super) type Digest = [u8; 32];

/// Certificates in the order of their file, each of them once.
#[derive(Default)]
pub(super) struct Anchors {
    list: Vec<Anchor>,
    by_digest: OnceLock<HashMap<Digest, usize>>,
    by_issuer: OnceLock<NameIndex>,
    by_subject: OnceLock<NameIndex>,
}

/// One certificate and its names, parsed when it is first needed.
struct Anchor {
    der: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    parsed: OnceLock<X509>,
    /// Whether the store has it.
    is_lent: AtomicBool,
}

/// The places of certificates in the list, ordered by one of their names.
struct NameIndex(Vec<(X509Name, usize)>);

impl Anchors {
    /// The certificates of a PEM text. Blocks of other kinds are left out.
    ///
    /// # Errors
    ///
    /// [`Error::BadCertificate`] when one of the certificates cannot be read.
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let list: Result<Vec<Anchor>, Error> = pem::certificates(text)
            .map(|encoding| Anchor::read(encoding?))
            .collect();
        Ok(Self::of(list?))
    }

    /// These collections in one.
    pub(super) fn concatenated(collections: impl IntoIterator<Item = Self>) -> Self {
        Self::of(collections.into_iter().flat_map(|part| part.list).collect())
    }

    fn of(mut list: Vec<Anchor>) -> Self {
        let mut seen = HashSet::with_capacity(list.len());
        let is_new: Vec<bool> = list
            .iter()
            .map(|anchor| seen.insert(anchor.der.as_slice()))
            .collect();
        let mut is_new = is_new.into_iter();
        list.retain(|_| is_new.next().unwrap_or(true));
        Self {
            list,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The subject of each certificate, as complete DER names.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &[u8]> {
        self.list.iter().map(|anchor| anchor.subject.as_slice())
    }

    /// The certificate with this digest.
    pub(super) fn by_digest(&self, digest: &Digest) -> Option<&X509> {
        let index = self.by_digest.get_or_init(|| {
            let digests = self.list.iter().map(|anchor| sha256(&anchor.der));
            digests.zip(0..).collect()
        });
        self.at(*index.get(digest)?)
    }

    /// The certificates with this issuer.
    pub(super) fn by_issuer(&self, name: &X509NameRef) -> Result<Vec<&X509>, Error> {
        let issuers = self.list.iter().map(|anchor| anchor.issuer.as_slice());
        let places = NameIndex::kept(&self.by_issuer, issuers)?.find(name)?;
        Ok(places
            .into_iter()
            .filter_map(|place| self.at(place))
            .collect())
    }

    /// The certificates with this subject.
    pub(super) fn by_subject(&self, name: &X509NameRef) -> Result<Vec<&X509>, Error> {
        let places = self.places_of(name)?.into_iter();
        Ok(places.filter_map(|place| self.at(place)).collect())
    }

    /// Lets the store, always the same, trust every certificate that can be part of a path for this
    /// chain: those with a name that occurs in it, and their issuers in turn. Tells whether there are any.
    pub(super) fn lend(&self, store: &TrustStore, chain: &[X509]) -> Result<bool, Error> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<&X509> = chain.iter().collect();
        while let Some(certificate) = waiting.pop() {
            for name in [certificate.subject_name(), certificate.issuer_name()] {
                for place in self.places_of(name)? {
                    if let Some(anchor) = self.list.get(place).filter(|_| found.insert(place)) {
                        waiting.push(anchor.lend(store)?);
                    }
                }
            }
        }
        Ok(!found.is_empty())
    }

    fn places_of(&self, subject: &X509NameRef) -> Result<Vec<usize>, Error> {
        let subjects = self.list.iter().map(|anchor| anchor.subject.as_slice());
        NameIndex::kept(&self.by_subject, subjects)?.find(subject)
    }

    fn at(&self, place: usize) -> Option<&X509> {
        self.list.get(place)?.parsed().ok()
    }
}

impl Anchor {
    fn read(der: Vec<u8>) -> Result<Self, Error> {
        if let Some(names) = der::names(&der) {
            return Ok(Self {
                issuer: names.issuer.to_vec(),
                subject: names.subject.to_vec(),
                der,
                parsed: OnceLock::new(),
                is_lent: AtomicBool::new(false),
            });
        }
        let certificate = certificate_from_der(&der)?;
        let name = |name: &X509NameRef| {
            let failed = |stack| queue::bad_certificate("Could not encode a name", &stack);
            name.to_der().map_err(failed)
        };
        Ok(Self {
            issuer: name(certificate.issuer_name())?,
            subject: name(certificate.subject_name())?,
            der,
            parsed: OnceLock::from(certificate),
            is_lent: AtomicBool::new(false),
        })
    }

    /// Lets the store trust it.
    fn lend(&self, store: &TrustStore) -> Result<&X509, Error> {
        let certificate = self.parsed()?;
        if !self.is_lent.load(Ordering::Acquire) {
            store.add(certificate).map_err(failed)?;
            self.is_lent.store(true, Ordering::Release);
        }
        Ok(certificate)
    }

    fn parsed(&self) -> Result<&X509, Error> {
        if let Some(known) = self.parsed.get() {
            return Ok(known);
        }
        let certificate = certificate_from_der(&self.der)?;
        Ok(self.parsed.get_or_init(|| certificate))
    }
}

impl NameIndex {
    /// The index that is kept here, made if it is not there yet: one that lacked a name would hide what is
    /// said of it as long as it is kept.
    fn kept<'a, 'b>(
        place: &'a OnceLock<Self>,
        names: impl Iterator<Item = &'b [u8]>,
    ) -> Result<&'a Self, Error> {
        if let Some(index) = place.get() {
            return Ok(index);
        }
        let index = Self::of(names).map_err(failed)?;
        Ok(place.get_or_init(|| index))
    }

    fn of<'a>(names: impl Iterator<Item = &'a [u8]>) -> Result<Self, ErrorStack> {
        let names = names.zip(0..);
        let index: Result<Vec<(X509Name, usize)>, ErrorStack> = names
            .map(|(name, place)| Ok((X509Name::from_der(name)?, place)))
            .collect();
        let mut index = index?;
        let mut comparison = Comparison::default();
        // A stable order: among equals, that of the file.
        index.sort_by(|(one, _), (other, _)| comparison.compare(one, other));
        comparison.end()?;
        Ok(Self(index))
    }

    /// The places of the certificates with this name.
    fn find(&self, wanted: &X509NameRef) -> Result<Vec<usize>, Error> {
        let mut comparison = Comparison::default();
        let begin = self
            .0
            .partition_point(|(name, _)| comparison.compare(name, wanted).is_lt());
        let rest = self.0.get(begin..).unwrap_or_default();
        let found = rest
            .iter()
            .take_while(|(name, _)| comparison.compare(name, wanted).is_eq())
            .map(|(_, place)| *place)
            .collect();
        comparison.end().map_err(failed)?;
        Ok(found)
    }
}

/// Comparisons of names as a whole, by RFC 5280's rules. Only a lack of memory makes one fail.
#[derive(Default)]
struct Comparison(Option<ErrorStack>);

impl Comparison {
    fn compare(&mut self, one: &X509NameRef, other: &X509NameRef) -> cmp::Ordering {
        one.try_cmp(other).unwrap_or_else(|stack| {
            self.0 = Some(stack);
            cmp::Ordering::Equal
        })
    }

    /// Whether all were successful.
    fn end(self) -> Result<(), ErrorStack> {
        self.0.map_or(Ok(()), Err)
    }
}

fn failed(stack: ErrorStack) -> Error {
    queue::bad_certificate("Could not search the trust anchors", &stack)
}
