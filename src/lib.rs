//! DTLS for GIO over OpenSSL.
//!
//! `gio-ossl` implements GIO's TLS backend interfaces for DTLS. The same code is a GIO module
//! (`GIO_USE_TLS=ossl`), a C library with introspection data (namespace `GioOssl`), and this crate,
//! whose classes are ordinary [`glib`] objects:
//!
//! - [`DtlsClientConnection`] and [`DtlsServerConnection`], both [`DtlsConnection`]s;
//! - [`Certificate`], [`Database`] and [`FileDatabase`];
//! - [`Backend`], which GIO finds under the name `ossl`.
//!
//! Everything that [`gio::prelude`] offers for the interfaces works on them. What GIO does not have is
//! in the traits of [`prelude`].

pub use backend::Backend;
pub use certificate::Certificate;
pub use database::{Database, FileDatabase};
pub use dtls::{DtlsClientConnection, DtlsConnection, DtlsServerConnection, SrtpKeys, Statistics};
pub use error::Error;

/// The traits that a program wants to have in scope: GIO's and this library's.
pub mod prelude {
    pub use gio::prelude::*;

    pub use crate::dtls::{
        DtlsBytesExt, DtlsDescriptionExt, DtlsExporterExt, DtlsFactsExt, DtlsKeylogExt,
        DtlsOffloadExt, DtlsPathExt, DtlsProtocolExt, DtlsResumptionExt, DtlsSrtpExt,
        DtlsStatisticsExt, DtlsTimersExt,
    };
}

mod backend;
#[allow(unsafe_code)] // Fence 3: the C interface.
mod capi;
mod certificate;
mod database;
mod dtls;
#[doc(hidden)]
pub mod engine;
mod error;
#[allow(unsafe_code)] // Fence 3 as well: what GIO calls when it loads the module.
mod module;
mod ossl;
#[doc(hidden)]
pub mod subclass;
mod transport;
