//! The DTLS connections.

pub use client::DtlsClientConnection;
pub use connection::{DtlsConnection, DtlsConnectionExt};
pub use server::DtlsServerConnection;

mod client;
mod connection;
mod server;
