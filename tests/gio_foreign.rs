//! Databases and certificates that are not ours: GIO lets an application derive its own.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[allow(dead_code, reason = "each test program uses its part")]
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/oracle.rs"]
mod oracle;

use std::{
    fs,
    sync::{Arc, Mutex},
};

use common::{
    IDENTITY, assert_fails, certificate, hurry,
    records::plain_alerts,
    server,
    simnet::{Direction, SimNet},
    ways::Way,
};
use gio::{
    IOErrorEnum, TlsAuthenticationMode as Mode, TlsCertificateFlags as Flags, TlsError, prelude::*,
};
use gio_ossl::{DtlsClientConnection, DtlsConnection, DtlsServerConnection};

use foreign::Foreign;
use oracle::{Asked, Oracle};

const FATAL: u8 = 2;
const SERVER_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.2";

/// A certificate of the PKI in a class of the application's own, with its key if that is known.
fn stranger(name: &str, with_key: bool) -> Foreign {
    let pem = fs::read(common::pki_file(&format!("{name}.pem"))).unwrap();
    let der = openssl::x509::X509::from_pem(&pem).unwrap().to_der();
    let foreign = Foreign::new(der.unwrap(), None);
    if !with_key {
        return foreign;
    }
    foreign.with_key(fs::read_to_string(common::pki_file(&format!("{name}.key"))).unwrap())
}

/// A client and a server that know each other; the client has a certificate to show.
struct Ends {
    net: SimNet,
    client: DtlsClientConnection,
    server: DtlsServerConnection,
}

impl Ends {
    fn new() -> Self {
        let net = SimNet::new();
        let (near, far) = net.pair();
        let (client, server) = (common::client(&near), server(&far));
        server.set_database(Some(&common::database("ca")));
        server.set_authentication_mode(Mode::Required);
        client.set_certificate(&certificate("client"));
        Self {
            net,
            client,
            server,
        }
    }

    /// The side that asks this database.
    fn judge(&self, role: Role) -> &DtlsConnection {
        match role {
            Role::Client => self.client.upcast_ref(),
            Role::Server => self.server.upcast_ref(),
        }
    }

    /// Both sides accept what they are asked about, and tell what that was.
    fn accept_all(&self) -> [Arc<Mutex<Vec<Flags>>>; 2] {
        Role::BOTH.map(|role| note_questions(self.judge(role), true))
    }
}

/// Answers each `accept-certificate` of this side, and notes the problems.
fn note_questions(end: &DtlsConnection, accept: bool) -> Arc<Mutex<Vec<Flags>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    end.connect_accept_certificate(move |_, _, errors| {
        noted.lock().unwrap().push(errors);
        accept
    });
    seen
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

impl Role {
    const BOTH: [Self; 2] = [Self::Client, Self::Server];

    fn sends(self) -> Direction {
        match self {
            Self::Client => Direction::ToServer,
            Self::Server => Direction::ToClient,
        }
    }
}

#[test]
fn database_of_the_application_decides_alone() {
    for way in Way::BOTH {
        let ends = Ends::new();
        let oracle = Oracle::new(Ok(Flags::empty()));
        // That it has expired is not this library's business then.
        ends.server.set_certificate(&certificate("expired"));
        ends.client.set_database(Some(&oracle));
        ends.server.set_database(Some(&oracle));
        let [ours, theirs] = ends.accept_all();
        let (client, server) = way.meet(&ends.client, &ends.server);
        client.unwrap();
        server.unwrap();
        assert!(ours.lock().unwrap().is_empty());
        assert_eq!(*theirs.lock().unwrap(), [Flags::empty()]);
        assert!(ends.client.peer_certificate_errors().is_empty());
        assert!(ends.server.peer_certificate_errors().is_empty());
        assert_eq!(oracle.asked().len(), 2);
    }
}

#[test]
fn database_of_the_application_is_asked_with_all_there_is_to_know() {
    for way in Way::BOTH {
        let ends = Ends::new();
        let (ours, theirs) = (
            Oracle::new(Ok(Flags::empty())),
            Oracle::new(Ok(Flags::empty())),
        );
        ends.client.set_database(Some(&ours));
        ends.client
            .set_interaction(Some(&glib::Object::new::<gio::TlsInteraction>()));
        ends.server.set_database(Some(&theirs));
        ends.accept_all();
        way.meet(&ends.client, &ends.server).1.unwrap();
        let about_server = Asked {
            purpose: SERVER_AUTHENTICATION.into(),
            host: Some(IDENTITY.into()),
            subjects: vec![format!("CN={IDENTITY}")],
            has_interaction: true,
            has_cancellable: false,
        };
        let about_client = Asked {
            purpose: CLIENT_AUTHENTICATION.into(),
            host: None,
            subjects: vec!["CN=client.example.com".into()],
            has_interaction: false,
            has_cancellable: false,
        };
        assert_eq!(ours.asked(), [about_server]);
        assert_eq!(theirs.asked(), [about_client]);
    }
}

#[test]
fn database_that_fails_is_no_reason_to_trust() {
    hurry();
    for way in Way::BOTH {
        for role in Role::BOTH {
            let ends = Ends::new();
            let oracle = Oracle::new(Err(IOErrorEnum::Cancelled));
            let judge = ends.judge(role);
            judge.set_database(Some(&oracle));
            let seen = note_questions(judge, false);
            if role == Role::Client {
                note_questions(ends.judge(Role::Server), true);
            }
            let (ours, theirs) = way.meet(&ends.client, &ends.server);
            assert_fails(ours, TlsError::BadCertificate);
            assert_fails(theirs, TlsError::BadCertificate);
            assert_eq!(*seen.lock().unwrap(), [Flags::GENERIC_ERROR]);
            assert_eq!(judge.peer_certificate_errors(), Flags::GENERIC_ERROR);
            assert_eq!(plain_alerts(&ends.net, role.sends()), [(FATAL, 42)]);
        }
    }
}

#[test]
fn failure_of_a_database_may_be_overruled_and_stays_visible() {
    for role in Role::BOTH {
        let ends = Ends::new();
        let oracle = Oracle::new(Err(IOErrorEnum::Busy));
        ends.judge(role).set_database(Some(&oracle));
        ends.accept_all();
        let (ours, theirs) = Way::Asynchronous.meet(&ends.client, &ends.server);
        ours.unwrap();
        theirs.unwrap();
        let errors = ends.judge(role).peer_certificate_errors();
        assert_eq!(errors, Flags::GENERIC_ERROR);
    }
}

#[test]
fn missing_identity_adds_to_what_the_database_says() {
    hurry();
    let ends = Ends::new();
    let nobody = None::<gio::SocketConnectable>;
    ends.client.set_property("server-identity", nobody);
    ends.client
        .set_database(Some(&Oracle::new(Ok(Flags::REVOKED))));
    let (ours, _) = Way::Asynchronous.meet(&ends.client, &ends.server);
    assert_fails(ours, TlsError::BadCertificate);
    let errors = ends.client.peer_certificate_errors();
    assert_eq!(errors, Flags::REVOKED | Flags::BAD_IDENTITY);
}

#[test]
fn alert_tells_the_gravest_of_the_problems() {
    hurry();
    // RFC 5246, section 7.2.2.
    let alerts = [
        (Flags::UNKNOWN_CA | Flags::EXPIRED, 48),
        (Flags::REVOKED | Flags::EXPIRED, 44),
        (Flags::EXPIRED | Flags::BAD_IDENTITY, 45),
        (Flags::BAD_IDENTITY, 42),
        (Flags::NOT_ACTIVATED, 42),
        (Flags::INSECURE, 42),
        (Flags::GENERIC_ERROR, 42),
    ];
    for role in Role::BOTH {
        for (problems, alert) in alerts {
            let ends = Ends::new();
            ends.judge(role)
                .set_database(Some(&Oracle::new(Ok(problems))));
            if role == Role::Client {
                note_questions(ends.judge(Role::Server), true);
            }
            let (ours, theirs) = Way::Asynchronous.meet(&ends.client, &ends.server);
            assert_fails(ours, TlsError::BadCertificate);
            assert_fails(theirs, TlsError::BadCertificate);
            assert_eq!(ends.judge(role).peer_certificate_errors(), problems);
            assert_eq!(plain_alerts(&ends.net, role.sends()), [(FATAL, alert)]);
        }
    }
}

#[test]
fn certificates_of_another_class_are_presented() {
    for way in Way::BOTH {
        let ends = Ends::new();
        ends.client.set_certificate(&stranger("client", true));
        ends.server.set_certificate(&stranger("rsa", true));
        let [_, theirs] = ends.accept_all();
        let (client, server) = way.meet(&ends.client, &ends.server);
        client.unwrap();
        server.unwrap();
        assert_eq!(*theirs.lock().unwrap(), [Flags::empty()]);
        let seen = ends.client.peer_certificate().unwrap();
        assert!(seen.is_same(&certificate("rsa")));
        let seen = ends.server.peer_certificate().unwrap();
        assert!(seen.is_same(&stranger("client", false)));
    }
}

#[test]
fn certificate_of_another_class_needs_its_key_too() {
    hurry();
    let base = SimNet::new().server();
    let refused = DtlsServerConnection::new(&base, Some(&stranger("ecdsa", false)));
    assert_fails(refused, TlsError::BadCertificate);
    DtlsServerConnection::new(&base, Some(&stranger("ecdsa", true))).unwrap();

    let ends = Ends::new();
    ends.client.set_certificate(&stranger("client", false));
    let (ours, theirs) = Way::Asynchronous.meet(&ends.client, &ends.server);
    assert_fails(ours, TlsError::CertificateRequired);
    assert_fails(theirs, TlsError::CertificateRequired);
}
