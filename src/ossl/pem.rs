//! PEM texts (RFC 7468).

use openssl::base64;

use super::queue;
use crate::error::Error;

/// One block of a text.
struct Block<'a> {
    /// What it says to be, such as `CERTIFICATE`.
    label: &'a [u8],
    /// The lines between; nothing where the last line is not that of this block.
    body: Option<&'a [u8]>,
}

impl Block<'_> {
    /// What the body encodes; nothing if there is more in it than base64 with line breaks.
    fn data(&self) -> Option<Vec<u8>> {
        let mut body = self.body?.to_vec();
        body.retain(|byte| !byte.is_ascii_whitespace());
        let text = String::from_utf8(body).ok()?;
        let digits = text.trim_end_matches('=');
        let padding = text.len() - digits.len();
        // OpenSSL takes what is padding at the end for a digit elsewhere.
        if padding > 2 || digits.contains('=') {
            return None;
        }
        let data = base64::decode_block(&text).ok();
        queue::clear();
        data
    }
}

/// The encodings of a text's certificates, in order. Blocks of other kinds are left out.
pub(crate) fn certificates(text: &[u8]) -> impl Iterator<Item = Result<Vec<u8>, Error>> {
    encodings(text, &[b"CERTIFICATE", b"X509 CERTIFICATE"])
}

/// The encodings of a text's certificate revocation lists, in order.
pub(crate) fn revocation_lists(text: &[u8]) -> impl Iterator<Item = Result<Vec<u8>, Error>> {
    encodings(text, &[b"X509 CRL"])
}

fn encodings<'a>(
    text: &'a [u8],
    labels: &'static [&'static [u8]],
) -> impl Iterator<Item = Result<Vec<u8>, Error>> + 'a {
    blocks(text)
        .filter(|block| labels.contains(&block.label))
        .map(|block| {
            block.data().ok_or_else(|| {
                let label = String::from_utf8_lossy(block.label);
                Error::BadCertificate(format!("Could not decode a PEM block of type {label}"))
            })
        })
}

/// The blocks of a text, in order; whatever is between them is left out.
fn blocks(text: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            if let Some(label) = enclosed(line, b"-----BEGIN ") {
                let (body, after) = until_end(after, label);
                rest = after;
                return Some(Block { label, body });
            }
            rest = after;
        }
        None
    })
}

/// The body at the beginning of a text, and what follows its last line.
fn until_end<'a>(text: &'a [u8], label: &[u8]) -> (Option<&'a [u8]>, &'a [u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        if let Some(end) = enclosed(line, b"-----END ") {
            let body = text.get(..text.len() - rest.len());
            return (body.filter(|_| end == label), after);
        }
        rest = after;
    }
    (None, rest)
}

/// The label in a line that begins or ends a block.
fn enclosed<'a>(line: &'a [u8], begin: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(begin)?
        .trim_ascii_end()
        .strip_suffix(b"-----")
}

/// The first line and what follows it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b'\n');
    text.split_at(end.map_or(text.len(), |end| end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> Vec<Option<Vec<u8>>> {
        blocks(text.as_bytes()).map(|block| block.data()).collect()
    }

    fn body(text: &str) -> Option<Vec<u8>> {
        let text = format!("-----BEGIN X-----\n{text}\n-----END X-----\n");
        let mut found = data(&text);
        assert_eq!(found.len(), 1);
        found.pop().unwrap()
    }

    #[test]
    fn bodies_are_decoded_as_openssl_does() {
        for length in 0..100_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            let text = openssl::base64::encode_block(&bytes);
            assert_eq!(body(&text), Some(bytes.clone()));
            let (head, tail) = text.split_at(text.len() / 2);
            assert_eq!(body(&format!("{head}\r\n {tail}\n")), Some(bytes));
        }
    }

    #[test]
    fn anything_but_base64_is_left_to_others() {
        for text in [
            "AAA",
            "A",
            "AA=A",
            "A===",
            "====",
            "AA==AAAA",
            "AA-A",
            "a: b\n\nAAAA",
        ] {
            assert_eq!(body(text), None, "{text}");
        }
    }

    #[test]
    fn blocks_are_found_in_order_with_their_labels() {
        let text = "x\n-----BEGIN A-----\r\nAAAA\r\n-----END A-----\r\nbetween\n \
                    -----BEGIN NOT-----\n-----BEGIN B C-----\nAAEC\n-----END B C-----";
        let labels: Vec<&[u8]> = blocks(text.as_bytes()).map(|block| block.label).collect();
        assert_eq!(labels, [b"A".as_slice(), b"B C"]);
        assert_eq!(data(text), [Some(vec![0, 0, 0]), Some(vec![0, 1, 2])]);
    }

    #[test]
    fn unfinished_and_crossed_blocks_have_no_data() {
        for text in [
            "-----BEGIN A-----",
            "-----BEGIN A-----\nAAAA\n",
            "-----BEGIN A-----\nAAAA\n-----END B-----\n",
            "-----BEGIN A-----\nAAAA\n-----BEGIN A-----\nAAAA\n-----END A-----\n",
        ] {
            assert_eq!(data(text), [None], "{text}");
        }
    }
}
