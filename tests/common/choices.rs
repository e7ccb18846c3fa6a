//! Connections that were told at construction what to speak.

#![allow(dead_code)] // Each test program uses a part of it.

use gio::IOErrorEnum;
use gio_ossl::{DtlsClientConnection, DtlsServerConnection};

use crate::common::{self, IDENTITY, certificate, identity, simnet::SimNet};

pub type Ends = (DtlsClientConnection, DtlsServerConnection);

/// A client and a server of the PKI, whose certificate this is.
pub fn ends(name: &str) -> Ends {
    let (near, far) = SimNet::new().pair();
    (common::client(&near), common::server_with(&far, name))
}

pub fn client_with(
    property: &str,
    value: impl Into<glib::Value>,
) -> Result<DtlsClientConnection, glib::Error> {
    gio::Initable::builder::<DtlsClientConnection>()
        .property("base-socket", SimNet::new().client())
        .property("server-identity", identity(IDENTITY))
        .property(property, value)
        .build(gio::Cancellable::NONE)
}

pub fn server_with(
    property: &str,
    value: impl Into<glib::Value>,
) -> Result<DtlsServerConnection, glib::Error> {
    gio::Initable::builder::<DtlsServerConnection>()
        .property("base-socket", SimNet::new().server())
        .property("certificate", certificate("ecdsa"))
        .property(property, value)
        .build(gio::Cancellable::NONE)
}

#[track_caller]
pub fn assert_refused<T>(result: Result<T, glib::Error>, parts: &[&str]) {
    let Some(error) = result.err() else {
        panic!("succeeded instead of being refused");
    };
    assert!(error.matches(IOErrorEnum::InvalidArgument), "{error:?}");
    for part in parts {
        assert!(
            error.message().contains(part),
            "{part} is not in: {}",
            error.message()
        );
    }
}
