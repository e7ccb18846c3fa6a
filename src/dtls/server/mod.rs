//! The server's side: [`DtlsServerConnection`].

use gio::prelude::*;

use super::DtlsConnection;
use crate::subclass::impl_thread_safe;

mod imp;

glib::wrapper! {
    /// The server's end of one DTLS association: `GioOsslDtlsServerConnection`.
    ///
    /// Everything is in the interfaces, [`gio::DtlsServerConnection`] first.
    pub struct DtlsServerConnection(ObjectSubclass<imp::DtlsServerConnection>)
        @extends DtlsConnection,
        @implements gio::DatagramBased, gio::DtlsConnection, gio::DtlsServerConnection, gio::Initable;
}

impl_thread_safe!(DtlsServerConnection, imp::DtlsServerConnection);

impl DtlsServerConnection {
    /// A server over `base_socket`, a datagram socket whose peer is fixed, that presents
    /// `certificate` with its issuers; it may also be set later, before the handshake. Sends nothing
    /// yet.
    ///
    /// # Errors
    ///
    /// `G_IO_ERROR_NOT_SUPPORTED` for a base that cannot carry DTLS: a stream, or a socket with a
    /// time-out of its own. `G_TLS_ERROR_BAD_CERTIFICATE` for a certificate without private key.
    pub fn new(
        base_socket: &impl IsA<gio::DatagramBased>,
        certificate: Option<&impl IsA<gio::TlsCertificate>>,
    ) -> Result<Self, glib::Error> {
        gio::Initable::builder()
            .property("base-socket", base_socket.as_ref())
            .property(
                "certificate",
                certificate.map(|certificate| certificate.as_ref()),
            )
            .build(gio::Cancellable::NONE)
    }
}
