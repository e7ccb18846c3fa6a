//! Keys for SRTP (RFC 5764): the protection profiles.

use openssl::error::ErrorStack;

use super::Session;

/// How SRTP protects its packets (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpProfile {
    /// SRTP_AES128_CM_HMAC_SHA1_80
    Aes128CmHmacSha1With80,
    /// SRTP_AES128_CM_HMAC_SHA1_32
    Aes128CmHmacSha1With32,
    /// SRTP_AEAD_AES_128_GCM
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM
    AeadAes256Gcm,
}

impl SrtpProfile {
    /// Those that every OpenSSL negotiates, in the order of their numbers.
    pub const ALL: [SrtpProfile; 4] = [
        SrtpProfile::Aes128CmHmacSha1With80,
        SrtpProfile::Aes128CmHmacSha1With32,
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
    ];

    /// The profile of this name, IANA's or OpenSSL's.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|profile| profile.name() == name || profile.openssl_name() == name)
    }

    /// IANA's name.
    pub fn name(self) -> &'static str {
        match self {
            SrtpProfile::Aes128CmHmacSha1With80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            SrtpProfile::Aes128CmHmacSha1With32 => "SRTP_AES128_CM_HMAC_SHA1_32",
            SrtpProfile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            SrtpProfile::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
        }
    }

    fn openssl_name(self) -> &'static str {
        match self {
            SrtpProfile::Aes128CmHmacSha1With80 => "SRTP_AES128_CM_SHA1_80",
            SrtpProfile::Aes128CmHmacSha1With32 => "SRTP_AES128_CM_SHA1_32",
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => self.name(),
        }
    }

    /// The number on the wire.
    fn number(self) -> u16 {
        match self {
            SrtpProfile::Aes128CmHmacSha1With80 => 0x0001,
            SrtpProfile::Aes128CmHmacSha1With32 => 0x0002,
            SrtpProfile::AeadAes128Gcm => 0x0007,
            SrtpProfile::AeadAes256Gcm => 0x0008,
        }
    }

    /// Bytes of a master key.
    pub fn key_length(self) -> usize {
        match self {
            SrtpProfile::AeadAes256Gcm => 32,
            _ => 16,
        }
    }

    /// Bytes of a master salt.
    pub fn salt_length(self) -> usize {
        match self {
            SrtpProfile::Aes128CmHmacSha1With80 | SrtpProfile::Aes128CmHmacSha1With32 => 14,
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => 12,
        }
    }
}

impl Session {
    /// Offers these profiles, or chooses among them, the first one first. No profile is no
    /// extension.
    pub fn use_srtp(&mut self, profiles: &[SrtpProfile]) -> Result<(), ErrorStack> {
        if profiles.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = profiles.iter().map(|it| it.openssl_name()).collect();
        self.ssl.set_tlsext_use_srtp(&names.join(":"))
    }

    /// The profile that both sides have agreed on.
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        let number = self.ssl.selected_srtp_profile()?.id().as_raw();
        let mut all = SrtpProfile::ALL.into_iter();
        all.find(|profile| u64::from(profile.number()) == number)
    }
}
