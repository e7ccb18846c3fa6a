//! What can be wrong with a chain.

use std::{
    ffi::c_int,
    ops::{BitOr, BitOrAssign},
};

use openssl_sys as ffi;

/// Any number of problems at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problems(u8);

/// Where in the chain OpenSSL met a problem.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// On a certificate of the trust store.
    pub(super) is_anchor: bool,
    /// On the last certificate of a path that does not end in a root: whoever issued that one is not
    /// a part of the path.
    pub(super) lacks_issuer: bool,
}

impl Problems {
    pub(crate) const NONE: Self = Self(0);
    /// The chain leads to no trust anchor.
    pub(crate) const UNKNOWN_CA: Self = Self(1);
    /// A certificate of the chain is not valid yet.
    pub(crate) const NOT_ACTIVATED: Self = Self(1 << 1);
    /// A certificate of the chain is not valid any more.
    pub(crate) const EXPIRED: Self = Self(1 << 2);
    /// A certificate of the chain was revoked.
    pub(crate) const REVOKED: Self = Self(1 << 3);
    /// A key or digest of the chain is too weak.
    pub(crate) const INSECURE: Self = Self(1 << 4);
    /// Anything else, and whatever could not be judged.
    pub(crate) const OTHER: Self = Self(1 << 5);

    /// Nothing is known: whoever tolerates some problems must not take this for one of them.
    pub(super) const UNJUDGED: Self = Self(Self::UNKNOWN_CA.0 | Self::OTHER.0);

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// How far a path with these problems is from a good one.
    pub(super) fn severity(self) -> (bool, u32) {
        let is_broken = self.contains(Self::UNKNOWN_CA) || self.contains(Self::OTHER);
        (is_broken, self.0.count_ones())
    }

    /// The problem behind an `X509_V_ERR_*` code.
    pub(super) fn of_code(code: c_int, place: Place) -> Self {
        match code {
            ffi::X509_V_OK => Self::NONE,
            ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
            | ffi::X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
            | ffi::X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
            | ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | ffi::X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
            | ffi::X509_V_ERR_CERT_UNTRUSTED => Self::UNKNOWN_CA,
            // An anchor that is no authority is as good as none.
            ffi::X509_V_ERR_INVALID_CA | ffi::X509_V_ERR_KEYUSAGE_NO_CERTSIGN
                if place.is_anchor =>
            {
                Self::UNKNOWN_CA
            }
            ffi::X509_V_ERR_CERT_NOT_YET_VALID => Self::NOT_ACTIVATED,
            ffi::X509_V_ERR_CERT_HAS_EXPIRED => Self::EXPIRED,
            // Not every authority publishes a list, nor has every list something to say about all
            // that its authority has issued.
            ffi::X509_V_ERR_UNABLE_TO_GET_CRL | ffi::X509_V_ERR_DIFFERENT_CRL_SCOPE => Self::NONE,
            // The list of an issuer that is not there cannot be told from a forged one.
            code if place.lacks_issuer && is_about_revocation(code) => Self::NONE,
            ffi::X509_V_ERR_CERT_REVOKED => Self::REVOKED,
            ffi::X509_V_ERR_EE_KEY_TOO_SMALL
            | ffi::X509_V_ERR_CA_KEY_TOO_SMALL
            | ffi::X509_V_ERR_CA_MD_TOO_WEAK => Self::INSECURE,
            _ => Self::OTHER,
        }
    }
}

impl BitOr for Problems {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Problems {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

fn is_about_revocation(code: c_int) -> bool {
    matches!(
        code,
        ffi::X509_V_ERR_CERT_REVOKED
            | ffi::X509_V_ERR_CRL_SIGNATURE_FAILURE
            | ffi::X509_V_ERR_CRL_NOT_YET_VALID
            | ffi::X509_V_ERR_CRL_HAS_EXPIRED
            | ffi::X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD
            | ffi::X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD
            | ffi::X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER
            | ffi::X509_V_ERR_KEYUSAGE_NO_CRL_SIGN
            | ffi::X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION
            | ffi::X509_V_ERR_CRL_PATH_VALIDATION_ERROR
    )
}
