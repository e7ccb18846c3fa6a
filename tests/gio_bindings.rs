//! Channel bindings (RFC 5929, RFC 9266), and what is said of version and cipher suite.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // GIO's Rust interface has no channel bindings.

mod common;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use std::{cell::RefCell, process::Command, ptr, rc::Rc};

use common::{
    client, database, established, handshakes, identity, run, send, server,
    simnet::{Direction, Fate, SimNet},
};
use gio::{TlsChannelBindingError, TlsChannelBindingType as Type, TlsProtocolVersion, prelude::*};
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection};
use glib::translate::*;
use openssl::{
    hash::{MessageDigest, hash},
    x509::X509,
};
use pki::Pki;

const TYPES: [Type; 3] = [Type::Unique, Type::ServerEndPoint, Type::Exporter];
/// Options for a certificate with such a key.
const ECDSA: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const UNKNOWN: Type = Type::__Unknown(77);

/// Calls `g_dtls_connection_get_channel_binding_data()`.
fn get(
    connection: &impl IsA<gio::DtlsConnection>,
    kind: Type,
    data: *mut glib::ffi::GByteArray,
) -> Result<(), glib::Error> {
    let mut error = ptr::null_mut();
    // SAFETY: the connection is alive, and `data` is NULL or a byte array.
    unsafe {
        let given = gio::ffi::g_dtls_connection_get_channel_binding_data(
            connection.as_ref().to_glib_none().0,
            kind.into_glib(),
            data,
            &raw mut error,
        );
        assert_eq!(given == glib::ffi::GTRUE, error.is_null());
        if error.is_null() {
            Ok(())
        } else {
            Err(from_glib_full(error))
        }
    }
}

/// The binding; it takes the place of what was in the array before.
fn binding(connection: &impl IsA<gio::DtlsConnection>, kind: Type) -> Result<Vec<u8>, glib::Error> {
    let before = [7; 100];
    let array = glib::ByteArray::from(&before[..]);
    match get(connection, kind, array.to_glib_none().0) {
        Ok(()) => Ok(array.to_vec()),
        Err(error) => {
            assert_eq!(array.to_vec(), before);
            Err(error)
        }
    }
}

#[track_caller]
fn assert_fails(
    connection: &impl IsA<gio::DtlsConnection>,
    kind: Type,
    code: TlsChannelBindingError,
) {
    common::assert_fails(binding(connection, kind), code);
    common::assert_fails(get(connection, kind, ptr::null_mut()), code);
}

#[track_caller]
fn assert_invalid_state(connection: &impl IsA<gio::DtlsConnection>) {
    for kind in TYPES.into_iter().chain([UNKNOWN]) {
        assert_fails(connection, kind, TlsChannelBindingError::InvalidState);
    }
}

#[test]
fn bindings_are_equal_on_both_ends_and_differ_between_connections() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let (other, _other_server) = established(&SimNet::new()).await;
        for (kind, length) in TYPES.into_iter().zip([12, 32, 32]) {
            let ours = binding(&client, kind).unwrap();
            assert_eq!(ours.len(), length);
            assert_eq!(ours, binding(&server, kind).unwrap());
            assert_eq!(ours, binding(&client, kind).unwrap());
            let same = ours == binding(&other, kind).unwrap();
            assert_eq!(same, kind == Type::ServerEndPoint);
        }
    });
}

#[test]
fn support_is_told_without_data() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        for kind in TYPES {
            get(&client, kind, ptr::null_mut()).unwrap();
            get(&server, kind, ptr::null_mut()).unwrap();
        }
    });
}

#[test]
fn unknown_types_are_not_implemented() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        assert_fails(&client, UNKNOWN, TlsChannelBindingError::NotImplemented);
        assert_fails(&server, UNKNOWN, TlsChannelBindingError::NotImplemented);
    });
}

#[test]
fn there_is_no_binding_before_and_during_the_handshake() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        assert_invalid_state(&client);
        assert_invalid_state(&server);
        client.set_database(gio::TlsDatabase::NONE);
        let weak = server.downgrade();
        client.connect_accept_certificate(move |client, _, _| {
            assert_invalid_state(client);
            assert_invalid_state(&weak.upgrade().unwrap());
            true
        });
        handshakes(&client, &server).await.0.unwrap();
        assert!(binding(&client, Type::Unique).is_ok());
    });
}

#[test]
fn there_is_no_binding_after_a_failed_handshake() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_server_identity(&identity("wrong.example.com"));
        let (ours, theirs) = handshakes(&client, &server).await;
        assert!(ours.is_err() && theirs.is_err());
        assert_invalid_state(&client);
        assert_invalid_state(&server);
    });
}

#[test]
fn bindings_last_until_both_directions_are_closed() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let bound = TYPES.map(|kind| binding(&client, kind).unwrap());
        client
            .shutdown(false, true, gio::Cancellable::NONE)
            .unwrap();
        assert_eq!(common::receive(&server, common::PATIENCE).unwrap(), None);
        assert_eq!(TYPES.map(|kind| binding(&client, kind).unwrap()), bound);
        assert_eq!(TYPES.map(|kind| binding(&server, kind).unwrap()), bound);
        client
            .shutdown(true, false, gio::Cancellable::NONE)
            .unwrap();
        server.close(gio::Cancellable::NONE).unwrap();
        assert_invalid_state(&client);
        assert_invalid_state(&server);
    });
}

#[test]
fn bindings_stay_the_same_while_data_flows_and_finished_is_repeated() {
    common::hurry();
    run(async {
        // The server's last flight is lost: the client repeats its own, and is answered.
        let mut lost = false;
        let net = SimNet::scripted(move |direction, _, bytes| {
            let finished = common::records::records(bytes)
                .iter()
                .any(|it| it.epoch > 0);
            if direction == Direction::ToClient && finished && !lost {
                lost = true;
                return Fate::Drop;
            }
            Fate::Deliver
        });
        let (near, far) = net.pair();
        let (client, server) = (client(&near), server(&far));
        let answering = server.clone();
        let condition = glib::IOCondition::IN;
        let source = answering.create_source(
            condition,
            gio::Cancellable::NONE,
            None,
            glib::Priority::DEFAULT,
            |server: &DtlsServerConnection, _| {
                let _ = common::receive(server, common::NOW);
                glib::ControlFlow::Continue
            },
        );
        source.attach(glib::MainContext::thread_default().as_ref());
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        source.destroy();
        let sent = common::records::sent_records(&net, Direction::ToClient);
        assert!(sent.iter().filter(|record| record.epoch > 0).count() >= 2);
        let bound = TYPES.map(|kind| binding(&client, kind).unwrap());
        assert_eq!(TYPES.map(|kind| binding(&server, kind).unwrap()), bound);
        send(&client, b"hello", common::PATIENCE).unwrap();
        let heard = common::receive(&server, common::PATIENCE).unwrap();
        assert_eq!(heard.as_deref(), Some(b"hello".as_slice()));
        assert_eq!(TYPES.map(|kind| binding(&server, kind).unwrap()), bound);
    });
}

/// A certificate and its key that `openssl req` makes with these options, self-signed unless they
/// name an authority.
fn made_with(options: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-batch", "-keyout", "-"])
        .args(["-config", "/dev/null", "-subj", "/CN=server.example.com"])
        .args(options)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    output.stdout
}

fn certificate(pem: Vec<u8>) -> Certificate {
    let pem = String::from_utf8(pem).unwrap();
    Certificate::from_pem(&pem, Some(&pem)).unwrap()
}

/// Both ends of an association whose server has this certificate.
async fn presenting(certificate: &Certificate) -> (DtlsClientConnection, DtlsServerConnection) {
    let (near, far) = SimNet::new().pair();
    let client = client(&near);
    client.connect_accept_certificate(|_, _, _| true);
    let server = DtlsServerConnection::new(&far, Some(certificate)).unwrap();
    let (ours, theirs) = handshakes(&client, &server).await;
    ours.unwrap();
    theirs.unwrap();
    (client, server)
}

#[track_caller]
fn assert_end_point_is_hashed_with(options: &[&str], digest: MessageDigest) {
    let pem = made_with(options);
    let x509 = X509::from_pem(&pem).unwrap();
    let certificate = certificate(pem);
    run(async {
        let (client, server) = presenting(&certificate).await;
        let expected = hash(digest, &x509.to_der().unwrap()).unwrap();
        assert_eq!(binding(&client, Type::ServerEndPoint).unwrap(), *expected);
        assert_eq!(binding(&server, Type::ServerEndPoint).unwrap(), *expected);
    });
}

#[test]
fn server_end_point_has_the_hash_of_the_signature() {
    for (option, digest) in [
        ("-sha224", MessageDigest::sha224()),
        ("-sha256", MessageDigest::sha256()),
        ("-sha384", MessageDigest::sha384()),
        ("-sha512", MessageDigest::sha512()),
    ] {
        assert_end_point_is_hashed_with(&["-newkey", "rsa:2048", option], digest);
    }
    let options = [ECDSA.as_slice(), &["-sha384"]].concat();
    assert_end_point_is_hashed_with(&options, MessageDigest::sha384());
}

#[test]
fn server_end_point_of_a_broken_hash_is_sha_256() {
    for option in ["-sha1", "-md5"] {
        let options = ["-newkey", "rsa:2048", option];
        assert_end_point_is_hashed_with(&options, MessageDigest::sha256());
    }
}

#[test]
fn server_end_point_of_a_pss_signature_has_the_hash_of_its_parameters() {
    let options = [
        "-newkey",
        "rsa:2048",
        "-sha384",
        "-sigopt",
        "rsa_padding_mode:pss",
    ];
    assert_end_point_is_hashed_with(&options, MessageDigest::sha384());
}

/// OpenSSL has no EdDSA keys for servers in DTLS 1.2, but certificates with other keys that an EdDSA
/// authority has signed.
#[test]
fn server_end_point_of_an_eddsa_signature_is_not_supported() {
    let pki = Pki::new();
    for algorithm in ["ed25519", "ed448"] {
        let authority = pki.write("authority.pem", made_with(&["-newkey", algorithm]));
        let authority = authority.to_str().unwrap();
        let signed = ["-CA", authority, "-CAkey", authority];
        let options = [ECDSA.as_slice(), &signed].concat();
        let certificate = certificate(made_with(&options));
        run(async {
            let (client, server) = presenting(&certificate).await;
            let code = TlsChannelBindingError::NotSupported;
            assert_fails(&client, Type::ServerEndPoint, code);
            assert_fails(&server, Type::ServerEndPoint, code);
            let exporter = binding(&client, Type::Exporter).unwrap();
            assert_eq!(exporter, binding(&server, Type::Exporter).unwrap());
        });
    }
}

fn assert_nothing_negotiated(connection: &impl IsA<gio::DtlsConnection>) {
    assert_eq!(connection.protocol_version(), TlsProtocolVersion::Unknown);
    assert_eq!(connection.ciphersuite_name(), None);
}

#[test]
fn version_and_cipher_suite_are_unknown_until_the_handshake_is_over() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_database(gio::TlsDatabase::NONE);
        assert_nothing_negotiated(&client);
        assert_nothing_negotiated(&server);
        let weak = server.downgrade();
        client.connect_accept_certificate(move |client, _, _| {
            assert_nothing_negotiated(client);
            assert_nothing_negotiated(&weak.upgrade().unwrap());
            true
        });
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(client.protocol_version(), TlsProtocolVersion::Dtls12);
    });
}

#[test]
fn version_and_cipher_suite_stay_unknown_after_a_failed_handshake() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        client.set_database(Some(&database("other-ca")));
        handshakes(&client, &server).await.0.unwrap_err();
        assert_nothing_negotiated(&client);
        assert_nothing_negotiated(&server);
    });
}

/// The values at each announcement.
fn announced<T: 'static>(
    connection: &impl IsA<gio::DtlsConnection>,
    property: &str,
    read: impl Fn(&gio::DtlsConnection) -> T + 'static,
) -> Rc<RefCell<Vec<T>>> {
    let values = Rc::new(RefCell::new(Vec::new()));
    let noted = values.clone();
    let connection: &gio::DtlsConnection = connection.as_ref();
    connection.connect_notify_local(Some(property), move |connection, _| {
        noted.borrow_mut().push(read(connection));
    });
    values
}

#[test]
fn version_and_cipher_suite_are_announced_once_and_are_the_same_on_both_ends() {
    run(async {
        let (near, far) = SimNet::new().pair();
        let (client, server) = (client(&near), server(&far));
        let versions = [
            announced(&client, "protocol-version", |it| it.protocol_version()),
            announced(&server, "protocol-version", |it| it.protocol_version()),
        ];
        let suites = [
            announced(&client, "ciphersuite-name", |it| it.ciphersuite_name()),
            announced(&server, "ciphersuite-name", |it| it.ciphersuite_name()),
        ];
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        for versions in versions {
            assert_eq!(*versions.borrow(), [TlsProtocolVersion::Dtls12]);
        }
        assert_eq!(TlsProtocolVersion::Dtls12.into_glib(), 202);
        let suite = client.ciphersuite_name();
        assert!(suite.as_ref().unwrap().starts_with("ECDHE-ECDSA-"));
        for suites in suites {
            assert_eq!(*suites.borrow(), std::slice::from_ref(&suite));
        }
    });
}

#[test]
fn version_and_cipher_suite_stay_after_close() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let suite = client.ciphersuite_name();
        client.close(gio::Cancellable::NONE).unwrap();
        server.close(gio::Cancellable::NONE).unwrap();
        for connection in [
            client.upcast_ref(),
            server.upcast_ref::<gio::DtlsConnection>(),
        ] {
            assert_eq!(connection.protocol_version(), TlsProtocolVersion::Dtls12);
            assert_eq!(connection.ciphersuite_name(), suite);
        }
    });
}
