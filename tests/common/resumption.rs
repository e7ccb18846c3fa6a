//! Engines that keep and offer sessions, and handshakes between an engine and whatever else.

use std::time::Duration;

use gio_ossl::engine::{
    Binding, Config, Engine, Opened, Resumption, Role, SavedSession, Step, Verdict,
};
use openssl::x509::X509;

use crate::pki::{Issued, Leaf, Pki};

const BINDINGS: [Binding; 3] = [Binding::Unique, Binding::ServerEndPoint, Binding::Exporter];

pub fn config(role: Role, resumption: Resumption) -> Config {
    Config {
        initial_timeout: Duration::from_millis(20),
        resumption,
        ..Config::new(role)
    }
}

/// What takes part in an association.
pub trait Side {
    /// Moves the handshake on; whether it is over.
    fn advance(&mut self) -> bool;
    fn feed(&mut self, datagram: &[u8]);
    fn take(&mut self) -> Vec<Vec<u8>>;
    /// Makes the retransmission timer run out.
    fn time_passes(&mut self);
}

/// An engine, and the chains that it asked about; it accepts them all.
pub struct End {
    pub engine: Engine,
    pub judged: Vec<Vec<X509>>,
}

impl End {
    pub fn new(config: &Config) -> Self {
        Self {
            engine: Engine::new(config).unwrap(),
            judged: Vec::new(),
        }
    }

    pub fn client(resumption: Resumption) -> Self {
        Self::new(&config(Role::Client, resumption))
    }

    pub fn bindings(&self) -> [Vec<u8>; 3] {
        BINDINGS.map(|binding| self.engine.channel_binding(binding).unwrap())
    }

    pub fn session(&self) -> SavedSession {
        self.engine.resumable_session().unwrap()
    }
}

impl Side for End {
    fn advance(&mut self) -> bool {
        match self.engine.handshake() {
            Step::NeedVerdict(chain) => {
                self.judged.push(chain);
                self.engine.judge(Verdict::Accept);
                self.advance()
            }
            Step::NeedCertificate(_) => {
                self.engine.present(None);
                self.advance()
            }
            Step::NeedKey(request) => panic!("nobody has a key: {request:?}"),
            Step::NeedDatagram => false,
            Step::Established => {
                // What the peer repeats is answered when messages are looked for.
                let opened = self.engine.open(&mut [0; 16]).unwrap();
                assert_eq!(opened, Opened::Nothing);
                true
            }
            Step::Failed(error) => panic!("{error}"),
        }
    }

    fn feed(&mut self, datagram: &[u8]) {
        self.engine.feed(datagram);
    }

    fn take(&mut self) -> Vec<Vec<u8>> {
        let outgoing = self.engine.take_outgoing();
        let Some((mut start, ends)) = outgoing.tail(0) else {
            return Vec::new();
        };
        let mut datagrams = Vec::new();
        for end in ends {
            datagrams.push(outgoing.bytes()[start..*end].to_vec());
            start = *end;
        }
        datagrams
    }

    fn time_passes(&mut self) {
        while let Some(left) = self.engine.timeout() {
            if left.is_zero() {
                self.engine.on_deadline();
                break;
            }
            std::thread::yield_now();
        }
    }
}

/// Shakes hands; the datagram of this number, counted over both directions, is lost.
pub fn shake_hands_without(lost: usize, client: &mut impl Side, server: &mut impl Side) {
    let mut count = 0;
    let mut arrives = || {
        count += 1;
        count - 1 != lost
    };
    for _ in 0..20 {
        let done = client.advance() & server.advance();
        let (there, back) = (client.take(), server.take());
        if done && there.is_empty() && back.is_empty() {
            return;
        }
        if there.is_empty() && back.is_empty() {
            client.time_passes();
            server.time_passes();
        }
        there
            .iter()
            .filter(|_| arrives())
            .for_each(|it| server.feed(it));
        back.iter()
            .filter(|_| arrives())
            .for_each(|it| client.feed(it));
    }
    panic!("the handshake does not end");
}

pub fn shake_hands(client: &mut impl Side, server: &mut impl Side) {
    shake_hands_without(usize::MAX, client, server);
}

/// A server's certificate, below an intermediate, and the servers that have it.
pub struct Site {
    pub issued: Issued,
    pub chain: Vec<X509>,
}

impl Site {
    pub fn new() -> Self {
        let pki = Pki::new();
        let issued = pki.issue_below_intermediate(Leaf::new("server.example"));
        let chain = vec![
            issued.certificate.clone(),
            pki.intermediate.certificate.clone(),
        ];
        Self { issued, chain }
    }

    pub fn config(&self, resumption: Resumption) -> Config {
        let mut config = config(Role::Server, resumption);
        config.credentials = Some((self.chain.clone(), self.issued.key.clone()));
        config
    }

    pub fn server(&self) -> End {
        End::new(&self.config(Resumption::Allowed))
    }

    /// Both ends after a full handshake.
    pub fn first(&self) -> (End, End) {
        let (mut client, mut server) = (End::client(Resumption::Allowed), self.server());
        shake_hands(&mut client, &mut server);
        assert!(!client.engine.is_resumed() && !server.engine.is_resumed());
        (client, server)
    }

    pub fn session(&self) -> SavedSession {
        self.first().0.session()
    }
}
