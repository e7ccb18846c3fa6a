//! Keys for SRTP (RFC 5764).

use std::ffi::CString;

use glib::prelude::*;
use glib::subclass::prelude::*;
use glib::{ParamFlags, ParamSpec, ParamSpecBoxed, ParamSpecString};

use super::imp;
use super::properties::{Property, SETTABLE, Write};
use crate::engine::{SrtpKey, SrtpProfile};
use crate::error::Error;
use crate::subclass::values;

const NEGOTIATED: &str = "negotiated-srtp-profile";

/// The properties of DTLS-SRTP.
pub const PROPERTIES: [Property; 2] = [
    Property {
        spec: || {
            ParamSpecBoxed::builder::<Vec<String>>("srtp-profiles")
                .nick("SRTP profiles")
                .blurb("Protection profiles for SRTP, in order of preference")
                .flags(SETTABLE)
                .build()
        },
        read: |connection| values::strv(connection.settings().srtp.names.as_deref()),
        write: Write::BeforeHandshake(|settings, value| {
            settings.srtp.names = values::strv_from(value);
        }),
    },
    Property {
        spec: negotiated_spec,
        read: |connection| {
            let profile = connection.facts().srtp_profile;
            profile.map(SrtpProfile::name).to_value()
        },
        write: Write::Never,
    },
];

fn negotiated_spec() -> ParamSpec {
    ParamSpecString::builder(NEGOTIATED)
        .nick("Negotiated SRTP profile")
        .blurb("The protection profile for SRTP that both ends agreed on")
        .flags(ParamFlags::READABLE)
        .build()
}

/// What the application says of SRTP.
#[derive(Clone, Debug, Default)]
pub struct Srtp {
    /// As they were written.
    names: Option<Vec<CString>>,
}

impl Srtp {
    /// The profiles that the names stand for, each once.
    pub fn profiles(&self) -> Result<Vec<SrtpProfile>, Error> {
        let mut profiles = Vec::new();
        for name in self.names.iter().flatten() {
            let profile = name.to_str().ok().and_then(SrtpProfile::named);
            let profile = profile.ok_or_else(|| {
                Error::InvalidArgument(format!(
                    "The property srtp-profiles has an unknown profile: \"{}\"",
                    name.to_string_lossy()
                ))
            })?;
            if !profiles.contains(&profile) {
                profiles.push(profile);
            }
        }
        Ok(profiles)
    }
}

/// Master keys and salts for SRTP (RFC 3711, section 3.2.1), by direction. They are wiped when the
/// last reference goes.
#[derive(Clone)]
#[non_exhaustive]
pub struct SrtpKeys {
    /// The key for the packets that this end sends.
    pub sending_key: glib::Bytes,
    /// The salt for the packets that this end sends.
    pub sending_salt: glib::Bytes,
    /// The key for the packets that the peer sends.
    pub receiving_key: glib::Bytes,
    /// The salt for the packets that the peer sends.
    pub receiving_salt: glib::Bytes,
}

impl imp::DtlsConnection {
    /// Notifies the profile that the handshake negotiated, if it did.
    pub fn announce_srtp_profile(&self) {
        if self.facts().srtp_profile.is_some() {
            self.obj().notify(NEGOTIATED);
        }
    }

    fn srtp_keys(&self) -> Result<SrtpKeys, Error> {
        let keys = self.exporting_engine()?.srtp_keys()?;
        let bytes = |it: SrtpKey| {
            let (key, salt) = (it.key, it.salt);
            (glib::Bytes::from_owned(key), glib::Bytes::from_owned(salt))
        };
        let (sending_key, sending_salt) = bytes(keys.sending);
        let (receiving_key, receiving_salt) = bytes(keys.receiving);
        Ok(SrtpKeys {
            sending_key,
            sending_salt,
            receiving_key,
            receiving_salt,
        })
    }
}

/// Keys for SRTP, agreed on by the handshake (RFC 5764).
pub trait DtlsSrtpExt: IsA<super::DtlsConnection> {
    /// `srtp-profiles`: the protection profiles in order of preference; none by default.
    fn srtp_profiles(&self) -> Vec<glib::GString> {
        self.as_ref().property("srtp-profiles")
    }

    /// Sets `srtp-profiles`, before the handshake: names of IANA's registry, such as
    /// `SRTP_AEAD_AES_128_GCM`, or OpenSSL's names. An unknown one fails the handshake.
    fn set_srtp_profiles(&self, profiles: &[&str]) {
        let names: Vec<String> = profiles.iter().map(ToString::to_string).collect();
        self.as_ref().set_property("srtp-profiles", names);
    }

    /// `negotiated-srtp-profile`: IANA's name of the profile that both ends agreed on.
    fn negotiated_srtp_profile(&self) -> Option<glib::GString> {
        self.as_ref().property(NEGOTIATED)
    }

    /// The master keys and salts (RFC 5764, section 4.2), from the end of the handshake until both
    /// directions are closed.
    ///
    /// # Errors
    ///
    /// `NOT_CONNECTED` before, or the handshake's own error, `CLOSED` afterwards; `NOT_SUPPORTED` if no profile was negotiated, or
    /// the peer lacks the extended master secret (RFC 7627, section 5.4).
    fn export_srtp_keys(&self) -> Result<SrtpKeys, glib::Error> {
        Ok(self.as_ref().imp().srtp_keys()?)
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsSrtpExt for T {}
