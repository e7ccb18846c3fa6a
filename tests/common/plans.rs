//! Associations of two engines that may fail, and must not succeed unproved.

use gio_ossl::Error;
use gio_ossl::engine::{
    Authentication, Binding, Config, Engine, Key, KeyRequest, Opened, PreSharedKey, PreSharedKeys,
    Protocol, Refusal, Resumption, Role, Step, Verdict,
};

use crate::engines::{PSK, PSK_IDENTITY, config, datagrams, let_time_pass};
use crate::pki::{Issued, Leaf, Pki};

/// For what has one.
pub const SECRET_PASSWORD: &str = "known to nobody";

/// What opens a token.
pub const SECRET_PIN: &str = "48151623";

/// What one end thinks of the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    /// Both are content.
    Good,
    /// This end refuses what the other one presents.
    RefusedBy(Role),
    /// The server has another key than the client.
    OtherKey,
}

/// Two engines to be, and what they answer.
pub struct Plan {
    pub client: Config,
    pub server: Config,
    pub opinion: Opinion,
    /// Whether the server's first flight gets lost.
    pub is_lossy: bool,
    /// What the client presents, which the server judges.
    identity: Option<Issued>,
}

/// One end, and whether it was asked for what proves its peer.
pub struct Side<'a> {
    pub engine: Engine,
    role: Role,
    plan: &'a Plan,
    proved: bool,
}

impl Side<'_> {
    fn step(&mut self) -> Result<bool, Error> {
        for _ in 0..10 {
            match self.engine.handshake() {
                Step::NeedVerdict(chain) => {
                    let is_refused = self.plan.opinion == Opinion::RefusedBy(self.role);
                    let is_refused = is_refused || chain.is_empty();
                    self.engine.judge(match is_refused {
                        true => {
                            let error = Error::BadCertificate("unknown".into());
                            Verdict::Refuse(Refusal::UnknownCa, error)
                        }
                        false => Verdict::Accept,
                    });
                }
                Step::NeedCertificate(_) => {
                    let chain = self.plan.identity.as_ref();
                    let chain = chain.map(|it| (std::slice::from_ref(&it.certificate), &it.key));
                    self.engine.present(chain);
                    continue;
                }
                Step::NeedKey(KeyRequest::Hint(_)) => {
                    self.engine
                        .provide_key(PreSharedKey::new(PSK_IDENTITY, PSK).ok());
                }
                Step::NeedKey(KeyRequest::Identity(_)) => {
                    let is_other = self.plan.opinion == Opinion::OtherKey;
                    let key = if is_other { b"another" } else { PSK };
                    self.engine.provide_key_of(Key::new(key).ok());
                }
                Step::NeedDatagram => return Ok(false),
                Step::Established => {
                    assert!(self.proved, "nobody was asked");
                    assert!(self.plan.opinion == Opinion::Good, "refusal is ignored");
                    return Ok(true);
                }
                Step::Failed(error) => return Err(error),
            }
            self.proved = true;
        }
        panic!("the same is asked again and again");
    }
}

impl Plan {
    pub fn new() -> Self {
        Self::of(config(Role::Client), config(Role::Server))
    }

    pub fn of(client: Config, mut server: Config) -> Self {
        let leaf = Pki::new().issue(Leaf::new("server.example"));
        server.credentials = Some((vec![leaf.certificate], leaf.key));
        Plan {
            client,
            server,
            opinion: Opinion::Good,
            is_lossy: false,
            identity: None,
        }
    }

    pub fn with_two_certificates() -> Self {
        let server = Config {
            authentication: Authentication::Required,
            ..config(Role::Server)
        };
        let identity = Some(Pki::new().issue(Leaf::new("client")));
        Plan {
            identity,
            ..Self::of(config(Role::Client), server)
        }
    }

    pub fn with_keys() -> Self {
        let config = |role| Config {
            protocol: Protocol::default()
                .with_cipher_list(Some("ECDHE-PSK-CHACHA20-POLY1305"), true)
                .unwrap(),
            pre_shared_keys: PreSharedKeys::OnRequest { hint: None },
            ..config(role)
        };
        Plan {
            client: config(Role::Client),
            server: config(Role::Server),
            opinion: Opinion::Good,
            is_lossy: false,
            identity: None,
        }
    }

    /// The server gives a ticket.
    pub fn resumable() -> Self {
        let allowed = |role| Config {
            resumption: Resumption::Allowed,
            ..config(role)
        };
        Self::of(allowed(Role::Client), allowed(Role::Server))
    }

    pub fn resumed() -> Self {
        let mut plan = Self::resumable();
        let (client, _) = plan.handshake().unwrap();
        plan.client.resumption = Resumption::Offer(client.engine.resumable_session().unwrap());
        let (client, _) = plan.handshake().unwrap();
        assert!(client.engine.is_resumed());
        plan
    }

    pub fn handshake(&self) -> Result<(Side<'_>, Side<'_>), Error> {
        let asks = self.identity.is_some() || self.server.pre_shared_keys.are_used();
        let mut client = Side {
            engine: Engine::new(&self.client)?,
            role: Role::Client,
            plan: self,
            proved: false,
        };
        let mut server = Side {
            engine: Engine::new(&self.server)?,
            role: Role::Server,
            plan: self,
            proved: !asks,
        };
        let mut is_lost = self.is_lossy;
        for _ in 0..30 {
            let done = client.step()? & server.step()?;
            let (there, back) = (datagrams(&mut client.engine), datagrams(&mut server.engine));
            if there.is_empty() && back.is_empty() {
                if self.opinion == Opinion::OtherKey {
                    return Err(Error::NoKey);
                }
                if done {
                    return Ok((client, server));
                }
                let_time_pass(&mut client.engine);
                let_time_pass(&mut server.engine);
            }
            there.iter().for_each(|it| server.engine.feed(it));
            if is_lost && !back.is_empty() {
                is_lost = false;
            } else {
                back.iter().for_each(|it| client.engine.feed(it));
            }
            // What a peer repeats is answered when messages are looked for.
            client.engine.open(&mut [0; 16])?;
            server.engine.open(&mut [0; 16])?;
        }
        panic!("the handshake does not end");
    }

    /// A handshake, a message each way, whatever there is to tell, and the end.
    pub fn associate(&self) -> Result<(), Error> {
        let (mut client, mut server) = self.handshake()?;
        let (client, server) = (&mut client.engine, &mut server.engine);
        for end in [&*client, &*server] {
            assert!(!end.channel_binding(Binding::Unique)?.is_empty());
            if !self.server.pre_shared_keys.are_used() {
                end.channel_binding(Binding::ServerEndPoint)?;
            }
            end.channel_binding(Binding::Exporter)?;
        }
        client.resumable_session();
        client.negotiated();
        server.negotiated();
        say(client, server)?;
        say(server, client)?;
        client.close();
        let alerts = datagrams(client);
        alerts.iter().for_each(|it| server.feed(it));
        server.open(&mut [0; 64])?;
        Ok(())
    }
}

pub fn say(from: &mut Engine, to: &mut Engine) -> Result<(), Error> {
    from.seal(b"message")?;
    datagrams(from).iter().for_each(|it| to.feed(it));
    let mut buffer = [0; 64];
    if let Opened::Message { length, .. } = to.open(&mut buffer)? {
        assert_eq!(&buffer[..length], b"message");
    }
    Ok(())
}

/// An error has to say something, and no secret.
pub fn check(error: &Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains("(null)"), "{text:?}");
    let key = String::from_utf8_lossy(PSK);
    for secret in [&*key, SECRET_PASSWORD, SECRET_PIN] {
        assert!(!text.contains(secret), "{text:?}");
    }
}
