//! `GioOsslDtlsServerConnection`: the GObject side.

use std::sync::OnceLock;

use gio::prelude::*;
use glib::subclass::prelude::*;
use glib::{ParamSpec, ParamSpecOverride, Value};

use crate::dtls::connection::DtlsConnection;
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
        settings.authentication_mode = value.get().unwrap_or(settings.authentication_mode);
    }

    fn property(&self, _id: usize, _pspec: &ParamSpec) -> Value {
        let connection = self.obj();
        let settings = connection.upcast_ref::<DtlsConnection>().imp().settings();
        settings.authentication_mode.to_value()
    }
}
