//! Two connections, and the handlers that a program connects to them.

use std::{
    ffi::{CStr, CString, c_char, c_uint},
    ptr,
};

use gio::{IOErrorEnum as Io, ffi::GTlsCertificate, prelude::*};
use glib::{
    ffi::{GBytes, GFALSE, GTRUE, gboolean, gpointer},
    gobject_ffi::GObject,
    translate::*,
};

use super::{
    Program,
    library::*,
    number,
    values::{Bytes, Place},
};
use crate::{
    common::simnet::SimNet,
    ends::{self, KEY},
    pki::Issued,
    script::Script,
};

/// Bits of the first byte. No certificate is accepted; both have a key, and the server a certificate as well;
/// they negotiate what there is; the server wants a certificate; the client's key is asked for; handlers
/// make calls; the server has no good key.
const IS_STRICT: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_BOTH: u8 = 4;
const NEGOTIATES: u8 = 8;
const AUTHENTICATES: u8 = 0x10;
const ASKS_FOR_KEY: u8 = 0x20;
const MAKES_CALLS: u8 = 0x40;
const HAS_NO_GOOD_KEY: u8 = 0x80;

pub(super) const IDENTITY: &CStr = c"sensor";

impl Program<'_> {
    pub(super) fn connect(&mut self, choice: u8) {
        let (near, far) = self.net.pair();
        let of_its_own = match choice & (HAS_KEY | HAS_BOTH) {
            HAS_KEY => None,
            _ => Some(certificate(&ends::credentials().server)),
        };
        let identity: gio::SocketConnectable = self.host.clone().upcast();
        let (mut of_client, mut of_server) = (Place::new(true), Place::new(true));
        // SAFETY: all are alive; the connections are the caller's.
        let [client, server]: [glib::Object; 2] = unsafe {
            let client = gio_ossl_dtls_client_connection_new(
                near.as_ptr().cast(),
                identity.to_glib_none().0,
                of_client.as_ptr(),
            );
            let server = gio_ossl_dtls_server_connection_new(
                far.as_ptr().cast(),
                of_its_own.map_or(ptr::null_mut(), |it| it.as_ptr().cast()),
                of_server.as_ptr(),
            );
            [client, server].map(|it| from_glib_full(it))
        };
        of_client.check(true);
        of_server.check(true);
        client.set_property("database", None::<gio::TlsDatabase>);
        client.set_property("validation-flags", gio::TlsCertificateFlags::all());
        if choice & NEGOTIATES != 0 {
            for end in [&client, &server] {
                end.set_property("srtp-profiles", ["SRTP_AEAD_AES_128_GCM"].as_slice());
                end.set_property("advertised-protocols", ["coap"].as_slice());
            }
        }
        if choice & AUTHENTICATES != 0 {
            client.set_property("certificate", certificate(&ends::credentials().client));
            server.set_property("authentication-mode", gio::TlsAuthenticationMode::Required);
        }
        self.ends = [Some(client), Some(server)];
        self.handle(choice);
        let ends = self.ends.iter().flatten();
        self.gone.extend(ends.map(ObjectExt::downgrade));
    }

    /// Connects the handlers, and sets the key.
    fn handle(&self, choice: u8) {
        let [Some(client), Some(server)] = &self.ends else {
            return;
        };
        for end in [client, server] {
            let handler: AcceptCertificate = accept_certificate;
            connect(end, c"accept-certificate", handler as *const (), choice);
            if choice & NEGOTIATES != 0 {
                let handler: Keylog = keylog;
                connect(end, c"keylog", handler as *const (), choice);
            }
        }
        if choice & HAS_KEY == 0 {
            return;
        }
        let handler: PskLookup = psk_lookup;
        connect(server, c"psk-lookup", handler as *const (), choice);
        match choice & ASKS_FOR_KEY {
            0 => assert!(set_key(client.as_ptr())),
            _ => {
                let handler: PskRequest = psk_request;
                connect(client, c"psk-request", handler as *const (), choice);
            }
        }
    }

    /// Two new connections over a new network.
    pub(super) fn renew(&mut self, script: &mut Script<'_>) {
        self.former = self.ends[0].take().or(self.former.take());
        self.net = SimNet::new();
        // Others would not resume anything.
        let choice = match script.byte() {
            0 => self.choice,
            other => self.choice ^ other,
        };
        self.connect(choice);
    }
}

/// Made once for each.
pub(super) fn certificate(it: &'static Issued) -> glib::Object {
    use std::{cell::RefCell, collections::HashMap};
    thread_local! {
        static MADE: RefCell<HashMap<usize, glib::Object>> = RefCell::default();
    }
    let make = || make_certificate(&it.certificate_pem(), &it.key_pem()).expect("a certificate");
    let key = ptr::from_ref(it) as usize;
    MADE.with_borrow_mut(|made| made.entry(key).or_insert_with(make).clone())
}

/// By the constructor that C has for it.
pub(super) fn make_certificate(text: &str, key: &str) -> Option<glib::Object> {
    let [text, key] = [text, key].map(|it| CString::new(it).unwrap_or_default());
    let mut place = Place::new(true);
    // SAFETY: the strings are alive, and NULL ends the properties.
    let certificate: Option<glib::Object> = unsafe {
        from_glib_full(
            gio::ffi::g_initable_new(
                gio_ossl_certificate_get_type(),
                ptr::null_mut(),
                place.as_ptr(),
                c"certificate-pem".as_ptr(),
                text.as_ptr(),
                c"private-key-pem".as_ptr(),
                key.as_ptr(),
                ptr::null::<c_char>(),
            )
            .cast::<GObject>(),
        )
    };
    place.check(certificate.is_some());
    certificate
}

/// Whether the client has its key now.
fn set_key(client: *mut GObject) -> bool {
    let mut place = Place::new(true);
    let key = Bytes::new(KEY);
    let identity = IDENTITY.as_ptr();
    // SAFETY: all are alive.
    let is_set = unsafe {
        gio_ossl_dtls_client_connection_set_psk(client, identity, key.as_ptr(), place.as_ptr())
    };
    place.check(is_set != 0);
    is_set != 0
}

/// Connects a function of the signal's type, whose data is a number.
fn connect(end: &glib::Object, signal: &CStr, handler: *const (), choice: u8) {
    // SAFETY: the handler has the signal's signature.
    unsafe {
        let handler = std::mem::transmute::<*const (), unsafe extern "C" fn()>(handler);
        let data = usize::from(choice) as gpointer;
        let end = end.as_ptr();
        glib::gobject_ffi::g_signal_connect_data(
            end,
            signal.as_ptr(),
            Some(handler),
            data,
            None,
            0,
        );
    }
}

type AcceptCertificate =
    unsafe extern "C" fn(*mut GObject, *mut GTlsCertificate, c_uint, gpointer) -> gboolean;
type Keylog = unsafe extern "C" fn(*mut GObject, *const c_char, gpointer);
type PskLookup = unsafe extern "C" fn(*mut GObject, *const c_char, gpointer) -> *mut GBytes;
type PskRequest = unsafe extern "C" fn(*mut GObject, *const c_char, gpointer) -> gboolean;

unsafe extern "C" fn accept_certificate(
    end: *mut GObject,
    certificate: *mut GTlsCertificate,
    _errors: c_uint,
    data: gpointer,
) -> gboolean {
    assert!(!certificate.is_null());
    make_calls(end, data);
    match number(data) & IS_STRICT {
        0 => GTRUE,
        _ => GFALSE,
    }
}

unsafe extern "C" fn keylog(end: *mut GObject, line: *const c_char, _data: gpointer) {
    assert!(!end.is_null());
    // SAFETY: a string.
    let line = unsafe { CStr::from_ptr(line) };
    assert!(line.to_bytes().starts_with(b"CLIENT_RANDOM "));
}

unsafe extern "C" fn psk_lookup(
    end: *mut GObject,
    identity: *const c_char,
    data: gpointer,
) -> *mut GBytes {
    make_calls(end, data);
    // SAFETY: a string.
    let identity = unsafe { CStr::from_ptr(identity) };
    let key = match number(data) & HAS_NO_GOOD_KEY {
        0 if identity == IDENTITY => Some(KEY),
        0 => None,
        // A length that is refused.
        _ => [None, Some([].as_slice()), Some([1; 513].as_slice())][identity.count_bytes() % 3],
    };
    key.map_or(ptr::null_mut(), |key| Bytes::new(key).into_ptr())
}

unsafe extern "C" fn psk_request(
    end: *mut GObject,
    _hint: *const c_char,
    data: gpointer,
) -> gboolean {
    make_calls(end, data);
    match set_key(end) {
        true => GTRUE,
        false => GFALSE,
    }
}

/// What needs the handshake fails in a handler of it; whatever else is asked is answered.
fn make_calls(end: *mut GObject, data: gpointer) {
    if number(data) & MAKES_CALLS == 0 {
        return;
    }
    let mut place = Place::new(true);
    // SAFETY: the connection is alive, and what it gives is the caller's.
    unsafe {
        let message =
            gio_ossl_dtls_connection_receive_bytes(end, 10, -1, ptr::null_mut(), place.as_ptr());
        assert!(message.is_null());
        glib::ffi::g_free(gio_ossl_dtls_connection_to_string(end).cast());
    }
    place.check_among(false, &[Io::Failed, Io::Closed]);
}
