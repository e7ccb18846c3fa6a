//! Whoever has the keys of a session, and breaks the protocol.

use gio_ossl::engine::{Config, Protocol};
use openssl::{
    hash::MessageDigest,
    pkey::PKey,
    sign::Signer,
    symm::{Cipher, encrypt_aead},
};

const HANDSHAKE: u8 = 22;

/// Seals records in the place of one end.
pub struct Insider {
    key: Vec<u8>,
    salt: Vec<u8>,
    number: u64,
}

impl Insider {
    /// A datagram of one record.
    pub fn seal(&mut self, kind: u8, fragment: &[u8]) -> Vec<u8> {
        self.number += 1;
        let mut header = (self.number | 1 << 48).to_be_bytes().to_vec();
        let explicit = header.clone();
        header.extend([kind, 0xfe, 0xfd]);
        let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
        let mut tag = [0; 16];
        let sealed = encrypt_aead(
            Cipher::aes_128_gcm(),
            &self.key,
            Some(&[&self.salt[..], &explicit].concat()),
            &[&header[..], &length(fragment.len())].concat(),
            fragment,
            &mut tag,
        );
        let sealed = [&explicit[..], &sealed.unwrap(), &tag].concat();
        let start = [kind, 0xfe, 0xfd];
        [&start[..], &explicit, &length(sealed.len()), &sealed].concat()
    }

    /// A datagram of one handshake message.
    pub fn say(&mut self, kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
        let [_, l0, l1, l2] = u32::try_from(body.len()).unwrap().to_be_bytes();
        let [s0, s1] = sequence.to_be_bytes();
        let header = [kind, l0, l1, l2, s0, s1, 0, 0, 0, l0, l1, l2];
        self.seal(HANDSHAKE, &[&header[..], body].concat())
    }
}

/// P_SHA256 of RFC 5246, section 5.
fn expand(secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let key = PKey::hmac(secret).unwrap();
    let hmac = |data: &[u8]| {
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        signer.sign_oneshot_to_vec(data).unwrap()
    };
    let (mut output, mut chain) = (Vec::new(), seed.to_vec());
    while output.len() < length {
        chain = hmac(&chain);
        output.extend(hmac(&[&chain[..], seed].concat()));
    }
    output.truncate(length);
    output
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A configuration whose keys come out, and are for a suite that is known here.
pub fn telling(config: Config) -> Config {
    Config {
        keylog: true,
        protocol: Protocol::default()
            .with_cipher_list(Some("ECDHE-ECDSA-AES128-GCM-SHA256"), false)
            .unwrap(),
        ..config
    }
}

/// Who can speak for the client and for the server of a session, by the line of its key log and the datagram
/// with the ServerHello.
pub fn insiders(line: &str, hello: &[u8]) -> [Insider; 2] {
    // Behind the headers of the record and of the ServerHello, and the version.
    let server_random = &hello[27..59];
    let words: Vec<&str> = line.split(' ').collect();
    let seed = [b"key expansion", server_random, &from_hex(words[1])].concat();
    let keys = expand(&from_hex(words[2]), &seed, 40);
    let insider = |key: usize, salt: usize| Insider {
        key: keys[key..key + 16].to_vec(),
        salt: keys[salt..salt + 4].to_vec(),
        number: 1000,
    };
    [insider(0, 32), insider(16, 36)]
}
