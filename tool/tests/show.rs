//! `gio-ossl show`, with every format.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use openssl::{pkcs12::Pkcs12, symm::Cipher};

use common::{
    Files, IDENTITY,
    pki::{Issued, Leaf},
    run,
};

mod common;

fn server(files: &Files) -> Issued {
    let leaf = Leaf::new(IDENTITY).dns(IDENTITY).ip("192.0.2.7");
    files.pki.issue_below_intermediate(leaf)
}

/// What OpenSSL's own program says.
fn fingerprint(issued: &Issued) -> String {
    let digest = issued
        .certificate
        .digest(openssl::hash::MessageDigest::sha256());
    digest
        .unwrap()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect()
}

#[test]
fn certificate_is_described() {
    let files = Files::new();
    let issued = server(&files);
    let file = files.file("one.pem", issued.certificate_pem());
    let shown = run(["show", &file]).with(0).output;
    for text in [
        "Certificate 1 of 1",
        "CN=server.example.com",
        "CN=Test Intermediate",
        "192.0.2.7",
        "EC P-256",
        &fingerprint(&issued),
        "no trusted authority has issued it",
    ] {
        assert!(shown.contains(text), "{text:?} is not in {shown}");
    }
}

#[test]
fn every_format_gives_the_same_certificate() {
    let files = Files::new();
    let issued = server(&files);
    let container = Pkcs12::builder()
        .pkey(&issued.key)
        .cert(&issued.certificate)
        .build2("secret")
        .unwrap();
    let der = issued.certificate.to_der().unwrap();
    let formats = [
        files.file("it.pem", issued.certificate_pem()),
        files.file("it.der", der),
        files.file("it.p12", container.to_der().unwrap()),
    ];
    let password = files.file("password", "secret\n");
    for file in &formats {
        let ended = run(["show", file, "--json", "--password-file", &password]).with(0);
        let shown = &ended.events("file")[0];
        assert_eq!(shown["certificates"][0]["sha256"], fingerprint(&issued));
        assert_eq!(shown["certificates"][0]["dns_names"][0], IDENTITY);
    }
}

#[test]
fn containers_say_that_they_want_another_password() {
    let files = Files::new();
    let issued = server(&files);
    let container = Pkcs12::builder()
        .pkey(&issued.key)
        .cert(&issued.certificate)
        .build2("secret")
        .unwrap();
    let file = files.file("it.p12", container.to_der().unwrap());
    run(["show", &file])
        .with(2)
        .says(&["it.p12", "--password-file"]);
    let wrong = files.file("wrong", "guess\n");
    run(["show", &file, "--password-file", &wrong]).with(2);
}

#[test]
fn keys_are_described_and_never_shown() {
    let files = Files::new();
    let issued = files.pki.issue(Leaf::new("rsa").rsa(2048));
    let encrypted = issued
        .key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret")
        .unwrap();
    let plain = [
        files.file("key.pem", issued.key_pem()),
        files.file("key.der", issued.key.private_key_to_der().unwrap()),
    ];
    for file in &plain {
        let shown = run(["show", file]).with(0).output;
        assert!(shown.contains("RSA, 2048 bits"), "{shown}");
        let secret = issued.key_pem();
        for line in secret.lines().filter(|line| !line.starts_with('-')) {
            assert!(!shown.contains(line));
        }
    }
    let file = files.file("encrypted.pem", encrypted);
    run(["show", &file]).with(2).says(&["--password-file"]);
    let password = files.file("password", "secret\n");
    run(["show", &file, "--password-file", &password]).with(0);
    let wrong = files.file("wrong", "guess\n");
    run(["show", &file, "--password-file", &wrong])
        .with(2)
        .says(&["does not open"]);
}

#[test]
fn order_of_the_chain_and_fit_of_the_key_are_remarked() {
    let files = Files::new();
    let issued = server(&files);
    let (leaf, middle, root) = (
        issued.certificate_pem(),
        files.pki.intermediate.certificate_pem(),
        files.pki.root.certificate_pem(),
    );
    let good = files.file(
        "good.pem",
        [&*leaf, &middle, &root, &issued.key_pem()].concat(),
    );
    let shown = run(["show", &good]).with(0).output;
    assert!(!shown.contains("Remark"), "{shown}");
    assert!(shown.contains("fits  certificate 1"), "{shown}");

    let bad = files.file("bad.pem", [&*leaf, &root, &middle].concat());
    let shown = run(["show", &bad]).with(0).output;
    let remark = "certificate 1 is issued by 3, which should come next, in place of 2";
    assert!(shown.contains(remark), "{shown}");

    let key = files.pki.root.key_pem();
    let other = files.file("other.pem", [leaf, key].concat());
    let shown = run(["show", &other]).with(0).output;
    assert!(shown.contains("no private key here fits"), "{shown}");
}

#[test]
fn verification_that_was_asked_for_decides_the_exit_status() {
    let files = Files::new();
    let issued = server(&files);
    let chain = issued.certificate_pem() + &files.pki.intermediate.certificate_pem();
    let file = files.file("chain.pem", chain);
    let trust = ["show", &file, "--ca-file", &files.authority];
    assert!(run(trust).with(0).output.contains("trusted"));
    run(trust.into_iter().chain(["--identity", IDENTITY])).with(0);
    run(trust.into_iter().chain(["--identity", "192.0.2.7"])).with(0);
    run(trust.into_iter().chain(["--identity", "other.example"]))
        .with(5)
        .says(&["somebody else", IDENTITY]);

    let expired = files.pki.issue(Leaf::new("old").expired());
    let file = files.file("expired.pem", expired.certificate_pem());
    run(["show", &file, "--ca-file", &files.authority])
        .with(5)
        .says(&["expired"]);
    let alone = files.file("leaf.pem", issued.certificate_pem());
    run(["show", &alone, "--ca-file", &files.authority])
        .with(5)
        .says(&["no trusted authority"]);
}

#[test]
fn clients_certificate_is_verified_as_one() {
    let files = Files::new();
    let client = files.pki.issue(Leaf::new("client").usage("clientAuth"));
    let file = files.file("client.pem", client.certificate_pem());
    run(["show", &file, "--ca-file", &files.authority]).with(0);
}

#[test]
fn names_in_certificates_cannot_command_the_terminal() {
    let files = Files::new();
    let issued = files.pki.issue(Leaf::new("a\u{1b}[31mred"));
    let file = files.file("red.pem", issued.certificate_pem());
    let shown = run(["show", &file]).with(0).output;
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}
