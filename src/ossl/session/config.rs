//! What a new session needs to know.

use std::time::Duration;

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::{Authentication, PreSharedKeys, Protocol, Resumption, SrtpProfile};
use crate::ossl::Role;

/// Bytes of UDP payload that every path of the Internet takes without fragmenting which carries
/// Ethernet, or IPv6 in a tunnel.
pub const DEFAULT_MTU: u16 = 1400;
/// RFC 6347, section 4.2.4.1.
const DEFAULT_INITIAL_TIMEOUT: Duration = Duration::from_secs(1);

/// What a new association needs to know.
pub struct Config {
    /// Which side it plays.
    pub role: Role,
    /// The name to send in the server_name extension (RFC 6066, section 3); clients only.
    pub server_name: Option<String>,
    /// Whether a server asks its client for a certificate.
    pub authentication: Authentication,
    /// The authorities that a server names in its request, as complete DER names.
    pub authorities: Vec<Vec<u8>>,
    /// Application protocols, in order of preference (RFC 7301).
    pub protocols: Vec<Vec<u8>>,
    /// The server's certificate, leaf first, with its key.
    pub credentials: Option<(Vec<X509>, PKey<Private>)>,
    /// Which suites, groups and signatures it offers and accepts.
    pub protocol: Protocol,
    /// Bytes of UDP payload that flights are fragmented to.
    pub mtu: u16,
    /// The first retransmission time-out.
    pub initial_timeout: Duration,
    /// Whether the session outlives the association; not with pre-shared keys.
    pub resumption: Resumption,
    /// Protection profiles for SRTP, in order of preference (RFC 5764).
    pub srtp_profiles: Vec<SrtpProfile>,
    /// Whether somebody takes the lines for a key log.
    pub keylog: bool,
    /// What may take the place of certificates.
    pub pre_shared_keys: PreSharedKeys,
}

impl Config {
    /// The defaults of this side, which nobody can prove anything to yet.
    pub fn new(role: Role) -> Self {
        Config {
            role,
            server_name: None,
            authentication: Authentication::None,
            authorities: Vec::new(),
            protocols: Vec::new(),
            credentials: None,
            protocol: Protocol::default(),
            mtu: DEFAULT_MTU,
            initial_timeout: DEFAULT_INITIAL_TIMEOUT,
            resumption: Resumption::Never,
            srtp_profiles: Vec::new(),
            keylog: false,
            pre_shared_keys: PreSharedKeys::None,
        }
    }
}
