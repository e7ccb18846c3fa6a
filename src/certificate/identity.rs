//! Whom an application wants to talk to, as certificates and SNI name it.

use std::net::IpAddr;

use gio::prelude::*;
use openssl::x509::X509Ref;

use crate::{ossl::names, subclass::values};

/// The longest DNS name in text form (RFC 1035, 2.3.4).
const MAX_NAME: usize = 253;
/// The longest label (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// What a certificate must be issued for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A DNS name in ASCII, without trailing dot.
    Name(String),
    Address(IpAddr),
}

impl Identity {
    /// `None` for connectables that name nothing a certificate could state.
    pub(crate) fn of(connectable: &gio::SocketConnectable) -> Option<Self> {
        if let Some(address) = connectable.downcast_ref::<gio::NetworkAddress>() {
            return Self::of_host(&values::hostname(address)?);
        }
        if let Some(service) = connectable.downcast_ref::<gio::NetworkService>() {
            return Self::of_host(&values::text(&service.property_value("domain"))?);
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
        is_host_name(name).then(|| Self::Name(name.to_owned()))
    }

    fn of_literal(literal: &str) -> Option<Self> {
        // A scope is about the local link, not about the peer.
        let address = literal.split('%').next()?;
        address.parse().ok().map(Self::Address)
    }

    /// Whether the certificate is for it.
    pub(crate) fn matches(&self, certificate: &X509Ref) -> bool {
        match self {
            Self::Name(name) => names::matches_host(certificate, name),
            Self::Address(IpAddr::V4(address)) => {
                names::matches_address(certificate, &address.octets())
            }
            Self::Address(IpAddr::V6(address)) => {
                names::matches_address(certificate, &address.octets())
            }
        }
    }

    /// The host in the one form that all its spellings share.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Name(name) => name.to_ascii_lowercase(),
            Self::Address(address) => address.to_string(),
        }
    }

    /// The name to send as SNI (RFC 6066, 3): ASCII without trailing dot, and none for addresses.
    pub(crate) fn server_name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

/// Whether this can be the name of a host: letters, digits, hyphens and, because they are in use,
/// underscores.
///
/// A name that ends in a number is none: resolvers read `127.1` and `0x7f000001` as addresses, and
/// no authority can vouch for those as names.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        (1..=MAX_LABEL).contains(&label.len())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= MAX_NAME
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
}

/// Whether `inet_aton()` takes this for a number: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => lower.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// The host, as [`Identity::host`] has it, and where on it the server is. None for connectables that do
/// not say.
pub(crate) fn place(identity: &gio::SocketConnectable, host: &str) -> Option<String> {
    if let Some(address) = identity.downcast_ref::<gio::NetworkAddress>() {
        // Where an address has a scope, it is in the text.
        let text = values::hostname(address)?.to_ascii_lowercase();
        return Some(format!("{host} {text} port {}", address.port()));
    }
    if let Some(service) = identity.downcast_ref::<gio::NetworkService>() {
        let name = values::text(&service.property_value("service"))?;
        let protocol = values::text(&service.property_value("protocol"))?;
        return Some(format!("{host} service {}/{}", *name, *protocol));
    }
    let address = identity.downcast_ref::<gio::InetSocketAddress>()?;
    let scope = match address.family() {
        gio::SocketFamily::Ipv6 => address.scope_id(),
        _ => 0,
    };
    Some(format!("{host} scope {scope} port {}", address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_name(connectable: &gio::SocketConnectable) -> Option<String> {
        Identity::of(connectable)?.server_name().map(str::to_owned)
    }

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
        for host in ["", ".", ".example", "example..", "a..example"] {
            assert_eq!(sni(host), None, "{host:?}");
        }
    }

    #[test]
    fn other_spellings_of_addresses_are_no_names() {
        let spellings = [
            "127.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "127.0.0.1.",
            "[::1]",
            "0x",
        ];
        for host in spellings {
            assert_eq!(sni(host), None, "{host:?}");
        }
        for host in [
            "1.example",
            "0x7f.example",
            "a1",
            "0xg",
            "127.0.0.1.example",
        ] {
            assert_eq!(sni(host).as_deref(), Some(host));
        }
    }

    #[test]
    fn names_have_the_characters_of_host_names() {
        for host in [
            "a b.example",
            "*.example.org",
            "a/b.example",
            "a:1",
            "a@b.example",
            "a\tb.c",
        ] {
            assert_eq!(sni(host), None, "{host:?}");
        }
        for host in ["my_host.example", "-a-.example", "localhost"] {
            assert_eq!(sni(host).as_deref(), Some(host));
        }
    }

    #[test]
    fn names_are_as_long_as_dns_allows() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(sni(&longest).as_deref(), Some(&*longest));
        assert_eq!(sni(&format!("{longest}a")), None);
        assert_eq!(sni(&format!("{label}a.example")), None);
    }

    #[test]
    fn ideographic_full_stops_are_dots() {
        let dotted = "server\u{3002}example\u{ff0e}org\u{ff61}";
        assert_eq!(sni(dotted).as_deref(), Some("server.example.org"));
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
