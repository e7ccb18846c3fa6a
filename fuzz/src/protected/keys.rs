//! What a peer protects its records with, worked out from the secrets of the handshake.

use gio_ossl::engine::{Engine, Role};
use openssl::{
    cipher::{Cipher, CipherRef},
    cipher_ctx::CipherCtx,
    error::ErrorStack,
    hash::MessageDigest,
};

use crate::{ends::advance, engines::datagrams, prf::expand};

/// A cipher, by the suites that have it and by what it needs.
pub(super) struct Kind {
    pub(super) with_key: &'static str,
    pub(super) with_certificate: &'static str,
    cipher: fn() -> &'static CipherRef,
    /// Of the pseudorandom function.
    hash: fn() -> MessageDigest,
    key: usize,
    /// The part of the nonce that is a secret: with the record's number behind it, which the record
    /// tells, or mixed into it.
    salt: usize,
    tag: usize,
}

/// One for each way to make a nonce and each length of what is added to a record.
pub(super) const KINDS: [Kind; 4] = [
    Kind {
        with_key: "PSK-AES128-GCM-SHA256",
        with_certificate: "ECDHE-ECDSA-AES128-GCM-SHA256",
        cipher: Cipher::aes_128_gcm,
        hash: MessageDigest::sha256,
        key: 16,
        salt: PART,
        tag: TAG,
    },
    Kind {
        with_key: "PSK-AES256-GCM-SHA384",
        with_certificate: "ECDHE-ECDSA-AES256-GCM-SHA384",
        cipher: Cipher::aes_256_gcm,
        hash: MessageDigest::sha384,
        key: 32,
        salt: PART,
        tag: TAG,
    },
    Kind {
        with_key: "PSK-CHACHA20-POLY1305",
        with_certificate: "ECDHE-ECDSA-CHACHA20-POLY1305",
        cipher: Cipher::chacha20_poly1305,
        hash: MessageDigest::sha256,
        key: 32,
        salt: WHOLE,
        tag: TAG,
    },
    Kind {
        with_key: "PSK-AES128-CCM8",
        with_certificate: "ECDHE-ECDSA-AES128-CCM8",
        cipher: Cipher::aes_128_ccm,
        hash: MessageDigest::sha256,
        key: 16,
        salt: PART,
        tag: SHORT_TAG,
    },
];
const PART: usize = 4;
const WHOLE: usize = 12;
const TAG: usize = 16;
/// Which CCM alone has.
const SHORT_TAG: usize = 8;

/// What the keys follow from.
pub(super) struct Secrets {
    master: Vec<u8>,
    client_random: Vec<u8>,
    server_random: Vec<u8>,
}

impl Secrets {
    /// Runs both to the end, and looks on. The client writes a key log.
    pub(super) fn of_handshake(client: &mut Engine, server: &mut Engine) -> Self {
        let mut server_random = None;
        loop {
            let done = advance(client) & advance(server);
            datagrams(client).iter().for_each(|it| server.feed(it));
            let back = datagrams(server);
            // Behind the headers of a record and of the ServerHello, and the version.
            let first = back
                .first()
                .map(|hello| hello[13 + 12 + 2..][..32].to_vec());
            server_random = server_random.or(first);
            back.iter().for_each(|it| client.feed(it));
            if done {
                break;
            }
        }
        let lines = client.take_keylog();
        let mut words = lines
            .first()
            .expect("a line")
            .split(' ')
            .skip(1)
            .map(from_hex);
        Self {
            client_random: words.next().expect("the client's random"),
            master: words.next().expect("the secret"),
            server_random: server_random.expect("a ServerHello"),
        }
    }

    /// What this one's peer protects with (RFC 5246, section 6.3).
    pub(super) fn keys(&self, kind: &'static Kind, role: Role) -> Keys {
        let label = b"key expansion".as_slice();
        let seed = [label, &self.server_random, &self.client_random].concat();
        let length = 2 * (kind.key + kind.salt);
        let block = expand((kind.hash)(), &self.master, &seed, length);
        let (keys, salts) = block.split_at(2 * kind.key);
        let index = usize::from(role == Role::Client);
        Keys {
            kind,
            key: keys[index * kind.key..][..kind.key].to_vec(),
            salt: salts[index * kind.salt..][..kind.salt].to_vec(),
        }
    }
}

/// One direction's.
pub(super) struct Keys {
    kind: &'static Kind,
    key: Vec<u8>,
    salt: Vec<u8>,
}

impl Keys {
    /// A protected record (RFC 6347, section 4.1; RFC 5288, section 3; RFC 7905, section 2).
    pub(super) fn protect(&self, kind: u8, epoch: u16, number: u64, content: &[u8]) -> Vec<u8> {
        let number = (u64::from(epoch) << 48 | number).to_be_bytes();
        let (nonce, explicit) = match self.salt.len() {
            WHOLE => {
                let padded = [0; PART].into_iter().chain(number);
                let mixed = self.salt.iter().zip(padded).map(|(salt, it)| salt ^ it);
                (mixed.collect(), [].as_slice())
            }
            _ => ([self.salt.as_slice(), &number].concat(), number.as_slice()),
        };
        let length = (content.len() as u16).to_be_bytes();
        let header = [kind, 0xfe, 0xfd];
        let data = [number.as_slice(), &header, &length].concat();
        let sealed = self.seal(&nonce, &data, content).expect("a record");
        let body = [explicit, &sealed].concat();
        let length = (body.len() as u16).to_be_bytes();
        [header.as_slice(), &number, &length, &body].concat()
    }

    /// The content as nobody can read it, and the tag.
    fn seal(&self, nonce: &[u8], data: &[u8], content: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some((self.kind.cipher)()), None, None)?;
        context.set_iv_length(nonce.len())?;
        let is_ccm = self.kind.tag == SHORT_TAG;
        if is_ccm {
            context.set_tag_length(self.kind.tag)?;
        }
        context.encrypt_init(None, Some(&self.key), Some(nonce))?;
        if is_ccm {
            context.set_data_len(content.len())?;
        }
        context.cipher_update(data, None)?;
        let mut sealed = Vec::new();
        context.cipher_update_vec(content, &mut sealed)?;
        context.cipher_final_vec(&mut sealed)?;
        let mut tag = vec![0; self.kind.tag];
        context.tag(&mut tag)?;
        sealed.extend(tag);
        Ok(sealed)
    }
}

pub(super) fn plaintext(kind: u8, number: u64, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16).to_be_bytes();
    let header = [kind, 0xfe, 0xfd];
    [header.as_slice(), &number.to_be_bytes(), &length, content].concat()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |digits| u8::from_str_radix(std::str::from_utf8(digits).expect("text"), 16);
    digits.map(|digits| byte(digits).expect("digits")).collect()
}
