//! Certificates that were parsed lately.
//!
//! OpenSSL takes a tenth of a millisecond for each certificate, most of it in search of a decoder for the
//! public key, and a program reads the same few over and over. They never change, so all may share one.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use openssl::x509::X509;

use super::{pem, x509::certificate_from_der};
use crate::error::Error;

/// How many are remembered: a few chains.
const CAPACITY: usize = 32;

/// The latest last, each with its encoding.
static RECENT: Mutex<VecDeque<(Vec<u8>, X509)>> = Mutex::new(VecDeque::new());

/// Every certificate of a PEM text, in order. None at all is not an error; a bad one is.
pub(crate) fn certificates_from_pem(text: &[u8]) -> Result<Vec<X509>, Error> {
    pem::certificates(text)
        .map(|encoding| {
            let der = encoding?;
            if let Some(known) = find(&der) {
                return Ok(known);
            }
            let certificate = certificate_from_der(&der)?;
            remember(der, certificate.clone());
            Ok(certificate)
        })
        .collect()
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
