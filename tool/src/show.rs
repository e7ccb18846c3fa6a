//! `gio-ossl show`.

use std::path::Path;

use gio::{TlsCertificateFlags as Flags, TlsDatabaseVerifyFlags, prelude::*};
use gio_ossl::Certificate;
use serde_json::json;

use self::contents::{Contents, read};
use crate::{
    certificate::{Description, flag_names, identities, problems},
    cli::Show,
    failure::{Failure, Status},
    files,
    output::{Output, table},
};

mod contents;

/// What a server's certificate is for (RFC 5280, 4.2.1.12).
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
/// What a client's certificate is for.
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";

pub fn run(options: &Show, output: &Output) -> Result<(), Failure> {
    let contents = read(options)?;
    let described: Vec<Description> = contents.certificates.iter().map(describe).collect();
    for (number, certificate) in described.iter().enumerate() {
        let heading = format!("Certificate {} of {}", number + 1, described.len());
        output.result(&table(&heading, &certificate.lines()))?;
    }
    for key in &contents.keys {
        let lines = [("kind", key.kind.clone()), ("fits", fits(key.certificate))];
        output.result(&table("Private key", &lines))?;
    }
    let mut remarks = contents.remarks();
    let verdict = verify(options, &contents)?;
    if let Some(flags) = verdict {
        output.result(&table("Verification", &explain(options, flags)))?;
    }
    for remark in &remarks {
        output.result(&format!("Remark: {remark}"))?;
    }
    let certificates: Vec<_> = described.iter().map(Description::json).collect();
    let keys: Vec<_> = contents
        .keys
        .iter()
        .map(|key| json!({ "kind": key.kind, "certificate": key.certificate.map(|it| it + 1) }))
        .collect();
    let event = json!({
        "file": options.file.display().to_string(),
        "certificates": certificates,
        "keys": keys,
        "problems": verdict.map(flag_names),
        "remarks": std::mem::take(&mut remarks),
    });
    output.event("file", event)?;
    judge(options, &contents, verdict)
}

fn describe(certificate: &Certificate) -> Description {
    Description::of(certificate.upcast_ref())
}

fn fits(certificate: Option<usize>) -> String {
    match certificate {
        Some(index) => format!("certificate {}", index + 1),
        None => "none of the certificates here".into(),
    }
}

/// What the authorities say of the first certificate, as one of a server or of a client.
fn verify(options: &Show, contents: &Contents) -> Result<Option<Flags>, Failure> {
    let Some(chain) = &contents.chain else {
        return Ok(None);
    };
    let authorities = files::authorities(options.ca_file.as_deref())?;
    let identity = options.identity.as_ref();
    let identity = identity.map(|name| gio::NetworkAddress::new(name, 0));
    let verdict = |purpose| {
        authorities.verify_chain(
            chain,
            purpose,
            identity.as_ref(),
            gio::TlsInteraction::NONE,
            TlsDatabaseVerifyFlags::NONE,
            gio::Cancellable::NONE,
        )
    };
    let server = verdict(SERVER).map_err(|error| unverifiable(&options.file, &error))?;
    if identity.is_some() || server.is_empty() {
        return Ok(Some(server));
    }
    let client = verdict(CLIENT).map_err(|error| unverifiable(&options.file, &error))?;
    let fewer = client.bits().count_ones() < server.bits().count_ones();
    Ok(Some(if fewer { client } else { server }))
}

fn unverifiable(file: &Path, error: &glib::Error) -> Failure {
    let text = format!("{}: {}", file.display(), error.message());
    Failure::new(Status::Failed, text)
}

fn explain(options: &Show, flags: Flags) -> Vec<(&'static str, String)> {
    let authorities = match &options.ca_file {
        Some(file) => format!("those in {}", file.display()),
        None => "the system's".into(),
    };
    let problems = problems(flags);
    let result = if problems.is_empty() {
        "trusted".into()
    } else {
        format!("NOT TRUSTED: {}", problems.join("; "))
    };
    let mut lines = vec![("authorities", authorities)];
    lines.extend(options.identity.clone().map(|name| ("identity", name)));
    lines.push(("certificate 1", result));
    lines
}

/// Fails if the user asked for a verification, and the certificate did not pass.
fn judge(options: &Show, contents: &Contents, verdict: Option<Flags>) -> Result<(), Failure> {
    if options.ca_file.is_none() && options.identity.is_none() {
        return Ok(());
    }
    let (Some(flags), Some(first)) = (verdict, contents.certificates.first()) else {
        let text = format!("{}: no certificate to verify", options.file.display());
        return Err(Failure::usage(text));
    };
    if flags.is_empty() {
        return Ok(());
    }
    let text = format!(
        "certificate 1 is not trusted: {}",
        problems(flags).join("; ")
    );
    let failure = Failure::new(Status::Verification, text);
    if flags.contains(Flags::BAD_IDENTITY) {
        let names = identities(first.upcast_ref());
        return Err(failure.hint(format!("the certificate is for {names}")));
    }
    Err(failure)
}
