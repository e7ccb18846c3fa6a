//! DTLS for GIO over OpenSSL.

pub use error::Error;

#[allow(dead_code)]
mod error;

#[doc(hidden)]
pub mod subclass;
