//! Keying material for other protocols (RFC 5705), SRTP's among it (RFC 5764).

use zeroize::Zeroizing;

use super::{Engine, Role, State};
use crate::error::Error;
use crate::ossl::queue;
use crate::ossl::session::{MOST_EXPORTER_INPUT, SrtpProfile};

/// What TLS itself derives from the master secret (RFC 5705, section 4; RFC 7627, section 4).
/// A label that begins like one is followed by randoms that might complete another.
const RESERVED: [&str; 5] = [
    "client finished",
    "server finished",
    "master secret",
    "key expansion",
    "extended master secret",
];

/// The label of RFC 5764, section 4.2.
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// The most bytes that one export gives. TLS 1.2 knows no limit; this is TLS 1.3's with SHA-256
/// (RFC 8446, section 7.5; RFC 5869, section 2.3), so that nobody relies on more.
const LONGEST: usize = 255 * 32;

/// A master key of SRTP with its salt.
pub struct SrtpKey {
    /// The master key.
    pub key: Zeroizing<Vec<u8>>,
    /// The master salt.
    pub salt: Zeroizing<Vec<u8>>,
}

/// The keys for what we send and for what we receive.
pub struct SrtpKeys {
    /// For our packets.
    pub sending: SrtpKey,
    /// For the peer's.
    pub receiving: SrtpKey,
}

impl Engine {
    /// The protection profile for SRTP that was negotiated, if the handshake is over.
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        match self.state {
            State::Established => self.session.srtp_profile(),
            _ => None,
        }
    }

    /// Keying material for this label. No context is not the same as an empty one.
    pub fn export_keying_material(
        &self,
        label: &str,
        context: Option<&[u8]>,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        check(label, context, length)?;
        self.export(label, context, length)
    }

    /// The keys of SRTP, as RFC 5764, section 4.2, lays them out: the client's key, the server's key,
    /// the client's salt, the server's salt.
    pub fn srtp_keys(&self) -> Result<SrtpKeys, Error> {
        self.check_established()?;
        let profile = self
            .srtp_profile()
            .ok_or_else(|| Error::NotSupported("No SRTP profile was negotiated".into()))?;
        let (key, salt) = (profile.key_length(), profile.salt_length());
        let material = self.export(SRTP_LABEL, None, 2 * (key + salt))?;
        let (keys, salts) = material.split_at(2 * key);
        let ((client_key, server_key), (client_salt, server_salt)) =
            (keys.split_at(key), salts.split_at(salt));
        let owned = |key: &[u8], salt: &[u8]| SrtpKey {
            key: Zeroizing::new(key.to_vec()),
            salt: Zeroizing::new(salt.to_vec()),
        };
        let client = owned(client_key, client_salt);
        let server = owned(server_key, server_salt);
        Ok(match self.role {
            Role::Client => SrtpKeys {
                sending: client,
                receiving: server,
            },
            Role::Server => SrtpKeys {
                sending: server,
                receiving: client,
            },
        })
    }

    fn export(
        &self,
        label: &str,
        context: Option<&[u8]>,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.check_established()?;
        // An attacker in the middle can make two sessions without it agree on all that is derived
        // from their secrets; RFC 7627, section 5.4, forbids every use of RFC 5705 then, and the
        // keys of SRTP are one.
        if !self.session.has_extended_master_secret() {
            return Err(Error::NotSupported(
                "The session has no extended master secret (RFC 7627): it exports no keying \
                 material"
                    .into(),
            ));
        }
        self.session
            .export(label, context, length)
            .map_err(|stack| {
                let reason = queue::describe(&stack).reason;
                Error::tls("Cannot export keying material", reason)
            })
    }

    fn check_established(&self) -> Result<(), Error> {
        match &self.state {
            State::Established => Ok(()),
            State::Failed(error) => Err(error.clone()),
            _ => Err(Error::NoSession),
        }
    }
}

/// Refuses what no session exports.
fn check(label: &str, context: Option<&[u8]>, length: usize) -> Result<(), Error> {
    let refused = |why: String| Err(Error::InvalidArgument(why));
    if label.is_empty() {
        return refused("The argument label is empty".into());
    }
    if RESERVED.iter().any(|reserved| label.starts_with(reserved)) {
        return refused(format!(
            "The argument label is reserved for TLS itself (RFC 5705, section 4): {label:?}"
        ));
    }
    let input = label.len() + context.map_or(0, <[u8]>::len);
    if input > MOST_EXPORTER_INPUT {
        return refused(format!(
            "The arguments label and context have {input} bytes together: at most \
             {MOST_EXPORTER_INPUT} are possible"
        ));
    }
    if !(1..=LONGEST).contains(&length) {
        return refused(format!(
            "The argument length is {length}: it must be from 1 to {LONGEST}"
        ));
    }
    Ok(())
}
