//! The server's side: [`DtlsServerConnection`].

use gio::prelude::*;
use glib::SignalHandlerId;

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

    /// `psk-lookup`: a client has named the identity of its pre-shared key (RFC 4279). The handler
    /// returns the key, 1 to 512 bytes, or nothing for an identity that it does not know. To the client
    /// that looks like a wrong key: the handshake does not end before its time is up.
    ///
    /// Whoever connects it before the handshake accepts cipher suites with such keys; the server then
    /// needs no certificate.
    pub fn connect_psk_lookup<F>(&self, handler: F) -> SignalHandlerId
    where
        F: Fn(&Self, &str) -> Option<glib::Bytes> + Send + Sync + 'static,
    {
        self.connect_closure(
            "psk-lookup",
            false,
            glib::RustClosure::new(move |values| {
                let server = values.first()?.get::<Self>().ok()?;
                let identity = values.get(1)?.get::<String>().ok()?;
                Some(handler(&server, &identity).to_value())
            }),
        )
    }

    /// `psk-identity-hint`: what clients are told about the identities that the server knows.
    pub fn psk_identity_hint(&self) -> Option<String> {
        self.property("psk-identity-hint")
    }

    /// Sets `psk-identity-hint`, of at most 255 bytes, before the handshake.
    pub fn set_psk_identity_hint(&self, hint: Option<&str>) {
        self.set_property("psk-identity-hint", hint);
    }
}
