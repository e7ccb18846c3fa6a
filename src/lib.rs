//! DTLS for GIO over OpenSSL.

pub use certificate::Certificate;
pub use error::Error;

mod certificate;
#[doc(hidden)]
pub mod engine;
#[allow(dead_code)]
mod error;
mod ossl;
#[doc(hidden)]
pub mod subclass;
mod transport;
