//! What the test programs share: the program itself, and a throw-away PKI.

#![allow(dead_code)] // Each test program uses a part of it.
// What breaks here is a test that fails.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use self::pki::{Issued, Leaf, Pki};

#[path = "../../../tests/common/pki.rs"]
pub mod pki;

/// Whom the server's certificate is for, besides 127.0.0.1 and ::1.
pub const IDENTITY: &str = "server.example.com";

/// The program, which may not log a warning, and does not see the user's environment of GIO.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gio-ossl"));
    command
        .env("G_DEBUG", "fatal-warnings")
        .env("LC_ALL", "C")
        .env_remove("GIO_USE_TLS")
        .env_remove("GIO_EXTRA_MODULES")
        .stdin(Stdio::null());
    command
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    pub status: i32,
    pub output: String,
    pub errors: String,
}

impl Ended {
    #[track_caller]
    pub fn with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Whether the errors contain all of these.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.errors.contains(text), "{text:?} is not in {self:?}");
        }
        self
    }

    /// The events of `--json` with this name.
    pub fn events(&self, name: &str) -> Vec<Value> {
        let lines = self.output.lines();
        let events = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event"] == name).collect()
    }
}

pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    let output = program().args(arguments).output().unwrap();
    Ended {
        status: output.status.code().unwrap_or(-1),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs `connect` to a port of this machine, trusting the files' authority.
pub fn connect(files: &Files, port: &str, options: &[&str]) -> Ended {
    let fixed = ["connect", "127.0.0.1", port, "--ca-file", &files.authority];
    run(fixed.iter().chain(options))
}

/// Files with certificates and keys.
pub struct Files {
    pub pki: Pki,
    pub authority: String,
    pub certificate: String,
    pub key: String,
}

impl Files {
    pub fn new() -> Self {
        let pki = Pki::new();
        let leaf = Leaf::new(IDENTITY)
            .dns(IDENTITY)
            .ip("127.0.0.1")
            .ip("::1")
            .usage("serverAuth");
        let server = pki.issue(leaf);
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        Self {
            authority: text(pki.root_file()),
            certificate: text(pki.write("server.pem", server.certificate_pem())),
            key: text(pki.write("server.key", server.key_pem())),
            pki,
        }
    }

    /// A file with a certificate and its key.
    pub fn both(&self, name: &str, issued: &Issued) -> String {
        self.file(name, issued.certificate_pem() + &issued.key_pem())
    }

    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        self.pki.write(name, contents).to_str().unwrap().to_owned()
    }

    /// A listener at 127.0.0.1.
    pub fn listen(&self, options: &[&str]) -> Listener {
        let mut arguments = vec!["--certificate", &self.certificate, "--key", &self.key];
        arguments.extend(options);
        Listener::start(&arguments)
    }
}

/// A running `gio-ossl listen --json`, which is ended with this object.
pub struct Listener {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub port: String,
}

impl Listener {
    /// With these options.
    pub fn start(options: &[&str]) -> Self {
        let mut child = program()
            .args(["listen", "0", "--json"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut listener = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            port: String::new(),
        };
        listener.port = listener.event("listening")["port"].to_string();
        listener
    }

    /// The next event of this name; others before it are skipped.
    #[track_caller]
    pub fn event(&mut self, name: &str) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "no {name} came"
            );
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == name {
                return event;
            }
        }
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    pub fn interrupt(&self) {
        interrupt(&self.child);
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> Ended {
        let mut ended = Ended {
            status: 0,
            output: String::new(),
            errors: String::new(),
        };
        self.output.read_to_string(&mut ended.output).unwrap();
        let errors = self.child.stderr.as_mut().unwrap();
        errors.read_to_string(&mut ended.errors).unwrap();
        ended.status = self.child.wait().unwrap().code().unwrap_or(-1);
        ended
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Ctrl-C does.
pub fn interrupt(child: &Child) {
    signal(child, "-INT");
}

pub fn signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill").args([signal, &id]).status();
    assert!(status.unwrap().success());
}

/// Another program's echo server, which ends with its standard input.
pub struct Server {
    child: Child,
    pub port: String,
}

impl Server {
    /// `options` are the server's own.
    pub fn start(files: &Files, name: &str, options: &[&str]) -> Self {
        let peers = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/peers.py");
        let mut child = Command::new("/usr/bin/python3")
            .args([peers, "serve", name])
            .args(["--certificate", &files.certificate, "--key", &files.key])
            .arg("--")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let port = line.split(' ').nth(1).unwrap().to_owned();
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
