//! The judgement of rustls-webpki: `differential-webpki CASES-FOLDER`.
//!
//! Prints a line for each case: its name, and "accept", "refuse", or "n/a" for a question that it
//! cannot be asked.

use std::{error::Error, fs, path::Path, time::SystemTime};

use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, UnixTime, pem::PemObject,
};
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, KeyUsage,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("usage: differential-webpki CASES-FOLDER")?;
    for line in fs::read_to_string(Path::new(&folder).join("cases.tsv"))?.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[name, place, host, purpose] = columns.as_slice() else {
            return Err(format!("{line:?} has not four columns").into());
        };
        let verdict = match usage(purpose) {
            None => "n/a",
            Some(usage) => match judge(Path::new(place), host, usage) {
                Ok(()) => "accept",
                Err(_) => "refuse",
            },
        };
        println!("{name}\t{verdict}");
    }
    Ok(())
}

fn usage(purpose: &str) -> Option<KeyUsage> {
    match purpose {
        "1.3.6.1.5.5.7.3.1" => Some(KeyUsage::server_auth()),
        "1.3.6.1.5.5.7.3.2" => Some(KeyUsage::client_auth()),
        _ => None,
    }
}

fn judge(place: &Path, host: &str, usage: KeyUsage) -> Result<(), Box<dyn Error>> {
    let read =
        |file| CertificateDer::pem_file_iter(place.join(file))?.collect::<Result<Vec<_>, _>>();
    let (leaf, hints, anchors) = (read("leaf.pem")?, read("hints.pem")?, read("anchors.pem")?);
    let lists = CertificateRevocationListDer::pem_file_iter(place.join("crls.pem"))?
        .collect::<Result<Vec<_>, _>>()?;

    let leaf = EndEntityCert::try_from(leaf.first().ok_or("no certificate")?)?;
    // What cannot be an anchor leaves the others as they are.
    let anchors: Vec<_> = anchors
        .iter()
        .filter_map(|anchor| anchor_from_trusted_cert(anchor).ok())
        .collect();
    let lists = lists
        .iter()
        .map(|list| Ok(BorrowedCertRevocationList::from_der(list)?.into()))
        .collect::<Result<Vec<CertRevocationList<'_>>, webpki::Error>>()?;
    let lists: Vec<_> = lists.iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
        options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Allow)
            .build()
    });
    let now = UnixTime::since_unix_epoch(SystemTime::UNIX_EPOCH.elapsed()?);
    leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &anchors,
        &hints,
        now,
        usage,
        revocation,
        None,
    )?;
    if !host.is_empty() {
        leaf.verify_is_valid_for_subject_name(&ServerName::try_from(host)?)?;
    }
    Ok(())
}
