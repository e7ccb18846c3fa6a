//! Certificates and keys on PKCS #11 tokens, through OpenSSL's engine `pkcs11`.

use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
    x509::X509,
};

use super::queue;

#[cfg(not(openssl_no_engine))]
mod engine;
#[cfg(openssl_no_engine)]
#[path = "token/no_engine.rs"]
mod engine;
#[cfg(not(openssl_no_engine))]
mod prompt;

/// Why something cannot be had from a token.
pub(crate) enum Failure {
    /// OpenSSL has nothing here that knows PKCS #11.
    Unsupported(String),
    /// No token has such an object.
    NotFound,
    /// The token wants a PIN, and none was given.
    PinNeeded,
    /// The token does not accept the PIN.
    PinRefused(String),
    /// Anything else.
    Other(String),
}

/// Whether PKCS #11 is possible at all.
pub(crate) fn check() -> Result<(), Failure> {
    let outcome = engine::check();
    queue::clear();
    outcome
}

/// Whether an URI has the PIN for its token.
#[derive(Clone, Copy)]
pub(crate) enum Pin {
    InUri,
    Missing,
}

/// The certificate that an URI names.
pub(crate) fn certificate(uri: &str, pin: Pin) -> Result<X509, Failure> {
    let outcome = engine::certificate(uri, pin);
    queue::clear();
    outcome
}

/// The private key that an URI names. OpenSSL never asks anybody for a PIN.
pub(crate) fn key(uri: &str, pin: Pin) -> Result<PKey<Private>, Failure> {
    let outcome = engine::key(uri, pin);
    queue::clear();
    outcome
}

/// OpenSSL's own reason for the latest failure in this thread.
fn reason() -> String {
    queue::describe(&ErrorStack::get()).reason
}
