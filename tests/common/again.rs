//! A test again, in a process with an environment of its own.

use std::{env, process::Command};

/// Tells a child of this program that it is one.
const CHILD: &str = "GIO_OSSL_TEST_CHILD";

/// Whether this is a child.
pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// The test of this name again, in a process with these variables.
pub fn child(test: &str, variables: &[(&str, &str)]) {
    run_child(Command::new(env::current_exe().unwrap()), test, variables);
}

pub fn run_child(mut command: Command, test: &str, variables: &[(&str, &str)]) {
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
