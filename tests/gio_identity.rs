//! Whom a client wants to talk to: what the certificate must name, and what the server is told.

#![allow(deprecated)] // `validation-flags` is part of the interface all the same.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/pki.rs"]
mod pki;

use std::{net::IpAddr, path::Path};

use common::{
    assert_fails, hurry,
    records::records,
    simnet::{Direction, SimNet},
    ways::{Outcome, Way},
};
use gio::{SocketConnectable, TlsCertificateFlags as Flags, TlsError, prelude::*};
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection, FileDatabase};
use pki::{Issued, Leaf, Pki};

/// A PKI whose servers have all the names that these tests call.
struct Stage {
    pki: Pki,
    server: Issued,
}

impl Stage {
    fn new() -> Self {
        let pki = Pki::new();
        let leaf = Leaf::new("no name at all")
            .dns("server.example.com")
            .dns("xn--bcher-kva.example")
            .ip("192.0.2.7")
            .ip("2001:db8::7");
        let server = pki.issue(leaf);
        Self { pki, server }
    }

    fn client(&self, net: &SimNet, identity: Option<&SocketConnectable>) -> DtlsClientConnection {
        let client = DtlsClientConnection::new(&net.client(), identity).unwrap();
        let anchors = FileDatabase::new(self.pki.root_file()).unwrap();
        client.set_database(Some(&anchors));
        client
    }

    /// A client that expects this identity meets the server: its outcome, itself, the SNI it sent.
    fn meet(
        &self,
        way: Way,
        identity: Option<&SocketConnectable>,
    ) -> (Outcome, DtlsClientConnection, Option<String>) {
        let net = SimNet::new();
        let client = self.client(&net, identity);
        let (certificate, key) = (self.server.certificate_pem(), self.server.key_pem());
        let certificate = Certificate::from_pem(&certificate, Some(&key)).unwrap();
        let server = DtlsServerConnection::new(&net.server(), Some(&certificate)).unwrap();
        let (ours, theirs) = way.meet(&client, &server);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} but {theirs:?}");
        (ours, client, server_name(&net))
    }

    /// The certificate fits, and the server is told this name.
    #[track_caller]
    fn fits(&self, identity: &impl IsA<SocketConnectable>, name: Option<&str>) {
        for way in Way::BOTH {
            let (outcome, client, told) = self.meet(way, Some(identity.upcast_ref()));
            outcome.unwrap();
            assert_eq!(client.peer_certificate_errors(), Flags::empty());
            assert_eq!(told.as_deref(), name);
        }
    }

    /// The certificate is for somebody else, and the server is told this name.
    #[track_caller]
    fn differs(&self, identity: &impl IsA<SocketConnectable>, name: Option<&str>) {
        hurry();
        for way in Way::BOTH {
            let (outcome, client, told) = self.meet(way, Some(identity.upcast_ref()));
            assert_fails(outcome, TlsError::BadCertificate);
            assert_eq!(client.peer_certificate_errors(), Flags::BAD_IDENTITY);
            assert_eq!(told.as_deref(), name);
        }
    }
}

/// Reads what a ClientHello consists of (RFC 6347, section 4.2.1).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn number(&mut self, bytes: usize) -> usize {
        let taken = self.take(bytes).iter();
        taken.fold(0, |value, byte| value << 8 | usize::from(*byte))
    }

    /// A vector that its length of so many bytes precedes.
    fn vector(&mut self, bytes: usize) -> &'a [u8] {
        let length = self.number(bytes);
        self.take(length)
    }
}

/// The server_name that the first ClientHello carries (RFC 6066, section 3).
fn server_name(net: &SimNet) -> Option<String> {
    let hello = records(&net.sent(Direction::ToServer)[0]).remove(0);
    let mut hello = Reader(&hello.fragment);
    assert_eq!(hello.number(1), 1, "client_hello");
    hello.take(3 + 2 + 3 + 3); // length, message number, fragment offset and length
    hello.take(2 + 32); // version, random
    hello.vector(1); // session
    hello.vector(1); // cookie
    hello.vector(2); // cipher suites
    hello.vector(1); // compression methods
    let mut extensions = Reader(hello.vector(2));
    while !extensions.0.is_empty() {
        let (kind, body) = (extensions.number(2), extensions.vector(2));
        if kind == 0 {
            let mut names = Reader(Reader(body).vector(2));
            assert_eq!(names.number(1), 0, "host_name");
            return Some(String::from_utf8(names.vector(2).to_vec()).unwrap());
        }
    }
    None
}

fn host(name: &str) -> gio::NetworkAddress {
    gio::NetworkAddress::new(name, 4433)
}

fn service(domain: &str) -> gio::NetworkService {
    gio::NetworkService::new("coaps", "udp", domain)
}

fn socket_address(address: &str) -> gio::InetSocketAddress {
    gio::InetSocketAddress::from_string(address, 4433).unwrap()
}

fn proxy_address(proxy: &str, destination: &str) -> gio::ProxyAddress {
    let address: IpAddr = proxy.parse().unwrap();
    let proxy = gio::InetAddress::from(address);
    gio::ProxyAddress::new(&proxy, 1080, "socks5", destination, 4433, None, None)
}

#[test]
fn host_of_a_network_address_is_checked_and_told() {
    let stage = Stage::new();
    stage.fits(&host("server.example.com"), Some("server.example.com"));
    stage.differs(&host("other.example.com"), Some("other.example.com"));
}

#[test]
fn uri_names_its_host() {
    let stage = Stage::new();
    let address = gio::NetworkAddress::parse_uri("coaps://server.example.com/x", 4433).unwrap();
    stage.fits(&address, Some("server.example.com"));
}

#[test]
fn trailing_dot_and_case_do_not_matter() {
    let stage = Stage::new();
    stage.fits(&host("server.example.com."), Some("server.example.com"));
    let (outcome, _, told) = stage.meet(
        Way::Asynchronous,
        Some(host("SERVER.example.COM").upcast_ref()),
    );
    outcome.unwrap();
    assert!(told.unwrap().eq_ignore_ascii_case("server.example.com"));
}

#[test]
fn international_name_is_checked_and_told_in_ascii() {
    let ascii = Some("xn--bcher-kva.example");
    Stage::new().fits(&host("bücher.example"), ascii);
    Stage::new().fits(&service("bücher.example"), ascii);
}

#[test]
fn address_in_a_network_address_is_checked_as_such_and_not_told() {
    let stage = Stage::new();
    stage.fits(&host("192.0.2.7"), None);
    stage.fits(&host("2001:db8::7"), None);
    stage.fits(&host("2001:DB8:0:0:0:0:0:7"), None);
    stage.differs(&host("192.0.2.8"), None);
    stage.differs(&host("2001:db8::8"), None);
}

#[test]
fn domain_of_a_service_is_checked_and_told() {
    let stage = Stage::new();
    stage.fits(&service("server.example.com"), Some("server.example.com"));
    stage.differs(&service("example.com"), Some("example.com"));
}

#[test]
fn socket_address_is_checked_and_not_told() {
    let stage = Stage::new();
    stage.fits(&socket_address("192.0.2.7"), None);
    stage.fits(&socket_address("2001:db8::7"), None);
    stage.differs(&socket_address("192.0.2.8"), None);
    stage.differs(&socket_address("2001:db8::8"), None);
}

#[test]
fn proxy_address_is_that_of_the_proxy() {
    let stage = Stage::new();
    stage.fits(&proxy_address("192.0.2.7", "other.example.com"), None);
    stage.differs(&proxy_address("192.0.2.8", "server.example.com"), None);
}

#[test]
fn socket_that_has_no_host_fits_no_certificate() {
    let path = gio::UnixSocketAddress::new(Path::new("/run/server.example.com"));
    Stage::new().differs(&path, None);
}

#[test]
fn nobody_in_particular_is_refused_unless_that_is_masked() {
    hurry();
    let stage = Stage::new();
    for way in Way::BOTH {
        let (outcome, client, told) = stage.meet(way, None);
        assert_fails(outcome, TlsError::BadCertificate);
        assert_eq!(client.peer_certificate_errors(), Flags::BAD_IDENTITY);
        assert_eq!(told, None);
    }
    let net = SimNet::new();
    let client = stage.client(&net, None);
    client.set_validation_flags(Flags::VALIDATE_ALL - Flags::BAD_IDENTITY);
    let (certificate, key) = (stage.server.certificate_pem(), stage.server.key_pem());
    let certificate = Certificate::from_pem(&certificate, Some(&key)).unwrap();
    let server = DtlsServerConnection::new(&net.server(), Some(&certificate)).unwrap();
    Way::Asynchronous.meet(&client, &server).0.unwrap();
    assert_eq!(client.peer_certificate_errors(), Flags::BAD_IDENTITY);
}

#[test]
fn identity_that_is_changed_or_removed_is_followed() {
    hurry();
    let stage = Stage::new();
    let (certificate, key) = (stage.server.certificate_pem(), stage.server.key_pem());
    let certificate = Certificate::from_pem(&certificate, Some(&key)).unwrap();
    for (identity, told) in [
        (Some(host("server.example.com")), Some("server.example.com")),
        (Some(host("192.0.2.7")), None),
        (None, None),
    ] {
        let net = SimNet::new();
        let client = stage.client(&net, Some(host("wrong.example.com").upcast_ref()));
        client.set_property("server-identity", identity.as_ref());
        let server = DtlsServerConnection::new(&net.server(), Some(&certificate)).unwrap();
        let (ours, _) = Way::Asynchronous.meet(&client, &server);
        assert_eq!(ours.is_ok(), identity.is_some());
        assert_eq!(server_name(&net).as_deref(), told);
    }
}
