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
/// How long an encoding may be to be remembered: several times what is usual. Whoever sends a longer one
/// shall not fill the memory.
const LONGEST: usize = 16 * 1024;

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
    if der.len() > LONGEST {
        return;
    }
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() >= CAPACITY {
        recent.pop_front();
    }
    recent.push_back((der, certificate));
}

#[cfg(test)]
mod tests {
    use openssl::{
        asn1::Asn1Time,
        ec::{EcGroup, EcKey},
        hash::MessageDigest,
        nid::Nid,
        pkey::PKey,
        x509::X509Name,
    };

    use super::*;

    /// A certificate whose name has this many characters.
    fn certificate(length: usize) -> X509 {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509Name::builder().unwrap();
        let text = "x".repeat(length);
        name.append_entry_by_text("2.5.4.65", &text).unwrap();
        let mut builder = X509::builder().unwrap();
        builder.set_subject_name(&name.build()).unwrap();
        builder.set_pubkey(&key).unwrap();
        let (begin, end) = (Asn1Time::from_unix(0), Asn1Time::days_from_now(1));
        builder.set_not_before(&begin.unwrap()).unwrap();
        builder.set_not_after(&end.unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build()
    }

    #[test]
    fn usual_certificates_are_remembered_and_large_ones_are_not() {
        for (length, expected) in [(10, true), (100, true), (100_000, false)] {
            let certificate = certificate(length);
            let pem = certificate.to_pem().unwrap();
            let read = certificates_from_pem(&pem).unwrap();
            assert_eq!(read, std::slice::from_ref(&certificate));
            assert_eq!(find(&certificate.to_der().unwrap()).is_some(), expected);
        }
    }
}
