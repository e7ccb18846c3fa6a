//! The GTypes of the C interface, registered by one copy of this code in a process.
//!
//! A GType name can be registered once. When another copy (a second version of the library, the
//! module installed as a file of its own, a Rust program with the crate inside) has been first,
//! this copy registers nothing, warns once, and serves the other's types.

use std::sync::OnceLock;

use glib::{object::ObjectSubclassIs, prelude::*, subclass::prelude::*, translate::*};

use crate::{
    Backend, Certificate, Database, DtlsClientConnection, DtlsConnection, DtlsServerConnection,
    FileDatabase, Statistics, subclass::guard,
};

/// The classes that the library gives to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Backend,
    Certificate,
    Database,
    DtlsClientConnection,
    DtlsConnection,
    DtlsServerConnection,
    FileDatabase,
}

impl Class {
    const ALL: [Class; 7] = [
        Class::Backend,
        Class::Certificate,
        Class::Database,
        Class::DtlsClientConnection,
        Class::DtlsConnection,
        Class::DtlsServerConnection,
        Class::FileDatabase,
    ];

    /// The GType, this copy's or the first one's; invalid when the first copy has none.
    pub(crate) fn type_(self) -> glib::Type {
        if is_ours() {
            return self.register();
        }
        let found = glib::Type::from_name(self.name());
        found.unwrap_or_else(|| {
            glib::g_warning!(
                "GioOssl",
                "The copy of gio-ossl that was here first has no {}",
                self.name()
            );
            glib::Type::INVALID
        })
    }

    fn name(self) -> &'static str {
        match self {
            Class::Backend => name_of::<Backend>(),
            Class::Certificate => name_of::<Certificate>(),
            Class::Database => name_of::<Database>(),
            Class::DtlsClientConnection => name_of::<DtlsClientConnection>(),
            Class::DtlsConnection => name_of::<DtlsConnection>(),
            Class::DtlsServerConnection => name_of::<DtlsServerConnection>(),
            Class::FileDatabase => name_of::<FileDatabase>(),
        }
    }

    fn register(self) -> glib::Type {
        match self {
            Class::Backend => Backend::static_type(),
            Class::Certificate => Certificate::static_type(),
            Class::Database => Database::static_type(),
            Class::DtlsClientConnection => DtlsClientConnection::static_type(),
            Class::DtlsConnection => DtlsConnection::static_type(),
            Class::DtlsServerConnection => DtlsServerConnection::static_type(),
            Class::FileDatabase => FileDatabase::static_type(),
        }
    }

    /// Whether the name is taken, and not by this copy.
    fn is_foreign(self) -> bool {
        glib::Type::from_name(self.name()).is_some()
            && !match self {
                Class::Backend => is_registered::<Backend>(),
                Class::Certificate => is_registered::<Certificate>(),
                Class::Database => is_registered::<Database>(),
                Class::DtlsClientConnection => is_registered::<DtlsClientConnection>(),
                Class::DtlsConnection => is_registered::<DtlsConnection>(),
                Class::DtlsServerConnection => is_registered::<DtlsServerConnection>(),
                Class::FileDatabase => is_registered::<FileDatabase>(),
            }
    }
}

/// Whether the process's types are this copy's; the first call decides, and registers them all.
pub(crate) fn is_ours() -> bool {
    static OURS: OnceLock<bool> = OnceLock::new();
    *OURS.get_or_init(|| {
        let ours = !Class::ALL.into_iter().any(Class::is_foreign);
        if ours {
            for class in Class::ALL {
                class.register();
            }
            Statistics::static_type();
        } else {
            glib::g_warning!(
                "GioOssl",
                "Another copy of gio-ossl is in this process already: this one steps aside"
            );
        }
        ours
    })
}

fn name_of<T: ObjectSubclassIs>() -> &'static str {
    <T::Subclass as ObjectSubclass>::NAME
}

fn is_registered<T: ObjectSubclassIs>() -> bool {
    // SAFETY: the data is written when this copy registers the type. In a program that calls the C
    // interface that happens in `is_ours`, which runs this before it registers anything.
    unsafe { T::Subclass::type_data().as_ref() }
        .type_()
        .is_valid()
}

/// Defines the `_get_type` function of a class.
macro_rules! get_type {
    ($function:ident, $class:ident) => {
        #[doc = concat!("The GType of [`", stringify!($class), "`].")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $function() -> glib::ffi::GType {
            guard(
                stringify!($function),
                || glib::Type::INVALID,
                || Class::$class.type_(),
            )
            .into_glib()
        }
    };
}

get_type!(gio_ossl_backend_get_type, Backend);
get_type!(gio_ossl_certificate_get_type, Certificate);
get_type!(gio_ossl_database_get_type, Database);
get_type!(
    gio_ossl_dtls_client_connection_get_type,
    DtlsClientConnection
);
get_type!(gio_ossl_dtls_connection_get_type, DtlsConnection);
get_type!(
    gio_ossl_dtls_server_connection_get_type,
    DtlsServerConnection
);
get_type!(gio_ossl_file_database_get_type, FileDatabase);
