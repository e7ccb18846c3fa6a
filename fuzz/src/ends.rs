//! Two engines as the targets set them up. What takes long is made once.

use std::{ffi::CString, sync::OnceLock, time::Duration};

use gio_ossl::engine::{
    Config, Engine, Key, KeyRequest, Opened, PreSharedKey, PreSharedKeys, Protocol, Resumption,
    Role, SavedSession, Step, Verdict,
};
use openssl::{
    pkey::{PKey, Private},
    sha::sha256,
    x509::X509,
};

use crate::{
    engines::datagrams,
    pki::{Issued, Leaf},
    script::Script,
};

pub(crate) const IDENTITY: &str = "sensor";
pub(crate) const KEY: &[u8] = b"a key of both";
const CHECKSUM: usize = 32;

/// Who presents what.
pub(crate) struct Credentials {
    pub(crate) server: Issued,
    pub(crate) client: Issued,
}

pub(crate) fn credentials() -> &'static Credentials {
    static MADE: OnceLock<Credentials> = OnceLock::new();
    MADE.get_or_init(|| Credentials {
        server: Leaf::new("server.example")
            .dns("server.example")
            .self_signed(),
        client: Leaf::new("client").self_signed(),
    })
}

/// As a [`Config`] has it.
pub(crate) fn presentable(it: &Issued) -> (Vec<X509>, PKey<Private>) {
    (vec![it.certificate.clone()], it.key.clone())
}

/// A time-out that is over at once.
pub(crate) const HASTE: Duration = Duration::from_micros(1);

/// Whose deadlines are never due.
pub(crate) fn config(role: Role) -> Config {
    let initial_timeout = Duration::from_secs(3600);
    let server = || presentable(&credentials().server);
    Config {
        initial_timeout,
        credentials: (role == Role::Server).then(server),
        ..Config::new(role)
    }
}

/// With keys in place of certificates, and these suites.
pub(crate) fn keyed(role: Role, suites: &str, hint: Option<CString>) -> Config {
    let protocol = Protocol::default().with_cipher_list(Some(suites), true);
    Config {
        credentials: None,
        protocol: protocol.expect("suites"),
        pre_shared_keys: PreSharedKeys::OnRequest { hint },
        ..config(role)
    }
}

/// What a client was given by the server of [`config`], decoded anew: a failure spoils a session.
pub(crate) fn session() -> SavedSession {
    SavedSession::from_bytes(exported()).expect("a session").0
}

/// The same with some bytes changed, if that is still a session.
pub(crate) fn garbled_session(script: &mut Script<'_>) -> Option<SavedSession> {
    let (content, _) = exported().split_at(exported().len() - CHECKSUM);
    let mut content = content.to_vec();
    for _ in 0..=script.byte() % 4 {
        let at = script.below(content.len());
        content[at] ^= script.byte();
    }
    let bytes = [content.as_slice(), &sha256(&content)].concat();
    SavedSession::from_bytes(&bytes).ok().map(|it| it.0)
}

/// With the checksum at its end.
fn exported() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let [mut client, mut server] = [Role::Client, Role::Server].map(|role| {
            let resumption = Resumption::Allowed;
            let config = Config {
                resumption,
                ..config(role)
            };
            Engine::new(&config).expect("an engine")
        });
        shake_hands(&mut client, &mut server);
        let session = client.resumable_session().expect("a session");
        session.to_bytes(&[0; 32]).expect("bytes").to_vec()
    })
}

/// Runs both to the end, agreeing to everything.
pub(crate) fn shake_hands(client: &mut Engine, server: &mut Engine) {
    for _ in 0..20 {
        let done = advance(client) & advance(server);
        let (there, back) = (datagrams(client), datagrams(server));
        there.iter().for_each(|it| server.feed(it));
        back.iter().for_each(|it| client.feed(it));
        if done && there.is_empty() && back.is_empty() {
            return;
        }
    }
    panic!("the handshake does not end");
}

/// As far as one gets, agreeing to everything; whether it is established.
pub(crate) fn advance(engine: &mut Engine) -> bool {
    loop {
        match engine.handshake() {
            Step::NeedVerdict(_) => engine.judge(Verdict::Accept),
            Step::NeedCertificate(_) => present(engine),
            Step::NeedKey(request) => provide(engine, &request, KEY),
            Step::Established => {
                let opened = engine.open(&mut []).expect("an established association");
                assert_eq!(opened, Opened::Nothing);
                return true;
            }
            Step::NeedDatagram => return false,
            Step::Failed(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn present(engine: &mut Engine) {
    let client = &credentials().client;
    engine.present(Some((
        std::slice::from_ref(&client.certificate),
        &client.key,
    )));
}

/// Answers with a key that goes by the name of [`IDENTITY`].
pub(crate) fn provide(engine: &mut Engine, request: &KeyRequest, key: &[u8]) {
    match request {
        KeyRequest::Hint(_) => engine.provide_key(PreSharedKey::new(IDENTITY, key).ok()),
        KeyRequest::Identity(_) => engine.provide_key_of(Key::new(key).ok()),
    }
}

/// A handshake message that is one fragment (RFC 6347, section 4.2.2).
pub(crate) fn handshake_message(kind: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let mut message = vec![kind, length[1], length[2], length[3], 0, sequence, 0, 0, 0];
    message.extend(&length[1..]);
    message.extend(body);
    message
}
