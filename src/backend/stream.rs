//! The stream types that GIO insists on: their only answer is that they are unavailable.

use std::sync::{LazyLock, OnceLock};

use gio::{prelude::*, subclass::prelude::*};
use glib::{ParamSpec, ParamSpecOverride, Value};

use crate::{
    error::{ChannelBindingFailure, Error},
    impl_tls_client_connection, impl_tls_connection, impl_tls_server_connection,
    subclass::{SharedRef, tls_connection::TlsConnectionImpl},
};

const CONNECTION_PROPERTIES: [&str; 13] = [
    "base-io-stream",
    "use-system-certdb",
    "database",
    "require-close-notify",
    "rehandshake-mode",
    "certificate",
    "peer-certificate",
    "peer-certificate-errors",
    "advertised-protocols",
    "negotiated-protocol",
    "interaction",
    "protocol-version",
    "ciphersuite-name",
];

static CLIENT_PROPERTIES: LazyLock<Vec<ParamSpec>> = LazyLock::new(client_properties);

static SERVER_PROPERTIES: LazyLock<Vec<ParamSpec>> =
    LazyLock::new(|| properties::<gio::TlsServerConnection>(&["authentication-mode"]));

/// The properties that a `GTlsClientConnection` overrides; new ones, since each belongs to one class.
pub(crate) fn client_properties() -> Vec<ParamSpec> {
    properties::<gio::TlsClientConnection>(&[
        "validation-flags",
        "server-identity",
        "use-ssl3",
        "accepted-cas",
    ])
}

fn properties<I: IsA<glib::Object> + glib::object::IsInterface>(own: &[&str]) -> Vec<ParamSpec> {
    CONNECTION_PROPERTIES
        .iter()
        .map(|name| ParamSpecOverride::for_class::<gio::TlsConnection>(name))
        .chain(
            own.iter()
                .map(|name| ParamSpecOverride::for_interface::<I>(name)),
        )
        .collect()
}

fn unavailable() -> glib::Error {
    Error::Unavailable(
        "The TLS backend \"ossl\" offers only DTLS: for TLS streams unset GIO_USE_TLS, or set it to \
         another backend such as gnutls"
            .into(),
    )
    .into()
}

/// The two streams of a `GTlsConnection` that carries no data: closing them is all there is to do.
pub(crate) struct Ends {
    input: SharedRef<gio::MemoryInputStream>,
    output: SharedRef<gio::MemoryOutputStream>,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            input: SharedRef::new(gio::MemoryInputStream::new()),
            output: SharedRef::new(gio::MemoryOutputStream::new_resizable()),
        }
    }
}

impl Ends {
    /// What there is to read.
    pub(crate) fn input(&self) -> gio::InputStream {
        self.input.clone().into_inner().upcast()
    }

    /// Where nothing is written.
    pub(crate) fn output(&self) -> gio::OutputStream {
        self.output.clone().into_inner().upcast()
    }

    /// Closes both.
    pub(crate) fn close(&self) -> Result<(), glib::Error> {
        self.input.close(gio::Cancellable::NONE)?;
        self.output.close(gio::Cancellable::NONE)
    }
}

macro_rules! unavailable_connection {
    (
        $(#[$documentation:meta])*
        $class:ident, $imp:ident, $name:literal, $interface:ident, $properties:ident, $implement:ident
    ) => {
        glib::wrapper! {
            $(#[$documentation])*
            pub struct $class(ObjectSubclass<$imp>)
                @extends gio::TlsConnection, gio::IOStream,
                @implements gio::$interface, gio::Initable;
        }

        /// The object's state.
        #[derive(Default)]
        pub struct $imp(OnceLock<Ends>);

        impl $imp {
            fn ends(&self) -> &Ends {
                self.0.get_or_init(Ends::default)
            }
        }

        #[glib::object_subclass]
        impl ObjectSubclass for $imp {
            const NAME: &'static str = $name;
            const ALLOW_NAME_CONFLICT: bool = true;
            type Type = $class;
            type ParentType = gio::TlsConnection;
            type Interfaces = (gio::$interface, gio::Initable);
        }

        impl ObjectImpl for $imp {
            fn properties() -> &'static [ParamSpec] {
                &$properties
            }

            fn set_property(&self, _id: usize, _value: &Value, _spec: &ParamSpec) {}

            fn property(&self, _id: usize, spec: &ParamSpec) -> Value {
                spec.default_value().clone()
            }
        }

        impl InitableImpl for $imp {
            fn init(&self, _cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
                Err(unavailable())
            }
        }

        impl IOStreamImpl for $imp {
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

        impl TlsConnectionImpl for $imp {
            fn handshake(
                &self,
                _cancellable: Option<&gio::Cancellable>,
            ) -> Result<(), glib::Error> {
                Err(unavailable())
            }

            fn channel_binding(
                &self,
                _kind: gio::TlsChannelBindingType,
            ) -> Result<Vec<u8>, glib::Error> {
                let text = "There is no TLS connection".to_owned();
                Err(Error::ChannelBinding(ChannelBindingFailure::InvalidState, text).into())
            }
        }

        impl_tls_connection!($imp);
        $implement!($imp);
    };
}

unavailable_connection!(
    /// A `GTlsClientConnection` that cannot be used.
    ClientConnection,
    Client,
    "GioOsslTlsClientConnection",
    TlsClientConnection,
    CLIENT_PROPERTIES,
    impl_tls_client_connection
);

unavailable_connection!(
    /// A `GTlsServerConnection` that cannot be used.
    ServerConnection,
    Server,
    "GioOsslTlsServerConnection",
    TlsServerConnection,
    SERVER_PROPERTIES,
    impl_tls_server_connection
);
