//! The fence around OpenSSL: the only user of `openssl-sys`.

#![allow(unsafe_code)]

pub(crate) mod places;
pub(crate) mod trust;
pub(crate) mod x509;
