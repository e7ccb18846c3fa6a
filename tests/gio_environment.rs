//! The environment in the place of the properties that choose versions, suites, groups and signatures.
//!
//! It is read once in a process, so each test has a child, which is this program again.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/choices.rs"]
mod choices;
mod common;

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use choices::{assert_refused, client_with, ends, server_with};
use common::{
    again::{child, is_child, run_child},
    ways::Way,
};
use gio_ossl::{DtlsClientConnection, prelude::*};

#[test]
fn environment_counts_where_no_property_is_set() {
    if !is_child() {
        let variables = [
            ("GIO_OSSL_MIN_PROTOCOL_VERSION", "DTLS1.2"),
            ("GIO_OSSL_MAX_PROTOCOL_VERSION", "DTLS1.3"),
            ("GIO_OSSL_CIPHER_LIST", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("GIO_OSSL_GROUPS", "P-521"),
            ("GIO_OSSL_SIGNATURE_ALGORITHMS", "RSA+SHA384"),
        ];
        return child("environment_counts_where_no_property_is_set", &variables);
    }
    let facts = |client: &DtlsClientConnection| {
        let suite = client.ciphersuite_name().unwrap().to_string();
        (
            suite,
            client.group().unwrap(),
            client.signature_scheme().unwrap(),
        )
    };
    let expected = [
        "ECDHE-RSA-AES128-GCM-SHA256",
        "secp521r1",
        "rsa_pkcs1_sha384",
    ]
    .map(String::from);
    let [suite, group, scheme] = expected;
    let (client, server) = ends("rsa");
    let (ours, theirs) = Way::Asynchronous.meet(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    assert_eq!(facts(&client), (suite, group, scheme));
    assert_eq!(client.cipher_list(), None);

    let (client, server) = ends("rsa");
    for end in [
        client.upcast_ref::<gio_ossl::DtlsConnection>(),
        server.upcast_ref(),
    ] {
        end.set_cipher_list(Some("ECDHE-RSA-CHACHA20-POLY1305"));
        end.set_groups(Some("X25519"));
    }
    let (ours, theirs) = Way::Asynchronous.meet(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    let expected = ["ECDHE-RSA-CHACHA20-POLY1305", "x25519", "rsa_pkcs1_sha384"].map(String::from);
    let [suite, group, scheme] = expected;
    assert_eq!(facts(&client), (suite, group, scheme));
}

#[test]
fn bad_variable_fails_the_initialisation_by_its_name() {
    const EXPECTED: &str = "GIO_OSSL_TEST_EXPECTED";
    if is_child() {
        let expected = env::var(EXPECTED).unwrap();
        let parts: Vec<&str> = expected.split('|').collect();
        assert_refused(
            client_with("validation-flags", gio::TlsCertificateFlags::empty()),
            &parts,
        );
        assert_refused(server_with("cipher-list", None::<&str>), &parts);
        return;
    }
    for (variable, value, named) in [
        (
            "GIO_OSSL_MIN_PROTOCOL_VERSION",
            "DTLS1.3",
            "is DTLS1.3, and newer",
        ),
        (
            "GIO_OSSL_MIN_PROTOCOL_VERSION",
            "TLS1.2",
            "is TLS1.2, which is no version of DTLS",
        ),
        (
            "GIO_OSSL_MIN_PROTOCOL_VERSION",
            "dtls 1.2",
            "is dtls 1.2, which is no version of DTLS",
        ),
        (
            "GIO_OSSL_MAX_PROTOCOL_VERSION",
            "DTLS1.0",
            "is DTLS1.0, and older",
        ),
        ("GIO_OSSL_CIPHER_LIST", "HIGH:NONSENSE", "\"NONSENSE\""),
        (
            "GIO_OSSL_CIPHER_LIST",
            "RC4",
            "\"RC4\", which leaves no cipher suite",
        ),
        ("GIO_OSSL_GROUPS", "X25519:NONSENSE", "\"NONSENSE\""),
        ("GIO_OSSL_SIGNATURE_ALGORITHMS", "NONSENSE", "\"NONSENSE\""),
    ] {
        let expected = format!("The environment variable {variable} |{named}");
        let test = "bad_variable_fails_the_initialisation_by_its_name";
        child(test, &[(variable, value), (EXPECTED, &expected)]);
    }
}

#[test]
fn property_that_is_set_makes_up_for_a_bad_variable() {
    if !is_child() {
        let variables = [("GIO_OSSL_CIPHER_LIST", "NONSENSE")];
        return child(
            "property_that_is_set_makes_up_for_a_bad_variable",
            &variables,
        );
    }
    let client = client_with("cipher-list", "HIGH").unwrap();
    client.set_cipher_list(None);
    let parts = ["GIO_OSSL_CIPHER_LIST", "NONSENSE"];
    assert_refused(client.handshake(gio::Cancellable::NONE), &parts);
}

/// Every variable, with this value.
fn all_variables(value: &'static str) -> [(&'static str, &'static str); 5] {
    [
        "GIO_OSSL_MIN_PROTOCOL_VERSION",
        "GIO_OSSL_MAX_PROTOCOL_VERSION",
        "GIO_OSSL_CIPHER_LIST",
        "GIO_OSSL_GROUPS",
        "GIO_OSSL_SIGNATURE_ALGORITHMS",
    ]
    .map(|name| (name, value))
}

#[test]
fn empty_variable_is_none() {
    if !is_child() {
        return child("empty_variable_is_none", &all_variables(""));
    }
    let (client, server) = ends("ecdsa");
    let (ours, theirs) = Way::Asynchronous.meet(&client, &server);
    ours.unwrap();
    theirs.unwrap();
}

#[test]
fn programs_with_privileges_ignore_the_environment() {
    const NOBODY: u32 = 65534;
    if is_child() {
        client_with("cipher-list", None::<&str>).unwrap();
        return;
    }
    let program = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = program.join(format!("privileged-{}", std::process::id()));
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let mut command = Command::new(&program);
    if command.uid(NOBODY).arg("--list").output().is_ok() {
        let mut command = Command::new(&program);
        command.uid(NOBODY);
        let test = "programs_with_privileges_ignore_the_environment";
        run_child(command, test, &all_variables("NONSENSE"));
    } else {
        eprintln!("skipped: only root may start a program as somebody else");
    }
    fs::remove_file(&program).unwrap();
}
