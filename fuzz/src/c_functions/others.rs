//! What there is besides connections.

use std::{
    ffi::{CStr, CString, OsStr},
    fs::{self, File},
    io::{Seek, Write},
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::PathBuf,
    ptr,
    sync::OnceLock,
};

use gio::{IOErrorEnum, TlsError, prelude::*};
use glib::{ffi::GType, gobject_ffi, subclass::prelude::*, translate::*};

use super::{
    Call,
    connections::make_certificate,
    library::*,
    properties,
    values::{self, Place},
};
use crate::{common::simnet::SimNet, ends, script::Script};

/// What a connection says of itself.
pub(super) fn look_at(call: &Call) {
    properties::get_all(&call.end);
    let own = call.own();
    // SAFETY: the connection is alive, and what it gives is the caller's.
    unsafe {
        let text = gio_ossl_dtls_connection_to_string(own);
        let is_text = CStr::from_ptr(text).to_str().is_ok_and(|it| !it.is_empty());
        assert!(is_text);
        glib::ffi::g_free(text.cast());

        let statistics = gio_ossl_dtls_connection_get_statistics(own);
        let copy = gio_ossl_statistics_copy(statistics);
        assert_eq!(*statistics, *copy);
        let boxed = gobject_ffi::g_boxed_copy(gio_ossl_statistics_get_type(), copy.cast());
        gio_ossl_statistics_free(statistics);
        gio_ossl_statistics_free(boxed.cast());
        gobject_ffi::g_boxed_free(gio_ossl_statistics_get_type(), copy.cast());
    }
}

pub(super) fn look_around(script: &mut Script<'_>, gone: &mut Vec<glib::WeakRef<glib::Object>>) {
    match script.byte() % 6 {
        0 => compare_types(),
        1 => look_at_backend(),
        2 => be_a_module(script.byte()),
        3 => {
            let database = open_database(script);
            if let Some(database) = database {
                ask(&database, script);
                properties::get_all(&database);
                gone.push(database.downgrade());
            }
        }
        4 => {
            let both = ends::credentials();
            let mut text = both.server.certificate_pem();
            text.truncate(text.len() - usize::from(script.byte()));
            let key = match script.byte() & 1 {
                0 => both.server.key_pem(),
                _ => String::from_utf8_lossy(script.bytes()).replace('\0', ""),
            };
            if let Some(certificate) = make_certificate(&text, &key) {
                properties::get_all(&certificate);
                gone.push(certificate.downgrade());
            }
        }
        _ => {
            let call = Call {
                index: 0,
                end: construct(script.byte()),
                cancellable: None,
                wants_error: true,
            };
            look_at(&call);
            gone.push(call.end.downgrade());
        }
    }
}

/// A client of nobody in particular, after what has no connection: one over a stream, and one with a
/// certificate that has no key.
fn construct(choice: u8) -> glib::Object {
    let stream = gio::Socket::new(
        gio::SocketFamily::Ipv4,
        gio::SocketType::Stream,
        gio::SocketProtocol::Default,
    );
    let stream = stream.expect("a socket");
    let text = ends::credentials().server.certificate_pem();
    let without_key = gio_ossl::Certificate::from_pem(&text, None)
        .expect("a certificate")
        .upcast::<gio::TlsCertificate>();
    let base = SimNet::new().client();
    let base = base.as_ptr().cast();
    let nobody = ptr::null_mut();
    let [mut first, mut second, mut third] = [1, 2, 4].map(|bit| Place::new(choice & bit == 0));
    // SAFETY: all are alive; the connection is the caller's.
    unsafe {
        let stream = stream.as_ptr().cast();
        let client = gio_ossl_dtls_client_connection_new(stream, nobody, first.as_ptr());
        assert!(client.is_null());
        first.check_among(false, &[IOErrorEnum::NotSupported]);
        let certificate = without_key.as_ptr();
        let server = gio_ossl_dtls_server_connection_new(base, certificate, second.as_ptr());
        assert!(server.is_null());
        let error = second.take();
        assert!(error.is_none_or(|it| it.matches(TlsError::BadCertificate)));
        let client = gio_ossl_dtls_client_connection_new(base, nobody, third.as_ptr());
        third.check(true);
        from_glib_full(client)
    }
}

/// The same at all times, and by the names that the headers give them.
fn compare_types() {
    // SAFETY: they take nothing.
    let types: [(GType, &CStr); 8] = unsafe {
        [
            (gio_ossl_backend_get_type(), c"GTlsBackendOssl"),
            (gio_ossl_certificate_get_type(), c"GioOsslCertificate"),
            (gio_ossl_database_get_type(), c"GioOsslDatabase"),
            (
                gio_ossl_dtls_client_connection_get_type(),
                c"GioOsslDtlsClientConnection",
            ),
            (
                gio_ossl_dtls_connection_get_type(),
                c"GioOsslDtlsConnection",
            ),
            (
                gio_ossl_dtls_server_connection_get_type(),
                c"GioOsslDtlsServerConnection",
            ),
            (gio_ossl_file_database_get_type(), c"GioOsslFileDatabase"),
            (gio_ossl_statistics_get_type(), c"GioOsslStatistics"),
        ]
    };
    for (type_, name) in types {
        // SAFETY: a string.
        assert_eq!(type_, unsafe {
            gobject_ffi::g_type_from_name(name.as_ptr())
        });
    }
}

/// It stays the library's.
fn look_at_backend() {
    // SAFETY: the backend lives as long as the process.
    unsafe {
        let backend = gio_ossl_get_backend();
        let before = (*backend.cast::<gobject_ffi::GObject>()).ref_count;
        assert_eq!(gio_ossl_get_backend(), backend);
        assert_eq!((*backend.cast::<gobject_ffi::GObject>()).ref_count, before);
        let type_ = gio::ffi::g_tls_backend_get_certificate_type(backend);
        assert_eq!(type_, gio_ossl_certificate_get_type());
    }
}

/// GIO loads it once for each of its questions, with a module or without.
fn be_a_module(choice: u8) {
    // Registers the extension points.
    gio::TlsBackend::default();
    let module = match choice & 1 {
        0 => ptr::null_mut(),
        _ => module(),
    };
    // SAFETY: NULL, or a module that lives as long as the process; the strings are the caller's.
    unsafe {
        g_io_ossl_load(module);
        g_io_ossl_unload(module);
        let points = g_io_ossl_query();
        assert_eq!(CStr::from_ptr(*points), c"gio-tls-backend");
        assert!((*points.add(1)).is_null());
        glib::ffi::g_strfreev(points);
    }
}

/// Modules are never gone.
fn module() -> *mut gobject_ffi::GTypeModule {
    static MADE: OnceLock<usize> = OnceLock::new();
    let make = || {
        let module: Module = glib::Object::new();
        let module: *mut gobject_ffi::GObject = module.upcast::<glib::Object>().into_glib_ptr();
        module as usize
    };
    *MADE.get_or_init(make) as *mut gobject_ffi::GTypeModule
}

glib::wrapper! {
    pub struct Module(ObjectSubclass<imp::Module>) @extends glib::TypeModule,
        @implements glib::TypePlugin;
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Module;

    #[glib::object_subclass]
    impl ObjectSubclass for Module {
        const NAME: &'static str = "GioOsslFuzzModule";
        type Type = super::Module;
        type ParentType = glib::TypeModule;
        type Interfaces = (glib::TypePlugin,);
    }

    impl ObjectImpl for Module {}
    impl TypePluginImpl for Module {}
    impl TypeModuleImpl for Module {
        fn load(&self) -> bool {
            true
        }
        fn unload(&self) {}
    }
}

/// The database of a file with this text.
pub(super) fn database(text: &[u8]) -> Option<glib::Object> {
    let path = CString::new(file_of(text).into_os_string().as_encoded_bytes()).ok()?;
    new_database(&path)
}

/// Of a file that is good, or may be anything, or is none at all.
fn open_database(script: &mut Script<'_>) -> Option<glib::Object> {
    let good = ends::credentials().server.certificate_pem();
    match script.byte() {
        0 => database(&[good.as_bytes(), script.bytes()].concat()),
        1 => database(&[script.bytes(), good.as_bytes()].concat()),
        2 => database(script.bytes()),
        3 => new_database(c"/"),
        4 => new_database(c"/dev/null"),
        5 => new_database(&values::text(script)),
        _ => {
            let text = [c"/nowhere/".to_bytes(), values::text(script).to_bytes()].concat();
            new_database(&CString::new(text).unwrap_or_default())
        }
    }
}

fn new_database(path: &CStr) -> Option<glib::Object> {
    let mut place = Place::new(true);
    // SAFETY: a string; the database is the caller's.
    let database: Option<glib::Object> =
        unsafe { from_glib_full(gio_ossl_file_database_new(path.as_ptr(), place.as_ptr())) };
    let error = place.take();
    assert_eq!(error.is_some(), database.is_none());
    assert!(error.is_none_or(|error| error.matches(TlsError::Misc)));
    let is_absolute = path.to_bytes().starts_with(b"/");
    assert!(database.is_none() || is_absolute);
    database
}

/// A path to a file with this content, until the next call.
fn file_of(content: &[u8]) -> PathBuf {
    static FILE: OnceLock<File> = OnceLock::new();
    let mut file = FILE.get_or_init(|| {
        let name = format!("gio-ossl-fuzz-{}.pem", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = File::create_new(&path).expect("a file");
        fs::remove_file(path).expect("it needs no name");
        file
    });
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(content))
        .expect("room");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    PathBuf::from(OsStr::from_bytes(path.as_bytes()))
}

/// Whether a certificate is trusted for whatever, and which one has a handle.
fn ask(database: &glib::Object, script: &mut Script<'_>) {
    let chain = super::connections::certificate(&ends::credentials().server);
    let (purpose, handle) = (values::text(script), values::text(script));
    let (mut of_verdict, mut of_handle) = (Place::new(true), Place::new(true));
    let database = database.as_ptr().cast();
    let (flags, interaction) = (u32::from(script.byte()), ptr::null_mut());
    // SAFETY: all are alive; the certificate is the caller's.
    unsafe {
        gio::ffi::g_tls_database_verify_chain(
            database,
            chain.as_ptr().cast(),
            purpose.as_ptr(),
            ptr::null_mut(),
            interaction,
            flags,
            ptr::null_mut(),
            of_verdict.as_ptr(),
        );
        let own =
            gio::ffi::g_tls_database_create_certificate_handle(database, chain.as_ptr().cast());
        let asked = match (own.is_null(), flags & 2) {
            (false, 0) => own.cast_const(),
            _ => handle.as_ptr(),
        };
        let found: Option<glib::Object> = from_glib_full(
            gio::ffi::g_tls_database_lookup_certificate_for_handle(
                database,
                asked,
                interaction,
                flags,
                ptr::null_mut(),
                of_handle.as_ptr(),
            )
            .cast::<gobject_ffi::GObject>(),
        );
        assert!(of_handle.take().is_none() && of_verdict.take().is_none());
        drop(found);
        glib::ffi::g_free(own.cast());
    }
}
