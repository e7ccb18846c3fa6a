//! Application-layer protocol negotiation (RFC 7301).

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{cell::RefCell, ffi::CStr, ptr, rc::Rc};

use common::{
    client, database, handshakes, in_threads, run, server,
    simnet::{Direction, SimNet},
};
use gio::prelude::*;
use gio_ossl::{DtlsClientConnection, DtlsServerConnection};
use glib::translate::*;

/// The protocols that the ClientHello offers, if it has the extension.
fn offered(net: &SimNet) -> Option<Vec<Vec<u8>>> {
    const EXTENSION: u16 = 16;
    const RECORD_AND_MESSAGE_HEADER: usize = 13 + 12;
    const VERSION_AND_RANDOM: usize = 2 + 32;
    let hello = &net.sent(Direction::ToServer)[0];
    let mut rest = &hello[RECORD_AND_MESSAGE_HEADER + VERSION_AND_RANDOM..];
    rest = vector(rest, 1).1; // session_id
    rest = vector(rest, 1).1; // cookie
    rest = vector(rest, 2).1; // cipher_suites
    rest = vector(rest, 1).1; // compression_methods
    let (mut extensions, _) = vector(rest, 2);
    while let [high, low, after @ ..] = extensions {
        let (body, next) = vector(after, 2);
        if u16::from_be_bytes([*high, *low]) == EXTENSION {
            let (mut list, _) = vector(body, 2);
            let mut names = Vec::new();
            while !list.is_empty() {
                let (name, next) = vector(list, 1);
                names.push(name.to_vec());
                list = next;
            }
            return Some(names);
        }
        extensions = next;
    }
    None
}

/// A vector after its length in so many bytes, and what follows it.
fn vector(bytes: &[u8], size: usize) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_at(size);
    let length = length
        .iter()
        .fold(0, |length, byte| length * 256 + usize::from(*byte));
    rest.split_at(length)
}

/// Two ends that have not shaken hands.
fn ends(net: &SimNet) -> (DtlsClientConnection, DtlsServerConnection) {
    let (near, far) = net.pair();
    (client(&near), server(&far))
}

/// What both ends have negotiated.
fn negotiated(client: &DtlsClientConnection, server: &DtlsServerConnection) -> Option<String> {
    let ours = client.negotiated_protocol();
    assert_eq!(ours, server.negotiated_protocol());
    assert_eq!(ours, client.property("negotiated-protocol"));
    assert_eq!(ours, server.property("negotiated-protocol"));
    ours.map(Into::into)
}

/// What is offered, and what is negotiated.
fn outcome(ours: &[&str], theirs: &[&str]) -> (Option<Vec<Vec<u8>>>, Option<String>) {
    run(async {
        let net = SimNet::new();
        let (client, server) = ends(&net);
        client.set_advertised_protocols(ours);
        server.set_advertised_protocols(theirs);
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        (offered(&net), negotiated(&client, &server))
    })
}

#[track_caller]
fn assert_negotiated(ours: &[&str], theirs: &[&str], expected: Option<&str>) {
    assert_eq!(outcome(ours, theirs).1.as_deref(), expected);
}

fn names(names: &[&str]) -> Option<Vec<Vec<u8>>> {
    Some(names.iter().map(|name| name.as_bytes().to_vec()).collect())
}

#[test]
fn first_of_the_clients_protocols_that_the_server_has_is_negotiated() {
    assert_negotiated(&["a", "b"], &["z", "b", "a"], Some("a"));
    assert_negotiated(&["b", "a"], &["a", "b"], Some("b"));
    assert_negotiated(&["x", "y", "b"], &["b"], Some("b"));
    assert_negotiated(&["a", "a"], &["a", "a"], Some("a"));
}

#[test]
fn protocols_match_as_a_whole_and_exactly() {
    assert_negotiated(&["coap"], &["coaps", "coa", "COAP"], None);
    assert_negotiated(&["coaps", "COAP", "coap"], &["coap"], Some("coap"));
}

#[test]
fn protocols_of_one_side_only_are_no_failure() {
    assert_eq!(outcome(&["a", "b"], &[]), (names(&["a", "b"]), None));
    assert_eq!(outcome(&[], &["a"]), (None, None));
    assert_eq!(outcome(&["a"], &["b"]), (names(&["a"]), None));
}

#[test]
fn names_that_have_no_length_on_the_wire_are_left_out() {
    let longest = "l".repeat(255);
    let too_long = "l".repeat(256);
    let ours = ["", &too_long, "a", &longest];
    let theirs = [&too_long, "", &longest];
    let expected = (names(&["a", &longest]), Some(longest.clone()));
    assert_eq!(outcome(&ours, &theirs), expected);
    assert_eq!(outcome(&["", &too_long], &["", &too_long]), (None, None));
}

#[test]
fn list_that_no_hello_has_room_for_fails_the_handshake() {
    run(async {
        let (client, _server) = ends(&SimNet::new());
        let names: Vec<String> = (0..300).map(|number| format!("{number:0>255}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        client.set_advertised_protocols(&names);
        let result = client.handshake_future(glib::Priority::DEFAULT).await;
        common::assert_fails(result, gio::TlsError::Misc);
    });
}

/// Offers these bytes, or nothing, which GIO's Rust interface cannot express.
fn advertise(connection: &impl IsA<gio::DtlsConnection>, name: Option<&CStr>) {
    let list = [name.map_or(ptr::null(), CStr::as_ptr), ptr::null()];
    let list = name.map_or(ptr::null(), |_| list.as_ptr());
    // SAFETY: the connection is alive; the list is NULL or ends with NULL, and is copied.
    #[allow(unsafe_code)]
    unsafe {
        gio::ffi::g_dtls_connection_set_advertised_protocols(
            connection.as_ref().to_glib_none().0,
            list,
        );
    }
}

#[test]
fn protocols_can_be_unset() {
    run(async {
        let net = SimNet::new();
        let (client, server) = ends(&net);
        for connection in [
            client.upcast_ref::<gio::DtlsConnection>(),
            server.upcast_ref(),
        ] {
            connection.set_advertised_protocols(&["a"]);
            advertise(connection, None);
            assert!(connection.advertised_protocols().is_empty());
        }
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(offered(&net), None);
        assert_eq!(negotiated(&client, &server), None);
    });
}

#[test]
fn unset_protocols_of_a_server_are_not_chosen() {
    run(async {
        let (client, server) = ends(&SimNet::new());
        client.set_advertised_protocols(&["a"]);
        server.set_advertised_protocols(&["a"]);
        advertise(&server, None);
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(negotiated(&client, &server), None);
    });
}

#[test]
fn names_are_bytes_in_any_encoding() {
    const NAME: &CStr = c"\xff\xfe";
    run(async {
        let (client, server) = ends(&SimNet::new());
        advertise(&client, Some(NAME));
        advertise(&server, Some(NAME));
        handshakes(&client, &server).await.0.unwrap();
        for connection in [
            client.upcast_ref::<gio::DtlsConnection>(),
            server.upcast_ref(),
        ] {
            let mut value = glib::Value::from_type(glib::Type::STRING);
            // SAFETY: the names are C strings that live as long as connection and value.
            #[allow(unsafe_code)]
            unsafe {
                let connection: *mut gio::ffi::GDtlsConnection = connection.to_glib_none().0;
                let name = gio::ffi::g_dtls_connection_get_negotiated_protocol(connection);
                assert_eq!(CStr::from_ptr(name), NAME);
                glib::gobject_ffi::g_object_get_property(
                    connection.cast(),
                    c"negotiated-protocol".as_ptr(),
                    value.to_glib_none_mut().0,
                );
                let name = glib::gobject_ffi::g_value_get_string(value.to_glib_none().0);
                assert_eq!(CStr::from_ptr(name), NAME);
            }
        }
    });
}

#[test]
fn protocols_may_change_until_the_handshake() {
    run(async {
        let net = SimNet::new();
        let (client, server) = ends(&net);
        client.set_advertised_protocols(&["old", "older"]);
        client.set_property(
            "advertised-protocols",
            ["new", "newer"].map(String::from).to_vec(),
        );
        server.set_advertised_protocols(&["older"]);
        server.set_property("advertised-protocols", vec!["newer".to_string()]);
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(offered(&net), names(&["new", "newer"]));
        assert_eq!(negotiated(&client, &server).as_deref(), Some("newer"));
    });
}

#[test]
fn protocols_that_change_during_the_handshake_are_too_late_for_it() {
    run(async {
        let (client, server) = ends(&SimNet::new());
        client.set_advertised_protocols(&["a"]);
        server.set_advertised_protocols(&["a"]);
        client.set_database(gio::TlsDatabase::NONE);
        let weak = server.downgrade();
        client.connect_accept_certificate(move |client, _, _| {
            client.set_advertised_protocols(&["b"]);
            weak.upgrade().unwrap().set_advertised_protocols(&["b"]);
            true
        });
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(negotiated(&client, &server).as_deref(), Some("a"));
        assert_eq!(client.advertised_protocols(), ["b"]);
        assert_eq!(server.advertised_protocols(), ["b"]);
    });
}

#[test]
fn protocol_is_unknown_until_the_handshake_is_over() {
    run(async {
        let (client, server) = ends(&SimNet::new());
        client.set_advertised_protocols(&["a"]);
        server.set_advertised_protocols(&["a"]);
        client.set_database(gio::TlsDatabase::NONE);
        assert_eq!(negotiated(&client, &server), None);
        let weak = server.downgrade();
        client.connect_accept_certificate(move |client, _, _| {
            // The server has chosen by now.
            assert_eq!(client.negotiated_protocol(), None);
            assert_eq!(weak.upgrade().unwrap().negotiated_protocol(), None);
            true
        });
        handshakes(&client, &server).await.0.unwrap();
        assert_eq!(negotiated(&client, &server).as_deref(), Some("a"));
    });
}

#[test]
fn protocol_of_a_failed_handshake_stays_unknown() {
    run(async {
        let (client, server) = ends(&SimNet::new());
        client.set_advertised_protocols(&["a"]);
        server.set_advertised_protocols(&["a"]);
        client.set_database(Some(&database("other-ca")));
        let announced = announcements(&client);
        handshakes(&client, &server).await.0.unwrap_err();
        assert_eq!(negotiated(&client, &server), None);
        assert!(announced.borrow().is_empty());
    });
}

/// The protocol at each announcement.
fn announcements(connection: &impl IsA<gio::DtlsConnection>) -> Rc<RefCell<Vec<Option<String>>>> {
    let values = Rc::new(RefCell::new(Vec::new()));
    let noted = values.clone();
    let connection: &gio::DtlsConnection = connection.as_ref();
    connection.connect_negotiated_protocol_notify(move |connection| {
        let protocol = connection.negotiated_protocol();
        noted.borrow_mut().push(protocol.map(Into::into));
    });
    values
}

#[test]
fn protocol_is_announced_once_on_both_ends() {
    run(async {
        let (client, server) = ends(&SimNet::new());
        client.set_advertised_protocols(&["a"]);
        server.set_advertised_protocols(&["a"]);
        let announced = [announcements(&client), announcements(&server)];
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        for values in announced {
            assert_eq!(*values.borrow(), [Some("a".into())]);
        }
    });
}

#[test]
fn protocol_is_not_announced_if_there_is_none() {
    run(async {
        let (client, server) = ends(&SimNet::new());
        client.set_advertised_protocols(&["a"]);
        server.set_advertised_protocols(&["b"]);
        let announced = [announcements(&client), announcements(&server)];
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        assert!(announced.iter().all(|values| values.borrow().is_empty()));
    });
}

#[test]
fn protocol_stays_after_close() {
    run(async {
        let (client, server) = ends(&SimNet::new());
        client.set_advertised_protocols(&["a"]);
        server.set_advertised_protocols(&["a"]);
        let (ours, theirs) = handshakes(&client, &server).await;
        ours.unwrap();
        theirs.unwrap();
        client.close(gio::Cancellable::NONE).unwrap();
        server.close(gio::Cancellable::NONE).unwrap();
        assert_eq!(negotiated(&client, &server).as_deref(), Some("a"));
    });
}

#[test]
fn blocking_handshakes_negotiate_too() {
    let as_server = |far| {
        let server = server(&far);
        server.set_advertised_protocols(&["b", "a"]);
        server.handshake(gio::Cancellable::NONE).unwrap();
        assert_eq!(server.negotiated_protocol().as_deref(), Some("a"));
    };
    let as_client = |near| {
        let client = client(&near);
        client.set_advertised_protocols(&["a", "b"]);
        client.handshake(gio::Cancellable::NONE).unwrap();
        assert_eq!(client.negotiated_protocol().as_deref(), Some("a"));
    };
    in_threads(&SimNet::new(), as_client, as_server);
}
