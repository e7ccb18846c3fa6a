//! Host names against the names in a certificate.

use std::net::IpAddr;

use gio::{TlsCertificateFlags as Flags, prelude::*};
use glib::ByteArray;

use crate::{assert_no_error_is_left, build, issue};

/// Names in a certificate and a host to look for, in lines: first the host; then a dNSName each or,
/// behind an `@`, the bytes of an iPAddress.
pub fn identity(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(host) = lines.next().and_then(crate::text) else {
        return;
    };
    let names: Vec<Name<'_>> = lines.map(Name::parse).collect();
    let der = issue::with_alternative_names(&alternative_names(&names));
    let Some(certificate) = build(&[("certificate", ByteArray::from(&der).to_value())]) else {
        return;
    };

    let address = gio::NetworkAddress::new(host, 4433);
    let service = gio::NetworkService::new("coaps", "udp", host);
    for connectable in [
        address.upcast_ref::<gio::SocketConnectable>(),
        service.upcast_ref(),
    ] {
        let flags = certificate.verify(Some(connectable), None::<&gio_ossl::Certificate>);
        if !flags.contains(Flags::BAD_IDENTITY) {
            assert!(
                names.iter().any(|name| name.may_match(host)),
                "{host:?} matches none of {names:?}"
            );
        }
    }
    assert_no_error_is_left();
}

#[derive(Debug)]
enum Name<'a> {
    Dns(&'a [u8]),
    Address(&'a [u8]),
}

impl<'a> Name<'a> {
    fn parse(line: &'a [u8]) -> Self {
        match line.split_first() {
            Some((b'@', address)) => Self::Address(address),
            _ => Self::Dns(line),
        }
    }

    /// Whether any rule at all could let this name stand for the host. What the library accepts must
    /// be among these; it may well be stricter.
    fn may_match(&self, host: &str) -> bool {
        match self {
            Self::Address(bytes) => {
                let literal = host.split('%').next().unwrap_or(host);
                match literal.parse() {
                    Ok(IpAddr::V4(address)) => address.octets() == *bytes,
                    Ok(IpAddr::V6(address)) => address.octets() == *bytes,
                    Err(_) => false,
                }
            }
            Self::Dns(name) => {
                let Some(host) = glib::hostname_to_ascii(host) else {
                    return false;
                };
                let host = host.strip_suffix('.').unwrap_or(&host).as_bytes();
                let without_label = host.iter().position(|byte| *byte == b'.');
                let wildcard = name.strip_prefix(b"*").zip(without_label);
                !glib::hostname_is_ip_address(std::str::from_utf8(host).unwrap_or_default())
                    && (name.eq_ignore_ascii_case(host)
                        || wildcard
                            .is_some_and(|(rest, at)| rest.eq_ignore_ascii_case(&host[at..])))
            }
        }
    }
}

/// The DER of a GeneralNames (RFC 5280, 4.2.1.6).
fn alternative_names(names: &[Name<'_>]) -> Vec<u8> {
    const SEQUENCE: u8 = 0x30;
    const DNS_NAME: u8 = 0x82;
    const IP_ADDRESS: u8 = 0x87;
    let mut content = Vec::new();
    for name in names {
        match name {
            Name::Dns(bytes) => element(&mut content, DNS_NAME, bytes),
            Name::Address(bytes) => element(&mut content, IP_ADDRESS, bytes),
        }
    }
    let mut der = Vec::new();
    element(&mut der, SEQUENCE, &content);
    der
}

fn element(der: &mut Vec<u8>, tag: u8, content: &[u8]) {
    const LONG_FORM_OF_FOUR: u8 = 0x84;
    der.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => der.push(short),
        _ => {
            let length = u32::try_from(content.len()).expect("fuzzers give less than 4 GiB");
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            der.push(LONG_FORM_OF_FOUR - zeros as u8);
            der.extend_from_slice(&bytes[zeros..]);
        }
    }
    der.extend_from_slice(content);
}
