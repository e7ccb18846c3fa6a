//! `GioOsslDtlsServerConnection`: the GObject side.

use std::sync::OnceLock;

use gio::prelude::*;
use glib::subclass::prelude::*;
use glib::{ParamSpec, ParamSpecOverride, Value};

use crate::dtls::connection::settings::RoleSettings;
use crate::dtls::connection::{DtlsConnection, DtlsConnectionImpl};
use crate::subclass::impl_dtls_server_connection;

/// A server has no state that a connection has not.
#[derive(Default)]
pub struct DtlsServerConnection;

#[glib::object_subclass]
impl ObjectSubclass for DtlsServerConnection {
    const NAME: &'static str = "GioOsslDtlsServerConnection";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::DtlsServerConnection;
    type ParentType = DtlsConnection;
    type Interfaces = (gio::DtlsServerConnection,);
}

impl_dtls_server_connection!(DtlsServerConnection);

impl DtlsConnectionImpl for DtlsServerConnection {
    fn role() -> RoleSettings {
        RoleSettings::Server { authentication_mode: gio::TlsAuthenticationMode::None }
    }
}

impl ObjectImpl for DtlsServerConnection {
    fn properties() -> &'static [ParamSpec] {
        static PROPERTIES: OnceLock<Vec<ParamSpec>> = OnceLock::new();
        PROPERTIES.get_or_init(|| {
            let interface = ParamSpecOverride::for_interface::<gio::DtlsServerConnection>;
            vec![interface("authentication-mode")]
        })
    }

    fn set_property(&self, _id: usize, value: &Value, _pspec: &ParamSpec) {
        let connection = self.obj();
        let mut settings = connection.upcast_ref::<DtlsConnection>().imp().settings();
        if let RoleSettings::Server { authentication_mode } = &mut settings.role {
            *authentication_mode = value.get().unwrap_or(*authentication_mode);
        }
    }

    fn property(&self, _id: usize, pspec: &ParamSpec) -> Value {
        let connection = self.obj();
        match &connection.upcast_ref::<DtlsConnection>().imp().settings().role {
            RoleSettings::Server { authentication_mode } => authentication_mode.to_value(),
            RoleSettings::Client { .. } => pspec.default_value().clone(),
        }
    }
}
