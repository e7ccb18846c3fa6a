//! URIs of objects on PKCS #11 tokens (RFC 7512).

use std::fmt;

use zeroize::Zeroizing;

use crate::{error::Error, ossl::token::Pin};

/// A well-formed URI. It may contain a PIN.
#[derive(Clone)]
pub(super) struct TokenUri(Zeroizing<String>);

impl TokenUri {
    /// Checks the form: OpenSSL's engine would take anything else for identifiers of its own.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        const SCHEME: &str = "pkcs11:";
        let malformed = |what: &str| {
            let text = format!("The PKCS #11 URI is malformed: {what}");
            Err(Error::BadCertificate(text))
        };
        let Some((scheme, rest)) = text.split_at_checked(SCHEME.len()) else {
            return malformed("it does not begin with \"pkcs11:\"");
        };
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return malformed("it does not begin with \"pkcs11:\"");
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        for (part, separator) in [(path, ';'), (query, '&')] {
            let mut names: Vec<&str> = Vec::new();
            for attribute in part.split(separator).filter(|_| !part.is_empty()) {
                let Some((name, value)) = attribute.split_once('=') else {
                    return malformed("an attribute has no value");
                };
                if !is_name(name) || !is_value(value) {
                    return malformed("an attribute has characters that are not allowed");
                }
                if names.contains(&name) {
                    return malformed("an attribute is given twice");
                }
                names.push(name);
            }
        }
        Ok(Self(Zeroizing::new(format!("{SCHEME}{rest}"))))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has a PIN.
    pub(super) fn pin(&self) -> Pin {
        let query = self.as_str().split_once('?').map_or("", |(_, query)| query);
        let has = query
            .split('&')
            .any(|attribute| attribute.starts_with("pin-"));
        if has { Pin::InUri } else { Pin::Missing }
    }

    /// Whether it may name a private key.
    pub(super) fn may_be_a_key(&self) -> bool {
        let path = self.as_str().split('?').next().unwrap_or_default();
        let path = path.split_once(':').map_or("", |(_, path)| path);
        path.split(';')
            .filter_map(|attribute| attribute.split_once('='))
            .all(|(name, value)| name != "type" || value == "private")
    }
}

impl fmt::Debug for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenUri")
    }
}

/// An attribute's name, of this or of later standards, or a vendor's.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}

/// Characters that stand for themselves, and bytes in hexadecimal.
fn is_value(value: &str) -> bool {
    let mut pieces = value.split('%');
    let plain = |piece: &str| {
        piece
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]@!$'()*+,=/?|&".contains(&byte))
    };
    pieces.next().is_some_and(plain)
        && pieces.all(|piece| {
            let hex = piece
                .get(..2)
                .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
            hex && piece.get(2..).is_some_and(plain)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_uris_are_taken() {
        for text in [
            "pkcs11:",
            "pkcs11:token=a%20b;object=server;id=%01%fF",
            "PKCS11:object=x?pin-value=12%2634&pin-source=file:/etc/pin",
            "pkcs11:object=a&b;x-vendor=1?module-name=softhsm2",
        ] {
            assert!(TokenUri::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn malformed_uris_are_refused() {
        for text in [
            "",
            "pkcs11",
            "server",
            "file:///etc/server.pem",
            "slot_0-id_01",
            "pkcs11:server",
            "pkcs11:=server",
            "pkcs11:object=a;",
            "pkcs11:object=a;object=b",
            "pkcs11:object=a b",
            "pkcs11:object=%",
            "pkcs11:object=%0",
            "pkcs11:object=%zz",
            "pkcs11:object=a?pin-value",
            "pkcs11:object=\u{e9}",
            "pkcs11:object=a#b",
        ] {
            assert!(TokenUri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn type_tells_what_cannot_be_a_key() {
        for (text, expected) in [
            ("pkcs11:object=a", true),
            ("pkcs11:type=private;object=a", true),
            ("pkcs11:object=a;type=cert", false),
            ("pkcs11:type=public", false),
        ] {
            assert_eq!(TokenUri::parse(text).unwrap().may_be_a_key(), expected);
        }
    }

    #[test]
    fn pin_is_found_in_the_query_alone() {
        for (text, expected) in [
            ("pkcs11:object=a?pin-value=1", true),
            ("pkcs11:object=a?module-name=x&pin-source=/pin", true),
            ("pkcs11:object=pin-value?module-name=pin-value", false),
        ] {
            let uri = TokenUri::parse(text).unwrap();
            assert_eq!(matches!(uri.pin(), Pin::InUri), expected, "{text}");
        }
    }

    #[test]
    fn debug_output_has_no_pin() {
        let uri = TokenUri::parse("pkcs11:object=a?pin-value=1234").unwrap();
        assert!(!format!("{uri:?}").contains("1234"));
    }
}
