//! For an OpenSSL without engines.

use openssl::{
    pkey::{PKey, Private},
    x509::X509,
};

use super::{Failure, Pin};

pub fn check() -> Result<(), Failure> {
    Err(Failure::Unsupported("OpenSSL has no engines".into()))
}

pub fn certificate(_uri: &str, _pin: Pin) -> Result<X509, Failure> {
    Err(check().err().unwrap_or(Failure::NotFound))
}

pub fn key(_uri: &str, _pin: Pin) -> Result<PKey<Private>, Failure> {
    Err(check().err().unwrap_or(Failure::NotFound))
}
