//! What the program says to arguments that cannot be right, and of itself.

// What breaks here is a test that fails.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use common::{Files, run};

mod common;

#[test]
fn version_is_the_projects() {
    let build = include_str!("../../meson.build");
    let version = format!("version: '{}'", env!("CARGO_PKG_VERSION"));
    assert!(build.contains(&version));
    let ended = run(["--version"]).with(0);
    assert_eq!(
        ended.output,
        format!("gio-ossl {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn help_has_the_exit_statuses_and_examples() {
    let ended = run(["--help"]).with(0);
    assert!(ended.output.contains("Exit status:"));
    for command in ["connect", "listen", "show"] {
        let ended = run([command, "--help"]).with(0);
        assert!(ended.output.contains("Examples:"), "{command}");
    }
}

#[test]
fn impossible_values_are_refused_by_name() {
    let table: [(&[&str], &str); 12] = [
        (&[], "Usage"),
        (&["connect", "localhost"], "<PORT>"),
        (&["connect", "localhost", "0"], "<PORT>"),
        (&["connect", "localhost", "65536"], "<PORT>"),
        (&["connect", "localhost", "x"], "<PORT>"),
        (&["connect", "localhost", "1", "--size", "0"], "--size"),
        (&["connect", "localhost", "1", "--size", "16385"], "--size"),
        (&["connect", "localhost", "1", "--timeout", "-1"], "-1"),
        (
            &["connect", "localhost", "1", "--key", "k"],
            "--certificate",
        ),
        (&["connect", "localhost", "1", "--alpn", ""], "--alpn"),
        (
            &["connect", "localhost", "1", "--min-version", "1.1"],
            "--min-version",
        ),
        (&["listen", "1", "--address", "nowhere"], "--address"),
    ];
    for (arguments, named) in table {
        run(arguments).with(2).says(&[named]);
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let files = Files::new();
    let garbage = files.file("garbage", "This is no certificate.\n");
    let folder = files.pki.folder().to_str().unwrap().to_owned();
    let missing = format!("{folder}/missing");
    let (certificate, key) = (files.certificate.as_str(), files.key.as_str());
    let connect = ["connect", "127.0.0.1", "1"];
    for file in [&garbage, &missing, &folder] {
        for option in ["--ca-file", "--certificate"] {
            run(connect.into_iter().chain([option, file]))
                .with(2)
                .says(&[file]);
        }
        let with_key = ["--certificate", certificate, "--key", file];
        run(connect.into_iter().chain(with_key))
            .with(2)
            .says(&[file]);
        run(["show", file]).with(2).says(&[file]);
    }
    for file in [&missing, &folder] {
        run(connect.into_iter().chain(["--file", file]))
            .with(2)
            .says(&[file]);
    }
    run(connect.into_iter().chain(["--certificate", certificate]))
        .with(2)
        .says(&[certificate, "--key"]);
    run(connect.into_iter().chain(["--certificate", key]))
        .with(2)
        .says(&[key]);
    run(["listen", "0"]).with(2).says(&["--certificate"]);
}

#[test]
fn names_of_files_do_not_control_the_terminal() {
    let ended = run(["show", "\u{1b}[31mred\n"]).with(2);
    assert!(!ended.errors.contains('\u{1b}'), "{ended:?}");
    ended.says(&["\\u{1b}[31mred\\u{a}"]);
}

#[test]
fn key_of_another_certificate_is_refused_before_anything_is_sent() {
    let files = Files::new();
    let other = files.pki.issue(common::pki::Leaf::new("other"));
    let key = files.file("other.key", other.key_pem());
    let options = ["--certificate", &files.certificate, "--key", &key];
    let connect = ["connect", "127.0.0.1", "1"].into_iter().chain(options);
    run(connect).with(2).says(&["other.key"]);
}

#[test]
fn names_without_an_address_are_told() {
    run(["connect", "nobody.invalid", "4433"])
        .with(3)
        .says(&["nobody.invalid", "try:"]);
}

#[test]
fn broken_files_of_keys_are_named_and_not_shown() {
    let files = Files::new();
    for (contents, named) in [
        ("", "has no key"),
        ("00112233-secret", "the key is not"),
        ("0011223", "the key is not"),
        ("0011\n2233\n", "more than one line"),
    ] {
        let file = files.file("key", contents);
        let options = ["--psk-identity", "me", "--psk-key-file", &file];
        let ended = run(["connect", "127.0.0.1", "1"].into_iter().chain(options)).with(2);
        let ended = ended.says(&[&file, named]);
        assert!(!ended.errors.contains("1122"), "{ended:?}");
    }
    for (contents, named) in [
        ("# nobody\n", "has no keys"),
        ("a:00\nb\n", "line 2"),
        ("a:0x1122\n", "line 1"),
        ("a:1122\na:1133\n", "second time"),
    ] {
        let file = files.file("keys", contents);
        let ended = run(["listen", "0", "--psk-file", &file]).with(2);
        let ended = ended.says(&[&file, named]);
        assert!(!ended.errors.contains("1122"), "{ended:?}");
    }
    run(["connect", "127.0.0.1", "1", "--psk-identity", "me"])
        .with(2)
        .says(&["--psk-key-file"]);
}
