//! An established association whose peer, or whoever has its keys, sends any records it likes: they are
//! well protected, so that nothing stops them before OpenSSL looks into them.

use std::collections::HashMap;

use gio_ossl::engine::{
    Config, Engine, MAX_PLAINTEXT, Opened, Protocol, Resumption, Role, SavedSession,
};

use crate::{
    assert_no_error_is_left,
    ends::{config, handshake_message, keyed, shake_hands},
    engines::datagrams,
    script::Script,
};

use keys::{KINDS, Keys, Kind, Secrets, plaintext};

mod keys;

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

/// A first byte for who is attacked and what was agreed on, in a whole handshake or in an earlier one, and then a byte for each operation, with what
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
        let kind = &KINDS[usize::from(choice >> 3) % KINDS.len()];
        let (has_certificate, is_resumed) = (choice & 2 != 0, choice & 6 == 6);
        let configs = match has_certificate {
            false => [Role::Client, Role::Server].map(|role| keyed(role, kind.with_key, None)),
            true if is_resumed => certified(kind, Resumption::Offer(session(kind))),
            true => certified(kind, Resumption::Never),
        };
        let [mut client, mut server] = configs.map(|config| {
            let keylog = config.role == Role::Client;
            Engine::new(&Config { keylog, ..config }).expect("an engine")
        });
        let secrets = Secrets::of_handshake(&mut client, &mut server);
        assert_eq!(client.is_resumed(), is_resumed);
        let (attacked, victim) = match choice & 1 {
            0 => (Role::Client, client),
            _ => (Role::Server, server),
        };
        Self {
            attacked,
            victim,
            keys: secrets.keys(kind, attacked),
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
            CHANGE_CIPHER_SPEC if content.len() <= MAX_PLAINTEXT => {}
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

/// Both sides, with a certificate and a suite of this kind; the server allows what the client wants.
fn certified(kind: &Kind, client: Resumption) -> [Config; 2] {
    let protocol = Protocol::default().with_cipher_list(Some(kind.with_certificate), false);
    let protocol = protocol.expect("a suite");
    let server = match client {
        Resumption::Never => Resumption::Never,
        _ => Resumption::Allowed,
    };
    [(Role::Client, client), (Role::Server, server)].map(|(role, resumption)| Config {
        protocol: protocol.clone(),
        resumption,
        ..config(role)
    })
}

/// What a server gave its client for later.
fn session(kind: &Kind) -> SavedSession {
    let [mut client, mut server] =
        certified(kind, Resumption::Allowed).map(|config| Engine::new(&config).expect("an engine"));
    shake_hands(&mut client, &mut server);
    client.resumable_session().expect("a session")
}
