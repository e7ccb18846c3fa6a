//! `GioOsslInteractionFacade`: forwards what describes the connection, refuses what would use it.

use std::ffi::{CStr, CString};
use std::sync::OnceLock;
use std::time::Duration;

use gio::prelude::*;
use gio::subclass::prelude::*;
use glib::{ControlFlow, IOCondition, ParamFlags, ParamSpec, ParamSpecOverride, Value, WeakRef};

use crate::backend::stream::{self, Ends};
use crate::dtls::connection::DtlsConnection;
use crate::error::{ChannelBindingFailure, Error};
use crate::subclass::datagram_based::{DatagramBasedImpl, InputMessages, OutputMessages};
use crate::subclass::dtls_connection::{Completion, DtlsConnectionImpl};
use crate::subclass::source::{Causes, Running, SourceImpl, datagram_source};
use crate::subclass::tls_connection::TlsConnectionImpl;
use crate::subclass::{
    impl_datagram_based, impl_dtls_client_connection, impl_dtls_connection,
    impl_tls_client_connection, impl_tls_connection,
};

/// The object's state.
#[derive(Default)]
pub struct Facade {
    connection: WeakRef<DtlsConnection>,
    /// A copy that lives as long as the pointer that C callers are given.
    negotiated_protocol: OnceLock<CString>,
    ends: OnceLock<Ends>,
}

#[glib::object_subclass]
impl ObjectSubclass for Facade {
    const NAME: &'static str = "GioOsslInteractionFacade";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::Facade;
    type ParentType = gio::TlsConnection;
    type Interfaces = (
        gio::DatagramBased,
        gio::DtlsConnection,
        gio::DtlsClientConnection,
        gio::TlsClientConnection,
    );
}

impl_datagram_based!(Facade);
impl_dtls_connection!(Facade);
impl_dtls_client_connection!(Facade);
impl_tls_connection!(Facade);
impl_tls_client_connection!(Facade);

impl Facade {
    /// Forwards to `connection` from now on. Until then properties have their defaults, and what
    /// the construction sets is lost.
    pub fn stand_for(&self, connection: &DtlsConnection) {
        self.connection.set(Some(connection));
    }

    fn ends(&self) -> &Ends {
        self.ends.get_or_init(Ends::default)
    }

    fn protocol(&self) -> Option<&CStr> {
        if let Some(connection) = self.connection.upgrade()
            && let Some(name) = DtlsConnectionImpl::negotiated_protocol(connection.imp())
        {
            return Some(self.negotiated_protocol.get_or_init(|| name.to_owned()));
        }
        self.negotiated_protocol.get().map(CString::as_c_str)
    }

    fn binding(&self, kind: gio::TlsChannelBindingType) -> Result<Vec<u8>, glib::Error> {
        match self.connection.upgrade() {
            Some(connection) => DtlsConnectionImpl::channel_binding(connection.imp(), kind),
            None => {
                let text = "The connection does not exist any more".to_owned();
                Err(Error::ChannelBinding(ChannelBindingFailure::InvalidState, text).into())
            }
        }
    }
}

/// The handshake waits for whoever holds the facade: using the connection could only wait for itself.
fn refused() -> glib::Error {
    let text = "This object stands for a connection while a certificate is chosen, and does no I/O";
    Error::NotSupported(text.into()).into()
}

impl ObjectImpl for Facade {
    fn properties() -> &'static [ParamSpec] {
        static PROPERTIES: OnceLock<Vec<ParamSpec>> = OnceLock::new();
        PROPERTIES.get_or_init(|| {
            let mut properties = stream::client_properties();
            let base_socket = ParamSpecOverride::for_interface::<gio::DtlsConnection>;
            properties.push(base_socket("base-socket"));
            properties
        })
    }

    fn constructed(&self) {
        self.parent_constructed();
        // Closing what holds nothing cannot fail.
        let _ = IOStreamExt::close(&*self.obj(), gio::Cancellable::NONE);
    }

    fn set_property(&self, _id: usize, value: &Value, pspec: &ParamSpec) {
        let Some(connection) = self.connection.upgrade() else {
            return;
        };
        let settable = connection.find_property(pspec.name()).is_some_and(|own| {
            let flags = own.flags();
            flags.contains(ParamFlags::WRITABLE) && !flags.contains(ParamFlags::CONSTRUCT_ONLY)
        });
        if settable {
            connection.set_property_from_value(pspec.name(), value);
        }
    }

    fn property(&self, _id: usize, pspec: &ParamSpec) -> Value {
        match self.connection.upgrade() {
            Some(connection) if connection.has_property(pspec.name()) => {
                connection.property_value(pspec.name())
            }
            _ => pspec.default_value().clone(),
        }
    }
}

impl IOStreamImpl for Facade {
    fn input_stream(&self) -> gio::InputStream {
        self.ends().input()
    }

    fn output_stream(&self) -> gio::OutputStream {
        self.ends().output()
    }

    fn close(&self, _cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
        self.ends().close()
    }
}

impl TlsConnectionImpl for Facade {
    fn handshake(&self, _cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
        Err(refused())
    }

    fn channel_binding(&self, kind: gio::TlsChannelBindingType) -> Result<Vec<u8>, glib::Error> {
        self.binding(kind)
    }

    fn negotiated_protocol(&self) -> Option<&CStr> {
        self.protocol()
    }
}

impl DtlsConnectionImpl for Facade {
    fn handshake(&self, _cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
        Err(refused())
    }

    fn handshake_async(
        &self,
        _priority: glib::Priority,
        _cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        completion.complete(Err(refused()));
    }

    fn shutdown(
        &self,
        _read: bool,
        _write: bool,
        _cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), glib::Error> {
        Err(refused())
    }

    fn shutdown_async(
        &self,
        _read: bool,
        _write: bool,
        _priority: glib::Priority,
        _cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        completion.complete(Err(refused()));
    }

    fn set_advertised_protocols(&self, protocols: Option<&[&CStr]>) {
        if let Some(connection) = self.connection.upgrade() {
            DtlsConnectionImpl::set_advertised_protocols(connection.imp(), protocols);
            self.obj().notify("advertised-protocols");
        }
    }

    fn negotiated_protocol(&self) -> Option<&CStr> {
        self.protocol()
    }

    fn channel_binding(&self, kind: gio::TlsChannelBindingType) -> Result<Vec<u8>, glib::Error> {
        self.binding(kind)
    }
}

impl DatagramBasedImpl for Facade {
    fn receive_messages(
        &self,
        _messages: &mut InputMessages<'_>,
        _flags: i32,
        _timeout: Option<Duration>,
        _cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, glib::Error> {
        Err(refused())
    }

    fn send_messages(
        &self,
        _messages: &mut OutputMessages<'_>,
        _flags: i32,
        _timeout: Option<Duration>,
        _cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, glib::Error> {
        Err(refused())
    }

    fn create_source(
        &self,
        _condition: IOCondition,
        _cancellable: Option<&gio::Cancellable>,
    ) -> glib::Source {
        let object = self.obj();
        datagram_source(
            object.upcast_ref(),
            "GioOssl facade",
            HungUp,
            Causes::default(),
        )
    }

    fn condition_check(&self, _condition: IOCondition) -> IOCondition {
        IOCondition::HUP
    }

    fn condition_wait(
        &self,
        _condition: IOCondition,
        _timeout: Option<Duration>,
        _cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), glib::Error> {
        Ok(())
    }
}

/// Fires over and over, since nothing will ever happen.
struct HungUp;

impl SourceImpl for HungUp {
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        source.again();
        callback(IOCondition::HUP)
    }
}
