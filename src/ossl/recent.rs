//! Certificates that were parsed lately.
//!
//! OpenSSL takes a tenth of a millisecond for each certificate, most of it in search of a decoder for the
//! public key, and a program reads the same few over and over. They never change, so all may share one.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use openssl::x509::X509;

use super::{
    pem_blocks::{Block, blocks},
    x509,
};
use crate::error::Error;

/// How many are remembered: a few chains.
const CAPACITY: usize = 32;

/// The latest last, each with its encoding.
static RECENT: Mutex<VecDeque<(Vec<u8>, X509)>> = Mutex::new(VecDeque::new());

/// Every certificate of a PEM text, in order. None at all is not an error; a bad one is.
pub(crate) fn certificates_from_pem(pem: &[u8]) -> Result<Vec<X509>, Error> {
    let mut certificates = Vec::new();
    for block in blocks(pem) {
        if let b"CERTIFICATE" | b"X509 CERTIFICATE" = block.label {
            certificates.extend(from_block(&block)?);
        }
    }
    Ok(certificates)
}

fn from_block(block: &Block<'_>) -> Result<Vec<X509>, Error> {
    let Some(der) = block.data() else {
        // It is for OpenSSL to say what is wrong, if anything is.
        return x509::certificates_from_pem(block.text);
    };
    if let Some(known) = find(&der) {
        return Ok(vec![known]);
    }
    let certificates = x509::certificates_from_pem(block.text)?;
    if let [certificate] = certificates.as_slice() {
        remember(der, certificate.clone());
    }
    Ok(certificates)
}

fn find(der: &[u8]) -> Option<X509> {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    let place = recent.iter().position(|(known, _)| known == der)?;
    let found = recent.remove(place)?;
    let certificate = found.1.clone();
    recent.push_back(found);
    Some(certificate)
}

fn remember(der: Vec<u8>, certificate: X509) {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() >= CAPACITY {
        recent.pop_front();
    }
    recent.push_back((der, certificate));
}
