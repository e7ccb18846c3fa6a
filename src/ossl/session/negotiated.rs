//! What the two sides have agreed on.

use std::ffi::{CStr, c_int, c_long};
use std::ops::RangeInclusive;
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::ssl::SslCipherRef;

use super::{MAX_PLAINTEXT, Session};
use crate::ossl::{queue, sys};

/// The parameters of a session, under the names of the registries of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Negotiated {
    /// The group of the key exchange; `None` where it needs no group, or one without a name.
    pub group: Option<String>,
    /// How the server's signature proves who it is; `None` where it signs nothing.
    pub signature_scheme: Option<&'static str>,
    /// The secret bits of the cipher's key.
    pub cipher_bits: u32,
}

/// Signatures of TLS 1.2 and their hashes, with the names that the registry of signature schemes gives
/// to the two (RFC 8446, section 4.2.3).
const SCHEMES: [(Id, Nid, &str); 13] = [
    (Id::RSA, Nid::SHA1, "rsa_pkcs1_sha1"),
    (Id::RSA, Nid::SHA256, "rsa_pkcs1_sha256"),
    (Id::RSA, Nid::SHA384, "rsa_pkcs1_sha384"),
    (Id::RSA, Nid::SHA512, "rsa_pkcs1_sha512"),
    (Id::EC, Nid::SHA1, "ecdsa_sha1"),
    (Id::EC, Nid::SHA256, "ecdsa_secp256r1_sha256"),
    (Id::EC, Nid::SHA384, "ecdsa_secp384r1_sha384"),
    (Id::EC, Nid::SHA512, "ecdsa_secp521r1_sha512"),
    (Id::RSA_PSS, Nid::SHA256, "rsa_pss_rsae_sha256"),
    (Id::RSA_PSS, Nid::SHA384, "rsa_pss_rsae_sha384"),
    (Id::RSA_PSS, Nid::SHA512, "rsa_pss_rsae_sha512"),
    (Id::ED25519, Nid::UNDEF, "ed25519"),
    (Id::ED448, Nid::UNDEF, "ed448"),
];
/// The same for a certificate whose key signs in no other way.
const PSS_SCHEMES: [(Nid, &str); 3] = [
    (Nid::SHA256, "rsa_pss_pss_sha256"),
    (Nid::SHA384, "rsa_pss_pss_sha384"),
    (Nid::SHA512, "rsa_pss_pss_sha512"),
];

/// Bytes that protection adds to a record: an explicit nonce and a tag (RFC 5288, section 3, RFC 6655,
/// section 3), or the tag alone (RFC 7905, section 2). The short tag of CCM_8 comes to the same with its nonce.
const NONCE_AND_TAG: usize = 8 + 16;
const TAG: usize = 16;
/// No record is as long.
const NOTHING: RangeInclusive<usize> = usize::MAX..=usize::MAX;

/// Bytes of protection that OpenSSL allows for (`SSL3_RT_MAX_ENCRYPTED_OVERHEAD`).
const MOST_PROTECTION: usize = 256 + 64;

/// How long records of the peer may be.
#[derive(Clone, Debug)]
pub struct RecordLengths {
    /// Bytes of a protected one.
    pub protected: RangeInclusive<usize>,
    /// Bytes of plaintext.
    pub plaintext: usize,
}

impl Session {
    /// What goes by the suite that was chosen, and by what was agreed on (RFC 6066, section 4). A server has no
    /// protected record to expect before that.
    pub fn record_lengths(&self) -> RecordLengths {
        let agreed = self.ssl.session().map_or(0, |session| {
            // SAFETY: the session is valid.
            unsafe { sys::SSL_SESSION_get_max_fragment_length(session.as_ptr()) }
        });
        let plaintext = match agreed {
            mode @ 1..=4 => 256 << mode,
            _ => MAX_PLAINTEXT,
        };
        let has_tag_only = |name: &str| name.contains("CHACHA20") || name.contains("CCM8");
        let protected = match self.chosen_suite() {
            Some(suite) if has_tag_only(suite.name()) => TAG..=plaintext + MOST_PROTECTION,
            None if self.ssl.is_server() => NOTHING,
            _ => NONCE_AND_TAG..=plaintext + MOST_PROTECTION,
        };
        RecordLengths {
            protected,
            plaintext,
        }
    }

    /// The suite that the handshake goes on with.
    pub(super) fn chosen_suite(&self) -> Option<&SslCipherRef> {
        // SAFETY: the `SSL` is valid, and suites last for ever.
        unsafe {
            let suite = sys::SSL_get_pending_cipher(self.ssl.as_ptr());
            (!suite.is_null()).then(|| SslCipherRef::from_ptr(suite.cast_mut()))
        }
    }

    /// What was agreed on; to be asked after the handshake.
    pub fn negotiated(&self) -> Negotiated {
        let cipher = self.ssl.current_cipher();
        let bits = cipher.map_or(0, |cipher| cipher.bits().secret);
        Negotiated {
            group: self.group(),
            signature_scheme: self.signature_scheme(),
            cipher_bits: u32::try_from(bits).unwrap_or(0),
        }
    }

    fn group(&self) -> Option<String> {
        self.ssl.session()?;
        // SAFETY: the `SSL` is valid and has a session, which OpenSSL looks into; its names are static or
        // the context's, and NUL-terminated.
        unsafe {
            let ssl = self.ssl.as_ptr();
            let group =
                openssl_sys::SSL_ctrl(ssl, sys::SSL_CTRL_GET_NEGOTIATED_GROUP, 0, ptr::null_mut());
            if group == 0 {
                return self.finite_field_group();
            }
            let name = sys::SSL_group_to_name(ssl, c_int::try_from(group).ok()?);
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
        }
    }

    /// The group of DHE, which TLS 1.2 sends in numbers: the registry has those of RFC 7919 alone.
    fn finite_field_group(&self) -> Option<String> {
        queue::clear();
        let key: Option<PKey<Public>> = self.ssl.peer_tmp_key().ok();
        let mut name = [0_u8; 32];
        let mut length = 0;
        // SAFETY: the key is valid, and the buffer has as many bytes as is said.
        let named = unsafe {
            sys::EVP_PKEY_get_group_name(
                key.as_ref()?.as_ptr(),
                name.as_mut_ptr().cast(),
                name.len(),
                &mut length,
            )
        };
        queue::clear();
        let name = CStr::from_bytes_until_nul(&name).ok()?.to_str().ok()?;
        (named == 1 && name.starts_with("ffdhe")).then(|| name.to_owned())
    }

    fn signature_scheme(&self) -> Option<&'static str> {
        let cipher = self.ssl.current_cipher()?;
        // SAFETY: suites are static.
        if unsafe { sys::SSL_CIPHER_get_kx_nid(cipher.as_ptr()) } == sys::NID_KX_RSA {
            return None;
        }
        let is_server = self.ssl.is_server();
        let (mut kind, mut hash): (c_int, c_int) = (0, 0);
        let into = ptr::from_mut(&mut hash).cast();
        // SAFETY: the `SSL` is valid, and OpenSSL writes one `int` to each place.
        let (has_kind, has_hash): (c_int, c_long) = unsafe {
            let ssl = self.ssl.as_ptr();
            if is_server {
                (
                    sys::SSL_get_signature_type_nid(ssl, &mut kind),
                    openssl_sys::SSL_ctrl(ssl, sys::SSL_CTRL_GET_SIGNATURE_NID, 0, into),
                )
            } else {
                (
                    sys::SSL_get_peer_signature_type_nid(ssl, &mut kind),
                    openssl_sys::SSL_ctrl(ssl, sys::SSL_CTRL_GET_PEER_SIGNATURE_NID, 0, into),
                )
            }
        };
        if has_kind != 1 || has_hash != 1 {
            return None;
        }
        let (kind, hash) = (Id::from_raw(kind), Nid::from_raw(hash));
        if kind == Id::RSA_PSS && self.servers_key() == Some(Id::RSA_PSS) {
            let found = PSS_SCHEMES.iter().find(|scheme| scheme.0 == hash);
            return found.map(|scheme| scheme.1);
        }
        let found = SCHEMES
            .iter()
            .find(|scheme| (scheme.0, scheme.1) == (kind, hash));
        found.map(|scheme| scheme.2)
    }

    /// The kind of key in the server's certificate.
    fn servers_key(&self) -> Option<Id> {
        let peers = self.ssl.peer_certificate();
        let certificate = match self.ssl.is_server() {
            true => self.ssl.certificate(),
            false => peers.as_deref(),
        };
        Some(certificate?.public_key().ok()?.id())
    }
}
