//! Keying material for other protocols (RFC 5705).

use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use super::Session;
use crate::ossl::queue;

/// Bytes that a label and its context may have together: what OpenSSL 3.0 has room for, less both
/// randoms and the length of the context.
pub const MOST_EXPORTER_INPUT: usize = 1024 - 2 * 32 - 2;

impl Session {
    /// So many bytes for this label. No context is not the same as an empty one.
    pub fn export(
        &self,
        label: &str,
        context: Option<&[u8]>,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
        queue::clear();
        let mut material = Zeroizing::new(vec![0; length]);
        self.ssl
            .export_keying_material(&mut material, label, context)?;
        Ok(material)
    }

    /// Whether the master secret is unique to this session (RFC 7627).
    pub fn has_extended_master_secret(&self) -> bool {
        self.ssl.extms_support() == Some(true)
    }
}
