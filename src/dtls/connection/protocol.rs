//! Which versions, suites, groups and signatures are spoken.

use std::fmt;
use std::ops::RangeInclusive;

use gio::TlsProtocolVersion as Version;
use glib::prelude::*;
use glib::{ParamSpec, ParamSpecEnum, ParamSpecString, Value};

use super::environment::{environment, variable_of};
use super::properties::{Property, SETTABLE, Write};
use crate::engine;
use crate::error::Error;
use crate::subclass::values;

/// The properties that choose among what the library can do.
pub const PROPERTIES: [Property; 5] = [
    Property {
        spec: || {
            version(
                "min-protocol-version",
                "The oldest version of DTLS to speak",
            )
        },
        read: |connection| connection.settings().protocol.oldest.to_value(),
        write: Write::BeforeHandshake(|settings, value| {
            settings.protocol.oldest = value.get().unwrap_or(Version::Unknown);
        }),
    },
    Property {
        spec: || {
            version(
                "max-protocol-version",
                "The newest version of DTLS to speak",
            )
        },
        read: |connection| connection.settings().protocol.newest.to_value(),
        write: Write::BeforeHandshake(|settings, value| {
            settings.protocol.newest = value.get().unwrap_or(Version::Unknown);
        }),
    },
    Property {
        spec: || list("cipher-list", "The cipher suites, as OpenSSL writes them"),
        read: |connection| connection.settings().protocol.cipher_list.to_value(),
        write: Write::BeforeHandshake(|settings, value| {
            settings.protocol.cipher_list = text(value);
        }),
    },
    Property {
        spec: || {
            list(
                "groups",
                "The groups of key exchange, the preferred one first",
            )
        },
        read: |connection| connection.settings().protocol.groups.to_value(),
        write: Write::BeforeHandshake(|settings, value| {
            settings.protocol.groups = text(value);
        }),
    },
    Property {
        spec: || {
            list(
                "signature-algorithms",
                "The signatures, the preferred one first",
            )
        },
        read: |connection| {
            connection
                .settings()
                .protocol
                .signature_algorithms
                .to_value()
        },
        write: Write::BeforeHandshake(|settings, value| {
            settings.protocol.signature_algorithms = text(value);
        }),
    },
];

fn version(name: &str, meaning: &str) -> ParamSpec {
    ParamSpecEnum::builder_with_default(name, Version::Unknown)
        .nick(name)
        .blurb(meaning)
        .flags(SETTABLE)
        .build()
}

fn list(name: &str, meaning: &str) -> ParamSpec {
    ParamSpecString::builder(name)
        .nick(name)
        .blurb(meaning)
        .flags(SETTABLE)
        .build()
}

fn text(value: &Value) -> Option<String> {
    values::text(value).map(|text| text.to_string())
}

/// The versions of DTLS, the oldest first, as the environment has them.
const VERSIONS: [&str; 3] = ["DTLS1.0", "DTLS1.2", "DTLS1.3"];
/// Those among them that are spoken.
const SPOKEN: RangeInclusive<usize> = 1..=1;

/// What the application says of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Protocol {
    oldest: Version,
    newest: Version,
    cipher_list: Option<String>,
    groups: Option<String>,
    signature_algorithms: Option<String>,
}

impl Default for Protocol {
    fn default() -> Self {
        Protocol {
            oldest: Version::Unknown,
            newest: Version::Unknown,
            cipher_list: None,
            groups: None,
            signature_algorithms: None,
        }
    }
}

impl Protocol {
    /// Whether it can be used at all. A pre-shared key may still come, for which suites were chosen.
    pub fn check(&self) -> Result<(), Error> {
        let chosen = Choice::of("cipher-list", self.cipher_list.as_deref());
        self.resolve(chosen.is_some()).map(drop)
    }

    /// What it comes to, together with the environment, for a session with pre-shared keys or without.
    pub fn resolve(&self, with_pre_shared_keys: bool) -> Result<engine::Protocol, Error> {
        self.check_versions()?;
        let mut protocol = engine::Protocol::default();
        let ciphers = Choice::of("cipher-list", self.cipher_list.as_deref());
        protocol = protocol
            .with_cipher_list(ciphers.map(|choice| choice.text), with_pre_shared_keys)
            .map_err(|why| refuse(ciphers, why))?;
        let groups = Choice::of("groups", self.groups.as_deref());
        if let Some(choice) = groups {
            protocol = protocol
                .with_groups(choice.text)
                .map_err(|why| refuse(groups, why))?;
        }
        let signatures = self.signature_algorithms.as_deref();
        let signatures = Choice::of("signature-algorithms", signatures);
        if let Some(choice) = signatures {
            protocol = protocol
                .with_signature_algorithms(choice.text)
                .map_err(|why| refuse(signatures, why))?;
        }
        Ok(protocol)
    }

    /// What is chosen of how keys are exchanged and signed: the groups and the signatures, each with
    /// the environment in its place.
    pub fn of_key_exchange(&self) -> [Option<&str>; 2] {
        [
            ("groups", &self.groups),
            ("signature-algorithms", &self.signature_algorithms),
        ]
        .map(|(property, value)| Some(Choice::of(property, value.as_deref())?.text))
    }

    fn check_versions(&self) -> Result<(), Error> {
        let oldest = Choice::of("min-protocol-version", name_of(self.oldest));
        let newest = Choice::of("max-protocol-version", name_of(self.newest));
        let from = oldest.map(Choice::version).transpose()?;
        let to = newest.map(Choice::version).transpose()?;
        let (from, to) = (from.unwrap_or(*SPOKEN.start()), to.unwrap_or(*SPOKEN.end()));
        if let (Some(oldest), Some(newest)) = (oldest, newest)
            && from > to
        {
            return Err(Error::InvalidArgument(format!(
                "{oldest} is {}, and newer than {newest}, which is {}",
                oldest.text, newest.text
            )));
        }
        let spoken = || VERSIONS.get(SPOKEN).unwrap_or_default().join(", ");
        for (choice, is_beyond, how) in [
            (oldest, from > *SPOKEN.end(), "newer"),
            (newest, to < *SPOKEN.start(), "older"),
        ] {
            if let Some(choice) = choice
                && is_beyond
            {
                return Err(Error::InvalidArgument(format!(
                    "{choice} is {}, and {how} than every version that is supported: {}",
                    choice.text,
                    spoken()
                )));
            }
        }
        Ok(())
    }
}

/// A value, and the property that it was chosen by.
#[derive(Clone, Copy)]
struct Choice<'a> {
    property: &'static str,
    text: &'a str,
    is_environment: bool,
}

impl<'a> Choice<'a> {
    /// The property's value, or else the environment's.
    fn of(property: &'static str, value: Option<&'a str>) -> Option<Self> {
        let text = value.or_else(|| environment(property))?;
        Some(Choice {
            property,
            text,
            is_environment: value.is_none(),
        })
    }

    /// Its place among the versions.
    fn version(self) -> Result<usize, Error> {
        let place = VERSIONS.iter().position(|name| *name == self.text);
        place.ok_or_else(|| {
            Error::InvalidArgument(format!(
                "{self} is {}, which is no version of DTLS",
                self.text
            ))
        })
    }
}

impl fmt::Display for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_environment {
            write!(f, "The environment variable {}", variable_of(self.property))
        } else {
            write!(f, "The property {}", self.property)
        }
    }
}

fn refuse(choice: Option<Choice<'_>>, why: engine::Unusable) -> Error {
    let Some(choice) = choice else {
        return match why {
            engine::Unusable::Failed(reason) => Error::Tls(reason),
            _ => Error::Tls("OpenSSL has no usable cipher suite".into()),
        };
    };
    Error::InvalidArgument(match why {
        engine::Unusable::Unknown(token) => {
            format!("{choice} has a part that is not known or repeated: \"{token}\"")
        }
        engine::Unusable::Nothing => format!(
            "{choice} is \"{}\", which leaves no cipher suite to offer",
            choice.text
        ),
        engine::Unusable::Failed(reason) => format!("{choice} cannot be used: {reason}"),
    })
}

fn name_of(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::Ssl30 => "SSL3.0",
        Version::Tls10 => "TLS1.0",
        Version::Tls11 => "TLS1.1",
        Version::Tls12 => "TLS1.2",
        Version::Tls13 => "TLS1.3",
        Version::Dtls10 => "DTLS1.0",
        Version::Dtls12 => "DTLS1.2",
        _ => return None,
    })
}

/// What a connection offers and accepts.
pub trait DtlsProtocolExt: IsA<super::DtlsConnection> {
    /// `min-protocol-version`: the oldest version to speak; by default the library's own limit.
    fn min_protocol_version(&self) -> Version {
        self.as_ref().property("min-protocol-version")
    }

    /// Sets `min-protocol-version`, before the handshake.
    fn set_min_protocol_version(&self, version: Version) {
        self.as_ref().set_property("min-protocol-version", version);
    }

    /// `max-protocol-version`: the newest version to speak; by default the library's own limit.
    fn max_protocol_version(&self) -> Version {
        self.as_ref().property("max-protocol-version")
    }

    /// Sets `max-protocol-version`, before the handshake.
    fn set_max_protocol_version(&self, version: Version) {
        self.as_ref().set_property("max-protocol-version", version);
    }

    /// `cipher-list`: the cipher suites, in OpenSSL's syntax; by default OpenSSL's own that may be
    /// offered.
    fn cipher_list(&self) -> Option<String> {
        self.as_ref().property("cipher-list")
    }

    /// Sets `cipher-list`, before the handshake.
    fn set_cipher_list(&self, list: Option<&str>) {
        self.as_ref().set_property("cipher-list", list);
    }

    /// `groups`: the groups of key exchange, in order of preference, in OpenSSL's syntax.
    fn groups(&self) -> Option<String> {
        self.as_ref().property("groups")
    }

    /// Sets `groups`, before the handshake.
    fn set_groups(&self, list: Option<&str>) {
        self.as_ref().set_property("groups", list);
    }

    /// `signature-algorithms`: the signatures, in order of preference, in OpenSSL's syntax.
    fn signature_algorithms(&self) -> Option<String> {
        self.as_ref().property("signature-algorithms")
    }

    /// Sets `signature-algorithms`, before the handshake.
    fn set_signature_algorithms(&self, list: Option<&str>) {
        self.as_ref().set_property("signature-algorithms", list);
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsProtocolExt for T {}
