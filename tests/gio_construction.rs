//! How connections come into being: GIO's constructors, `g_object_new()` and `GInitable`.

#![allow(deprecated)] // `rehandshake-mode` and `validation-flags` must work all the same.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::ffi::{CStr, c_char};

use common::{
    IDENTITY, NOW, PATIENCE, assert_fails, certificate, database, identity, pki_file, receive,
    send,
    simnet::{Endpoint, SimNet},
    ways::Way,
};
use gio::{
    IOErrorEnum, TlsAuthenticationMode, TlsCertificateFlags, TlsDatabase, TlsError, TlsInteraction,
    TlsRehandshakeMode, prelude::*,
};
use gio_ossl::{Certificate, DtlsClientConnection, DtlsConnection, DtlsServerConnection};
use glib::{ParamFlags, Value, gobject_ffi, subclass::SignalId, translate::*};

const NONE: Option<&gio::Cancellable> = gio::Cancellable::NONE;

fn endpoint() -> Endpoint {
    SimNet::new().client()
}

/// A certificate without its key.
fn keyless() -> Certificate {
    let pem = std::fs::read_to_string(pki_file("ecdsa.pem")).unwrap();
    Certificate::from_pem(&pem, None).unwrap()
}

/// `g_object_new()`, which gtk-rs does not offer for what is to be initialised.
fn construct<T: IsA<DtlsConnection>>(properties: &[(&CStr, Value)]) -> T {
    let mut names: Vec<*const c_char> = properties.iter().map(|(name, _)| name.as_ptr()).collect();
    let values: Vec<Value> = properties.iter().map(|(_, value)| value.clone()).collect();
    // SAFETY: as many names as values, which both live longer than the call; a Value is a GValue;
    // the new object is of this type and its reference ours.
    #[allow(unsafe_code)]
    unsafe {
        let object = gobject_ffi::g_object_new_with_properties(
            T::static_type().into_glib(),
            u32::try_from(names.len()).unwrap(),
            names.as_mut_ptr(),
            values.as_ptr().cast(),
        );
        let object: glib::Object = from_glib_full(object);
        object.unsafe_cast()
    }
}

/// One connection of each class, with nothing set and not initialised.
fn raw() -> [DtlsConnection; 2] {
    [
        construct::<DtlsClientConnection>(&[]).upcast(),
        construct::<DtlsServerConnection>(&[]).upcast(),
    ]
}

fn initialise(connection: &DtlsConnection) -> Result<(), glib::Error> {
    // SAFETY: connections may be initialised more than once, as some of these are.
    #[allow(unsafe_code)]
    unsafe {
        connection.init(NONE)
    }
}

#[test]
fn classes_are_of_the_dtls_interfaces_alone() {
    let _registered = raw();
    for (class, own, other) in [
        (
            DtlsClientConnection::static_type(),
            gio::DtlsClientConnection::static_type(),
            gio::DtlsServerConnection::static_type(),
        ),
        (
            DtlsServerConnection::static_type(),
            gio::DtlsServerConnection::static_type(),
            gio::DtlsClientConnection::static_type(),
        ),
    ] {
        assert!(class.is_a(gio::DtlsConnection::static_type()));
        assert!(class.is_a(gio::DatagramBased::static_type()));
        assert!(class.is_a(gio::Initable::static_type()));
        assert!(class.is_a(own) && !class.is_a(other));
        assert!(!class.is_a(gio::TlsConnection::static_type()));
        let signal = SignalId::lookup("accept-certificate", class);
        let expected = SignalId::lookup("accept-certificate", gio::DtlsConnection::static_type());
        assert!(signal.is_some() && signal == expected);
    }
}

#[test]
fn classes_have_every_property_of_their_interfaces_as_it_is_there() {
    fn compare<I: IsA<glib::Object> + glib::object::IsInterface>(object: &DtlsConnection) {
        let interface = glib::Interface::<I>::from_type(I::static_type()).unwrap();
        for spec in interface.list_properties() {
            let ours = object.find_property(spec.name()).unwrap();
            let mask = ParamFlags::READWRITE | ParamFlags::CONSTRUCT | ParamFlags::CONSTRUCT_ONLY;
            assert_eq!(ours.value_type(), spec.value_type(), "{}", spec.name());
            assert_eq!(ours.flags() & mask, spec.flags() & mask, "{}", spec.name());
        }
    }
    let [client, server] = raw();
    compare::<gio::DtlsConnection>(&client);
    compare::<gio::DtlsClientConnection>(&client);
    compare::<gio::DtlsConnection>(&server);
    compare::<gio::DtlsServerConnection>(&server);
    let of_gio = |object: &DtlsConnection| {
        let own = ["GioOsslDtlsConnection", "GioOsslDtlsServerConnection"];
        let specs = object.list_properties();
        let foreign = specs
            .iter()
            .filter(|it| !own.contains(&it.owner_type().name()));
        foreign.count()
    };
    assert_eq!(of_gio(&client), 12 + 3);
    assert_eq!(of_gio(&server), 12 + 1);
}

#[test]
fn construction_properties_may_come_in_any_order() {
    let (base, identity) = (endpoint(), identity(IDENTITY));
    let flags = TlsCertificateFlags::EXPIRED;
    let forwards = construct::<DtlsClientConnection>(&[
        (c"base-socket", base.to_value()),
        (c"server-identity", identity.to_value()),
        (c"validation-flags", flags.to_value()),
        (c"require-close-notify", false.to_value()),
        (c"rehandshake-mode", TlsRehandshakeMode::Safely.to_value()),
        (c"database", database("ca").to_value()),
        (c"certificate", certificate("client").to_value()),
    ]);
    let backwards = construct::<DtlsClientConnection>(&[
        (c"certificate", certificate("client").to_value()),
        (c"database", database("ca").to_value()),
        (c"rehandshake-mode", TlsRehandshakeMode::Safely.to_value()),
        (c"require-close-notify", false.to_value()),
        (c"validation-flags", flags.to_value()),
        (c"server-identity", identity.to_value()),
        (c"base-socket", base.to_value()),
    ]);
    for client in [forwards, backwards] {
        initialise(client.upcast_ref()).unwrap();
        assert_eq!(client.base_socket().as_ref(), Some(base.upcast_ref()));
        assert_eq!(
            client.server_identity(),
            *identity.upcast_ref::<gio::SocketConnectable>()
        );
        assert_eq!(client.validation_flags(), flags);
        assert!(!client.requires_close_notify());
        assert!(client.database().is_some() && client.certificate().is_some());
    }
}

#[test]
fn connection_that_was_constructed_by_hand_works() {
    let net = SimNet::new();
    let [client, server] = [net.client(), net.server()];
    let client = construct::<DtlsClientConnection>(&[
        (c"database", database("ca").to_value()),
        (c"base-socket", client.to_value()),
        (c"server-identity", identity(IDENTITY).to_value()),
    ]);
    let server = construct::<DtlsServerConnection>(&[
        (
            c"authentication-mode",
            TlsAuthenticationMode::Requested.to_value(),
        ),
        (c"certificate", certificate("ecdsa").to_value()),
        (c"base-socket", server.to_value()),
    ]);
    initialise(client.upcast_ref()).unwrap();
    initialise(server.upcast_ref()).unwrap();
    let (ours, theirs) = Way::Asynchronous.meet(&client, &server);
    ours.unwrap();
    theirs.unwrap();
}

#[test]
fn errors_wait_for_the_initialisation() {
    let server = construct::<DtlsServerConnection>(&[
        (c"certificate", keyless().to_value()),
        (c"base-socket", endpoint().to_value()),
    ]);
    assert!(server.certificate().is_some());
    assert_fails(initialise(server.upcast_ref()), TlsError::BadCertificate);
}

#[test]
fn missing_base_is_refused_for_both_classes() {
    for connection in raw() {
        assert!(connection.base_socket().is_none());
        assert_fails(initialise(&connection), IOErrorEnum::InvalidArgument);
    }
}

#[test]
fn second_initialisation_has_the_result_of_the_first() {
    let client = DtlsClientConnection::new(&endpoint(), gio::SocketConnectable::NONE).unwrap();
    let server = DtlsServerConnection::new(&endpoint(), gio::TlsCertificate::NONE).unwrap();
    initialise(client.upcast_ref()).unwrap();
    initialise(server.upcast_ref()).unwrap();
    // Not even what would be refused at first makes a difference.
    server.set_certificate(&keyless());
    initialise(server.upcast_ref()).unwrap();

    let failed = construct::<DtlsServerConnection>(&[
        (c"certificate", keyless().to_value()),
        (c"base-socket", endpoint().to_value()),
    ]);
    for _ in 0..2 {
        assert_fails(initialise(failed.upcast_ref()), TlsError::BadCertificate);
        failed.set_certificate(&certificate("ecdsa"));
    }
}

#[test]
fn connection_that_was_never_initialised_fails_every_call() {
    for connection in raw() {
        for _ in 0..2 {
            let code = IOErrorEnum::InvalidArgument;
            assert_fails(connection.handshake(NONE), code);
            assert_fails(send(&connection, b"x", PATIENCE), code);
            assert_fails(receive(&connection, PATIENCE), code);
        }
        connection.close(NONE).unwrap();
        assert_fails(receive(&connection, NOW), IOErrorEnum::Closed);
    }
}

#[test]
fn properties_work_before_the_initialisation() {
    for connection in raw() {
        connection.set_database(TlsDatabase::NONE);
        connection.set_interaction(TlsInteraction::NONE);
        connection.set_certificate(&certificate("client"));
        connection.set_advertised_protocols(&["coap"]);
        assert!(connection.database().is_none());
        assert!(connection.interaction().is_none());
        assert!(connection.certificate().is_some());
        assert_eq!(connection.advertised_protocols(), ["coap"]);
        assert!(connection.peer_certificate().is_none());
        assert_eq!(connection.negotiated_protocol(), None);
    }
}

#[test]
fn server_without_a_certificate_is_initialised() {
    let server = DtlsServerConnection::new(&endpoint(), gio::TlsCertificate::NONE).unwrap();
    assert!(server.certificate().is_none());
}

#[test]
fn clients_certificate_without_a_key_is_no_reason_to_refuse() {
    let client = construct::<DtlsClientConnection>(&[
        (c"certificate", keyless().to_value()),
        (c"base-socket", endpoint().to_value()),
    ]);
    initialise(client.upcast_ref()).unwrap();
}
