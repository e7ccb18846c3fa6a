//! Keys for SRTP (RFC 5764) of both ends.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::sync::{Arc, Mutex};

use common::{
    assert_fails, client, established, handshakes, hurry, run, server,
    simnet::{Endpoint, SimNet},
    ways::Way,
};
use gio::IOErrorEnum;
use gio_ossl::{DtlsClientConnection, DtlsConnection, DtlsServerConnection, SrtpKeys, prelude::*};
use glib::object::IsClass;

const AEAD_128: &str = "SRTP_AEAD_AES_128_GCM";
const AEAD_256: &str = "SRTP_AEAD_AES_256_GCM";
const SHA1_80: &str = "SRTP_AES128_CM_HMAC_SHA1_80";
const SHA1_32: &str = "SRTP_AES128_CM_HMAC_SHA1_32";
const NEGOTIATED: &str = "negotiated-srtp-profile";

/// A client and a server that know each other, with these profiles.
fn ends(ours: &[&str], theirs: &[&str]) -> (DtlsClientConnection, DtlsServerConnection) {
    let (near, far) = SimNet::new().pair();
    let (client, server) = (client(&near), server(&far));
    client.set_srtp_profiles(ours);
    server.set_srtp_profiles(theirs);
    (client, server)
}

/// The values of the negotiated profile that are announced from now on.
fn announced(end: &impl IsA<DtlsConnection>) -> Arc<Mutex<Vec<Option<String>>>> {
    let values = Arc::new(Mutex::new(Vec::new()));
    let noted = values.clone();
    end.as_ref()
        .connect_notify(Some(NEGOTIATED), move |end, _| {
            let value: Option<String> = end.property(NEGOTIATED);
            noted.lock().unwrap().push(value);
        });
    values
}

fn sending(keys: &SrtpKeys) -> [&[u8]; 2] {
    [&keys.sending_key, &keys.sending_salt]
}

fn receiving(keys: &SrtpKeys) -> [&[u8]; 2] {
    [&keys.receiving_key, &keys.receiving_salt]
}

fn both(near: &DtlsClientConnection, far: &DtlsServerConnection) -> [DtlsConnection; 2] {
    [near.clone().upcast(), far.clone().upcast()]
}

#[test]
fn both_ends_agree_on_each_profile_by_either_name() {
    for way in Way::BOTH {
        for (ours, theirs, name, key, salt) in [
            (SHA1_80, SHA1_80, SHA1_80, 16, 14),
            ("SRTP_AES128_CM_SHA1_80", SHA1_80, SHA1_80, 16, 14),
            (SHA1_32, "SRTP_AES128_CM_SHA1_32", SHA1_32, 16, 14),
            (AEAD_128, AEAD_128, AEAD_128, 16, 12),
            (AEAD_256, AEAD_256, AEAD_256, 32, 12),
        ] {
            let (near, far) = ends(&[ours], &[theirs]);
            assert_eq!(near.srtp_profiles(), [ours]);
            let news = [announced(&near), announced(&far)];
            let (client, server) = way.meet(&near, &far);
            client.unwrap();
            server.unwrap();
            for (end, news) in both(&near, &far).iter().zip(&news) {
                assert_eq!(end.negotiated_srtp_profile().as_deref(), Some(name));
                assert_eq!(*news.lock().unwrap(), [Some(name.to_owned())]);
            }
            let ours = near.export_srtp_keys().unwrap();
            let theirs = far.export_srtp_keys().unwrap();
            assert_eq!(sending(&ours), receiving(&theirs));
            assert_eq!(receiving(&ours), sending(&theirs));
            assert_ne!(sending(&ours), receiving(&ours));
            assert_eq!(sending(&ours).map(<[u8]>::len), [key, salt]);
            assert_eq!(receiving(&ours).map(<[u8]>::len), [key, salt]);
        }
    }
}

#[test]
fn every_announcement_of_a_fact_finds_the_profile() {
    let (near, far) = ends(&[AEAD_128], &[AEAD_128]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    for end in both(&near, &far) {
        let seen = seen.clone();
        end.connect_protocol_version_notify(move |end| {
            seen.lock().unwrap().push(end.negotiated_srtp_profile());
        });
    }
    Way::Asynchronous.meet(&near, &far).0.unwrap();
    let profile = Some(AEAD_128.into());
    assert_eq!(*seen.lock().unwrap(), [profile.clone(), profile]);
}

#[test]
fn none_is_the_default_and_a_handshake_without_a_common_profile_has_none() {
    let fresh = client(&SimNet::new().client());
    assert!(fresh.srtp_profiles().is_empty());
    assert_eq!(fresh.negotiated_srtp_profile(), None);
    for (ours, theirs) in [
        (vec![AEAD_128], vec![]),
        (vec![], vec![AEAD_128]),
        (vec![AEAD_128], vec![AEAD_256]),
    ] {
        let (near, far) = ends(&ours, &theirs);
        let news = announced(&near);
        run(async { handshakes(&near, &far).await.0.unwrap() });
        for end in both(&near, &far) {
            assert_eq!(end.negotiated_srtp_profile(), None);
            assert_fails(end.export_srtp_keys(), IOErrorEnum::NotSupported);
        }
        assert!(news.lock().unwrap().is_empty());
    }
}

#[test]
fn the_servers_order_decides_and_repetitions_do_not_matter() {
    let (near, far) = ends(
        &[AEAD_256, AEAD_128],
        &[AEAD_128, AEAD_128, SHA1_80, "SRTP_AES128_CM_SHA1_80"],
    );
    run(async { handshakes(&near, &far).await.0.unwrap() });
    assert_eq!(near.negotiated_srtp_profile().as_deref(), Some(AEAD_128));
}

#[test]
fn unknown_profile_fails_the_handshake_until_it_is_gone() {
    for way in Way::BOTH {
        let (near, far) = ends(&[AEAD_128, "SRTP_FANCY"], &[AEAD_128]);
        let error = match way {
            Way::Blocking => near.handshake(gio::Cancellable::NONE).unwrap_err(),
            Way::Asynchronous => {
                let handshake = near.handshake_future(glib::Priority::DEFAULT);
                run(handshake).unwrap_err()
            }
        };
        assert!(error.matches(IOErrorEnum::InvalidArgument));
        assert!(error.message().contains("srtp-profiles"), "{error}");
        assert!(error.message().contains("SRTP_FANCY"), "{error}");
        near.set_srtp_profiles(&[AEAD_128]);
        way.meet(&near, &far).0.unwrap();
        assert_eq!(near.negotiated_srtp_profile().as_deref(), Some(AEAD_128));
    }
}

#[test]
fn unknown_profile_fails_a_servers_handshake_too() {
    let far = server(&SimNet::new().server());
    for bad in ["", "SRTP_NULL_HMAC_SHA1_80", "srtp_aead_aes_128_gcm", "A:B"] {
        far.set_srtp_profiles(&[bad]);
        let error = far.handshake(gio::Cancellable::NONE).unwrap_err();
        assert!(error.matches(IOErrorEnum::InvalidArgument));
        assert!(error.message().ends_with(&format!("{bad:?}")), "{error}");
    }
}

#[test]
fn unknown_profile_fails_the_initialisation() {
    fn build<T: IsA<gio::Initable> + IsA<glib::Object> + IsClass>(
        base: &Endpoint,
        name: &str,
    ) -> Result<T, glib::Error> {
        gio::Initable::builder::<T>()
            .property("base-socket", base)
            .property("srtp-profiles", vec![name.to_owned()])
            .build(gio::Cancellable::NONE)
    }
    let (near, far) = SimNet::new().pair();
    let client = build::<DtlsClientConnection>(&near, "SRTP_FANCY").unwrap_err();
    let server = build::<DtlsServerConnection>(&far, "SRTP_FANCY").unwrap_err();
    for error in [client, server] {
        assert!(error.matches(IOErrorEnum::InvalidArgument));
        assert!(error.message().contains("SRTP_FANCY"), "{error}");
    }
    let client = build::<DtlsClientConnection>(&near, AEAD_128).unwrap();
    assert_eq!(client.srtp_profiles(), [AEAD_128]);
}

#[test]
fn keys_are_there_from_the_end_of_the_handshake_until_both_directions_are_closed() {
    hurry();
    let (near, far) = ends(&[AEAD_128], &[AEAD_128]);
    assert_fails(near.export_srtp_keys(), IOErrorEnum::NotConnected);
    near.connect_notify(Some("peer-certificate"), |near, _| {
        assert_fails(near.export_srtp_keys(), IOErrorEnum::NotConnected);
    });
    run(async { handshakes(&near, &far).await.0.unwrap() });
    for end in both(&near, &far) {
        let keys = end.export_srtp_keys().unwrap();
        end.shutdown(false, true, gio::Cancellable::NONE).unwrap();
        let again = end.export_srtp_keys().unwrap();
        assert_eq!(sending(&keys), sending(&again));
        end.shutdown(true, false, gio::Cancellable::NONE).unwrap();
        assert_fails(end.export_srtp_keys(), IOErrorEnum::Closed);
        let name = end.negotiated_srtp_profile();
        assert_eq!(name.as_deref(), Some(AEAD_128));
    }
}

#[test]
fn a_failed_handshake_has_no_keys() {
    hurry();
    let (near, far) = ends(&[AEAD_128], &[AEAD_128]);
    near.set_database(gio::TlsDatabase::NONE);
    let (ours, _) = run(handshakes(&near, &far));
    let failure = ours.unwrap_err();
    let error = near.export_srtp_keys().err().unwrap();
    assert_eq!(error.message(), failure.message());
    assert_eq!(near.negotiated_srtp_profile(), None);
}

#[test]
fn profiles_cannot_be_changed_after_the_handshake_has_begun() {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let noted = warnings.clone();
    glib::log_set_handler(
        Some("GioOssl"),
        glib::LogLevels::LEVEL_WARNING,
        false,
        false,
        move |_, _, text| noted.lock().unwrap().push(text.to_owned()),
    );
    run(async {
        let (near, far) = established(&SimNet::new()).await;
        near.set_srtp_profiles(&[AEAD_128]);
        far.set_srtp_profiles(&["SRTP_FANCY"]);
        assert!(near.srtp_profiles().is_empty() && far.srtp_profiles().is_empty());
    });
    let warnings = warnings.lock().unwrap();
    let ours = warnings
        .iter()
        .filter(|text| text.contains("srtp-profiles"));
    assert_eq!(ours.count(), 2);
}
