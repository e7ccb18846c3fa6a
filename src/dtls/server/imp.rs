//! `GioOsslDtlsServerConnection`: the GObject side.

use std::sync::OnceLock;

use gio::prelude::*;
use glib::subclass::Signal;
use glib::subclass::prelude::*;
use glib::{ParamSpec, ParamSpecOverride, Value};

use crate::dtls::connection::{DtlsConnection, psk};
use crate::subclass::{impl_dtls_server_connection, notification};

/// A server has no state that a connection has not.
#[derive(Default)]
pub struct DtlsServerConnection;

#[glib::object_subclass]
impl ObjectSubclass for DtlsServerConnection {
    const NAME: &'static str = "GioOsslDtlsServerConnection";
    const ALLOW_NAME_CONFLICT: bool = true;
    const FINAL: bool = true;
    type Type = super::DtlsServerConnection;
    type ParentType = DtlsConnection;
    type Interfaces = (gio::DtlsServerConnection,);

    fn class_init(class: &mut Self::Class) {
        notification::only_if_heard(class);
    }
}

impl_dtls_server_connection!(DtlsServerConnection);

impl ObjectImpl for DtlsServerConnection {
    fn signals() -> &'static [Signal] {
        static SIGNALS: OnceLock<[Signal; 1]> = OnceLock::new();
        SIGNALS.get_or_init(|| [psk::lookup_signal()])
    }

    fn properties() -> &'static [ParamSpec] {
        static PROPERTIES: OnceLock<Vec<ParamSpec>> = OnceLock::new();
        PROPERTIES.get_or_init(|| {
            let interface = ParamSpecOverride::for_interface::<gio::DtlsServerConnection>;
            vec![
                interface("authentication-mode"),
                (psk::IDENTITY_HINT.spec)(),
            ]
        })
    }

    fn set_property(&self, _id: usize, value: &Value, pspec: &ParamSpec) {
        let connection = self.obj();
        let connection = connection.upcast_ref::<DtlsConnection>().imp();
        if pspec.name() == "psk-identity-hint" {
            return connection.set_own(&psk::IDENTITY_HINT, value, pspec);
        }
        let mut settings = connection.settings();
        settings.authentication_mode = value.get().unwrap_or(settings.authentication_mode);
    }

    fn property(&self, _id: usize, pspec: &ParamSpec) -> Value {
        let connection = self.obj();
        let connection = connection.upcast_ref::<DtlsConnection>().imp();
        if pspec.name() == "psk-identity-hint" {
            return (psk::IDENTITY_HINT.read)(connection);
        }
        connection.settings().authentication_mode.to_value()
    }
}
