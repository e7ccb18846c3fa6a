//! Sessions that an engine and plain OpenSSL resume.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/raw.rs"]
mod raw;
#[path = "common/raw_side.rs"]
mod raw_side;
#[path = "common/resumption.rs"]
mod resumption;

use gio_ossl::engine::{Binding, Resumption, Role};
use openssl::ssl::SslOptions;
use raw::Raw;
use resumption::{End, Side, Site, shake_hands};

impl End {
    fn lacks(&self, binding: Binding) -> bool {
        use gio::TlsChannelBindingError::NotAvailable;
        let result = self.engine.channel_binding(binding);
        result.is_err_and(|error| glib::Error::from(error).matches(NotAvailable))
    }
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

#[test]
fn a_session_with_an_identifier_is_not_kept_where_that_is_not_allowed() {
    let site = Site::new();
    let context = raw::server(&site.chain, &site.issued.key, SslOptions::NO_TICKET);
    for (resumption, expected) in [(Resumption::Never, false), (Resumption::Allowed, true)] {
        let (mut client, mut server) = (End::client(resumption), Raw::accept(&context));
        shake_hands(&mut client, &mut server);
        assert_eq!(client.engine.resumable_session().is_some(), expected);
    }
}

#[test]
fn a_ticket_that_would_cut_the_client_hello_is_not_offered() {
    let site = Site::new();
    let context = raw::server(&site.chain, &site.issued.key, SslOptions::empty());
    let (mut first, mut server) = (End::client(Resumption::Allowed), Raw::accept(&context));
    shake_hands(&mut first, &mut server);
    server.close();
    for (mtu, expected) in [(1400, true), (300, false)] {
        let mut config = resumption::config(Role::Client, Resumption::Offer(first.session()));
        config.mtu = mtu;
        let mut client = End::new(&config);
        client.advance();
        let hello = client.take();
        assert_eq!(hello.len(), 1, "a server without state takes no fragments");
        let mut server = Raw::accept(&context);
        server.receive(&hello[0]);
        shake_hands(&mut client, &mut server);
        assert_eq!(client.engine.is_resumed(), expected);
    }
}
