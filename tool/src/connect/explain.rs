//! What went wrong, and what to try.

use std::{fmt::Display, io};

use gio::{IOErrorEnum as Io, TlsCertificateFlags as Flags, TlsError, prelude::*};
use gio_ossl::DtlsConnection;

use crate::{
    certificate::{Description, identities, problems},
    cli::Connect,
    failure::{Failure, Status},
    text::printable,
};

/// An attempt to reach one address.
pub struct Attempt<'a> {
    pub options: &'a Connect,
    pub place: &'a str,
}

/// Why there is no session.
pub fn explain(
    attempt: &Attempt<'_>,
    connection: Option<&DtlsConnection>,
    error: &glib::Error,
) -> Failure {
    let options = attempt.options;
    let refused = connection.and_then(|connection| {
        let flags = connection.peer_certificate_errors();
        let certificate = connection.peer_certificate()?;
        let ours = error.matches(TlsError::BadCertificate) && !flags.is_empty();
        ours.then_some((certificate, flags))
    });
    if let Some((certificate, flags)) = refused {
        return not_trusted(attempt, &certificate, flags);
    }
    let place = attempt.place;
    if error.matches(Io::ConnectionRefused) {
        return Failure::new(Status::Network, format!("nobody listens at {place} by UDP"))
            .hint("is the server running, and is this its port?")
            .hint("does it speak DTLS, which is over UDP? TLS over TCP is something else");
    }
    let message = format!("no session with {place}: {}", printable(error.message()));
    if [Io::HostUnreachable, Io::NetworkUnreachable]
        .iter()
        .any(|it| error.matches(*it))
    {
        return Failure::new(Status::Network, message).hint("is this machine on the network?");
    }
    if error.matches(Io::InvalidArgument) {
        let failure = Failure::usage(error.message());
        return match &options.session {
            Some(file) if connection.is_none() => failure.hint(format!(
                "is {} a file that --session has written? Without it there will be a new one",
                file.display()
            )),
            _ => failure,
        };
    }
    if error.kind::<TlsError>().is_none() {
        return Failure::new(Status::Network, message);
    }
    advise(Failure::new(Status::Handshake, message), attempt, error)
}

/// What may help with a failure of the protocol.
fn advise(failure: Failure, attempt: &Attempt<'_>, error: &glib::Error) -> Failure {
    let text = error.message().to_ascii_lowercase().replace('_', " ");
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if error.matches(TlsError::CertificateRequired) {
        return failure.hint("--certificate FILE --key FILE shows the server who you are");
    }
    if error.matches(TlsError::BadCertificate) {
        return if attempt.options.credentials.certificate.is_some() {
            failure.hint("does the server trust the authority of --certificate?")
        } else {
            failure.hint("--certificate FILE --key FILE shows the server who you are")
        };
    }
    if says(&["unknown psk identity"]) {
        return failure.hint("does the server know this --psk-identity?");
    }
    if says(&["protocol version", "unsupported protocol", "wrong version"]) {
        return failure.hint("the server must speak DTLS 1.2");
    }
    if says(&["no application protocol"]) {
        return failure.hint("--alpn NAMES must contain a protocol that the server knows");
    }
    if says(&[
        "handshake failure",
        "no shared cipher",
        "insufficient security",
    ]) {
        return failure
            .hint(
                "the two sides have no cipher suite, or no group, in common: the server needs a suite with \
                 authenticated encryption, such as ECDHE-ECDSA-AES128-GCM-SHA256, and DTLS 1.2",
            )
            .hint(
                "the server may know its clients by pre-shared keys alone: --psk-identity NAME \
                 --psk-key-file FILE",
            )
            .hint("it may also insist on a client's certificate: --certificate FILE --key FILE");
    }
    failure
}

/// We have refused the server's certificate.
fn not_trusted(attempt: &Attempt<'_>, certificate: &gio::TlsCertificate, flags: Flags) -> Failure {
    let options = attempt.options;
    let described = Description::of(certificate);
    let reasons = problems(flags).join("; ");
    let mut failure = Failure::new(
        Status::Verification,
        format!("the server's certificate is not trusted: {reasons}"),
    );
    if flags.contains(Flags::UNKNOWN_CA) {
        failure = failure.hint(match &options.ca_file {
            Some(file) => format!(
                "is its issuer, {}, or the authority above that among those in {}?",
                described.issuer,
                file.display()
            ),
            None => format!(
                "--ca-file FILE, where FILE has the authority of its issuer, {}",
                described.issuer
            ),
        });
    }
    if flags.contains(Flags::BAD_IDENTITY) {
        let expected = options.identity.as_ref().unwrap_or(&options.host);
        failure = failure.hint(format!(
            "--identity NAME says whom you expect: the certificate is for {}, not for {expected}",
            identities(certificate)
        ));
    }
    if flags.intersects(Flags::EXPIRED | Flags::NOT_ACTIVATED) {
        failure = failure.hint(format!(
            "it is valid from {} to {}: is this machine's clock right?",
            described.not_before, described.not_after
        ));
    }
    failure.hint("to look only: --insecure, which protects against nobody")
}

/// Nothing came of it in time.
pub fn no_answer(options: &Connect, place: Option<&str>) -> Failure {
    let seconds = options.timeout.as_secs_f64();
    let text = match place {
        Some(place) => format!("no session with {place} by UDP within {seconds} seconds"),
        None => format!("no address of {} within {seconds} seconds", options.host),
    };
    let failure = Failure::new(Status::Network, text);
    if place.is_none() {
        return failure;
    }
    let failure = match options.psk_identity {
        Some(_) => failure.hint(
            "are --psk-identity and the key the server's? A wrong one looks like no answer at all",
        ),
        None => failure,
    };
    failure
        .hint("is the server running, is this its port, and does no firewall drop UDP?")
        .hint("--timeout SECONDS waits longer")
}

/// The host's name has no address.
pub fn resolving(host: &str, error: &glib::Error) -> Failure {
    let text = format!("{}: {}", printable(host), printable(error.message()));
    Failure::new(Status::Network, text).hint("is the name right? An address does as well")
}

/// An established session has failed.
pub fn broken(error: &glib::Error) -> Failure {
    let text = format!("the session has failed: {}", printable(error.message()));
    let failure = Failure::new(Status::Handshake, text);
    if error.matches(Io::ConnectionRefused) {
        return Failure {
            status: Status::Network,
            ..failure.hint("the server's port is closed now: has the server ended?")
        };
    }
    failure
}

/// A message could not be sent.
pub fn unsent(options: &Connect, length: usize, error: &glib::Error) -> Failure {
    if !error.matches(Io::MessageTooLarge) {
        return broken(error);
    }
    let text = format!("a message of {length} bytes is too large for this network");
    let failure = Failure::new(Status::Network, text);
    if options.file.is_some() {
        return failure.hint("--size BYTES makes smaller messages of a file");
    }
    failure
}

/// The file of `--file` cannot be read on.
pub fn unreadable(options: &Connect, error: &io::Error) -> Failure {
    let path = options.file.as_deref().map(|path| path.display());
    let name: &dyn Display = path.as_ref().map_or(&"--file", |path| path);
    Failure::new(Status::Failed, format!("{name}: {error}"))
}
