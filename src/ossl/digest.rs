//! SHA-256.

use openssl::sha::Sha256;

/// The digest of these bytes. `openssl::sha::sha256` asks a provider for it, and does not tell when it gets
/// none; this cannot fail.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(bytes);
    digest.finish()
}
