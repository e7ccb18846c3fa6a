//! The DTLS connections.

pub use client::DtlsClientConnection;
pub use connection::DtlsConnection;
pub use connection::bytes::DtlsBytesExt;
pub use connection::description::DtlsDescriptionExt;
pub use connection::exporter::DtlsExporterExt;
pub use connection::facts::DtlsFactsExt;
pub use connection::keylog::DtlsKeylogExt;
pub use connection::offload::DtlsOffloadExt;
pub use connection::path::DtlsPathExt;
pub use connection::protocol::DtlsProtocolExt;
pub use connection::resumption::DtlsResumptionExt;
pub use connection::srtp::{DtlsSrtpExt, SrtpKeys};
pub use connection::statistics::DtlsStatisticsExt;
pub use connection::timers::DtlsTimersExt;
pub use server::DtlsServerConnection;
pub use statistics::Statistics;

mod client;
mod connection;
mod server;
mod statistics;
