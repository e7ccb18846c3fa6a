//! The blocks of a PEM text.

/// One block of a PEM text (RFC 7468).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// What it says to be, such as `CERTIFICATE`.
    pub(crate) label: &'a [u8],
    /// From its first line to its last one, or to the end of the text if that is missing.
    pub(crate) text: &'a [u8],
    /// The lines between; nothing where the last line is not that of this block.
    body: Option<&'a [u8]>,
}

impl Block<'_> {
    /// What the body encodes; nothing if there is more in it than base64 with line breaks.
    pub(crate) fn data(&self) -> Option<Vec<u8>> {
        let body = self.body?;
        let mut data = Vec::with_capacity(body.len() / 4 * 3);
        let mut digits = body.iter().filter(|byte| !byte.is_ascii_whitespace());
        let mut padding = 0_usize;
        while let Some(first) = digits.next() {
            if padding > 0 {
                return None;
            }
            let mut group = u32::from(digit(*first)?);
            for _ in 0..3 {
                group <<= 6;
                match digits.next()? {
                    b'=' if padding < 2 => padding += 1,
                    _ if padding > 0 => return None,
                    other => group |= u32::from(digit(*other)?),
                }
            }
            let [_, bytes @ ..] = group.to_be_bytes();
            data.extend_from_slice(bytes.get(..3_usize.checked_sub(padding)?)?);
        }
        Some(data)
    }
}

/// The blocks of a text, in order; whatever is between them is left out.
pub(crate) fn blocks(text: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            if let Some(label) = enclosed(line, b"-----BEGIN ") {
                let (text, body) = until_end(rest, after, label);
                rest = rest.get(text.len()..).unwrap_or_default();
                return Some(Block { label, text, body });
            }
            rest = after;
        }
        None
    })
}

/// The block at the beginning of a text, and its body, which begins at `body`.
fn until_end<'a>(text: &'a [u8], body: &'a [u8], label: &[u8]) -> (&'a [u8], Option<&'a [u8]>) {
    let mut rest = body;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        if let Some(end) = enclosed(line, b"-----END ") {
            let whole = text.get(..text.len() - after.len()).unwrap_or(text);
            let body = body.get(..body.len() - rest.len());
            return (whole, body.filter(|_| end == label));
        }
        rest = after;
    }
    (text, None)
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

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
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
            let block = blocks(text.as_bytes()).next().unwrap();
            assert_eq!(block.text, text.as_bytes());
        }
    }
}
