//! Whole connections, as a program has them.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use gio_ossl::prelude::*;
use gio_ossl::{Certificate, DtlsClientConnection, DtlsServerConnection, Error, FileDatabase};

use crate::cases::{Hunt, Usually};
use crate::engines::{PSK, PSK_IDENTITY};
use crate::pki::{Leaf, Pki};
use crate::plans::SECRET_PIN;
use crate::simnet::SimNet;
use crate::token::tokens;

const HOST: &str = "server.example";
const NOW: Option<Duration> = Some(Duration::ZERO);

/// Two ends, and what they trust.
struct Ends {
    client: [String; 2],
    server: [String; 2],
    /// Where the server's certificate and key are instead.
    token: Option<String>,
    anchors: std::path::PathBuf,
    session: RefCell<Option<glib::Bytes>>,
}

impl Ends {
    fn new(pki: &Pki, trusted: &Pki) -> Self {
        Ends {
            client: texts(pki, "client"),
            server: texts(pki, HOST),
            token: None,
            anchors: trusted.root_file(),
            session: RefCell::default(),
        }
    }

    fn client(&self, net: &SimNet) -> Result<DtlsClientConnection, Error> {
        let identity = gio::NetworkAddress::new(HOST, 4433);
        let client = DtlsClientConnection::new(&net.client(), Some(&identity))?;
        client.set_database(Some(&FileDatabase::new(&self.anchors)?));
        client.set_initial_timeout(Duration::from_millis(100));
        Ok(client)
    }

    fn server(&self, net: &SimNet) -> Result<DtlsServerConnection, Error> {
        let own = match &self.token {
            Some(uri) => of_token(uri)?,
            None => certificate(&self.server)?,
        };
        let server = DtlsServerConnection::new(&net.server(), Some(&own))?;
        server.set_initial_timeout(Duration::from_millis(100));
        Ok(server)
    }

    /// Both have certificates, and tell all that can be asked.
    fn meet(&self) -> Result<(), Error> {
        let net = SimNet::new();
        let (client, server) = (self.client(&net)?, self.server(&net)?);
        client.set_certificate(&certificate(&self.client)?);
        client.set_advertised_protocols(&["coap"]);
        server.set_advertised_protocols(&["coap"]);
        client.set_srtp_profiles(&["SRTP_AEAD_AES_128_GCM"]);
        server.set_srtp_profiles(&["SRTP_AEAD_AES_128_GCM"]);
        client.set_groups(Some("P-256"));
        client.set_signature_algorithms(Some("ECDSA+SHA256"));
        client.set_cipher_list(Some("ECDHE-ECDSA-AES128-GCM-SHA256"));
        server.set_authentication_mode(gio::TlsAuthenticationMode::Required);
        server.set_database(Some(&FileDatabase::new(&self.anchors)?));
        server.connect_accept_certificate(|_, _, errors| errors.is_empty());
        let lines = Arc::new(AtomicU32::new(0));
        let noted = lines.clone();
        client.connect_keylog(move |_, _| _ = noted.fetch_add(1, Relaxed));
        both_shake_hands(&client, &server)?;
        assert!(client.peer_certificate_errors().is_empty());
        assert!(server.peer_certificate_errors().is_empty());
        assert!(server.peer_certificate().is_some());
        missing("a line for the key log", lines.load(Relaxed) == 0)?;
        for end in [
            client.upcast_ref::<gio_ossl::DtlsConnection>(),
            server.upcast_ref(),
        ] {
            end.export_keying_material("EXPERIMENTAL", None, 32)?;
            end.export_srtp_keys()?;
            let protocol = end.property::<Option<String>>("negotiated-protocol");
            missing("protocol", protocol.as_deref() != Some("coap"))?;
            missing("group", end.property::<Option<String>>("group").is_none())?;
            missing("room", end.max_payload() == 0)?;
            missing("description", end.description().is_empty())?;
        }
        talk(&client, &server)
    }

    /// Nothing but a handshake.
    fn greet(&self) -> Result<(), Error> {
        let net = SimNet::new();
        both_shake_hands(&self.client(&net)?, &self.server(&net)?)?;
        Ok(())
    }

    /// The client comes back with its session.
    fn resume(&self) -> Result<(), Error> {
        let net = SimNet::new();
        let (client, server) = (self.client(&net)?, self.server(&net)?);
        if let Some(session) = &*self.session.borrow() {
            client.import_session(session)?;
        }
        both_shake_hands(&client, &server)?;
        assert!(client.peer_certificate_errors().is_empty());
        self.session.replace(Some(client.export_session()?));
        talk(&client, &server)
    }

    /// Neither has a certificate.
    fn share_a_key(&self) -> Result<(), Error> {
        let net = SimNet::new();
        let client = DtlsClientConnection::new(&net.client(), None::<&gio::NetworkAddress>)?;
        let server = DtlsServerConnection::new(&net.server(), None::<&gio::TlsCertificate>)?;
        client.set_database(gio::TlsDatabase::NONE);
        client.set_psk(PSK_IDENTITY, PSK)?;
        server.set_psk_identity_hint(Some("a hint"));
        server.set_cipher_list(Some("DHE-PSK-AES128-GCM-SHA256"));
        server.connect_psk_lookup(|_, name| {
            (name == PSK_IDENTITY).then(|| glib::Bytes::from_static(PSK))
        });
        both_shake_hands(&client, &server)?;
        talk(&client, &server)
    }
}

fn missing(what: &str, is_missing: bool) -> Result<(), Error> {
    match is_missing {
        true => Err(Error::NotSupported(format!("there is no {what}"))),
        false => Ok(()),
    }
}

/// A certificate with this name, and its key.
fn texts(pki: &Pki, name: &str) -> [String; 2] {
    let issued = pki.issue(Leaf::new("x").dns(name));
    [issued.certificate_pem(), issued.key_pem()]
}

fn certificate([certificate, key]: &[String; 2]) -> Result<Certificate, Error> {
    Certificate::from_pem(certificate, Some(key))
}

/// A certificate that a token has.
fn of_token(uri: &str) -> Result<Certificate, Error> {
    let certificate = gio::Initable::builder::<Certificate>().property("pkcs11-uri", uri);
    Ok(certificate.build(gio::Cancellable::NONE)?)
}

/// A message each way, and the end.
fn talk(client: &DtlsClientConnection, server: &DtlsServerConnection) -> Result<(), Error> {
    let nobody = gio::Cancellable::NONE;
    let (client, server) = (client.upcast_ref(), server.upcast_ref());
    let ends: [[&gio_ossl::DtlsConnection; 2]; 2] = [[client, server], [server, client]];
    for [from, to] in ends {
        from.send(b"message", NOW, nobody)?;
        let heard = to.receive_bytes(64, NOW, nobody)?;
        assert_eq!(heard.as_deref(), Some(&b"message"[..]));
        assert_eq!(from.statistics().messages_sent, 1);
    }
    DtlsConnectionExt::close(client, nobody)?;
    server.receive_bytes(64, NOW, nobody)?;
    DtlsConnectionExt::close(server, nobody)?;
    Ok(())
}

/// Both handshakes in one loop, until both are over or one has failed.
fn both_shake_hands(
    client: &DtlsClientConnection,
    server: &DtlsServerConnection,
) -> Result<(), glib::Error> {
    let context = glib::MainContext::new();
    let shaken = context.with_thread_default(|| {
        context.block_on(async {
            let ours = pin!(client.handshake_future(glib::Priority::DEFAULT));
            let theirs = pin!(server.handshake_future(glib::Priority::DEFAULT));
            let mut ends = [Some(ours as _), Some(theirs as _)];
            poll_fn(|waker| {
                for end in &mut ends {
                    let pending: &mut Option<std::pin::Pin<&mut dyn Future<Output = _>>> = end;
                    let Some(future) = pending else { continue };
                    match future.as_mut().poll(waker) {
                        Poll::Ready(Ok(())) => *pending = None,
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => {}
                    }
                }
                match ends.iter().all(Option::is_none) {
                    true => Poll::Ready(Ok(())),
                    false => Poll::Pending,
                }
            })
            .await
        })
    });
    shaken.unwrap()
}

pub fn run(hunt: &mut Hunt) {
    let (pki, other) = (Pki::new(), Pki::new());
    let good = Ends::new(&pki, &pki);
    hunt.each("connections", Usually::Succeeds, &|| good.meet());
    good.resume().unwrap();
    hunt.each("connections, resumed", Usually::Succeeds, &|| good.resume());
    hunt.each("connections with a key", Usually::Succeeds, &|| {
        good.share_a_key()
    });
    let leaf = pki.issue(Leaf::new("x").dns(HOST));
    tokens().create("token", SECRET_PIN);
    tokens().store(("token", SECRET_PIN), "own", &leaf, true);
    tokens().create("other", "94837261");
    tokens().store(("other", "94837261"), "own", &leaf, true);
    let on_token = Ends {
        token: Some(format!(
            "pkcs11:token=token;object=own?pin-value={SECRET_PIN}"
        )),
        ..Ends::new(&pki, &pki)
    };
    hunt.is_patient = true;
    hunt.each("connection with a token", Usually::Succeeds, &|| {
        on_token.greet()
    });
    hunt.each(
        "one token's PIN and another token",
        Usually::Succeeds,
        &|| {
            on_token.server(&SimNet::new())?;
            of_token("pkcs11:token=other;object=own;type=cert").map(drop)
        },
    );
    hunt.is_patient = false;
    let bad = Ends::new(&other, &pki);
    hunt.each("connection to a stranger", Usually::Refuses, &|| {
        bad.resume()
    });
    let bad = Ends {
        server: texts(&pki, HOST),
        ..bad
    };
    hunt.each("connection of a stranger", Usually::Refuses, &|| bad.meet());
}
