//! Keying material for other protocols (RFC 5705).

use std::sync::MutexGuard;

use glib::prelude::*;
use glib::subclass::prelude::*;

use super::imp;
use super::status::Handshake;
use crate::engine::Engine;
use crate::error::Error;

impl imp::DtlsConnection {
    /// The engine of a connection that may export: established, and not closed in both directions.
    pub fn exporting_engine(&self) -> Result<MutexGuard<'_, Engine>, Error> {
        {
            let status = self.shared.lock();
            if status.is_closed() {
                return Err(Error::Closed);
            }
            match &status.handshake {
                Handshake::Established => {}
                Handshake::Failed(error) => return Err(error.clone()),
                Handshake::NotStarted | Handshake::InProgress => return Err(Error::NoSession),
            }
        }
        self.engine()
    }
}

/// Keying material for other protocols.
pub trait DtlsExporterExt: IsA<super::DtlsConnection> {
    /// `length` bytes that only both ends can derive, for this label and context (RFC 5705), from
    /// the end of the handshake until both directions are closed. No context is not the same as an
    /// empty one. They are wiped when the last reference goes.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a label that is empty or reserved, more than 958 bytes of label and
    /// context together, or a length that is not from 1 to 8160; `NOT_CONNECTED` before the end of
    /// the handshake, or its own error if it has failed, `CLOSED` afterwards; `NOT_SUPPORTED` if the peer lacks the extended master
    /// secret (RFC 7627, section 5.4).
    fn export_keying_material(
        &self,
        label: &str,
        context: Option<&[u8]>,
        length: usize,
    ) -> Result<glib::Bytes, glib::Error> {
        let engine = self.as_ref().imp().exporting_engine()?;
        let material = engine.export_keying_material(label, context, length)?;
        Ok(glib::Bytes::from_owned(material))
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsExporterExt for T {}
