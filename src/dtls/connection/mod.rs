//! What both sides of a DTLS connection share: [`DtlsConnection`].

use crate::subclass::{impl_subclassable, impl_thread_safe};

mod awake;
mod budget;
pub(super) mod bytes;
mod client_certificate;
mod closing;
mod data;
pub(super) mod description;
mod environment;
mod events;
pub(super) mod exporter;
mod facade;
pub(super) mod facts;
mod handshake;
pub(super) mod imp;
mod interaction;
mod judgement;
pub(super) mod keylog;
pub(super) mod offload;
pub(super) mod path;
mod properties;
pub(super) mod protocol;
pub(super) mod psk;
mod readiness;
pub(super) mod resumption;
mod session_cache;
pub(super) mod settings;
pub(super) mod srtp;
mod start;
pub(super) mod statistics;
mod status;
pub(super) mod timers;
mod worker;

glib::wrapper! {
    /// A DTLS connection over any [`gio::DatagramBased`]: `GioOsslDtlsConnection`, the abstract base
    /// of [`DtlsClientConnection`](crate::DtlsClientConnection) and
    /// [`DtlsServerConnection`](crate::DtlsServerConnection).
    ///
    /// Usable in every thread; one may send while another receives.
    pub struct DtlsConnection(ObjectSubclass<imp::DtlsConnection>)
        @implements gio::DatagramBased, gio::DtlsConnection, gio::Initable;
}

impl_thread_safe!(DtlsConnection, imp::DtlsConnection);
impl_subclassable!(DtlsConnection);
