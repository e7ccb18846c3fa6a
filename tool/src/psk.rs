//! Pre-shared keys (RFC 4279), which are read from files: a command line can be seen by others.

use std::{collections::HashMap, path::Path};

use zeroize::Zeroizing;

use crate::{failure::Failure, files};

/// The bytes of a key, wiped in the end.
pub type Key = Zeroizing<Vec<u8>>;

/// A client's key: one line in hexadecimal.
pub fn key(path: &Path) -> Result<Key, Failure> {
    let text = text(path)?;
    let mut lines = lines(&text);
    match (lines.next(), lines.next()) {
        (Some((_, line)), None) => bytes(line).ok_or_else(|| not_hexadecimal(path, "the key")),
        (None, _) => Err(Failure::file(path.display(), "has no key")),
        (Some(_), Some(_)) => Err(Failure::file(path.display(), "has more than one line")
            .hint("it may have only the key; identities are for the --psk-file of listen")),
    }
}

/// A server's keys by their identities: lines of `identity:key`, the key in hexadecimal.
pub fn keys(path: &Path) -> Result<HashMap<String, Key>, Failure> {
    let text = text(path)?;
    let mut keys = HashMap::new();
    for (number, line) in lines(&text) {
        let line_failure = |reason: &str| {
            let place = format!("{}, line {number}", path.display());
            Failure::file(place, reason)
        };
        let (identity, key) = line
            .rsplit_once(':')
            .ok_or_else(|| line_failure("is not an identity, a colon and a key"))?;
        let key = bytes(key.trim()).ok_or_else(|| {
            let place = format!("the key in line {number}");
            not_hexadecimal(path, &place)
        })?;
        if keys.insert(identity.to_owned(), key).is_some() {
            return Err(line_failure("has an identity for the second time"));
        }
    }
    if keys.is_empty() {
        return Err(Failure::file(path.display(), "has no keys"));
    }
    Ok(keys)
}

fn text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let contents = files::read(path)?;
    let text = std::str::from_utf8(&contents);
    let text = text.map_err(|_| Failure::file(path.display(), "is not text in UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The lines with their numbers, without empty ones and comments.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = (1..).zip(text.lines().map(str::trim));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The failure does not show what stands there, which may be a key all the same.
fn not_hexadecimal(path: &Path, what: &str) -> Failure {
    let reason = format!("{what} is not 1 to 512 bytes in hexadecimal");
    Failure::file(path.display(), reason).hint("openssl rand -hex 32 makes a good key")
}

fn bytes(text: &str) -> Option<Key> {
    let digits = text.as_bytes();
    let mut key = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    for pair in digits.chunks(2) {
        let [high, low] = pair else { return None };
        let value = |digit: u8| char::from(digit).to_digit(16);
        let byte = value(*high)? << 4 | value(*low)?;
        key.push(u8::try_from(byte).ok()?);
    }
    (1..=512).contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hexadecimal() {
        assert_eq!(bytes("00fFa5").unwrap().as_slice(), [0, 0xff, 0xa5]);
        let long = "00".repeat(513);
        for text in ["", "0", "0g", "0x00", "00 11", "+1", "\u{e4}", &long] {
            assert!(bytes(text).is_none(), "{text}");
        }
    }

    #[test]
    fn comments_and_empty_lines_do_not_count() {
        let found: Vec<_> = lines("# keys\n\n a:00 \n").collect();
        assert_eq!(found, [(3, "a:00")]);
    }
}
