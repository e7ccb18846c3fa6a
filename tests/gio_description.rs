//! A connection in words.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use common::{client, database, established, handshakes, identity, run, server, simnet::SimNet};
use gio::prelude::*;
use gio_ossl::prelude::DtlsDescriptionExt;
use gio_ossl::{Certificate, DtlsClientConnection};
use pki::{Leaf, Pki};

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

/// The description of a client whose server has this certificate, which is refused.
fn described(leaf: Leaf) -> String {
    let issued = Pki::new().issue(leaf);
    run(async {
        let (base, peer) = SimNet::new().pair();
        let (client, server) = (client(&base), server(&peer));
        let (certificate, key) = (issued.certificate_pem(), issued.key_pem());
        let certificate = Certificate::from_pem(&certificate, Some(&key)).unwrap();
        server.set_certificate(&certificate);
        handshakes(&client, &server).await.0.unwrap_err();
        client.description()
    })
}

#[test]
fn a_peer_cannot_control_a_terminal_or_add_lines() {
    let description = described(
        Leaf::new("\u{1b}[2J\nverification: none\u{9b}31m\u{202e}\u{2028}\u{fc}")
            .dns("a.example\r\nverification:        no problem was found")
            .dns("\u{1b}]0;title\u{7}")
            .dns("b.example, c.example"),
    );
    let is_hostile = |letter: char| {
        letter.is_control() && letter != '\n' || ['\u{202e}', '\u{2028}'].contains(&letter)
    };
    assert!(!description.contains(is_hostile), "{description:?}");
    let names: Vec<_> = description.lines().skip(1).collect();
    let names = names.iter().map(|line| line.split(':').next().unwrap());
    let expected = [
        "peer",
        "issued by",
        "valid",
        "names",
        "SHA-256",
        "verification",
    ];
    assert!(names.eq(expected), "{description}");
    let peer = told(&description, "peer").unwrap();
    assert!(peer.ends_with("\\u{202e}\\u{2028}\u{fc}"), "{peer}");
    let names = told(&description, "names").unwrap();
    assert_eq!(names.matches(", ").count(), 2, "{names}");
}

#[test]
fn a_peer_cannot_fill_the_screen() {
    let label = "x".repeat(60);
    let leaf = (0..1000).fold(Leaf::new("server.example"), |leaf, number| {
        leaf.dns(&format!("{number}.{label}.example"))
    });
    let description = described(leaf);
    let names = told(&description, "names").unwrap();
    assert!(names.starts_with("0.x") && names.ends_with('\u{2026}'));
    assert!(names.chars().count() < 5000, "{}", names.len());
    assert!(told(&description, "verification").is_some());
}
