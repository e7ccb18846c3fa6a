//! Handshake messages that neither engine has sent, before each datagram of a handshake.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use engines::{Pair, datagrams, record};
use gio_ossl::engine::{Opened, Role, Step};

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const FINISHED: u8 = 20;

/// Every type of handshake message that DTLS 1.2 has or might get, and one that does not exist.
const KINDS: [u8; 15] = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 22, 24, 99];

/// A fragment of a message.
#[derive(Clone)]
struct Message {
    kind: u8,
    sequence: u16,
    length: u16,
    offset: u16,
    body: Vec<u8>,
}

impl Message {
    fn bytes(&self) -> Vec<u8> {
        let [l0, l1] = self.length.to_be_bytes();
        let [s0, s1] = self.sequence.to_be_bytes();
        let [o0, o1] = self.offset.to_be_bytes();
        let [f0, f1] = u16::try_from(self.body.len()).unwrap().to_be_bytes();
        let mut bytes = vec![self.kind, 0, l0, l1, s0, s1, 0, o0, o1, 0, f0, f1];
        bytes.extend(&self.body);
        bytes
    }

    fn datagram(&self) -> Vec<u8> {
        record(HANDSHAKE, 0, 99, &self.bytes())
    }
}

/// The plaintext messages of a datagram.
fn messages(mut datagram: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let [kind, _, _, _, epoch, _, _, _, _, _, _, l0, l1, rest @ ..] = datagram {
        let (mut payload, next) = rest.split_at(usize::from(u16::from_be_bytes([*l0, *l1])));
        while let (HANDSHAKE, 0, [kind, _, l0, l1, s0, s1, _, o0, o1, _, f0, f1, rest @ ..]) =
            (*kind, *epoch, payload)
        {
            let (body, next) = rest.split_at(usize::from(u16::from_be_bytes([*f0, *f1])));
            messages.push(Message {
                kind: *kind,
                sequence: u16::from_be_bytes([*s0, *s1]),
                length: u16::from_be_bytes([*l0, *l1]),
                offset: u16::from_be_bytes([*o0, *o1]),
                body: body.to_vec(),
            });
            payload = next;
        }
        datagram = next;
    }
    messages
}

/// A point in a handshake: the `number`th datagram to an end is about to arrive.
struct Moment {
    to: Role,
    number: usize,
    /// What has arrived there before, and what is yet to come.
    before: Vec<Message>,
    after: Vec<Message>,
}

impl Moment {
    /// Whether an honest peer might say this now, as far as anybody can tell: its turn has come.
    fn might_be_genuine(&self, kind: u8, sequence: u16) -> bool {
        let next = self.before.iter().map(|message| message.sequence + 1).max();
        let next = next.unwrap_or(0);
        let Some(genuine) = self.after.iter().find(|message| message.sequence == next) else {
            return false;
        };
        let optional = [SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE];
        sequence == next
            && (kind == genuine.kind
                || kind == HELLO_VERIFY_REQUEST && genuine.kind == SERVER_HELLO
                || optional.contains(&kind) && optional.contains(&genuine.kind))
    }

    /// Well-made messages that nobody can have sent now.
    fn impossible(&self) -> Vec<Message> {
        let next = self.before.len().try_into().unwrap_or(u16::MAX);
        let sequences = [
            0,
            next.saturating_sub(1),
            next,
            next + 1,
            next + 3,
            u16::MAX,
        ];
        let mut messages = Vec::new();
        for kind in KINDS {
            for sequence in sequences {
                if self.might_be_genuine(kind, sequence) {
                    continue;
                }
                for length in [0, 3, 60] {
                    messages.push(Message {
                        kind,
                        sequence,
                        length,
                        offset: 0,
                        body: vec![0; length.into()],
                    });
                }
            }
        }
        messages
    }

    /// Forged parts of the messages that are to come.
    fn contradictions(&self) -> Vec<Message> {
        let mut forged = Vec::new();
        for message in &self.after {
            let with = |change: fn(&mut Message)| {
                let mut message = message.clone();
                change(&mut message);
                message
            };
            forged.push(with(|it| it.length += 1));
            forged.push(with(|it| it.length = it.length.saturating_sub(1)));
            forged.push(with(|it| it.offset = 1));
            forged.push(with(|it| it.offset = 0xff00));
            forged.push(with(|it| it.length = 0xffff));
            if message.body.len() > 1 {
                forged.push(with(|it| it.body.clear()));
                forged.push(with(|it| it.body = vec![!it.body[0]]));
                forged.push(with(|it| {
                    it.length += 7;
                    it.body.truncate(1);
                }));
            }
        }
        forged
    }
}

/// Who proves by what who it is.
#[derive(Clone, Copy, Debug)]
enum Proof {
    Certificate,
    TwoCertificates,
    /// By a key, in this suite.
    Key(&'static str),
}

const PROOFS: [Proof; 4] = [
    Proof::Certificate,
    Proof::TwoCertificates,
    Proof::Key("PSK-AES128-CCM8"),
    Proof::Key("ECDHE-PSK-CHACHA20-POLY1305"),
];

fn pair(proof: Proof) -> Pair {
    match proof {
        Proof::Certificate => Pair::new(),
        Proof::TwoCertificates => Pair::with_two_certificates(),
        Proof::Key(suite) => Pair::with_keys(suite),
    }
}

/// The moments of an undisturbed handshake.
fn moments(proof: Proof) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    let steps = pair(proof).run(|to, number, datagram| {
        let arriving = messages(datagram);
        let mut before = Vec::new();
        for moment in moments.iter_mut().filter(|moment| moment.to == to) {
            moment.after.extend(arriving.clone());
            before.clone_from(&moment.before);
            before.extend(moment.after.clone());
        }
        if let Some(first) = moments.iter().find(|moment| moment.to == to) {
            before.clone_from(&first.after);
            before.truncate(before.len() - arriving.len());
        }
        moments.push(Moment {
            to,
            number,
            before,
            after: arriving,
        });
        vec![(to, datagram.to_vec())]
    });
    assert!(matches!(steps, (Step::Established, Step::Established)));
    moments
}

/// A handshake succeeds, and messages pass, though these arrive at that moment.
#[track_caller]
fn assert_unharmed(proof: Proof, moment: &Moment, forged: &[Vec<u8>], what: &str) {
    let mut pair = pair(proof);
    let steps = pair.run(|to, number, datagram| {
        let mut arriving = Vec::new();
        if (to, number) == (moment.to, moment.number) {
            arriving.extend(forged.iter().map(|forged| (to, forged.clone())));
        }
        arriving.push((to, datagram.to_vec()));
        arriving
    });
    let place = (moment.to, moment.number);
    assert!(
        matches!(steps, (Step::Established, Step::Established)),
        "{proof:?}: {what} before {place:?}: {steps:?}"
    );
    pair.say(b"alive");
    assert_eq!(pair.hear().as_deref(), Some(b"alive".as_slice()));
}

#[test]
fn messages_that_nobody_can_have_sent_change_nothing() {
    for proof in PROOFS {
        for moment in moments(proof) {
            for forged in moment.impossible() {
                let what = format!("{} {} {}", forged.kind, forged.sequence, forged.length);
                assert_unharmed(proof, &moment, &[forged.datagram()], &what);
            }
        }
    }
}

#[test]
fn contradicting_fragments_change_nothing() {
    for proof in PROOFS {
        for moment in moments(proof) {
            for (index, forged) in moment.contradictions().iter().enumerate() {
                let what = format!("{index}: {} {}", forged.kind, forged.sequence);
                assert_unharmed(proof, &moment, &[forged.datagram()], &what);
            }
        }
    }
}

#[test]
fn records_out_of_their_epoch_change_nothing() {
    for proof in PROOFS {
        for moment in moments(proof) {
            let finished = Message {
                kind: FINISHED,
                sequence: u16::try_from(moment.before.len()).unwrap(),
                length: 12,
                offset: 0,
                body: vec![7; 12],
            };
            for epoch in 0..3 {
                for (what, forged) in [
                    ("finished", record(HANDSHAKE, epoch, 0, &finished.bytes())),
                    ("garbage", record(HANDSHAKE, epoch, 0, &[7; 40])),
                    ("cipher change", record(CHANGE_CIPHER_SPEC, epoch, 0, &[1])),
                    ("alert", record(21, epoch, 0, &[2, 40])),
                    ("warning", record(21, epoch, 0, &[1, 0])),
                    ("data", record(23, epoch, 0, &[7; 40])),
                ] {
                    let flood = vec![forged; 300];
                    assert_unharmed(proof, &moment, &flood[..1], what);
                    assert_unharmed(proof, &moment, &flood, what);
                }
            }
        }
    }
}

/// Each forgery for every end, whatever it is doing.
fn forgeries_of_all_kinds() -> Vec<Vec<u8>> {
    let mut forgeries = Vec::new();
    for kind in KINDS {
        for sequence in 0..8 {
            for length in [0, 12, 60] {
                let message = Message {
                    kind,
                    sequence,
                    length,
                    offset: 0,
                    body: vec![0; length.into()],
                };
                for epoch in 0..3 {
                    forgeries.push(record(HANDSHAKE, epoch, 99, &message.bytes()));
                }
            }
        }
    }
    forgeries
}

#[test]
fn handshake_messages_do_not_touch_an_established_association() {
    let mut pair = Pair::established();
    for forged in forgeries_of_all_kinds() {
        for role in [Role::Client, Role::Server] {
            pair.end(role).feed(&forged);
            let opened = pair.end(role).open(&mut [0; 16]).unwrap();
            assert_eq!(opened, Opened::Nothing, "{forged:?}");
        }
    }
    assert!(datagrams(&mut pair.client).is_empty());
    assert!(datagrams(&mut pair.server).is_empty());
    pair.say(b"alive");
    assert_eq!(pair.hear().as_deref(), Some(b"alive".as_slice()));
}

#[test]
fn handshake_messages_do_not_touch_a_closed_association() {
    let mut pair = Pair::established();
    pair.client.close();
    for forged in forgeries_of_all_kinds() {
        pair.client.feed(&forged);
        let opened = pair.client.open(&mut [0; 16]).unwrap();
        assert_eq!(opened, Opened::Nothing, "{forged:?}");
    }
    pair.exchange();
    for forged in forgeries_of_all_kinds() {
        pair.server.feed(&forged);
        let opened = pair.server.open(&mut [0; 16]).unwrap();
        assert_eq!(opened, Opened::End, "{forged:?}");
    }
    pair.server.seal(b"farewell").unwrap();
    pair.server.close();
    pair.exchange();
    let mut buffer = [0; 16];
    assert!(matches!(
        pair.client.open(&mut buffer).unwrap(),
        Opened::Message { length: 8, .. }
    ));
    assert_eq!(pair.client.open(&mut buffer).unwrap(), Opened::End);
}
