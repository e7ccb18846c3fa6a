//! The secrets of a session, for those who read captures of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use glib::prelude::*;
use glib::subclass::{Signal, SignalId, prelude::*};
use zeroize::Zeroizing;

use super::imp;
use crate::ossl::places;

const SIGNAL: &str = "keylog";

/// The signals of the key log.
pub fn signals() -> &'static [Signal] {
    static SIGNALS: OnceLock<[Signal; 1]> = OnceLock::new();
    SIGNALS.get_or_init(|| {
        [Signal::builder(SIGNAL)
            .param_types([String::static_type()])
            .build()]
    })
}

impl imp::DtlsConnection {
    /// Whether somebody will take the lines of a handshake that begins now.
    pub fn wants_keylog(&self) -> bool {
        self.has_listeners() || file().is_some()
    }

    fn has_listeners(&self) -> bool {
        let object = self.obj();
        SignalId::lookup(SIGNAL, super::DtlsConnection::static_type()).is_some_and(|signal| {
            glib::signal::signal_has_handler_pending(&*object, signal, None, true)
        })
    }

    /// Hands the engine's lines to those who want them.
    pub fn report_keylog(&self, lines: Vec<Zeroizing<String>>) {
        for line in lines {
            if let Some(file) = file() {
                append(file, &line);
            }
            // An emission copies the line, and GLib wipes nothing.
            if self.has_listeners() {
                self.obj().emit_by_name::<()>(SIGNAL, &[&line.as_str()]);
            }
        }
    }
}

/// The file that `SSLKEYLOGFILE` names, opened when it is first needed.
fn file() -> Option<&'static File> {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let mut failure = None;
    let file = FILE.get_or_init(|| {
        let path = places::key_log_file()?;
        match open(&path) {
            Ok(file) => Some(file),
            Err(error) => {
                failure = Some((path, error));
                None
            }
        }
    });
    if let Some((path, error)) = failure {
        let path = path.display();
        glib::g_warning!("GioOssl", "Cannot open the key log {path}: {error}");
    }
    file.as_ref()
}

/// A pipe would block until somebody reads, and end the program when nobody does any more.
fn open(path: &Path) -> io::Result<File> {
    let is_fit = |kind: fs::FileType| kind.is_file() || kind.is_char_device();
    if fs::metadata(path).is_ok_and(|found| !is_fit(found.file_type())) {
        let why = "it is neither a regular file nor a character device";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)
}

/// Appends a line in one piece: other processes may share the file. The first failure is a warning:
/// on a full disk there would be one for every connection.
fn append(mut file: &File, line: &str) {
    let mut text = Zeroizing::new(Vec::with_capacity(line.len() + 1));
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');
    static HAS_FAILED: AtomicBool = AtomicBool::new(false);
    if let Err(error) = file.write_all(&text)
        && !HAS_FAILED.swap(true, Ordering::Relaxed)
    {
        glib::g_warning!("GioOssl", "Cannot write to the key log: {error}");
    }
}

/// The key log of a connection.
pub trait DtlsKeylogExt: IsA<super::DtlsConnection> {
    /// `keylog`: calls `handler` with each line for a key log, which tools such as Wireshark read, in
    /// the thread that does the handshake. It must be connected before that begins. Whoever has the
    /// lines can read the whole session.
    fn connect_keylog<F>(&self, handler: F) -> glib::SignalHandlerId
    where
        F: Fn(&Self, &str) + Send + Sync + 'static,
    {
        self.as_ref().connect(SIGNAL, false, move |values| {
            let connection = values.first()?.get::<super::DtlsConnection>().ok()?;
            let line = values.get(1)?.get::<&str>().ok()?;
            handler(connection.downcast_ref::<Self>()?, line);
            None
        })
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsKeylogExt for T {}
