//! Two engines, and a network and two applications that do whatever the input says.

use gio_ossl::engine::{Authentication, Binding, Config, Resumption, Role, SrtpProfile};

use crate::{
    assert_no_error_is_left,
    ends::{self, HASTE, config, handshake_message, keyed},
    engines::record,
    script::Script,
};

use end::End;

mod end;

/// So many operations are enough for anything to happen.
const MOST_OPERATIONS: usize = 400;
const ANY_SUITE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:DHE-PSK-AES128-GCM-SHA256:\
    ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256";

/// Bits of the first byte, for engines of which one offers a session: it is not quite what the server
/// gave; the server asks for a certificate; it has another certificate.
const GARBLED: u8 = 0x10;
const ASKS: u8 = 0x20;
const OTHER: u8 = 0x40;

/// A first byte for what the engines are, and then a byte for each operation, with what it takes.
pub fn engine(data: &[u8]) {
    let mut script = Script::new(data);
    let choice = script.byte();
    let mut play = Play::new(choice, &mut script);
    for _ in 0..MOST_OPERATIONS {
        let Some(operation) = script.next() else {
            break;
        };
        play.act(operation, &mut script);
    }
    play.compare();
    assert_no_error_is_left();
}

/// What the two are, by a number, and whether their deadlines are due at once or never.
fn configs(choice: u8, script: &mut Script<'_>) -> [Config; 2] {
    let both = |make: &dyn Fn(Role) -> Config| [make(Role::Client), make(Role::Server)];
    let [mut client, mut server] = match choice % 8 {
        0..=2 | 7 => both(&config),
        3 => both(&|role| keyed(role, "PSK-AES128-GCM-SHA256", Some(c"who".to_owned()))),
        4 => both(&|role| keyed(role, ANY_SUITE, None)),
        _ => both(&|role| Config {
            resumption: Resumption::Allowed,
            ..config(role)
        }),
    };
    match choice % 8 {
        1 => server.authentication = Authentication::Requested,
        2 => server.authentication = Authentication::Required,
        // One that may ask for a key and have a certificate as well.
        4 => server.credentials = config(Role::Server).credentials,
        5 | 6 => offer(choice, script, &mut client, &mut server),
        7 => {
            client.server_name = Some("server.example".into());
            for config in [&mut client, &mut server] {
                config.protocols = vec![b"coap".to_vec(), b"h2".to_vec()];
                config.srtp_profiles = SrtpProfile::ALL.to_vec();
                config.keylog = true;
                config.mtu = 300;
            }
        }
        _ => {}
    }
    if choice & 8 != 0 {
        client.initial_timeout = HASTE;
        server.initial_timeout = HASTE;
    }
    [client, server]
}

/// A session that the server might resume, or not.
fn offer(choice: u8, script: &mut Script<'_>, client: &mut Config, server: &mut Config) {
    let session = match choice & GARBLED {
        0 => Some(ends::session()),
        _ => ends::garbled_session(script),
    };
    if let Some(session) = session {
        client.resumption = Resumption::Offer(session);
    }
    if choice % 8 == 6 {
        server.resumption = Resumption::Never;
    }
    if choice & ASKS != 0 {
        server.authentication = Authentication::Required;
    }
    if choice & OTHER != 0 {
        server.credentials = Some(ends::presentable(&ends::credentials().client));
    }
}

struct Play {
    ends: [End; 2],
    /// Whether the server may resume what it is offered.
    may_resume: bool,
    /// Whether the client may believe what is not true of the session.
    is_deceived: bool,
    messages: u32,
}

impl Play {
    fn new(choice: u8, script: &mut Script<'_>) -> Self {
        let ends = configs(choice, script).map(|config| End::new(&config));
        Self {
            ends,
            may_resume: choice % 8 == 5 && choice & (ASKS | OTHER) == 0,
            is_deceived: matches!(choice % 8, 5 | 6) && choice & GARBLED != 0,
            messages: 0,
        }
    }

    /// The operation's highest bit is whose turn it is, the next whether its handshake rests meanwhile.
    fn act(&mut self, operation: u8, script: &mut Script<'_>) {
        let index = usize::from(operation >> 7);
        let [first, second] = &mut self.ends;
        let (end, other) = match index {
            0 => (first, second),
            _ => (second, first),
        };
        match operation & 0x1f {
            0..=2 => {
                if let Some(datagram) = other.way.pop_front() {
                    end.engine.feed(&datagram);
                }
            }
            3 => drop(other.way.pop_front()),
            4 => other.way.extend(other.way.front().cloned()),
            5 => {
                let at = script.below(other.way.len());
                if at > 0 {
                    other.way.swap(0, at);
                }
            }
            6 => {
                if let Some(datagram) = other.way.front_mut() {
                    datagram.truncate(script.below(datagram.len()));
                }
            }
            7 => {
                let (at, mask) = (usize::from(script.byte()), script.byte());
                if let Some(byte) = other.way.front_mut().and_then(|it| it.get_mut(at)) {
                    *byte ^= mask;
                }
            }
            8 => end.engine.feed(script.bytes()),
            9 => {
                let (kind, epoch, number) = (script.byte(), script.byte() & 3, script.byte());
                end.engine
                    .feed(&record(kind, epoch, number, script.bytes()));
            }
            10 => {
                let (kind, sequence) = (script.byte(), script.byte() & 7);
                let message = handshake_message(kind, sequence, script.bytes());
                end.engine.feed(&record(22, 0, script.byte(), &message));
            }
            11 => {
                let again = other.sent.get(script.below(other.sent.len()));
                again.into_iter().for_each(|it| end.engine.feed(it));
            }
            12 => end.engine.on_deadline(),
            13 => end.judge(true, script),
            14 => end.judge(false, script),
            15 => end.present(script),
            16 => end.provide_key(script),
            17 | 18 => self.messages = end.seal(self.messages, script),
            19 | 20 => end.open(other, script),
            21 => {
                end.closed |= end.established;
                end.engine.close();
            }
            22 => end.engine.set_mtu(script.below(1 << 16) as u16),
            23 => end.refit(script),
            24 => end.look(),
            25 => {
                // A datagram with what two had.
                if let (Some(mut one), Some(two)) = (other.way.pop_front(), other.way.pop_front()) {
                    one.extend(two);
                    other.way.push_front(one);
                }
            }
            26 => {
                // A record of a datagram that comes alone, before the others.
                if let Some(datagram) = other.way.front_mut() {
                    let rest = datagram.split_off(first_record(datagram));
                    if !rest.is_empty() {
                        other.way.insert(1, rest);
                    }
                }
            }
            _ => {
                for _ in 0..=script.byte() % 6 {
                    self.exchange();
                }
            }
        }
        if operation & 0x40 == 0 {
            self.ends[index].step();
        }
        for end in &mut self.ends {
            end.collect();
        }
        self.compare();
    }

    /// Carries what is on its way, agreeing to everything.
    fn exchange(&mut self) {
        let [client, server] = &mut self.ends;
        client.carry(server);
        server.carry(client);
    }

    /// Those that are established agree on what.
    fn compare(&mut self) {
        let [client, server] = &self.ends;
        let is_resumed = client.engine.is_resumed();
        for (end, other) in [(client, server), (server, client)] {
            if !end.established {
                continue;
            }
            let suite = end.engine.cipher_suite().expect("a suite");
            if suite.contains("PSK") {
                assert!(
                    end.key.is_some() && end.key == other.key,
                    "both have the key"
                );
            } else if end.role == Role::Client {
                assert!(end.accepted, "the server was accepted");
            } else {
                let asked = end.was_asked_for_verdict;
                assert_eq!(asked, end.accepted, "a client that is judged is accepted");
                assert!(
                    asked || !end.must_authenticate,
                    "a client has a certificate"
                );
            }
        }
        let are_established = client.established && server.established;
        if are_established && !client.failed && !server.failed {
            assert_eq!(is_resumed, server.engine.is_resumed());
            assert!(!is_resumed || self.may_resume);
            let [ours, theirs] = [client, server].map(|end| end.engine.negotiated());
            assert!(ours == theirs || self.is_deceived);
            let [ours, theirs] = [client, server].map(|end| {
                end.engine
                    .channel_binding(Binding::Exporter)
                    .expect("a binding")
            });
            assert_eq!(ours, theirs, "both have the same keys");
        }
    }
}

/// How long the first record of a datagram is.
fn first_record(datagram: &[u8]) -> usize {
    match datagram {
        [_, _, _, _, _, _, _, _, _, _, _, high, low, ..] => {
            let length = 13 + usize::from(u16::from_be_bytes([*high, *low]));
            length.min(datagram.len())
        }
        _ => datagram.len(),
    }
}
