//! Whom an application wants to talk to, as certificates and SNI name it.

use std::net::IpAddr;

use gio::prelude::*;
use openssl::x509::X509Ref;

use crate::ossl::x509;

/// The longest DNS name in text form (RFC 1035, 2.3.4).
const MAX_NAME: usize = 253;

/// What a certificate must be issued for.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// A DNS name in ASCII, without trailing dot.
    Name(String),
    Address(IpAddr),
}

impl Identity {
    /// `None` for connectables that name nothing a certificate could state.
    fn of(connectable: &gio::SocketConnectable) -> Option<Self> {
        if let Some(address) = connectable.downcast_ref::<gio::NetworkAddress>() {
            return Self::of_host(&address.hostname());
        }
        if let Some(service) = connectable.downcast_ref::<gio::NetworkService>() {
            return Self::of_host(&service.domain());
        }
        let address = connectable.downcast_ref::<gio::InetSocketAddress>()?;
        Self::of_literal(&address.address().to_str())
    }

    fn of_host(host: &str) -> Option<Self> {
        if glib::hostname_is_ip_address(host) {
            return Self::of_literal(host);
        }
        let ascii = glib::hostname_to_ascii(host)?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        let valid = !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('.');
        valid.then(|| Self::Name(name.to_owned()))
    }

    fn of_literal(literal: &str) -> Option<Self> {
        // A scope is about the local link, not about the peer.
        let address = literal.split('%').next()?;
        address.parse().ok().map(Self::Address)
    }
}

/// Whether the certificate is for this identity. Types that name no host match nothing.
pub(crate) fn matches(certificate: &X509Ref, identity: &gio::SocketConnectable) -> bool {
    match Identity::of(identity) {
        Some(Identity::Name(name)) => x509::matches_host(certificate, &name),
        Some(Identity::Address(IpAddr::V4(address))) => {
            x509::matches_address(certificate, &address.octets())
        }
        Some(Identity::Address(IpAddr::V6(address))) => {
            x509::matches_address(certificate, &address.octets())
        }
        None => false,
    }
}

/// The name to send as SNI (RFC 6066, 3): ASCII without trailing dot, and none for addresses.
pub(crate) fn server_name(identity: &gio::SocketConnectable) -> Option<String> {
    match Identity::of(identity)? {
        Identity::Name(name) => Some(name),
        Identity::Address(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sni(host: &str) -> Option<String> {
        server_name(gio::NetworkAddress::new(host, 4433).upcast_ref())
    }

    #[test]
    fn server_name_loses_one_trailing_dot() {
        assert_eq!(sni("server.example.").as_deref(), Some("server.example"));
    }

    #[test]
    fn server_name_is_ascii() {
        assert_eq!(
            sni("bücher.example").as_deref(),
            Some("xn--bcher-kva.example")
        );
    }

    #[test]
    fn server_name_of_a_service_is_its_domain() {
        let service = gio::NetworkService::new("sip", "udp", "server.example");
        assert_eq!(
            server_name(service.upcast_ref()).as_deref(),
            Some("server.example")
        );
    }

    #[test]
    fn addresses_have_no_server_name() {
        for literal in ["192.0.2.1", "2001:db8::1", "fe80::1%lo"] {
            assert_eq!(sni(literal), None, "{literal}");
        }
    }

    #[test]
    fn empty_and_dotted_names_are_no_names() {
        for host in ["", ".", ".example"] {
            assert_eq!(sni(host), None, "{host:?}");
        }
    }

    #[test]
    fn scope_of_an_address_is_ignored() {
        let address = "fe80::1".parse().unwrap();
        assert_eq!(
            Identity::of_host("fe80::1%lo"),
            Some(Identity::Address(address))
        );
    }
}
