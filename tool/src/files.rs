//! The files that options name: authorities, certificates, keys, passwords.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use gio::prelude::*;
use gio_ossl::{Certificate, Database, FileDatabase};
use openssl::{pkey::PKey, x509::X509};
use zeroize::Zeroizing;

use crate::{cli::Credentials, failure::Failure};

/// No certificate or key is larger; a mistyped name of a device would never end.
const LARGEST_FILE: u64 = 16 << 20;

/// What a file holds; wiped afterwards, because it may be a key.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failure = |error: &dyn std::fmt::Display| Failure::file(path.display(), error);
    let file = File::open(path).map_err(|error| failure(&error))?;
    // At once as much as is allowed, so that no copy is left behind by growing.
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let capacity = usize::try_from(length.min(LARGEST_FILE)).unwrap_or(0) + 1;
    let mut contents = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut contents)
        .map_err(|error| failure(&error))?;
    if contents.len() as u64 > LARGEST_FILE {
        return Err(failure(&"has more than 16 MiB"));
    }
    Ok(contents)
}

/// The authorities to trust: a file's, or the system's.
pub fn authorities(file: Option<&Path>) -> Result<gio::TlsDatabase, Failure> {
    let Some(path) = file else {
        return Ok(Database::new().upcast());
    };
    let absolute = std::path::absolute(path).map_err(|it| Failure::file(path.display(), it))?;
    let database = FileDatabase::new(&absolute);
    database.map(Cast::upcast).map_err(|error| {
        Failure::usage(error.to_string())
            .hint("it must be PEM: openssl x509 -inform DER -in FILE -out ca.pem makes PEM of DER")
    })
}

/// The certificate of the options, with its issuers and its key.
pub fn credentials(options: &Credentials) -> Result<Option<Certificate>, Failure> {
    let Some(path) = &options.certificate else {
        return Ok(None);
    };
    let contents = read(path)?;
    let password = password(options.password_file.as_ref())?;
    let key = match &options.key {
        Some(key) => Some((key, read(key)?)),
        None => None,
    };

    let password = password.as_ref().map(|it| it.as_str());
    let certificate = certificate(path, &contents, password, key.as_ref())?;
    let key_path = options.key.as_ref().unwrap_or(path);
    match key_fits(&certificate) {
        Some(true) => {}
        Some(false) => {
            let failure = Failure::file(key_path.display(), "is the key of another certificate");
            return Err(failure.hint(format!("the certificate is from {}", path.display())));
        }
        None => {
            let failure = Failure::file(path.display(), "has no private key");
            return Err(failure.hint("name the file of the private key with --key"));
        }
    }
    Ok(Some(certificate))
}

fn certificate(
    path: &Path,
    contents: &[u8],
    password: Option<&str>,
    key: Option<&(&PathBuf, Zeroizing<Vec<u8>>)>,
) -> Result<Certificate, Failure> {
    if is_container(contents) {
        if key.is_some() {
            return Err(Failure::usage(
                "--key goes with a certificate in PEM or DER; a PKCS #12 container has its own",
            ));
        }
        return container(path, contents, password);
    }
    let mut builder = gio::Initable::builder::<Certificate>();
    builder = match std::str::from_utf8(contents) {
        Ok(text) if is_pem(contents) => builder.property("certificate-pem", text),
        _ => builder.property("certificate", glib::ByteArray::from(contents)),
    };
    let key_path = key.map_or(path, |(path, _)| path);
    let key_contents = key.map_or(contents, |(_, contents)| contents);
    builder = match std::str::from_utf8(key_contents) {
        Ok(text) if has_key(text) => builder.property("private-key-pem", text),
        Ok(_) if is_pem(key_contents) && key.is_some() => {
            return Err(Failure::file(key_path.display(), "has no private key"));
        }
        _ if key.is_some() => builder.property("private-key", glib::ByteArray::from(key_contents)),
        _ => builder,
    };
    builder.build(gio::Cancellable::NONE).map_err(|error| {
        let failure = Failure::file(path.display(), error.message());
        if key.is_some() {
            failure.hint(format!("the key is from {}", key_path.display()))
        } else {
            failure
        }
    })
}

/// Whether the private key belongs to the certificate; `None` without a key.
fn key_fits(certificate: &Certificate) -> Option<bool> {
    let key: Option<glib::ByteArray> = certificate.property("private-key");
    let key = PKey::private_key_from_der(&key?).ok()?;
    let certificate = X509::from_der(&certificate.certificate()?).ok()?;
    let public = certificate.public_key().ok()?;
    Some(public.public_eq(&key))
}

/// A PKCS #12 container's certificate.
pub fn container(path: &Path, data: &[u8], password: Option<&str>) -> Result<Certificate, Failure> {
    let certificate = gio::Initable::builder::<Certificate>()
        .property("pkcs12-data", glib::ByteArray::from(data))
        .property("password", password)
        .build(gio::Cancellable::NONE);
    certificate.map_err(|error| {
        let failure = Failure::file(path.display(), error.message());
        if error.matches(gio::TlsError::BadCertificatePassword) {
            failure.hint("--password-file FILE opens it with the first line of FILE")
        } else {
            failure
        }
    })
}

/// The first line of a file.
pub fn password(file: Option<&PathBuf>) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(path) = file else { return Ok(None) };
    let contents = read(path)?;
    let line = contents.split(|byte| *byte == b'\n').next();
    let line = line.unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line);
    let text = text.map_err(|_| Failure::file(path.display(), "is not text in UTF-8"))?;
    Ok(Some(Zeroizing::new(text.into())))
}

/// Whether this is text with a PEM block.
pub fn is_pem(contents: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    contents.windows(BEGIN.len()).any(|window| window == BEGIN)
}

/// Whether this is a PKCS #12 container: a sequence that begins with the version 3 (RFC 7292, 4).
pub fn is_container(contents: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = contents else {
        return false;
    };
    let skipped = match length {
        0x81..=0x84 => usize::from(length - 0x80),
        _ => 0,
    };
    rest.get(skipped..)
        .is_some_and(|value| value.starts_with(&[0x02, 0x01, 0x03]))
}

/// Whether a PEM text has a block with a private key.
pub fn has_key(text: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_from_certificates() {
        assert!(is_container(&[0x30, 0x82, 0x01, 0x00, 0x02, 0x01, 0x03]));
        assert!(is_container(&[0x30, 0x80, 0x02, 0x01, 0x03]));
        assert!(!is_container(&[0x30, 0x82, 0x01, 0x00, 0x30, 0x01, 0x03]));
        assert!(!is_container(b""));
        assert!(!is_container(&[0x30, 0x84]));
    }

    #[test]
    fn keys_are_found_by_their_label() {
        assert!(has_key("x\n-----BEGIN EC PRIVATE KEY-----\n"));
        assert!(!has_key("-----BEGIN PUBLIC KEY-----\n"));
        assert!(!has_key("PRIVATE KEY-----"));
    }
}
