//! The only user of `openssl-sys`.
//!
//! The application is never called from here: where OpenSSL must wait for a decision, the handshake
//! suspends and the engine resumes it with the answer.

#![allow(unsafe_code)] // Fence 1: OpenSSL.

mod bio;
pub mod clock;
mod context;
mod der;
pub(crate) mod digest;
pub(crate) mod environment;
mod flight;
pub mod keys;
mod ledger;
mod memory_bio;
pub mod names;
pub(crate) mod pem;
pub mod pkcs12;
pub mod places;
pub mod queue;
pub(crate) mod recent;
pub mod session;
mod sys;
mod tickets;
pub mod token;
pub mod trust;
pub mod x509;

pub use bio::{Datagrams, MAX_INCOMING};
pub use context::{Refusal, Role, Verdict};
pub use flight::refit;
pub use ledger::Dropped;
pub use session::Pace;
