//! PKCS #11 tokens of SoftHSM.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::OnceLock,
};

use super::pki::Issued;

/// The module that plays the tokens.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A folder of tokens, which OpenSSL's engine finds.
pub struct Tokens {
    folder: PathBuf,
}

/// The tokens of this process. Every test begins with this.
pub fn tokens() -> &'static Tokens {
    static TOKENS: OnceLock<Tokens> = OnceLock::new();
    TOKENS.get_or_init(Tokens::new)
}

impl Tokens {
    fn new() -> Self {
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokens");
        // What an earlier run has left is of no use.
        let _ = fs::remove_dir_all(&shared);
        let folder = shared.join(process::id().to_string());
        fs::create_dir_all(folder.join("objects")).unwrap();
        let this = Self { folder };
        let objects = this.folder.join("objects");
        let configuration = format!("directories.tokendir = {}\n", objects.display());
        let configuration = this.write("softhsm2", "conf", &configuration);
        // SAFETY: every other test waits for this before it does anything.
        #[allow(unsafe_code)]
        unsafe {
            env::set_var("SOFTHSM2_CONF", &configuration);
            env::set_var("PKCS11_MODULE_PATH", MODULE);
        }
        this
    }

    /// A new token with this name and PIN.
    pub fn create(&self, name: &str, pin: &str) {
        run(Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--so-pin", "87654321"])
            .args(["--label", name, "--pin", pin]));
    }

    /// Puts a certificate on a token, for everybody to read, and its key if that is wanted.
    pub fn store(&self, (token, pin): (&str, &str), label: &str, issued: &Issued, key: bool) {
        let certificate = self.write(label, "pem", &issued.certificate_pem());
        p11tool((token, pin), label, "--load-certificate", &certificate);
        if key {
            let key = self.write(label, "key", &issued.key_pem());
            p11tool((token, pin), label, "--load-privkey", &key);
        }
    }

    /// A file.
    pub fn write(&self, name: &str, suffix: &str, contents: &str) -> PathBuf {
        let path = self.folder.join(format!("{name}.{suffix}"));
        fs::write(&path, contents).unwrap();
        path
    }
}

fn p11tool((token, pin): (&str, &str), label: &str, option: &str, file: &Path) {
    // Objects that belong together have one identifier.
    let id: String = label.bytes().map(|byte| format!("{byte:02x}")).collect();
    run(Command::new("p11tool")
        .args(["--provider", MODULE, "--login", "--set-pin", pin])
        .args(["--write", "--label", label, "--id", &id, option])
        .arg(file)
        .arg(format!("pkcs11:token={token}")));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}
