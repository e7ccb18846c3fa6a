//! What the application configures.

#![allow(deprecated)] // GIO wants `rehandshake-mode` to be kept, though it has no effect.

use std::ffi::CString;

use gio::prelude::*;

use super::offload::Choices;
use super::protocol::Protocol;
use super::psk::PreShared;
use super::resumption::ResumptionSettings;
use super::srtp::Srtp;
use super::timers::Timers;
use crate::backend::Backend;
use crate::subclass::SharedRef;

/// The properties that the application writes.
#[derive(Clone)]
pub struct Settings {
    pub base_socket: Option<SharedRef<gio::DatagramBased>>,
    pub database: DatabaseChoice,
    pub interaction: Option<SharedRef<gio::TlsInteraction>>,
    pub certificate: Option<SharedRef<gio::TlsCertificate>>,
    pub advertised_protocols: Option<Vec<CString>>,
    pub require_close_notify: bool,
    pub rehandshake_mode: gio::TlsRehandshakeMode,
    /// Clients only.
    pub server_identity: Option<SharedRef<gio::SocketConnectable>>,
    /// Clients only: which problems of a certificate matter.
    pub validation_flags: gio::TlsCertificateFlags,
    /// Servers only.
    pub authentication_mode: gio::TlsAuthenticationMode,
    pub protocol: Protocol,
    /// 0 is to be found out.
    pub mtu: u16,
    pub offload: Choices,
    pub timers: Timers,
    pub srtp: Srtp,
    pub pre_shared: PreShared,
    pub resumption: ResumptionSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            base_socket: None,
            database: DatabaseChoice::Default,
            interaction: None,
            certificate: None,
            advertised_protocols: None,
            require_close_notify: true,
            rehandshake_mode: gio::TlsRehandshakeMode::Never,
            server_identity: None,
            validation_flags: gio::TlsCertificateFlags::VALIDATE_ALL,
            authentication_mode: gio::TlsAuthenticationMode::None,
            protocol: Protocol::default(),
            mtu: 0,
            offload: Choices::default(),
            timers: Timers::default(),
            srtp: Srtp::default(),
            pre_shared: PreShared::default(),
            resumption: ResumptionSettings::default(),
        }
    }
}

impl Settings {
    /// The objects among them: whoever lets go of one may run code of the application.
    pub fn objects(&self) -> impl Sized + use<> {
        (
            self.base_socket.clone(),
            self.database.clone(),
            self.interaction.clone(),
            self.certificate.clone(),
            self.server_identity.clone(),
        )
    }
}

/// Where trust comes from.
#[derive(Clone)]
pub enum DatabaseChoice {
    /// Never set: the default database, looked up when it is first needed.
    Default,
    /// Set by the application; nothing means that no authority is trusted.
    Set(Option<SharedRef<gio::TlsDatabase>>),
}

impl DatabaseChoice {
    /// The database to ask.
    pub fn resolve(&self) -> Option<gio::TlsDatabase> {
        match self {
            DatabaseChoice::Default => Some(Backend::get().default_database()),
            DatabaseChoice::Set(database) => database.clone().map(SharedRef::into_inner),
        }
    }
}
