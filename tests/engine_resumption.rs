//! Sessions that are resumed: by two engines, and by an engine and plain OpenSSL.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/raw.rs"]
mod raw;

use std::time::Duration;

use gio_ossl::Error;
use gio_ossl::engine::{
    Authentication, Binding, Config, Datagrams, Engine, MAX_PLAINTEXT, Opened, Refusal, Resumption,
    Role, Step, Verdict,
};
use openssl::ssl::{SslOptions, SslSession};
use openssl::x509::X509;
use pki::{Issued, Leaf, Pki};
use raw::Raw;

const BINDINGS: [Binding; 3] = [Binding::Unique, Binding::ServerEndPoint, Binding::Exporter];

fn config(role: Role, resumption: Resumption) -> Config {
    Config {
        role,
        server_name: None,
        authentication: Authentication::None,
        authorities: Vec::new(),
        protocols: Vec::new(),
        credentials: None,
        mtu: 1400,
        initial_timeout: Duration::from_millis(20),
        resumption,
    }
}

/// What takes part in an association.
trait Side {
    /// Moves the handshake on; whether it is over.
    fn advance(&mut self) -> bool;
    fn feed(&mut self, datagram: &[u8]);
    fn take(&mut self) -> Vec<Vec<u8>>;
    /// Makes the retransmission timer run out.
    fn time_passes(&mut self);
}

/// An engine, and the chains that it asked about; it accepts them all.
struct End {
    engine: Engine,
    judged: Vec<Vec<X509>>,
}

impl End {
    fn new(config: &Config) -> Self {
        Self {
            engine: Engine::new(config).unwrap(),
            judged: Vec::new(),
        }
    }

    fn client(resumption: Resumption) -> Self {
        Self::new(&config(Role::Client, resumption))
    }

    fn bindings(&self) -> [Vec<u8>; 3] {
        BINDINGS.map(|binding| self.engine.channel_binding(binding).unwrap())
    }

    fn lacks(&self, binding: Binding) -> bool {
        use gio::TlsChannelBindingError::NotAvailable;
        let result = self.engine.channel_binding(binding);
        result.is_err_and(|error| glib::Error::from(error).matches(NotAvailable))
    }

    fn session(&self) -> SslSession {
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
        let outgoing = self.engine.take_outgoing(Datagrams::default());
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

impl Side for Raw {
    fn advance(&mut self) -> bool {
        self.handshake()
    }

    fn feed(&mut self, datagram: &[u8]) {
        self.receive(datagram);
    }

    fn take(&mut self) -> Vec<Vec<u8>> {
        self.take_outgoing()
    }

    fn time_passes(&mut self) {}
}

/// Shakes hands; the datagram of this number, counted over both directions, is lost.
fn shake_hands_without(lost: usize, client: &mut impl Side, server: &mut impl Side) {
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

fn shake_hands(client: &mut impl Side, server: &mut impl Side) {
    shake_hands_without(usize::MAX, client, server);
}

/// A server's certificate, below an intermediate, and the servers that have it.
struct Site {
    issued: Issued,
    chain: Vec<X509>,
}

impl Site {
    fn new() -> Self {
        let pki = Pki::new();
        let issued = pki.issue_below_intermediate(Leaf::new("server.example"));
        let chain = vec![
            issued.certificate.clone(),
            pki.intermediate.certificate.clone(),
        ];
        Self { issued, chain }
    }

    fn config(&self, resumption: Resumption) -> Config {
        let mut config = config(Role::Server, resumption);
        config.credentials = Some((self.chain.clone(), self.issued.key.clone()));
        config
    }

    fn server(&self) -> End {
        End::new(&self.config(Resumption::Allowed))
    }

    /// Both ends after a full handshake.
    fn first(&self) -> (End, End) {
        let (mut client, mut server) = (End::client(Resumption::Allowed), self.server());
        shake_hands(&mut client, &mut server);
        assert!(!client.engine.is_resumed() && !server.engine.is_resumed());
        (client, server)
    }

    fn session(&self) -> SslSession {
        self.first().0.session()
    }
}

/// A client that offers a session, up to the moment when it judges the server again; what the server
/// has sent meanwhile was fed in this order.
fn until_verdict(site: &Site, reorder: impl Fn(&mut Vec<Vec<u8>>)) -> (End, End, Vec<X509>) {
    let mut client = End::client(Resumption::Offer(site.session()));
    let mut server = site.server();
    assert!(matches!(client.engine.handshake(), Step::NeedDatagram));
    client.take().iter().for_each(|it| server.feed(it));
    assert!(!server.advance());
    let mut records: Vec<_> = server.take().iter().flat_map(|it| split(it)).collect();
    reorder(&mut records);
    records.iter().for_each(|it| client.feed(it));
    let Step::NeedVerdict(chain) = client.engine.handshake() else {
        panic!("no verdict was asked for")
    };
    (client, server, chain)
}

/// The records of a datagram.
fn split(datagram: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut rest = datagram;
    while let [_, _, _, _, _, _, _, _, _, _, _, high, low, ..] = rest {
        let (record, tail) = rest.split_at(13 + usize::from(u16::from_be_bytes([*high, *low])));
        records.push(record.to_vec());
        rest = tail;
    }
    records
}

/// What a client may repeat as long as it has not got on.
fn is_client_hello(record: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    matches!(record, [HANDSHAKE, ..]) && record.get(13) == Some(&CLIENT_HELLO)
}

#[test]
fn no_session_is_kept_unless_both_allow_it() {
    let site = Site::new();
    let sessions = |ours, theirs| {
        let (mut client, mut server) = (End::client(ours), End::new(&site.config(theirs)));
        shake_hands(&mut client, &mut server);
        assert!(server.engine.resumable_session().is_none());
        client.engine.resumable_session()
    };
    assert!(sessions(Resumption::Never, Resumption::Never).is_none());
    assert!(sessions(Resumption::Never, Resumption::Allowed).is_none());
    assert!(sessions(Resumption::Allowed, Resumption::Never).is_none());
    assert!(sessions(Resumption::Allowed, Resumption::Allowed).is_some());
}

#[test]
fn no_session_is_handed_out_before_the_handshake_is_over() {
    let site = Site::new();
    assert!(
        End::client(Resumption::Allowed)
            .engine
            .resumable_session()
            .is_none()
    );
    let (client, _, _) = until_verdict(&site, |_| {});
    assert!(client.engine.resumable_session().is_none());
}

#[test]
fn a_resumed_session_has_bindings_of_its_own_that_are_equal_on_both_sides() {
    let site = Site::new();
    let (first, first_server) = site.first();
    assert_eq!(first.bindings(), first_server.bindings());
    let mut client = End::client(Resumption::Offer(first.session()));
    let mut server = site.server();
    shake_hands(&mut client, &mut server);
    assert!(client.engine.is_resumed() && server.engine.is_resumed());
    assert_eq!(client.bindings(), server.bindings());
    let ([unique, end_point, exporter], [unique_before, end_point_before, exporter_before]) =
        (client.bindings(), first.bindings());
    assert_ne!(unique, unique_before);
    assert_eq!(end_point, end_point_before);
    assert_ne!(exporter, exporter_before);
}

#[test]
fn the_whole_chain_of_a_resumed_session_is_judged_again() {
    let site = Site::new();
    let (mut client, mut server, chain) = until_verdict(&site, |_| {});
    let der = |chain: &[X509]| -> Vec<_> { chain.iter().map(|it| it.to_der().unwrap()).collect() };
    assert_eq!(der(&chain), der(&site.chain));
    client.engine.judge(Verdict::Accept);
    shake_hands(&mut client, &mut server);
    assert!(client.judged.is_empty(), "asked twice");
    client.engine.seal(b"hello").unwrap();
    client.take().iter().for_each(|it| server.feed(it));
    let mut buffer = [0; MAX_PLAINTEXT];
    let Opened::Message { length, .. } = server.engine.open(&mut buffer).unwrap() else {
        panic!("nothing arrived")
    };
    assert_eq!(&buffer[..length], b"hello");
}

#[test]
fn nothing_leaves_a_resuming_client_before_the_verdict_in_whatever_order_the_flight_arrives() {
    let site = Site::new();
    let orders: [fn(&mut Vec<Vec<u8>>); 4] = [
        |_| {},
        |records| records.reverse(),
        |records| records.rotate_left(1),
        |records| records.swap(1, 2),
    ];
    for order in orders {
        let (mut client, mut server, _) = until_verdict(&site, order);
        let sent = client.take();
        let mut sent = sent.iter().flat_map(|it| split(it));
        assert!(sent.all(|record| is_client_hello(&record)));
        assert!(client.engine.seal(b"early").is_err());
        assert!(client.engine.channel_binding(Binding::Unique).is_err());
        client.engine.judge(Verdict::Accept);
        shake_hands(&mut client, &mut server);
        assert!(client.engine.is_resumed());
        assert_eq!(client.bindings(), server.bindings());
    }
}

#[test]
fn a_resumed_session_may_be_refused_and_the_server_is_told() {
    let site = Site::new();
    let (mut client, mut server, _) = until_verdict(&site, |_| {});
    let mine = Error::BadCertificate("mine".into());
    client
        .engine
        .judge(Verdict::Refuse(Refusal::UnknownCa, mine));
    let Step::Failed(error) = client.engine.handshake() else {
        panic!("not refused")
    };
    assert_eq!(error.to_string(), "mine");
    assert!(client.engine.resumable_session().is_none());
    client.take().iter().for_each(|it| server.feed(it));
    // An alert is believed when a repeated flight brings nothing better, too.
    server.time_passes();
    server.time_passes();
    let Step::Failed(error) = server.engine.handshake() else {
        panic!("not told")
    };
    assert!(matches!(&error, Error::BadCertificate(text) if text.contains("unknown_ca")));
}

#[test]
fn a_resumption_survives_the_loss_of_any_datagram() {
    let site = Site::new();
    for lost in 0..4 {
        let mut client = End::client(Resumption::Offer(site.session()));
        let mut server = site.server();
        shake_hands_without(lost, &mut client, &mut server);
        assert!(client.engine.is_resumed() && server.engine.is_resumed());
        assert_eq!(
            client.bindings(),
            server.bindings(),
            "without datagram {lost}"
        );
    }
}

#[test]
fn a_session_may_be_resumed_again_and_by_several_and_after_its_association_is_gone() {
    let site = Site::new();
    let mut session = site.session();
    for _ in 0..3 {
        let mut ends = [(); 2].map(|()| {
            let client = End::client(Resumption::Offer(session.clone()));
            (client, site.server())
        });
        for (client, server) in &mut ends {
            shake_hands(client, server);
            assert!(client.engine.is_resumed() && server.engine.is_resumed());
        }
        session = ends[0].0.session();
    }
}

#[test]
fn application_protocols_are_agreed_on_anew() {
    let site = Site::new();
    let mut ours = config(Role::Client, Resumption::Offer(site.session()));
    ours.protocols = vec![b"a".to_vec(), b"b".to_vec()];
    let mut theirs = site.config(Resumption::Allowed);
    theirs.protocols = vec![b"b".to_vec()];
    let (mut client, mut server) = (End::new(&ours), End::new(&theirs));
    shake_hands(&mut client, &mut server);
    assert!(client.engine.is_resumed());
    assert_eq!(
        client.engine.application_protocol().as_deref(),
        Some(b"b".as_slice())
    );
    assert_eq!(
        server.engine.application_protocol().as_deref(),
        Some(b"b".as_slice())
    );
}

#[test]
fn a_ticket_is_good_for_the_same_certificate_only() {
    let (site, other) = (Site::new(), Site::new());
    let mut client = End::client(Resumption::Offer(site.session()));
    let mut server = other.server();
    shake_hands(&mut client, &mut server);
    assert!(!client.engine.is_resumed() && !server.engine.is_resumed());
    assert_eq!(client.judged.len(), 1);
    assert_eq!(
        client.judged[0][0].to_der().unwrap(),
        other.issued.certificate.to_der().unwrap()
    );
    assert_eq!(client.bindings(), server.bindings());
}

#[test]
fn a_server_that_asks_for_certificates_gives_and_honours_no_tickets() {
    let site = Site::new();
    let mut config = site.config(Resumption::Allowed);
    config.authentication = Authentication::Requested;
    let mut client = End::client(Resumption::Offer(site.session()));
    let mut server = End::new(&config);
    shake_hands(&mut client, &mut server);
    assert!(!client.engine.is_resumed() && !server.engine.is_resumed());
    assert!(client.engine.resumable_session().is_none());
}

#[test]
fn a_session_without_the_chain_is_not_offered() {
    let site = Site::new();
    let exported = site.session().to_der().unwrap();
    let imported = SslSession::from_der(&exported).unwrap();
    let mut client = End::client(Resumption::Offer(imported));
    let mut server = site.server();
    shake_hands(&mut client, &mut server);
    assert!(!client.engine.is_resumed() && !server.engine.is_resumed());
    assert_eq!(client.judged.len(), 1);
    assert!(client.engine.resumable_session().is_some());
}

#[test]
fn a_server_that_is_offered_a_session_itself_serves_all_the_same() {
    let site = Site::new();
    let mut client = End::client(Resumption::Offer(site.session()));
    let mut server = End::new(&site.config(Resumption::Offer(site.session())));
    shake_hands(&mut client, &mut server);
    assert!(client.engine.is_resumed() && server.engine.is_resumed());
}

/// Resumes with a server of plain OpenSSL that has these options on.
fn resumed_with_raw_server(options: SslOptions) -> (End, Raw) {
    let site = Site::new();
    let context = raw::server(&site.chain, &site.issued.key, options);
    let (mut first, mut server) = (End::client(Resumption::Allowed), Raw::accept(&context));
    shake_hands(&mut first, &mut server);
    assert!(!first.engine.is_resumed());
    // Without it, OpenSSL's cache forgets the session.
    server.close();
    let mut client = End::client(Resumption::Offer(first.session()));
    let mut server = Raw::accept(&context);
    shake_hands(&mut client, &mut server);
    assert!(client.engine.is_resumed() && server.ssl().session_reused());
    assert_eq!(client.judged.len(), 1);
    assert_eq!(client.judged[0].len(), 2);
    (client, server)
}

#[test]
fn tickets_and_session_identifiers_of_an_openssl_server_are_resumed_with_equal_bindings() {
    for options in [SslOptions::empty(), SslOptions::NO_TICKET] {
        let (client, server) = resumed_with_raw_server(options);
        let [unique, _, exporter] = client.bindings();
        assert_eq!(unique, server.finished());
        assert_eq!(exporter, server.exporter());
    }
}

#[test]
fn a_resumption_without_extended_master_secret_binds_by_the_certificate_alone() {
    let (client, server) = resumed_with_raw_server(raw::NO_EXTENDED_MASTER_SECRET);
    assert_eq!(server.ssl().extms_support(), Some(false));
    assert!(client.lacks(Binding::Unique));
    assert!(client.lacks(Binding::Exporter));
    let hash = client.engine.channel_binding(Binding::ServerEndPoint);
    assert_eq!(hash.unwrap().len(), 32);
}

#[test]
fn a_full_handshake_without_extended_master_secret_has_no_exporter() {
    let site = Site::new();
    let context = raw::server(
        &site.chain,
        &site.issued.key,
        raw::NO_EXTENDED_MASTER_SECRET,
    );
    let (mut client, mut server) = (End::client(Resumption::Never), Raw::accept(&context));
    shake_hands(&mut client, &mut server);
    assert!(client.lacks(Binding::Exporter));
    let unique = client.engine.channel_binding(Binding::Unique).unwrap();
    assert_eq!(unique, server.peer_finished());
}

#[test]
fn an_openssl_client_resumes_with_equal_bindings() {
    let site = Site::new();
    let context = raw::client(SslOptions::empty());
    let (mut first, mut server) = (Raw::connect(&context, None), site.server());
    shake_hands(&mut first, &mut server);
    let session = first.ssl().session().unwrap().to_owned();
    let mut client = Raw::connect(&context, Some(&session));
    let mut server = site.server();
    shake_hands(&mut client, &mut server);
    assert!(client.ssl().session_reused() && server.engine.is_resumed());
    let [unique, _, exporter] = server.bindings();
    assert_eq!(unique, client.peer_finished());
    assert_eq!(exporter, client.exporter());
}

#[test]
fn an_openssl_client_resumes_without_extended_master_secret_and_without_unique_bindings() {
    let site = Site::new();
    let context = raw::client(raw::NO_EXTENDED_MASTER_SECRET);
    let (mut first, mut server) = (Raw::connect(&context, None), site.server());
    shake_hands(&mut first, &mut server);
    let unique = server.engine.channel_binding(Binding::Unique).unwrap();
    assert_eq!(unique, first.finished());
    let session = first.ssl().session().unwrap().to_owned();
    let mut client = Raw::connect(&context, Some(&session));
    let mut server = site.server();
    shake_hands(&mut client, &mut server);
    assert!(server.engine.is_resumed());
    assert!(server.lacks(Binding::Unique));
    assert!(server.lacks(Binding::Exporter));
}

#[test]
fn a_server_that_has_lost_its_keys_makes_a_full_handshake_with_a_new_verdict() {
    let (site, session) = (Site::new(), Site::new().session());
    let context = raw::server(&site.chain, &site.issued.key, SslOptions::empty());
    let mut client = End::client(Resumption::Offer(session));
    let mut server = Raw::accept(&context);
    shake_hands(&mut client, &mut server);
    assert!(!client.engine.is_resumed());
    assert_eq!(client.judged.len(), 1);
    assert_eq!(
        client.judged[0][0].to_der().unwrap(),
        site.issued.certificate.to_der().unwrap()
    );
}
