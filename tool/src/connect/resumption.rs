//! The file of `--session`.

use std::{
    fs::{OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use gio::prelude::*;
use gio_ossl::{DtlsClientConnection, DtlsConnection};
use zeroize::Zeroizing;

use crate::{failure::Failure, files, output::Output, text::printable};

/// The session in the file; none, if there is no such file, or nothing in it.
pub fn session(file: Option<&Path>) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let Some(file) = file else { return Ok(None) };
    match std::fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => Ok(Some(files::read(file)?).filter(|session| !session.is_empty())),
    }
}

/// Writes the session that has just begun to the file.
pub fn keep(connection: &DtlsConnection, file: &Path, output: &Output) -> Result<(), Failure> {
    let Some(client) = connection.downcast_ref::<DtlsClientConnection>() else {
        return Ok(());
    };
    match client.export_session() {
        Ok(session) => write(file, &session).map_err(|it| Failure::file(file.display(), it)),
        Err(error) => {
            let text = format!("the session is not kept: {}", printable(error.message()));
            output.warning(&text);
            Ok(())
        }
    }
}

/// Nobody else may read it, even if the file was there before.
fn write(path: &Path, session: &[u8]) -> io::Result<()> {
    const OURS_ALONE: u32 = 0o600;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = options.mode(OURS_ALONE).open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(OURS_ALONE))?;
    }
    file.write_all(session)
}
