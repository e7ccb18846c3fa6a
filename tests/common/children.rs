//! Judging in a process with an environment of its own, which is the test program again.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use gio::{TlsCertificateFlags as Flags, TlsDatabaseVerifyFlags as Verify, prelude::*};
use gio_ossl::{Certificate, Database};

use crate::pki::{Issued, Leaf, Pki};

/// Tells the child where the certificates of its parent are.
const FOLDER: &str = "GIO_OSSL_TEST_FOLDER";
pub const FILE: &str = "SSL_CERT_FILE";
pub const DIRECTORY: &str = "SSL_CERT_DIR";
pub const NOWHERE: &str = "/nonexistent";

/// What the child has to work with.
pub struct Child(PathBuf);

impl Child {
    /// In the child, this.
    pub fn here() -> Option<Self> {
        glib::log_set_always_fatal(
            glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING,
        );
        env::var_os(FOLDER).map(|folder| Self(folder.into()))
    }

    pub fn certificate(&self, name: &str) -> gio::TlsCertificate {
        let pem = fs::read_to_string(self.0.join(name)).unwrap();
        Certificate::from_pem(&pem, None).unwrap().upcast()
    }

    /// What OpenSSL's own program says, in the same environment.
    pub fn is_verified_by_openssl(&self, name: &str) -> bool {
        let mut openssl = Command::new("openssl");
        let status = openssl.arg("verify").arg(self.0.join(name)).status();
        status.unwrap().success()
    }

    pub fn judge(&self, database: &Database, name: &str) -> Flags {
        verify(database, &self.certificate(name))
    }
}

pub fn verify(database: &Database, chain: &gio::TlsCertificate) -> Flags {
    let flags = database.verify_chain(
        chain,
        "1.3.6.1.5.5.7.3.1",
        gio::SocketConnectable::NONE,
        gio::TlsInteraction::NONE,
        Verify::NONE,
        gio::Cancellable::NONE,
    );
    flags.unwrap()
}

/// What the parent makes: a root, and a chain below it (`leaf.pem`).
pub fn folder() -> Pki {
    let pki = Pki::new();
    let leaf = pki.issue_below_intermediate(Leaf::new("leaf"));
    let chain = [&leaf, &pki.intermediate].map(Issued::certificate_pem);
    pki.write("leaf.pem", chain.concat());
    pki.write(
        "stranger.pem",
        Leaf::new("x").self_signed().certificate_pem(),
    );
    pki.root_file();
    pki
}

/// A hashed directory with these certificates.
pub fn hashed(pki: &Pki, name: &str, certificates: &[&Issued]) -> PathBuf {
    let directory = pki.folder().join(name);
    fs::create_dir(&directory).unwrap();
    for (number, issued) in certificates.iter().enumerate() {
        fs::write(
            directory.join(format!("{number}.pem")),
            issued.certificate_pem(),
        )
        .unwrap();
    }
    let rehash = Command::new("openssl")
        .arg("rehash")
        .arg(&directory)
        .status();
    assert!(rehash.unwrap().success());
    directory
}

/// The test of this name again, in a process with these variables.
pub fn child(test: &str, pki: &Pki, variables: &[(&str, &Path)]) {
    run(
        Command::new(env::current_exe().unwrap()),
        test,
        pki,
        variables,
    );
}

pub fn run(mut command: Command, test: &str, pki: &Pki, variables: &[(&str, &Path)]) {
    let output = command
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env_remove(FILE)
        .env_remove(DIRECTORY)
        .env(FOLDER, pki.folder())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{variables:?}: {output:?}");
    assert!(text.contains("1 passed"), "{text}");
}

/// How many bytes this process has read until now.
pub fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}
