//! Application data of no bytes, which OpenSSL never sends and other implementations do.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/prf.rs"]
mod prf;
#[path = "common/raw.rs"]
#[allow(dead_code)]
mod raw;

use engines::{config, datagrams};
use gio_ossl::engine::{Engine, Opened, Role, Step};
use openssl::{
    hash::MessageDigest,
    ssl::SslOptions,
    symm::{Cipher, encrypt_aead},
};
use pki::{Leaf, Pki};
use prf::expand;
use raw::Raw;

const KEY: usize = 32;
const SALT: usize = 4;
const TAG: usize = 16;

/// A record of the client's application data (RFC 6347, section 4.1; RFC 5288, section 3).
fn client_record(client: &Raw, number: u64, message: &[u8]) -> Vec<u8> {
    let ssl = client.ssl();
    let mut secret = [0; 48];
    ssl.session().unwrap().master_key(&mut secret);
    let mut randoms = [0; 64];
    ssl.server_random(&mut randoms[..32]);
    ssl.client_random(&mut randoms[32..]);
    let seed = [b"key expansion".as_slice(), &randoms].concat();
    let keys = expand(MessageDigest::sha384(), &secret, &seed, 2 * (KEY + SALT));

    let number = (1 << 48 | number).to_be_bytes();
    let nonce = [&keys[2 * KEY..][..SALT], &number].concat();
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    let header = [23, 0xfe, 0xfd];
    let data = [number.as_slice(), &header, &length].concat();
    let mut tag = [0; TAG];
    let cipher = Cipher::aes_256_gcm();
    let sealed = encrypt_aead(cipher, &keys[..KEY], Some(&nonce), &data, message, &mut tag);
    let body = [number.as_slice(), &sealed.unwrap(), &tag].concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [header.as_slice(), &number, &length, &body].concat()
}

#[test]
fn empty_message_is_a_message_and_no_end() {
    let issued = Pki::new().issue(Leaf::new("server.example"));
    let mut server = config(Role::Server);
    server.credentials = Some((vec![issued.certificate], issued.key));
    let mut server = Engine::new(&server).unwrap();
    let context = raw::client(SslOptions::empty());
    let mut client = Raw::connect(&context, None);
    loop {
        let done = client.handshake() & matches!(server.handshake(), Step::Established);
        client.take_outgoing().iter().for_each(|it| server.feed(it));
        datagrams(&mut server)
            .iter()
            .for_each(|it| client.receive(it));
        if done {
            break;
        }
    }
    let suite = client.ssl().current_cipher().unwrap().name();
    assert!(suite.ends_with("AES256-GCM-SHA384"), "{suite}");

    for (number, message) in [b"one".as_slice(), b"", b"", b"four"].iter().enumerate() {
        server.feed(&client_record(&client, 100 + number as u64, message));
    }
    // From 3.2 on OpenSSL drops them.
    let mut expected = vec![(16, b"one".as_slice()), (16, b""), (0, b""), (16, b"four")];
    if openssl::version::number() >= 0x3020_0000 {
        expected.retain(|(_, message)| !message.is_empty());
    }
    for (room, message) in expected {
        let mut buffer = vec![0; room];
        assert!(server.is_readable());
        let opened = server.open(&mut buffer).unwrap();
        let length = message.len();
        let truncated = false;
        assert_eq!(opened, Opened::Message { length, truncated });
        assert_eq!(&buffer[..length], message);
    }
    assert_eq!(server.open(&mut [0; 16]).unwrap(), Opened::Nothing);
}
