//! A connection in words.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use common::{client, database, established, handshakes, identity, run, server, simnet::SimNet};
use gio::prelude::*;
use gio_ossl::DtlsClientConnection;
use gio_ossl::prelude::DtlsDescriptionExt;

/// The value of a line.
fn told<'a>(description: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = description.lines().skip(1);
    lines.find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found == name).then(|| value.trim())
    })
}

#[test]
fn the_first_line_tells_how_far_it_has_come() {
    run(async {
        let (base, peer) = SimNet::new().pair();
        let nameless = DtlsClientConnection::new(&base, None::<&gio::NetworkAddress>).unwrap();
        let expected = "DTLS client of an unnamed server, not connected yet";
        assert_eq!(nameless.description(), expected);
        let (client, server) = (client(&base), server(&peer));
        assert!(client.description().ends_with(", not connected yet"));
        assert_eq!(server.description(), "DTLS server, not connected yet");
        let (one, other) = handshakes(&client, &server).await;
        one.and(other).unwrap();
        assert!(
            client
                .description()
                .lines()
                .next()
                .unwrap()
                .ends_with(", DTLS 1.2")
        );
        client.close(gio::Cancellable::NONE).unwrap();
        let headline = client.description();
        assert!(
            headline
                .lines()
                .next()
                .unwrap()
                .ends_with(", DTLS 1.2, closed")
        );
    });
}

#[test]
fn an_established_session_is_described() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        let description = client.description();
        let cipher = client.property::<String>("ciphersuite-name");
        assert_eq!(
            told(&description, "cipher suite")
                .unwrap()
                .split(',')
                .next(),
            Some(&*cipher)
        );
        for name in ["key exchange", "signature", "largest message"] {
            assert!(told(&description, name).is_some(), "{name}");
        }
        for name in ["key exchange", "signature", "largest message"] {
            assert!(told(&description, name).is_some(), "{name}");
        }
        assert_eq!(
            told(&description, "verification"),
            Some("no problem was found")
        );
        assert!(told(&description, "peer").is_some());
        assert!(told(&description, "valid").unwrap().contains("Z to "));
        assert_eq!(told(&description, "SHA-256").unwrap().len(), 32 * 3 - 1);
        assert!(
            told(&description, "names")
                .unwrap()
                .contains("server.example.com")
        );
        assert!(told(&description, "handshake").unwrap().ends_with(" ms"));
        // The client has shown no certificate.
        assert_eq!(told(&server.description(), "peer"), None);
    });
}

#[test]
fn problems_are_spelt_out() {
    run(async {
        let (base, peer) = SimNet::new().pair();
        let (client, server) = (client(&base), server(&peer));
        client.set_database(Some(&database("other-ca")));
        client.set_server_identity(&identity("another.example"));
        let (one, _) = handshakes(&client, &server).await;
        let error = one.unwrap_err();
        let description = client.description();
        let expected = "problems: it was not issued by a trusted authority, it is for another name";
        assert_eq!(told(&description, "verification"), Some(expected));
        let headline = description.lines().next().unwrap();
        assert!(headline.ends_with(&format!(", failed: {}", error.message())));
    });
}
