//! Sessions that two engines resume.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/resumption.rs"]
mod resumption;

use gio_ossl::Error;
use gio_ossl::engine::testing;
use gio_ossl::engine::{
    Authentication, Binding, MAX_PLAINTEXT, Opened, Protocol, Refusal, Resumption, Role,
    SavedSession, Step, Verdict,
};
use openssl::x509::X509;
use resumption::{End, Side, Site, config, shake_hands, shake_hands_without};

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
fn a_ticket_is_good_for_the_same_groups_and_signatures_only() {
    let site = Site::new();
    let chosen = [
        Protocol::default().with_groups("P-384").unwrap(),
        Protocol::default()
            .with_signature_algorithms("ECDSA+SHA256")
            .unwrap(),
        Protocol::default()
            .with_cipher_list(Some("DEFAULT:@SECLEVEL=1"), false)
            .unwrap(),
    ];
    for protocol in chosen {
        let mut theirs = site.config(Resumption::Allowed);
        theirs.protocol = protocol.clone();
        let mut client = End::client(Resumption::Offer(site.session()));
        let mut server = End::new(&theirs);
        shake_hands(&mut client, &mut server);
        assert!(!client.engine.is_resumed(), "{protocol:?}");
        let mut client = End::client(Resumption::Offer(client.session()));
        let mut server = End::new(&theirs);
        shake_hands(&mut client, &mut server);
        assert!(client.engine.is_resumed(), "{protocol:?}");
    }
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
    let session = site.session();
    let of_nobody = SavedSession::new(session.session().to_owned(), vec![], 0);
    let mut client = End::client(Resumption::Offer(of_nobody));
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

#[test]
fn a_session_with_the_chain_of_another_server_is_not_offered() {
    let (site, other) = (Site::new(), Site::new());
    let session = site.session().session().to_owned();
    let of_another = SavedSession::new(session, other.chain.clone(), 0);
    let mut client = End::client(Resumption::Offer(of_another));
    let mut server = site.server();
    shake_hands(&mut client, &mut server);
    assert!(!client.engine.is_resumed() && !server.engine.is_resumed());
    assert_eq!(client.judged.len(), 1);
}

#[test]
fn an_exported_session_is_resumed_and_its_whole_chain_is_judged_again() {
    let site = Site::new();
    let first = site.session();
    let exported = first.to_bytes(&[7; 32]).unwrap();
    let (imported, bound) = SavedSession::from_bytes(&exported).unwrap();
    assert_eq!(bound, [7; 32]);
    assert_eq!(imported.established(), first.established());
    let mut client = End::client(Resumption::Offer(imported));
    let mut server = site.server();
    shake_hands(&mut client, &mut server);
    assert!(client.engine.is_resumed() && server.engine.is_resumed());
    assert_eq!(client.bindings(), server.bindings());
    assert_eq!(client.judged.len(), 1);
    let der = |chain: &[X509]| -> Vec<_> { chain.iter().map(|it| it.to_der().unwrap()).collect() };
    assert_eq!(der(&client.judged[0]), der(&site.chain));
    // What is exported now is as good, and not younger.
    let again = client.session();
    assert_eq!(again.established(), first.established());
    let (again, _) = SavedSession::from_bytes(&again.to_bytes(&bound).unwrap()).unwrap();
    assert_eq!(der(again.chain()), der(&site.chain));
}

/// What is wrong with these bytes, as the application is told.
fn refusal(bytes: &[u8]) -> String {
    match SavedSession::from_bytes(bytes) {
        Err(Error::InvalidArgument(text)) => text,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("taken"),
    }
}

/// With the right checksum of its content.
fn sealed(content: &[u8]) -> Vec<u8> {
    [content, &openssl::sha::sha256(content)].concat()
}

#[test]
fn bytes_that_are_no_export_are_refused_with_what_is_wrong() {
    let exported = Site::new().session().to_bytes(&[0; 32]).unwrap();
    for length in 0..exported.len() {
        let text = refusal(&exported[..length]);
        assert!(text.starts_with("Not an exported session: "), "{text}");
    }
    for place in (0..exported.len()).step_by(7) {
        let mut bytes = exported.to_vec();
        bytes[place] ^= 0x20;
        refusal(&bytes);
    }
    let mut version = exported.to_vec();
    version[8] = 9;
    assert!(refusal(&version).contains("version 9"));
    assert!(refusal(b"").contains("does not begin"));
    assert!(refusal(&[&exported[..], b"x"].concat()).contains("checksum"));
    let content = &exported[..exported.len() - 32];
    let longer = sealed(&[content, b"x"].concat());
    assert!(refusal(&longer).contains("something follows"));
    for length in 9..content.len() {
        refusal(&sealed(&content[..length]));
    }
    assert!(SavedSession::from_bytes(&sealed(content)).is_ok());
}

#[test]
fn an_export_with_the_certificates_of_another_server_is_refused() {
    let (site, other) = (Site::new(), Site::new());
    let session = site.session().session().to_owned();
    let mixed = SavedSession::new(session, other.chain.clone(), 0);
    let text = refusal(&mixed.to_bytes(&[0; 32]).unwrap());
    assert!(text.contains("not those of its session"), "{text}");
}

#[test]
fn sessions_get_too_old_to_be_offered() {
    let session = Site::new().session();
    let begin = session.established();
    // OpenSSL's servers say two hours.
    for (age, expected) in [(0, true), (7199, true), (7200, false), (-7200, false)] {
        assert_eq!(session.is_fresh(begin + age), expected, "{age}");
    }
}

#[test]
fn a_new_ticket_in_the_datagram_of_the_server_hello_is_taken_at_once() {
    let site = Site::new();
    let mut client = End::client(Resumption::Offer(site.session()));
    // The ticket's key has been replaced meanwhile.
    let now = site.session().established();
    testing::set_clock(Some(now + 5400));
    let mut server = site.server();
    assert!(!client.advance());
    client.take().iter().for_each(|it| server.feed(it));
    assert!(!server.advance());
    testing::set_clock(None);
    let flight = server.take();
    assert_eq!(flight.len(), 1);
    client.feed(&flight[0]);
    assert!(client.advance(), "something is missing");
    assert!(client.engine.is_resumed());
}

/// valgrind sees here whether OpenSSL's flights outlive the sessions that they point to.
#[test]
fn a_flight_is_repeated_after_its_session_was_declined() {
    let offered = Site::new().session();
    let mut client = End::client(Resumption::Offer(offered));
    let mut server = Site::new().server();
    assert!(!client.advance());
    let hello = client.take();
    hello.iter().for_each(|it| server.feed(it));
    assert!(!server.advance());
    // Nothing but the ServerHello arrives, in which another session begins.
    client.feed(&split(&server.take()[0])[0]);
    assert!(!client.advance());
    client.time_passes();
    let again = client.take();
    assert!(
        again
            .iter()
            .flat_map(|it| split(it))
            .all(|it| is_client_hello(&it))
    );
    let bodies = |flight: &[Vec<u8>]| flight.concat()[13..].to_vec();
    assert_eq!(bodies(&again[..1]), bodies(&hello));
    shake_hands(&mut client, &mut server);
    assert!(!client.engine.is_resumed());
}
