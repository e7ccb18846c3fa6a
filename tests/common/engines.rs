//! Two engines and the network between them, without GLib and sockets.

use std::time::Duration;

use gio_ossl::engine::{
    Authentication, Config, Datagrams, Engine, Key, KeyRequest, MAX_PLAINTEXT, Opened,
    PreSharedKey, PreSharedKeys, Protocol, Role, Step, Verdict,
};

use crate::pki::{Issued, Leaf, Pki};

pub const HANDSHAKE_FAILURE: u8 = 40;

/// The identity that [`Pair::run`] has a key for.
pub const PSK_IDENTITY: &str = "sensor";
pub const PSK: &[u8] = b"a key of both";

pub fn config(role: Role) -> Config {
    Config {
        initial_timeout: Duration::from_millis(20),
        ..Config::new(role)
    }
}

/// What an engine has to send.
pub fn datagrams(engine: &mut Engine) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let outgoing: Datagrams = engine.take_outgoing();
    let Some((mut start, ends)) = outgoing.tail(0) else {
        return datagrams;
    };
    for end in ends {
        datagrams.push(outgoing.bytes()[start..*end].to_vec());
        start = *end;
    }
    datagrams
}

/// Lets the next deadline of an engine pass.
pub fn let_time_pass(engine: &mut Engine) {
    while engine.timeout().is_some_and(|left| left > Duration::ZERO) {
        std::thread::yield_now();
    }
    engine.on_deadline();
}

/// A client, a server, and nothing lost between them.
pub struct Pair {
    pub client: Engine,
    pub server: Engine,
    /// What the client presents where it is asked.
    pub identity: Option<Issued>,
}

impl Pair {
    pub fn new() -> Self {
        Self::with(config(Role::Client), config(Role::Server))
    }

    pub fn with(client: Config, mut server: Config) -> Self {
        let pki = Pki::new();
        let leaf = pki.issue(Leaf::new("server.example").dns("server.example"));
        server.credentials = Some((vec![leaf.certificate], leaf.key));
        Pair {
            client: Engine::new(&client).unwrap(),
            server: Engine::new(&server).unwrap(),
            identity: None,
        }
    }

    /// Whose client is asked for its certificate, and has one.
    pub fn with_two_certificates() -> Self {
        let server = Config {
            authentication: Authentication::Required,
            ..config(Role::Server)
        };
        let identity = Pki::new().issue(Leaf::new("client"));
        Pair {
            identity: Some(identity),
            ..Self::with(config(Role::Client), server)
        }
    }

    /// Who agree on this suite with a pre-shared key, both asked for it; neither has a certificate.
    pub fn with_keys(suite: &str) -> Self {
        let config = |role| {
            let protocol = Protocol::default().with_cipher_list(Some(suite), true);
            Config {
                protocol: protocol.unwrap(),
                pre_shared_keys: PreSharedKeys::OnRequest { hint: None },
                ..config(role)
            }
        };
        Pair {
            client: Engine::new(&config(Role::Client)).unwrap(),
            server: Engine::new(&config(Role::Server)).unwrap(),
            identity: None,
        }
    }

    pub fn end(&mut self, role: Role) -> &mut Engine {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// Carries what each has to say to the other, once.
    pub fn exchange(&mut self) {
        for datagram in datagrams(&mut self.client) {
            self.server.feed(&datagram);
        }
        for datagram in datagrams(&mut self.server) {
            self.client.feed(&datagram);
        }
    }

    /// Runs both until the client is asked for a verdict.
    pub fn until_verdict(&mut self) {
        for _ in 0..10 {
            if let Step::NeedVerdict(chain) = self.client.handshake() {
                assert_eq!(chain.len(), 1);
                return;
            }
            self.server.handshake();
            self.exchange();
        }
        panic!("no verdict was asked for");
    }

    /// Runs both to the end.
    pub fn finish(&mut self) {
        for _ in 0..10 {
            let done = matches!(self.client.handshake(), Step::Established)
                & matches!(self.server.handshake(), Step::Established);
            self.exchange();
            if done {
                return;
            }
        }
        panic!("the handshake does not end");
    }

    pub fn established() -> Self {
        let mut pair = Self::new();
        pair.until_verdict();
        pair.client.judge(Verdict::Accept);
        pair.finish();
        pair
    }

    /// Runs both until they are established or one has failed, repeating what gets lost. `network`
    /// is asked about each datagram, to whom it goes and its number on that way, and says what
    /// arrives, and where. The result is each one's last step.
    pub fn run(
        &mut self,
        mut network: impl FnMut(Role, usize, &[u8]) -> Vec<(Role, Vec<u8>)>,
    ) -> (Step, Step) {
        let mut numbers = [0, 0];
        loop {
            let steps = (self.step(Role::Client), self.step(Role::Server));
            let mut quiet = true;
            for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
                for datagram in datagrams(self.end(from)) {
                    quiet = false;
                    let number = &mut numbers[to as usize];
                    for (at, arriving) in network(to, *number, &datagram) {
                        self.end(at).feed(&arriving);
                    }
                    *number += 1;
                }
            }
            match steps {
                (Step::Established, Step::Established)
                | (Step::Failed(_), _)
                | (_, Step::Failed(_))
                    if quiet =>
                {
                    return steps;
                }
                _ if quiet => self.await_deadline(),
                _ => {}
            }
        }
    }

    /// As far as both get, this one no further than to its key.
    pub fn step_to_key(&mut self, role: Role) {
        for end in [Role::Client, Role::Server] {
            if end == role {
                self.end(end).handshake();
            } else {
                self.step(end);
            }
        }
    }

    /// As far as one end gets, agreeing to everything.
    pub fn step(&mut self, role: Role) -> Step {
        let engine = match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        };
        loop {
            match engine.handshake() {
                Step::NeedVerdict(_) => engine.judge(Verdict::Accept),
                Step::NeedCertificate(_) => {
                    let chain = self.identity.as_ref();
                    let chain = chain.map(|it| (std::slice::from_ref(&it.certificate), &it.key));
                    engine.present(chain);
                }
                Step::NeedKey(KeyRequest::Hint(_)) => {
                    engine.provide_key(PreSharedKey::new(PSK_IDENTITY, PSK).ok());
                }
                Step::NeedKey(KeyRequest::Identity(name)) => {
                    let known = name == PSK_IDENTITY.as_bytes();
                    engine.provide_key_of(known.then(|| Key::new(PSK).unwrap()));
                }
                Step::Established => {
                    // A peer that missed our last flight repeats its own.
                    return match engine.open(&mut [0; 16]) {
                        Ok(opened) => {
                            assert_eq!(opened, Opened::Nothing);
                            Step::Established
                        }
                        Err(error) => Step::Failed(error),
                    };
                }
                step => return step,
            }
        }
    }

    /// Until something is to be sent again, or believed.
    fn await_deadline(&mut self) {
        let ends = [&mut self.client, &mut self.server];
        let due = |engine: &&mut Engine| engine.timeout() == Some(Duration::ZERO);
        while !ends.iter().any(due) {
            assert!(ends.iter().any(|engine| engine.timeout().is_some()));
            std::thread::yield_now();
        }
        for engine in ends {
            engine.on_deadline();
        }
    }

    pub fn say(&mut self, message: &[u8]) {
        self.client.seal(message).unwrap();
        self.exchange();
    }

    pub fn hear(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; MAX_PLAINTEXT];
        match self.server.open(&mut buffer).unwrap() {
            Opened::Message { length, .. } => Some(buffer[..length].to_vec()),
            Opened::Nothing => None,
            Opened::End => panic!("the client has closed"),
        }
    }
}

/// A plaintext record with this number.
pub fn record(kind: u8, epoch: u8, number: u8, fragment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(fragment.len()).unwrap().to_be_bytes();
    let mut bytes = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, number];
    bytes.extend(length);
    bytes.extend(fragment);
    bytes
}

pub fn plaintext_alert(level: u8, description: u8) -> Vec<u8> {
    record(21, 0, 7, &[level, description])
}
