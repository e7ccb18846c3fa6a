//! Exported keying material (RFC 5705) of both ends.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use common::{assert_fails, client, established, hurry, run, server, simnet::SimNet, ways::Way};
use gio::IOErrorEnum;
use gio_ossl::{DtlsConnection, prelude::*};

const LABEL: &str = "EXPERIMENTAL gio-ossl";

#[test]
fn material_is_equal_on_both_ends() {
    for way in Way::BOTH {
        let (near, far) = SimNet::new().pair();
        let (near, far) = (client(&near), server(&far));
        let (ours, theirs) = way.meet(&near, &far);
        ours.unwrap();
        theirs.unwrap();
        let mut seen = Vec::new();
        for context in [None, Some(b"".as_slice()), Some(b"context")] {
            let ours = near.export_keying_material(LABEL, context, 64).unwrap();
            let theirs = far.export_keying_material(LABEL, context, 64).unwrap();
            assert_eq!(ours, theirs);
            assert_eq!(ours.len(), 64);
            assert!(!seen.contains(&ours));
            seen.push(ours);
        }
    }
}

#[test]
fn arguments_that_can_never_work_are_refused_by_name() {
    run(async {
        let (near, far) = established(&SimNet::new()).await;
        for end in [near.upcast_ref::<DtlsConnection>(), far.upcast_ref()] {
            let long = [0; 1000];
            for (label, context, length, mention) in [
                ("", None, 16, "label"),
                ("client finished", None, 16, "client finished"),
                ("server finished", None, 16, "server finished"),
                ("master secret", None, 16, "master secret"),
                ("key expansion", None, 16, "key expansion"),
                ("extended master secret", None, 16, "extended master secret"),
                (LABEL, None, 0, "length"),
                (LABEL, None, 8161, "length"),
                (LABEL, Some(long.as_slice()), 16, "context"),
            ] {
                let result = end.export_keying_material(label, context, length);
                let error = result.unwrap_err();
                assert!(error.matches(IOErrorEnum::InvalidArgument));
                assert!(error.message().contains(mention), "{error}");
            }
            assert!(end.export_keying_material(LABEL, None, 16).is_ok());
        }
    });
}

#[test]
fn material_is_there_from_the_end_of_the_handshake_until_both_directions_are_closed() {
    let (near, far) = SimNet::new().pair();
    let (near, far) = (client(&near), server(&far));
    let export = |end: &DtlsConnection| end.export_keying_material(LABEL, None, 16);
    let ends: [DtlsConnection; 2] = [near.clone().upcast(), far.clone().upcast()];
    for end in &ends {
        assert_fails(export(end), IOErrorEnum::NotConnected);
    }
    near.connect_notify(Some("peer-certificate"), move |near, _| {
        let early = near.export_keying_material(LABEL, None, 16);
        assert_fails(early, IOErrorEnum::NotConnected);
    });
    Way::Asynchronous.meet(&near, &far).0.unwrap();
    for end in &ends {
        let material = export(end).unwrap();
        end.shutdown(true, false, gio::Cancellable::NONE).unwrap();
        assert_eq!(export(end).unwrap(), material);
        end.shutdown(false, true, gio::Cancellable::NONE).unwrap();
        assert_fails(export(end), IOErrorEnum::Closed);
    }
}

#[test]
fn connection_that_was_closed_or_has_failed_says_so() {
    hurry();
    let unused = client(&SimNet::new().client());
    unused.close(gio::Cancellable::NONE).unwrap();
    let material = unused.export_keying_material(LABEL, None, 16);
    assert_fails(material, IOErrorEnum::Closed);

    let (near, far) = SimNet::new().pair();
    let (near, far) = (client(&near), server(&far));
    near.set_database(gio::TlsDatabase::NONE);
    let failure = Way::Blocking.meet(&near, &far).0.unwrap_err();
    let error = near.export_keying_material(LABEL, None, 16).unwrap_err();
    assert_eq!(error.message(), failure.message());
}

#[test]
fn material_can_be_asked_for_from_several_threads() {
    run(async {
        let (near, far) = established(&SimNet::new()).await;
        let expected = near.export_keying_material(LABEL, None, 16).unwrap();
        std::thread::scope(|scope| {
            for end in [near.upcast_ref::<DtlsConnection>(), far.upcast_ref()] {
                for _ in 0..2 {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            let material = end.export_keying_material(LABEL, None, 16);
                            assert_eq!(material.unwrap(), expected);
                        }
                    });
                }
            }
        });
    });
}
