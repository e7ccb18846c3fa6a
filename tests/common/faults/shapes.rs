//! The kinds of handshakes. Keys are RSA, whose signatures have one length: datagrams are the same
//! ones each time.

use std::sync::OnceLock;

use gio_ossl::engine::{
    Authentication, Config, DEFAULT_MTU, Engine, Resumption, Role, SavedSession, Step, testing,
};
use openssl::{pkey::PKey, pkey::Private, x509::X509};

use crate::{
    engines::{Pair, config},
    pki::{Issued, Leaf},
};

const SUITE_WITH_KEY: &str = "ECDHE-PSK-CHACHA20-POLY1305";
/// Seconds after which a server gives a new ticket with the ServerHello.
const RENEWAL: i64 = 5400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The server has a certificate, and gives a ticket.
    Certificate,
    BothCertificates,
    PreSharedKey,
    Resumed,
    /// Resumed with an old ticket, in place of which the server gives a new one.
    Renewed,
    /// The server has a chain of long certificates.
    Chain,
}

/// One kind of handshake.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    kind: Kind,
    mtu: u16,
}

const fn shape(name: &'static str, kind: Kind, mtu: u16) -> Shape {
    Shape { name, kind, mtu }
}

/// Those of one or two datagrams a flight.
pub const SHORT: [Shape; 4] = [
    shape("certificate", Kind::Certificate, 1400),
    shape("client certificate required", Kind::BothCertificates, 1400),
    shape("pre-shared key", Kind::PreSharedKey, 1400),
    shape("resumed", Kind::Resumed, 1400),
];

/// Those with long flights.
pub const LONG: [Shape; 5] = [
    shape("resumed, new ticket, MTU 256", Kind::Renewed, 256),
    shape(
        "client certificate required, MTU 512",
        Kind::BothCertificates,
        512,
    ),
    shape("long chain, MTU 1400", Kind::Chain, 1400),
    shape("long chain, MTU 512", Kind::Chain, 512),
    shape("long chain, MTU 256", Kind::Chain, 256),
];

fn rsa(name: &str) -> Issued {
    Leaf::new(name).rsa(2048).self_signed()
}

fn server() -> &'static Issued {
    static SERVER: OnceLock<Issued> = OnceLock::new();
    SERVER.get_or_init(|| rsa("server.example"))
}

fn client() -> &'static Issued {
    static CLIENT: OnceLock<Issued> = OnceLock::new();
    CLIENT.get_or_init(|| rsa("client"))
}

/// Below two authorities with keys of 4096 bits.
fn chain() -> &'static (Vec<X509>, PKey<Private>) {
    static CHAIN: OnceLock<(Vec<X509>, PKey<Private>)> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let authority = |name| Leaf::new(name).authority().rsa(4096);
        let root = authority("Root").self_signed();
        let intermediate = authority("Intermediate").signed_by(&root);
        let leaf = Leaf::new("server.example")
            .rsa(2048)
            .signed_by(&intermediate);
        let certificates = vec![leaf.certificate, intermediate.certificate, root.certificate];
        (certificates, leaf.key)
    })
}

/// Of a handshake with a certificate.
fn session() -> &'static SavedSession {
    static SESSION: OnceLock<SavedSession> = OnceLock::new();
    SESSION.get_or_init(|| {
        let mut pair = SHORT[0].pair();
        pair.run(|to, _, datagram| vec![(to, datagram.to_vec())]);
        pair.client.resumable_session().unwrap()
    })
}

impl Shape {
    /// Whether its handshakes leave out the certificates.
    pub fn resumes(&self) -> bool {
        matches!(self.kind, Kind::Resumed | Kind::Renewed)
    }

    /// Both ends, before the first datagram.
    pub(super) fn pair(&self) -> Pair {
        if self.kind == Kind::PreSharedKey {
            return Pair::with_keys(SUITE_WITH_KEY);
        }
        // A ticket is offered only where it fits into one datagram.
        let longest_hello = if self.resumes() {
            DEFAULT_MTU
        } else {
            self.mtu
        };
        let config = |role, mtu, resumption| Config {
            mtu,
            protocols: vec![b"coap".to_vec()],
            resumption,
            ..config(role)
        };
        let offer = if self.resumes() {
            Resumption::Offer(session().clone())
        } else {
            Resumption::Allowed
        };
        let asks = self.kind == Kind::BothCertificates;
        let server = Config {
            authentication: if asks {
                Authentication::Required
            } else {
                Authentication::None
            },
            credentials: Some(match self.kind {
                Kind::Chain => chain().clone(),
                _ => (vec![server().certificate.clone()], server().key.clone()),
            }),
            ..config(Role::Server, self.mtu, Resumption::Allowed)
        };
        Pair {
            client: Engine::new(&config(Role::Client, longest_hello, offer)).unwrap(),
            server: Engine::new(&server).unwrap(),
            identity: asks.then(|| client().clone()),
        }
    }

    /// As far as one end gets, agreeing to everything.
    pub(super) fn step(&self, pair: &mut Pair, role: Role) -> Step {
        if self.kind == Kind::Renewed && role == Role::Server {
            testing::set_clock(Some(session().established() + RENEWAL));
        }
        let step = pair.step(role);
        testing::set_clock(None);
        step
    }
}
