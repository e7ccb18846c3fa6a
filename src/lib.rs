//! DTLS for GIO over OpenSSL.

pub use error::Error;

#[doc(hidden)]
pub mod engine;
#[allow(dead_code)]
mod error;
#[allow(unsafe_code)] // Fence 1: OpenSSL.
mod ossl;
#[doc(hidden)]
pub mod subclass;
mod transport;
