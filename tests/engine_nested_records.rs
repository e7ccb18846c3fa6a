//! Records inside of records that OpenSSL drops by their header alone.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;
#[path = "common/raw.rs"]
#[allow(dead_code)]
mod raw;
#[path = "common/raw_side.rs"]
mod raw_side;
#[path = "common/resumption.rs"]
#[allow(dead_code)]
mod resumption;

use engines::{HANDSHAKE_FAILURE, Pair, plaintext_alert, record};
use gio_ossl::engine::{Role, Step};

/// OpenSSL drops the header of a record of another version, or of one that is too long, and goes on
/// behind it, in the middle of what we take for its payload.
fn wrapped(inner: &[u8], epoch: u8, minor: u8) -> Vec<u8> {
    let mut outer = record(23, epoch, 200, inner);
    outer[2] = minor;
    outer
}

/// The same by the length.
fn long(inner: &[u8], epoch: u8) -> Vec<u8> {
    let mut payload = inner.to_vec();
    payload.resize(18_000, 0);
    record(23, epoch, 200, &payload)
}

#[test]
fn stunted_record_in_another_does_not_end_an_association() {
    let stunted = record(23, 1, 201, &[0; 5]);
    let mut ended = Vec::new();
    for (name, forged) in [
        ("epoch 0, version", wrapped(&stunted, 0, 0x77)),
        (
            "epoch 1, version",
            wrapped(&[stunted.clone(), vec![0; 40]].concat(), 1, 0x77),
        ),
        ("epoch 0, length", long(&stunted, 0)),
        ("epoch 1, length", long(&stunted, 1)),
        ("cut short, version", {
            let mut cut = wrapped(&stunted, 0, 0x77);
            cut[11..13].fill(0xff);
            cut
        }),
        ("cut short, length", {
            let mut cut = record(23, 0, 200, &stunted);
            cut[11..13].fill(0xff);
            cut
        }),
    ] {
        let mut pair = Pair::established();
        pair.server.feed(&forged);
        let opened = pair.server.open(&mut [0; 100]);
        if opened.is_err() {
            ended.push((name, opened));
        }
    }
    assert!(ended.is_empty(), "{ended:#?}");
}

#[test]
fn plaintext_records_in_another_do_not_pass_the_sieve() {
    let mut failed = Vec::new();
    let alert = [plaintext_alert(2, HANDSHAKE_FAILURE), vec![0; 40]].concat();
    for (name, forged) in [
        ("alert, version", wrapped(&alert, 1, 0x77)),
        ("alert, length", long(&alert, 1)),
        (
            "handshake, version",
            wrapped(&record(22, 0, 99, &[77; 40]), 1, 0x77),
        ),
        (
            "data, version",
            wrapped(&record(23, 0, 99, &[77; 40]), 1, 0x77),
        ),
    ] {
        for victim in [Role::Client, Role::Server] {
            for moment in 0..6 {
                let forged = forged.clone();
                let steps = std::panic::catch_unwind(move || {
                    Pair::new().run(|to, number, datagram| {
                        let mut arriving = vec![(to, datagram.to_vec())];
                        if to == victim && number == moment {
                            arriving.insert(0, (to, forged.clone()));
                        }
                        arriving
                    })
                });
                if !matches!(steps, Ok((Step::Established, Step::Established))) {
                    failed.push(format!(
                        "{name} to {victim:?} before datagram {moment}: {:?}",
                        steps.ok()
                    ));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[allow(unsafe_code)]
unsafe extern "C" {
    fn SSL_CTX_set_tlsext_max_fragment_length(
        context: *mut openssl_sys::SSL_CTX,
        mode: u8,
    ) -> std::ffi::c_int;
}

/// A client may ask for shorter records (RFC 6066, section 4), and OpenSSL grants it.
#[test]
fn stunted_record_in_one_that_is_longer_than_agreed_does_not_end_an_association() {
    use foreign_types::ForeignType;
    let context = raw::client(openssl::ssl::SslOptions::empty());
    // SAFETY: the context is valid.
    #[allow(unsafe_code)]
    let done = unsafe { SSL_CTX_set_tlsext_max_fragment_length(context.as_ptr(), 1) };
    assert_eq!(done, 1);
    let mut client = raw::Raw::connect(&context, None);
    let mut server = resumption::Site::new().server();
    resumption::shake_hands(&mut client, &mut server);
    let stunted = record(23, 1, 201, &[0; 5]);
    let mut payload = stunted;
    payload.resize(1000, 0);
    server.engine.feed(&record(23, 0, 200, &payload));
    server.engine.open(&mut [0; 100]).unwrap();
}

/// The sieve puts messages together again, and must not make longer records of them than was agreed on.
#[test]
fn client_that_asked_for_short_records_may_present_a_certificate() {
    use foreign_types::ForeignType;
    use openssl::ssl::{SslContextBuilder, SslMethod, SslOptions, SslVerifyMode};
    for mode in [0, 1] {
        let site = resumption::Site::new();
        let mut context = SslContextBuilder::new(SslMethod::dtls()).unwrap();
        context.set_options(SslOptions::NO_QUERY_MTU);
        context.set_verify(SslVerifyMode::NONE);
        context.set_certificate(&site.chain[0]).unwrap();
        context.set_private_key(&site.issued.key).unwrap();
        context.add_extra_chain_cert(site.chain[1].clone()).unwrap();
        let context = context.build();
        // SAFETY: the context is valid.
        #[allow(unsafe_code)]
        let done = unsafe { SSL_CTX_set_tlsext_max_fragment_length(context.as_ptr(), mode) };
        assert_eq!(done, 1);
        let mut config = site.config(gio_ossl::engine::Resumption::Allowed);
        config.authentication = gio_ossl::engine::Authentication::Requested;
        let mut client = raw::Raw::connect(&context, None);
        let mut server = resumption::End::new(&config);
        resumption::shake_hands(&mut client, &mut server);
        assert_eq!(server.judged.len(), 1, "mode {mode}");
    }
}
