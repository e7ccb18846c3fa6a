//! `GioOsslDtlsConnection`: the GObject side, which only translates.

#![allow(deprecated)] // GIO wants `rehandshake-mode` to be overridden.

use std::ffi::{CStr, CString};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use gio::prelude::*;
use gio::subclass::prelude::*;
use glib::subclass::Signal;
use glib::{IOCondition, ParamSpec, ParamSpecOverride, Value};

use super::bytes::{Queue, Receiving, Sending};
use super::data::Enough;
use super::facts::Facts;
use super::keylog;
use super::properties::{self, Property, Write};
use super::session_cache::Plan;
use super::settings::{DatabaseChoice, Settings};
use super::status::{Handshake, Shared};
use super::timers::reportable;
use crate::certificate::credentials::Credentials;
use crate::engine::{Binding, Engine, Role};
use crate::error::{ChannelBindingFailure, Error};
use crate::subclass::datagram_based::{DatagramBasedImpl, InputMessages, OutputMessages};
use crate::subclass::dtls_connection::{Completion, DtlsConnectionImpl};
use crate::subclass::{SharedRef, impl_datagram_based, impl_dtls_connection, notification, values};
use crate::transport::Transport;

/// One connection's state, each kind in its own home.
#[derive(Default)]
pub struct DtlsConnection {
    settings: Mutex<Settings>,
    facts: Mutex<Facts>,
    pub(super) negotiated_protocol: OnceLock<CString>,
    initialised: OnceLock<Result<(), Error>>,
    pub(super) transport: OnceLock<Transport>,
    /// Exists from the first step of the handshake on.
    pub(super) engine: OnceLock<Arc<Mutex<Engine>>>,
    /// How often datagrams were taken from the base.
    pub(super) taken: AtomicUsize,
    /// Where a client's session is kept for the next one, from the beginning of the handshake on.
    pub(super) session_plan: OnceLock<Option<Plan>>,
    pub(super) shared: Arc<Shared>,
    /// The asynchronous calls that wait for a message.
    pub(super) receiving: Arc<Queue<Receiving>>,
    /// Those that wait to send one.
    pub(super) sending: Arc<Queue<Sending>>,
}

#[glib::object_subclass]
impl ObjectSubclass for DtlsConnection {
    const NAME: &'static str = "GioOsslDtlsConnection";
    const ABSTRACT: bool = true;
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::DtlsConnection;
    type Interfaces = (gio::DatagramBased, gio::DtlsConnection, gio::Initable);

    fn class_init(class: &mut Self::Class) {
        notification::only_if_heard(class);
    }
}

impl_datagram_based!(DtlsConnection);
impl_dtls_connection!(DtlsConnection);

/// The properties of `GDtlsConnection`.
const PROPERTIES: [&str; 12] = [
    "base-socket",
    "database",
    "interaction",
    "require-close-notify",
    "rehandshake-mode",
    "certificate",
    "peer-certificate",
    "peer-certificate-errors",
    "advertised-protocols",
    "negotiated-protocol",
    "protocol-version",
    "ciphersuite-name",
];

impl DtlsConnection {
    /// The settings; release them before calling out.
    pub fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the settings. The objects that were set before are let go of afterwards, because
    /// that may run code of the application.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        let before = settings.objects();
        change(&mut settings);
        drop(settings);
        drop(before);
    }

    /// The facts; release them before calling out.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which side this is.
    pub fn role(&self) -> Role {
        if self.obj().is::<gio::DtlsClientConnection>() {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// Writes a property of our own, unless it is too late for it.
    pub fn set_own(&self, property: &Property, value: &Value, spec: &ParamSpec) {
        let write = match property.write {
            Write::Never => return,
            Write::BeforeHandshake(_) if self.engine.get().is_some() => {
                glib::g_warning!(
                    "GioOssl",
                    "The property {} cannot be changed after the handshake has begun",
                    spec.name()
                );
                return;
            }
            Write::BeforeHandshake(write) => write,
            Write::Live(write) => return write(self, value),
        };
        self.change_settings(|settings| write(settings, value));
        self.obj().notify_by_pspec(spec);
    }

    fn initialise(&self) -> Result<(), Error> {
        let object = self.obj();
        if !object.is::<crate::DtlsClientConnection>()
            && !object.is::<crate::DtlsServerConnection>()
        {
            let why = format!("{} is neither a client nor a server", object.type_());
            return Err(Error::NotSupported(why));
        }
        let settings = self.settings().clone();
        let base = settings
            .base_socket
            .ok_or_else(|| Error::InvalidArgument("The property base-socket is not set".into()))?;
        settings.pre_shared.check()?;
        let transport = Transport::new(base.into_inner())?;
        settings.protocol.check()?;
        if let (Role::Server, Some(certificate)) = (self.role(), &settings.certificate) {
            Credentials::check(certificate)?;
        }
        settings.srtp.profiles()?;
        self.prepare_offload(&transport)?;
        // A second initialisation does not get here.
        let _ = self.transport.set(transport);
        Ok(())
    }

    /// The database, with the default looked up once and kept.
    fn database(&self) -> Option<gio::TlsDatabase> {
        let choice = self.settings().database.clone();
        let database = choice.resolve();
        if let DatabaseChoice::Default = choice {
            let mut settings = self.settings();
            if let DatabaseChoice::Default = settings.database {
                settings.database = DatabaseChoice::Set(database.clone().map(SharedRef::new));
            }
        }
        database
    }
}

/// The object that a settable property was given.
fn shared<T>(value: &Value) -> Option<SharedRef<T>>
where
    T: crate::subclass::Shareable + for<'a> glib::value::FromValue<'a> + 'static,
    Option<T>: for<'a> glib::value::FromValue<'a>,
{
    value.get::<Option<T>>().ok().flatten().map(SharedRef::new)
}

impl ObjectImpl for DtlsConnection {
    fn properties() -> &'static [ParamSpec] {
        static PROPERTIES_OVERRIDDEN: OnceLock<Vec<ParamSpec>> = OnceLock::new();
        PROPERTIES_OVERRIDDEN.get_or_init(|| {
            let overridden = PROPERTIES
                .iter()
                .map(|name| ParamSpecOverride::for_interface::<gio::DtlsConnection>(name));
            let own = properties::all().iter().map(|(spec, _)| spec.clone());
            overridden.chain(own).collect()
        })
    }

    fn signals() -> &'static [Signal] {
        keylog::signals()
    }

    fn set_property(&self, _id: usize, value: &Value, pspec: &ParamSpec) {
        let mut own = None;
        self.change_settings(|settings| match pspec.name() {
            "base-socket" => settings.base_socket = shared(value),
            "database" => settings.database = DatabaseChoice::Set(shared(value)),
            "interaction" => settings.interaction = shared(value),
            "require-close-notify" => {
                settings.require_close_notify = value.get().unwrap_or(true);
            }
            "rehandshake-mode" => {
                settings.rehandshake_mode = value.get().unwrap_or(settings.rehandshake_mode);
            }
            "certificate" => settings.certificate = shared(value),
            "advertised-protocols" => settings.advertised_protocols = values::strv_from(value),
            name => own = properties::named(name),
        });
        if let Some(property) = own {
            self.set_own(property, value, pspec);
        }
    }

    fn property(&self, _id: usize, pspec: &ParamSpec) -> Value {
        match pspec.name() {
            "base-socket" => self.settings().base_socket.as_deref().to_value(),
            "database" => self.database().to_value(),
            "interaction" => self.settings().interaction.as_deref().to_value(),
            "require-close-notify" => self.settings().require_close_notify.to_value(),
            "rehandshake-mode" => self.settings().rehandshake_mode.to_value(),
            "certificate" => self.settings().certificate.as_deref().to_value(),
            "peer-certificate" => self.facts().peer_certificate.as_deref().to_value(),
            "peer-certificate-errors" => self.facts().peer_certificate_errors.to_value(),
            "advertised-protocols" => values::strv(self.settings().advertised_protocols.as_deref()),
            "negotiated-protocol" => values::string(self.negotiated_protocol()),
            "protocol-version" => self.facts().protocol_version.to_value(),
            "ciphersuite-name" => self.facts().cipher_suite.to_value(),
            name => match properties::named(name) {
                Some(property) => (property.read)(self),
                None => pspec.default_value().clone(),
            },
        }
    }

    fn dispose(&self) {
        self.drop_connection();
    }
}

impl InitableImpl for DtlsConnection {
    fn init(&self, _cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
        self.initialised
            .get_or_init(|| self.initialise())
            .clone()
            .map_err(Into::into)
    }
}

impl DatagramBasedImpl for DtlsConnection {
    fn receive_messages(
        &self,
        messages: &mut InputMessages<'_>,
        flags: i32,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, glib::Error> {
        self.receive(messages, flags, Enough::All, timeout, cancellable)
            .map_err(|error| reportable(error, timeout).into())
    }

    fn send_messages(
        &self,
        messages: &mut OutputMessages<'_>,
        flags: i32,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, glib::Error> {
        self.send(messages, flags, timeout, cancellable)
            .map_err(|error| reportable(error, timeout).into())
    }

    fn create_source(
        &self,
        condition: IOCondition,
        cancellable: Option<&gio::Cancellable>,
    ) -> glib::Source {
        self.readiness_source(condition, cancellable)
    }

    fn condition_check(&self, condition: IOCondition) -> IOCondition {
        self.readiness(condition)
    }

    fn condition_wait(
        &self,
        condition: IOCondition,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), glib::Error> {
        self.wait_ready(condition, timeout, cancellable)
            .map_err(Into::into)
    }
}

impl DtlsConnectionImpl for DtlsConnection {
    fn handshake(&self, cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
        self.handshake_blocking(cancellable).map_err(Into::into)
    }

    fn handshake_async(
        &self,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        self.handshake_in_loop(priority, cancellable, completion);
    }

    fn shutdown(
        &self,
        read: bool,
        write: bool,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), glib::Error> {
        self.shut_down(read, write, cancellable).map_err(Into::into)
    }

    fn shutdown_async(
        &self,
        read: bool,
        write: bool,
        priority: glib::Priority,
        cancellable: Option<&gio::Cancellable>,
        completion: Completion,
    ) {
        self.shut_down_in_loop(read, write, priority, cancellable, completion);
    }

    fn set_advertised_protocols(&self, protocols: Option<&[&CStr]>) {
        let protocols = protocols.map(|names| names.iter().map(|&name| name.into()).collect());
        self.settings().advertised_protocols = protocols;
        self.obj().notify("advertised-protocols");
    }

    fn negotiated_protocol(&self) -> Option<&CStr> {
        self.negotiated_protocol.get().map(CString::as_c_str)
    }

    fn channel_binding(&self, kind: gio::TlsChannelBindingType) -> Result<Vec<u8>, glib::Error> {
        let fails = |failure, why: &str| Err(Error::ChannelBinding(failure, why.into()).into());
        let status = self.shared.lock();
        let is_usable = !status.is_closed() && matches!(status.handshake, Handshake::Established);
        drop(status);
        if !is_usable {
            let why = "The handshake is not finished, or the connection is closed";
            return fails(ChannelBindingFailure::InvalidState, why);
        }
        let binding = match kind {
            gio::TlsChannelBindingType::Unique => Binding::Unique,
            gio::TlsChannelBindingType::ServerEndPoint => Binding::ServerEndPoint,
            gio::TlsChannelBindingType::Exporter => Binding::Exporter,
            _ => {
                let why = "This type of channel binding is not known";
                return fails(ChannelBindingFailure::NotImplemented, why);
            }
        };
        Ok(self.engine()?.channel_binding(binding)?)
    }
}
