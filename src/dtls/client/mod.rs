//! The client's side: [`DtlsClientConnection`].

use gio::prelude::*;
use gio::subclass::prelude::ObjectSubclassIsExt;
use glib::SignalHandlerId;

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

    /// Offers cipher suites with this pre-shared key (RFC 4279), under the identity that the server
    /// knows it by, before the handshake or in a handler of [`psk-request`](Self::connect_psk_request).
    ///
    /// # Errors
    ///
    /// `G_IO_ERROR_INVALID_ARGUMENT` for a key that has not 1 to 512 bytes, and for an identity of more
    /// than 255 bytes or with a NUL. `G_IO_ERROR_READ_ONLY` after the handshake has begun,
    /// `G_IO_ERROR_CLOSED` after closing.
    pub fn set_psk(&self, identity: &str, key: &[u8]) -> Result<(), glib::Error> {
        let connection = self.upcast_ref::<DtlsConnection>().imp();
        connection.set_psk(identity, key).map_err(Into::into)
    }

    /// `psk-request`: the server wants a pre-shared key and none was set. The second argument is what
    /// it tells about the identities that it knows. The handler calls [`set_psk`](Self::set_psk) and
    /// returns true, or returns false: then the handshake fails with `G_IO_ERROR_NOT_FOUND`.
    ///
    /// Whoever connects it before the handshake offers such suites to the server.
    pub fn connect_psk_request<F>(&self, handler: F) -> SignalHandlerId
    where
        F: Fn(&Self, Option<&str>) -> bool + Send + Sync + 'static,
    {
        self.connect_closure(
            "psk-request",
            false,
            glib::RustClosure::new(move |values| {
                let client = values.first()?.get::<Self>().ok()?;
                let hint = values.get(1)?.get::<Option<String>>().ok()?;
                Some(handler(&client, hint.as_deref()).to_value())
            }),
        )
    }
}
