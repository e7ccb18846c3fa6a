//! How much work a container may ask for.

use std::ptr;

use openssl_sys::X509_ALGOR;

use super::{WHAT, sys::i2d_X509_ALGOR};
use crate::error::Error;

/// How many rounds a container may ask for in total: a few seconds of work. Whoever makes a container
/// chooses the number, and the largest possible one would take hours. Common are up to a million.
const MAX_ROUNDS: u64 = 5_000_000;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The rounds that are left.
pub struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_ROUNDS)
    }
}

impl Budget {
    /// Allows so many rounds, or refuses them.
    pub fn spend(&mut self, rounds: u64) -> Result<(), Error> {
        let left = self.0.checked_sub(rounds);
        self.0 = left.ok_or_else(|| {
            let text =
                format!("{WHAT}: it asks for more than {MAX_ROUNDS} rounds of key derivation");
            Error::BadCertificate(text)
        })?;
        Ok(())
    }

    /// Allows what an algorithm asks for, or refuses it.
    ///
    /// # Safety
    ///
    /// `algorithm` is NULL or alive.
    pub unsafe fn spend_on(&mut self, algorithm: *const X509_ALGOR) -> Result<(), Error> {
        // SAFETY: by the caller's guarantee.
        let encoding = unsafe { encode(algorithm) };
        let cost = encoding.as_deref().and_then(rounds);
        let cost = cost.ok_or_else(|| {
            Error::BadCertificate(format!("{WHAT}: an algorithm's parameters are malformed"))
        })?;
        self.spend(cost)
    }
}

/// # Safety
///
/// `algorithm` is NULL or alive.
unsafe fn encode(algorithm: *const X509_ALGOR) -> Option<Vec<u8>> {
    if algorithm.is_null() {
        return None;
    }
    // SAFETY: by the caller's guarantee; without a buffer only the length is told.
    let length = unsafe { i2d_X509_ALGOR(algorithm, ptr::null_mut()) };
    let mut encoding = vec![0; usize::try_from(length).ok()?];
    let mut position = encoding.as_mut_ptr();
    // SAFETY: as above; the buffer has the length that OpenSSL has told.
    let written = unsafe { i2d_X509_ALGOR(algorithm, &mut position) };
    (written == length).then_some(encoding)
}

/// The rounds that an AlgorithmIdentifier asks for, by the shape of its parameters: those of PBES1
/// (RFC 8018, A.3), PKCS #12 (RFC 7292, C) and PBKDF2 begin with salt and count, those of scrypt
/// (RFC 7914, 7) with salt, cost, block size and parallelization. `None`: not understood.
fn rounds(algorithm: &[u8]) -> Option<u64> {
    match parameters(algorithm)? {
        // PBES2 and PBMAC1 begin with an algorithm of their own.
        Some(inner) if inner.first() == Some(&SEQUENCE) => {
            parameters(inner)?.map_or(Some(0), derivation)
        }
        Some(own) => derivation(own),
        None => Some(0),
    }
}

/// What the parameters of an AlgorithmIdentifier contain, if it has such ones.
fn parameters(algorithm: &[u8]) -> Option<Option<&[u8]>> {
    let (SEQUENCE, content, _) = value(algorithm)? else {
        return None;
    };
    let (_, _, parameters) = value(content)?;
    if parameters.is_empty() {
        return Some(None);
    }
    let (tag, content, _) = value(parameters)?;
    Some((tag == SEQUENCE).then_some(content))
}

/// The product of the counts that follow a salt.
fn derivation(parameters: &[u8]) -> Option<u64> {
    let (OCTET_STRING, _, mut rest) = value(parameters)? else {
        return None;
    };
    let mut numbers = Vec::new();
    while let Some((INTEGER, number, behind)) = value(rest) {
        numbers.push(unsigned(number));
        rest = behind;
    }
    match numbers.as_slice() {
        // The second one is a key length.
        [count] | [count, _] => Some(*count),
        [cost, block_size, parallelization, ..] => Some(
            cost.saturating_mul(*block_size)
                .saturating_mul(*parallelization),
        ),
        [] => None,
    }
}

/// The number, or the largest possible one for those that are larger or negative.
fn unsigned(content: &[u8]) -> u64 {
    let negative = content.first().is_none_or(|first| first & 0x80 != 0);
    if negative || content.len() > 8 {
        return u64::MAX;
    }
    content
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The first value: its tag, its content, and what follows it. Definite lengths only.
fn value(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = data.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of less than 128 bytes.
    fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u8::try_from(content.len()).unwrap();
        [&[tag, length][..], &content].concat()
    }

    fn algorithm(parameters: &[u8]) -> Vec<u8> {
        value(SEQUENCE, &[&value(0x06, &[&[0x2a, 3]]), parameters])
    }

    fn derived(numbers: &[&[u8]]) -> Vec<u8> {
        let numbers = numbers.iter().map(|number| value(INTEGER, &[number]));
        let salt = value(OCTET_STRING, &[b"salt"]);
        let content: Vec<Vec<u8>> = [salt].into_iter().chain(numbers).collect();
        let content: Vec<&[u8]> = content.iter().map(Vec::as_slice).collect();
        value(SEQUENCE, &content)
    }

    #[test]
    fn algorithms_without_derivation_cost_nothing() {
        assert_eq!(rounds(&algorithm(&[])), Some(0));
        assert_eq!(rounds(&algorithm(&[0x05, 0])), Some(0));
    }

    #[test]
    fn count_follows_the_salt() {
        assert_eq!(rounds(&algorithm(&derived(&[&[8, 0]]))), Some(2048));
        let with_length = derived(&[&[8, 0], &[32]]);
        assert_eq!(rounds(&algorithm(&with_length)), Some(2048));
    }

    #[test]
    fn count_is_found_inside_of_pbes2() {
        let function = algorithm(&derived(&[&[8, 0]]));
        let both = value(SEQUENCE, &[&function, &algorithm(&[])]);
        assert_eq!(rounds(&algorithm(&both)), Some(2048));
    }

    #[test]
    fn cost_of_scrypt_is_the_product() {
        let parameters = derived(&[&[0x40, 0], &[8], &[2], &[32]]);
        assert_eq!(rounds(&algorithm(&parameters)), Some(16384 * 8 * 2));
        let huge = [0x7f; 8];
        let parameters = derived(&[&huge, &huge, &huge]);
        assert_eq!(rounds(&algorithm(&parameters)), Some(u64::MAX));
    }

    #[test]
    fn negative_and_oversized_counts_are_the_largest() {
        for count in [&[0xff][..], &[1; 9], &[]] {
            assert_eq!(rounds(&algorithm(&derived(&[count]))), Some(u64::MAX));
        }
    }

    #[test]
    fn what_is_not_understood_has_no_cost() {
        let indefinite = [SEQUENCE, 0x80, OCTET_STRING, 1, 0, INTEGER, 1, 1, 0, 0];
        let without_count = derived(&[]);
        for parameters in [&indefinite[..], &without_count, &[SEQUENCE, 5, 0]] {
            assert_eq!(rounds(&algorithm(parameters)), None);
        }
        assert_eq!(rounds(&[]), None);
    }

    #[test]
    fn budget_is_for_all_parts_together() {
        let mut budget = Budget::default();
        budget.spend(MAX_ROUNDS).unwrap();
        budget.spend(0).unwrap();
        assert!(budget.spend(1).is_err());
    }
}
