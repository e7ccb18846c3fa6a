//! The pseudorandom function of TLS 1.2 (RFC 5246, section 5).

use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};

/// `length` bytes, of `secret` and of `seed` with its label.
pub(crate) fn expand(hash: MessageDigest, secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let key = PKey::hmac(secret).unwrap();
    let hash = |data: &[&[u8]]| {
        let mut signer = Signer::new(hash, &key).unwrap();
        data.iter().for_each(|part| signer.update(part).unwrap());
        signer.sign_to_vec().unwrap()
    };
    let mut a = hash(&[seed]);
    let mut output = Vec::new();
    while output.len() < length {
        output.extend(hash(&[&a, seed]));
        a = hash(&[&a]);
    }
    output.truncate(length);
    output
}
