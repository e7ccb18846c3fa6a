//! The file of `--session`.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Seek, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use gio::prelude::*;
use gio_ossl::{DtlsClientConnection, DtlsConnection};
use zeroize::Zeroizing;

use crate::{failure::Failure, files, output::Output, text::printable};

/// A session's place, open before there is one: that it cannot be written is told at once.
pub struct Kept<'a> {
    path: &'a Path,
    file: File,
    /// The session to resume.
    pub earlier: Option<Zeroizing<Vec<u8>>>,
}

impl<'a> Kept<'a> {
    /// Nobody else may read the file, even if it was there before.
    pub fn open(path: &'a Path) -> Result<Self, Failure> {
        const OURS_ALONE: u32 = 0o600;
        let opened = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false);
            let file = options.mode(OURS_ALONE).open(path)?;
            if file.metadata()?.is_file() {
                file.set_permissions(Permissions::from_mode(OURS_ALONE))?;
            }
            Ok(file)
        };
        let file = opened().map_err(|error: io::Error| Failure::file(path.display(), error))?;
        let earlier = Some(files::read(path)?).filter(|session| !session.is_empty());
        Ok(Self {
            path,
            file,
            earlier,
        })
    }

    /// Writes the session that has just begun.
    pub fn keep(&self, connection: &DtlsConnection, output: &Output) -> Result<(), Failure> {
        let Some(client) = connection.downcast_ref::<DtlsClientConnection>() else {
            return Ok(());
        };
        match client.export_session() {
            Ok(session) => {
                let written = self.write(&session);
                written.map_err(|error| Failure::file(self.path.display(), error))
            }
            Err(error) => {
                let text = format!("the session is not kept: {}", printable(error.message()));
                output.warning(&text);
                Ok(())
            }
        }
    }

    fn write(&self, session: &[u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(session)
    }
}
