//! The client's side: [`DtlsClientConnection`].

use gio::prelude::*;

use super::DtlsConnection;
use crate::subclass::impl_thread_safe;

mod imp;

glib::wrapper! {
    /// A DTLS client: `GioOsslDtlsClientConnection`.
    ///
    /// Everything is in the interfaces, [`gio::DtlsClientConnection`] first.
    pub struct DtlsClientConnection(ObjectSubclass<imp::DtlsClientConnection>)
        @extends DtlsConnection,
        @implements gio::DatagramBased, gio::DtlsConnection, gio::DtlsClientConnection, gio::Initable;
}

impl_thread_safe!(DtlsClientConnection, imp::DtlsClientConnection);

impl DtlsClientConnection {
    /// A client over `base_socket`, a datagram socket whose peer is fixed, for the server that
    /// `server_identity` names; without one, no certificate passes all of the default
    /// `validation-flags`. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// `G_IO_ERROR_NOT_SUPPORTED` for a base that cannot carry DTLS: a stream, or a socket with a
    /// time-out of its own.
    pub fn new(
        base_socket: &impl IsA<gio::DatagramBased>,
        server_identity: Option<&impl IsA<gio::SocketConnectable>>,
    ) -> Result<Self, glib::Error> {
        gio::Initable::builder()
            .property("base-socket", base_socket.as_ref())
            .property(
                "server-identity",
                server_identity.map(|identity| identity.as_ref()),
            )
            .build(gio::Cancellable::NONE)
    }
}
