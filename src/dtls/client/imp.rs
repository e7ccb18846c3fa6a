//! `GioOsslDtlsClientConnection`: the GObject side.

use std::sync::OnceLock;

use gio::prelude::*;
use glib::subclass::Signal;
use glib::subclass::prelude::*;
use glib::{ParamSpec, ParamSpecOverride, Value};

use crate::dtls::connection::{DtlsConnection, psk};
use crate::subclass::{SharedRef, impl_dtls_client_connection, notification, values};

/// A client has no state that a connection has not.
#[derive(Default)]
pub struct DtlsClientConnection;

#[glib::object_subclass]
impl ObjectSubclass for DtlsClientConnection {
    const NAME: &'static str = "GioOsslDtlsClientConnection";
    const ALLOW_NAME_CONFLICT: bool = true;
    const FINAL: bool = true;
    type Type = super::DtlsClientConnection;
    type ParentType = DtlsConnection;
    type Interfaces = (gio::DtlsClientConnection,);

    fn class_init(class: &mut Self::Class) {
        notification::only_if_heard(class);
    }
}

impl_dtls_client_connection!(DtlsClientConnection);

impl ObjectImpl for DtlsClientConnection {
    fn signals() -> &'static [Signal] {
        static SIGNALS: OnceLock<[Signal; 1]> = OnceLock::new();
        SIGNALS.get_or_init(|| [psk::request_signal()])
    }

    fn properties() -> &'static [ParamSpec] {
        static PROPERTIES: OnceLock<Vec<ParamSpec>> = OnceLock::new();
        PROPERTIES.get_or_init(|| {
            let names = ["validation-flags", "server-identity", "accepted-cas"];
            let interface = ParamSpecOverride::for_interface::<gio::DtlsClientConnection>;
            names.into_iter().map(interface).collect()
        })
    }

    fn set_property(&self, _id: usize, value: &Value, pspec: &ParamSpec) {
        let connection = self.obj();
        let connection = connection.upcast_ref::<DtlsConnection>().imp();
        connection.change_settings(|settings| match pspec.name() {
            "validation-flags" => {
                settings.validation_flags = value.get().unwrap_or(settings.validation_flags);
            }
            "server-identity" => {
                let identity = value.get::<Option<gio::SocketConnectable>>().ok().flatten();
                settings.server_identity = identity.map(SharedRef::new);
            }
            _ => {}
        });
    }

    fn property(&self, _id: usize, pspec: &ParamSpec) -> Value {
        let connection = self.obj();
        let connection = connection.upcast_ref::<DtlsConnection>().imp();
        match pspec.name() {
            "validation-flags" => connection.settings().validation_flags.to_value(),
            "server-identity" => connection.settings().server_identity.as_deref().to_value(),
            _ => values::byte_array_list(&connection.facts().accepted_authorities),
        }
    }
}
