//! An established association whose peer, or whoever has its keys, sends any records it likes: they are
//! well protected, so that nothing stops them before OpenSSL looks into them.

use std::collections::HashMap;

use gio_ossl::engine::{Config, Engine, MAX_PLAINTEXT, Opened, Protocol, Role};
use openssl::{
    hash::MessageDigest,
    pkey::PKey,
    sign::Signer,
    symm::{Cipher, encrypt_aead},
};

use crate::{
    assert_no_error_is_left,
    ends::{advance, config, handshake_message, keyed},
    engines::datagrams,
    script::Script,
};

const MOST_OPERATIONS: usize = 200;
/// Datagrams that one record is answered with: our last flight, an alert.
const MOST_ANSWERS: usize = 16;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// A first byte for who is attacked and what was agreed on, and then a byte for each operation, with what
/// it takes.
pub fn protected(data: &[u8]) {
    let mut script = Script::new(data);
    let mut play = Play::new(script.byte());
    for _ in 0..MOST_OPERATIONS {
        let Some(operation) = script.next() else {
            break;
        };
        play.act(operation, &mut script);
    }
    play.end();
    assert_no_error_is_left();
}

/// One side, established, and its peer's keys.
struct Play {
    attacked: Role,
    victim: Engine,
    keys: Keys,
    /// The number of the next record of the peer.
    number: u64,
    /// What is application data and must come out, by its number in our own count.
    said: HashMap<Vec<u8>, usize>,
    /// Records that wait to go in one datagram.
    datagram: Vec<u8>,
    /// Whether an authentic record has said something that may end the association, or the peer's
    /// direction.
    may_fail: bool,
    may_end: bool,
    /// Whether the peer has asked for a new handshake.
    was_asked: bool,
    failed: bool,
    ended: bool,
    closed: bool,
}

impl Play {
    fn new(choice: u8) -> Self {
        let suite = |role| match choice & 2 {
            0 => keyed(role, "PSK-AES128-GCM-SHA256", None),
            _ => {
                let suites = Some("ECDHE-ECDSA-AES128-GCM-SHA256");
                let protocol = Protocol::default().with_cipher_list(suites, false);
                let protocol = protocol.expect("a suite");
                Config {
                    protocol,
                    ..config(role)
                }
            }
        };
        let [mut client, mut server] = [Role::Client, Role::Server].map(|role| {
            let keylog = role == Role::Client;
            let config = Config {
                keylog,
                ..suite(role)
            };
            Engine::new(&config).expect("an engine")
        });
        let secrets = Secrets::of_handshake(&mut client, &mut server);
        let (attacked, victim) = match choice & 1 {
            0 => (Role::Client, client),
            _ => (Role::Server, server),
        };
        Self {
            attacked,
            victim,
            keys: secrets.keys(attacked),
            number: 100,
            said: HashMap::new(),
            datagram: Vec::new(),
            may_fail: false,
            may_end: false,
            was_asked: false,
            failed: false,
            ended: false,
            closed: false,
        }
    }

    fn act(&mut self, operation: u8, script: &mut Script<'_>) {
        match operation & 0x0f {
            0 => self.speak(APPLICATION_DATA, script.bytes().to_vec()),
            1 => self.speak(APPLICATION_DATA, vec![7; script.below(MAX_PLAINTEXT + 1)]),
            2 => self.speak(ALERT, vec![script.byte(), script.byte()]),
            3 => self.speak(ALERT, script.bytes().to_vec()),
            4 => self.speak(HANDSHAKE, script.bytes().to_vec()),
            5 => {
                let (kind, sequence) = (script.byte(), script.byte());
                let message = handshake_message(kind, sequence, script.bytes());
                self.speak(HANDSHAKE, message);
            }
            6 => self.speak(CHANGE_CIPHER_SPEC, vec![script.byte()]),
            7 => self.speak(script.byte(), script.bytes().to_vec()),
            // Longer than records may be, up to what a datagram carries.
            8 => self.speak(script.byte(), vec![1; MAX_PLAINTEXT + script.below(45_000)]),
            9 => self.speak_in_epoch(u16::from(script.byte()), script),
            10 => self.number += 1 + script.below(1 << 16) as u64,
            // An older number: some are replayed, some are too old, some are new.
            11 => {
                let now = self.number;
                self.number = now.saturating_sub(1 + script.below(100) as u64);
                let kind = script.byte();
                self.interject(kind, script.bytes().to_vec());
                self.number = now;
            }
            12 => {
                self.flush();
                let result = self.victim.seal(&[3; 100]);
                assert!(result.is_ok() || self.closed || self.may_fail, "{result:?}");
                self.failed |= result.is_err();
            }
            13 => {
                self.flush();
                self.victim.close();
                self.closed = true;
            }
            14 => {
                self.flush();
                self.victim.on_deadline();
                self.victim.rest(std::time::Instant::now());
            }
            _ => {
                self.flush();
                self.victim.feed(script.bytes());
            }
        }
        // Otherwise the next record goes into the same datagram.
        if operation & 0x80 == 0 {
            self.flush();
        }
        // Otherwise the next datagram arrives before this one is looked at.
        if operation & 0x40 == 0 {
            self.hear();
        }
    }

    /// A record with the next number, and what it entitles to.
    fn speak(&mut self, kind: u8, content: Vec<u8>) {
        self.interject(kind, content);
        self.number += 1;
    }

    fn interject(&mut self, kind: u8, content: Vec<u8>) {
        match kind {
            APPLICATION_DATA if content.len() <= MAX_PLAINTEXT => {
                *self.said.entry(content.clone()).or_default() += 1;
            }
            ALERT if content == CLOSE_NOTIFY => self.may_end = true,
            CHANGE_CIPHER_SPEC => {}
            // With OpenSSL 3.0.19 a second one makes the next message fatal.
            HANDSHAKE if !self.was_asked && self.is_renegotiation(&content) => {
                self.was_asked = true;
            }
            // A fatal alert, or what no peer has any reason to send; and OpenSSL 3.0.19 takes one warning for too
            // many.
            _ => self.may_fail = true,
        }
        let record = self.keys.protect(kind, 1, self.number, &content);
        self.put(record);
    }

    /// Whether a message asks for a new handshake: it is not answered. A new handshake begins to count
    /// (RFC 6347, section 4.2.2).
    fn is_renegotiation(&self, content: &[u8]) -> bool {
        let message = match self.attacked {
            Role::Client => handshake_message(HELLO_REQUEST, 0, &[]),
            Role::Server => handshake_message(CLIENT_HELLO, 0, &content[12.min(content.len())..]),
        };
        content == message
    }

    /// Whatever is not of this epoch is nobody's.
    fn speak_in_epoch(&mut self, epoch: u16, script: &mut Script<'_>) {
        let kind = script.byte();
        let content = script.bytes();
        let record = match epoch {
            0 => plaintext(kind, self.number, content),
            1 => return,
            _ => self.keys.protect(kind, epoch, self.number, content),
        };
        self.put(record);
    }

    fn put(&mut self, record: Vec<u8>) {
        if self.datagram.len() + record.len() > usize::from(u16::MAX) {
            self.flush();
        }
        self.datagram.extend(record);
    }

    fn flush(&mut self) {
        if !self.datagram.is_empty() {
            self.victim.feed(&std::mem::take(&mut self.datagram));
        }
    }

    /// Opens all there is.
    fn hear(&mut self) {
        let mut buffer = vec![0; MAX_PLAINTEXT];
        for _ in 0..=4 * MOST_OPERATIONS {
            match self.victim.open(&mut buffer) {
                Ok(Opened::Message { length, truncated }) => {
                    assert!(!truncated && !self.failed && !self.ended);
                    let left = self.said.get_mut(&buffer[..length]);
                    let left = left.expect("a message that the peer has said");
                    *left = left.checked_sub(1).expect("no message comes twice");
                }
                Ok(Opened::Nothing) => return self.check_answers(),
                Ok(Opened::End) => {
                    assert!(self.may_end, "only the peer ends its direction");
                    self.ended = true;
                    return self.check_answers();
                }
                Err(error) => {
                    assert!(self.may_fail || self.failed, "{error}");
                    self.failed = true;
                    return self.check_answers();
                }
            }
        }
        panic!("there is no end of messages");
    }

    fn check_answers(&mut self) {
        let answers = datagrams(&mut self.victim);
        assert!(answers.len() <= MOST_OPERATIONS.max(MOST_ANSWERS));
    }

    /// Where nothing speaks against it, a message still gets through.
    fn end(&mut self) {
        self.flush();
        self.hear();
        if !self.may_fail && !self.may_end && !self.failed {
            let message = b"still there".to_vec();
            let before = self.said.get(&message).copied().unwrap_or_default();
            self.number += 1 << 20;
            self.speak(APPLICATION_DATA, message.clone());
            self.flush();
            self.hear();
            assert_eq!(self.said[&message], before, "the message arrived");
        }
    }
}

/// What the keys follow from.
struct Secrets {
    master: Vec<u8>,
    client_random: Vec<u8>,
    server_random: Vec<u8>,
}

impl Secrets {
    /// Runs both to the end, and looks on. The client writes a key log.
    fn of_handshake(client: &mut Engine, server: &mut Engine) -> Self {
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
    fn keys(&self, role: Role) -> Keys {
        let label = b"key expansion".as_slice();
        let seed = [label, &self.server_random, &self.client_random].concat();
        let block = expand(&self.master, &seed, 2 * (Keys::KEY + Keys::SALT));
        let (keys, salts) = block.split_at(2 * Keys::KEY);
        let index = usize::from(role == Role::Client);
        Keys {
            key: keys[index * Keys::KEY..][..Keys::KEY].to_vec(),
            salt: salts[index * Keys::SALT..][..Keys::SALT].to_vec(),
        }
    }
}

/// One direction's, for AES-128-GCM.
struct Keys {
    key: Vec<u8>,
    salt: Vec<u8>,
}

impl Keys {
    const KEY: usize = 16;
    const SALT: usize = 4;

    /// A protected record (RFC 6347, section 4.1; RFC 5288, section 3).
    fn protect(&self, kind: u8, epoch: u16, number: u64, content: &[u8]) -> Vec<u8> {
        let number = (u64::from(epoch) << 48 | number).to_be_bytes();
        let nonce = [self.salt.as_slice(), &number].concat();
        let length = (content.len() as u16).to_be_bytes();
        let header = [kind, 0xfe, 0xfd];
        let data = [number.as_slice(), &header, &length].concat();
        let mut tag = [0; 16];
        let cipher = Cipher::aes_128_gcm();
        let sealed = encrypt_aead(cipher, &self.key, Some(&nonce), &data, content, &mut tag);
        let body = [number.as_slice(), &sealed.expect("a record"), &tag].concat();
        let length = (body.len() as u16).to_be_bytes();
        [header.as_slice(), &number, &length, &body].concat()
    }
}

/// The pseudorandom function of TLS 1.2 with SHA-256 (RFC 5246, section 5).
fn expand(secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let key = PKey::hmac(secret).expect("a key");
    let hash = |data: &[&[u8]]| {
        let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("a signer");
        for part in data {
            signer.update(part).expect("room");
        }
        signer.sign_to_vec().expect("a hash")
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

fn plaintext(kind: u8, number: u64, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16).to_be_bytes();
    let header = [kind, 0xfe, 0xfd];
    [header.as_slice(), &number.to_be_bytes(), &length, content].concat()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |digits| u8::from_str_radix(std::str::from_utf8(digits).expect("text"), 16);
    digits.map(|digits| byte(digits).expect("digits")).collect()
}
