//! What an interaction is shown instead of a connection: [`Facade`].

use glib::subclass::prelude::*;

use super::DtlsConnection;
use crate::subclass::impl_thread_safe;

mod imp;

glib::wrapper! {
    /// A stand-in for a DTLS connection: `GioOsslInteractionFacade`.
    ///
    /// GIO's interactions can be asked about a `GTlsConnection` only, so this is one, and a client,
    /// and the same for DTLS: a handler that was written for TLS streams works unchanged. Its
    /// properties are those of the connection that it stands for, both ways. It carries no data: its
    /// streams are closed, and whatever else would do I/O is refused.
    ///
    /// The reference on the connection is weak: a handler may keep the facade, and the connection
    /// may keep the interaction, without a cycle.
    pub struct Facade(ObjectSubclass<imp::Facade>)
        @extends gio::TlsConnection, gio::IOStream,
        @implements gio::DatagramBased, gio::DtlsConnection, gio::DtlsClientConnection,
            gio::TlsClientConnection;
}

impl_thread_safe!(Facade, imp::Facade);

impl Facade {
    /// A stand-in for `connection`.
    pub fn new(connection: &DtlsConnection) -> Self {
        let facade: Self = glib::Object::new();
        facade.imp().stand_for(connection);
        facade
    }
}
