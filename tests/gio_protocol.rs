//! The properties that choose versions, suites, groups and signatures, the environment in their place,
//! and the facts that follow from them.
//!
//! The environment is read once in a process, so its tests are children of this program.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use common::{IDENTITY, certificate, identity, simnet::SimNet, ways::Way};
use gio::{IOErrorEnum, TlsProtocolVersion as Version};
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, prelude::*};

/// Tells a child of this program that it is one.
const CHILD: &str = "GIO_OSSL_TEST_CHILD";

type Ends = (DtlsClientConnection, DtlsServerConnection);

/// A client and a server of the PKI, whose certificate this is.
fn ends(name: &str) -> Ends {
    let (near, far) = SimNet::new().pair();
    (common::client(&near), common::server_with(&far, name))
}

fn client_with(
    property: &str,
    value: impl Into<glib::Value>,
) -> Result<DtlsClientConnection, glib::Error> {
    gio::Initable::builder::<DtlsClientConnection>()
        .property("base-socket", SimNet::new().client())
        .property("server-identity", identity(IDENTITY))
        .property(property, value)
        .build(gio::Cancellable::NONE)
}

fn server_with(
    property: &str,
    value: impl Into<glib::Value>,
) -> Result<DtlsServerConnection, glib::Error> {
    gio::Initable::builder::<DtlsServerConnection>()
        .property("base-socket", SimNet::new().server())
        .property("certificate", certificate("ecdsa"))
        .property(property, value)
        .build(gio::Cancellable::NONE)
}

#[track_caller]
fn assert_refused<T>(result: Result<T, glib::Error>, parts: &[&str]) {
    let Some(error) = result.err() else {
        panic!("succeeded instead of being refused");
    };
    assert!(error.matches(IOErrorEnum::InvalidArgument), "{error:?}");
    for part in parts {
        assert!(
            error.message().contains(part),
            "{part} is not in: {}",
            error.message()
        );
    }
}

/// What cannot be used, and what the error names of it.
const BAD_LISTS: [(&str, &str, &str); 8] = [
    ("cipher-list", "AES128-GCM-SHA256:NONSENSE", "\"NONSENSE\""),
    ("cipher-list", "AES128-GCM-SHA256:!NONSENS", "\"!NONSENS\""),
    (
        "cipher-list",
        "AES128-SHA",
        "\"AES128-SHA\", which leaves no cipher suite",
    ),
    ("cipher-list", "", "leaves no cipher suite"),
    ("groups", "X25519:NONSENSE", "\"NONSENSE\""),
    ("groups", "", "\"\""),
    (
        "signature-algorithms",
        "ECDSA+SHA256:NONSENSE+SHA256",
        "\"NONSENSE+SHA256\"",
    ),
    ("signature-algorithms", "", "\"\""),
];

/// Versions that cannot be spoken, and what the error says of them.
const BAD_VERSIONS: [(&str, Version, &str); 6] = [
    (
        "min-protocol-version",
        Version::Tls12,
        "TLS1.2, which is no version of DTLS",
    ),
    ("min-protocol-version", Version::Tls13, "TLS1.3"),
    ("min-protocol-version", Version::Ssl30, "SSL3.0"),
    ("max-protocol-version", Version::Tls10, "TLS1.0"),
    ("max-protocol-version", Version::Tls11, "TLS1.1"),
    (
        "max-protocol-version",
        Version::Dtls10,
        "DTLS1.0, and older than every version that is supported: DTLS1.2",
    ),
];

#[test]
fn nothing_is_chosen_and_no_fact_known_at_first() {
    let (client, server) = ends("ecdsa");
    for end in [
        client.upcast_ref::<gio_ossl::DtlsConnection>(),
        server.upcast_ref(),
    ] {
        assert_eq!(end.min_protocol_version(), Version::Unknown);
        assert_eq!(end.max_protocol_version(), Version::Unknown);
        assert_eq!(end.cipher_list(), None);
        assert_eq!(end.groups(), None);
        assert_eq!(end.signature_algorithms(), None);
        assert_eq!(
            (end.group(), end.signature_scheme(), end.cipher_bits()),
            (None, None, 0)
        );
    }
}

#[test]
fn values_are_kept_and_announced() {
    let (client, _) = ends("ecdsa");
    let names = Arc::new(Mutex::new(Vec::new()));
    let noted = names.clone();
    client.connect_notify(None, move |_, spec| {
        noted.lock().unwrap().push(spec.name().to_owned())
    });
    client.set_min_protocol_version(Version::Dtls10);
    client.set_max_protocol_version(Version::Dtls12);
    client.set_cipher_list(Some("HIGH"));
    client.set_groups(Some("X25519"));
    client.set_signature_algorithms(Some("ECDSA+SHA256"));
    assert_eq!(client.min_protocol_version(), Version::Dtls10);
    assert_eq!(client.max_protocol_version(), Version::Dtls12);
    assert_eq!(client.cipher_list().as_deref(), Some("HIGH"));
    assert_eq!(client.groups().as_deref(), Some("X25519"));
    assert_eq!(
        client.signature_algorithms().as_deref(),
        Some("ECDSA+SHA256")
    );
    client.set_cipher_list(None);
    assert_eq!(client.cipher_list(), None);
    let expected = [
        "min-protocol-version",
        "max-protocol-version",
        "cipher-list",
        "groups",
        "signature-algorithms",
        "cipher-list",
    ];
    assert_eq!(*names.lock().unwrap(), expected);
}

#[test]
fn either_end_may_choose_and_both_tell_what_was_agreed_on() {
    for way in Way::BOTH {
        for by_client in [true, false] {
            let (client, server) = ends("rsa");
            let chooser: &gio_ossl::DtlsConnection = if by_client {
                client.upcast_ref()
            } else {
                server.upcast_ref()
            };
            chooser.set_min_protocol_version(Version::Dtls12);
            chooser.set_max_protocol_version(Version::Dtls12);
            chooser.set_cipher_list(Some("ECDHE-RSA-AES128-GCM-SHA256"));
            chooser.set_groups(Some("P-384"));
            chooser.set_signature_algorithms(Some("rsa_pss_rsae_sha512:ECDSA+SHA256"));
            let (ours, theirs) = way.meet(&client, &server);
            ours.unwrap();
            theirs.unwrap();
            for end in [
                client.upcast_ref::<gio_ossl::DtlsConnection>(),
                server.upcast_ref(),
            ] {
                assert_eq!(
                    end.ciphersuite_name().as_deref(),
                    Some("ECDHE-RSA-AES128-GCM-SHA256")
                );
                assert_eq!(end.group().as_deref(), Some("secp384r1"));
                assert_eq!(
                    end.signature_scheme().as_deref(),
                    Some("rsa_pss_rsae_sha512")
                );
                assert_eq!(end.cipher_bits(), 128);
            }
        }
    }
}

#[test]
fn facts_are_announced_once_when_all_are_known() {
    for way in Way::BOTH {
        let (client, server) = ends("ecdsa");
        let seen = [
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(Mutex::new(Vec::new())),
        ];
        let ends = [
            client.upcast_ref::<gio_ossl::DtlsConnection>(),
            server.upcast_ref(),
        ];
        for (end, seen) in ends.into_iter().zip(&seen) {
            for name in ["group", "signature-scheme", "cipher-bits"] {
                let seen = seen.clone();
                end.connect_notify(Some(name), move |end, spec| {
                    let facts = (end.group(), end.signature_scheme(), end.cipher_bits());
                    assert!(
                        facts.0.is_some() && facts.1.is_some() && facts.2 > 0,
                        "{facts:?}"
                    );
                    seen.lock().unwrap().push(spec.name().to_owned());
                });
            }
        }
        let (ours, theirs) = way.meet(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        for seen in seen {
            assert_eq!(
                *seen.lock().unwrap(),
                ["group", "signature-scheme", "cipher-bits"]
            );
        }
    }
}

#[test]
fn a_handshake_that_failed_leaves_no_facts() {
    let (client, server) = ends("ecdsa");
    client.set_server_identity(&identity("wrong.example.com"));
    Way::Asynchronous.meet(&client, &server).0.unwrap_err();
    assert_eq!(
        (
            client.group(),
            client.signature_scheme(),
            client.cipher_bits()
        ),
        (None, None, 0)
    );
}

#[test]
fn bad_value_at_construction_fails_the_initialisation() {
    for (property, value, named) in BAD_LISTS {
        let parts = [&format!("The property {property} "), named];
        assert_refused(client_with(property, value), &parts);
        assert_refused(server_with(property, value), &parts);
    }
    for (property, value, named) in BAD_VERSIONS {
        let parts = [&format!("The property {property} is "), named];
        assert_refused(client_with(property, value), &parts);
        assert_refused(server_with(property, value), &parts);
    }
    for property in ["min-protocol-version", "max-protocol-version"] {
        client_with(property, Version::Dtls12).unwrap();
    }
    client_with("min-protocol-version", Version::Dtls10).unwrap();
}

#[test]
fn suites_of_a_key_that_may_come_are_no_bad_value_before_the_handshake() {
    let client = client_with("cipher-list", "PSK-AES128-CCM8").unwrap();
    assert_refused(
        client.handshake(gio::Cancellable::NONE),
        &["cipher-list", "PSK-AES128-CCM8"],
    );
}

#[test]
fn oldest_version_beyond_the_newest_is_refused() {
    let (client, _) = ends("ecdsa");
    client.set_min_protocol_version(Version::Dtls12);
    client.set_max_protocol_version(Version::Dtls10);
    let parts = [
        "min-protocol-version is DTLS1.2",
        "max-protocol-version, which is DTLS1.0",
    ];
    assert_refused(client.handshake(gio::Cancellable::NONE), &parts);
}

#[test]
fn bad_value_that_is_set_later_fails_handshakes_until_it_is_a_good_one() {
    for way in Way::BOTH {
        for (property, value, named) in BAD_LISTS {
            let (client, server) = ends("ecdsa");
            client.set_property(property, value);
            server.set_property(property, value);
            let (ours, theirs) = way.meet(&client, &server);
            assert_refused(ours, &[property, named]);
            assert_refused(theirs, &[property, named]);
            client.set_property(property, None::<&str>);
            server.set_property(property, None::<&str>);
            let (ours, theirs) = way.meet(&client, &server);
            ours.unwrap();
            theirs.unwrap();
        }
    }
}

#[test]
fn messages_fail_as_the_handshake_does() {
    let (client, _) = ends("ecdsa");
    client.set_groups(Some("NONSENSE"));
    assert_refused(
        common::send(&client, b"hello", common::NOW),
        &["groups", "NONSENSE"],
    );
    assert_refused(
        common::receive(&client, common::PATIENCE),
        &["groups", "NONSENSE"],
    );
}

#[test]
fn choices_stay_as_they_are_once_the_handshake_has_begun() {
    let (client, server) = ends("ecdsa");
    let (ours, theirs) = Way::Asynchronous.meet(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    client.connect_notify(None, |_, spec| panic!("{} was announced", spec.name()));
    client.set_min_protocol_version(Version::Dtls12);
    client.set_max_protocol_version(Version::Dtls12);
    client.set_cipher_list(Some("HIGH"));
    client.set_groups(Some("X25519"));
    client.set_signature_algorithms(Some("ECDSA+SHA256"));
    assert_eq!(client.min_protocol_version(), Version::Unknown);
    assert_eq!(client.max_protocol_version(), Version::Unknown);
    assert_eq!(client.cipher_list(), None);
    assert_eq!(client.groups(), None);
    assert_eq!(client.signature_algorithms(), None);
}

/// Whether this is a child.
fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// The test of this name again, in a process with these variables.
fn child(test: &str, variables: &[(&str, &str)]) {
    run_child(Command::new(env::current_exe().unwrap()), test, variables);
}

fn run_child(mut command: Command, test: &str, variables: &[(&str, &str)]) {
    let output = command
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{variables:?}: {output:?}");
    assert!(text.contains("1 passed"), "{text}");
}

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
