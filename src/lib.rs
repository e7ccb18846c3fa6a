//! DTLS for GIO over OpenSSL.

pub use backend::Backend;
pub use certificate::Certificate;
pub use database::{Database, FileDatabase};
pub use error::Error;

mod backend;
mod certificate;
mod database;
#[allow(dead_code)]
mod error;
mod ossl;

#[doc(hidden)]
pub mod subclass;
