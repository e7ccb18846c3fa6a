//! Puts a wrapper between the program and each function of OpenSSL that can fail.
//!
//! The linker takes the program's references to `SSL_new` for references to `__wrap_SSL_new`, which is ours,
//! and gives `__real_SSL_new` for the function itself. What OpenSSL calls within itself stays as it is.

use std::collections::BTreeSet;
use std::fmt::Write;

#[allow(dead_code)] // A part of it is enough here.
#[path = "src/lib.rs"]
mod table;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/lib.rs");
    println!("cargo:rerun-if-changed=fallible.txt");
    let mut symbols: BTreeSet<&str> = table::fallible().iter().map(|it| it.symbol()).collect();
    // It has to agree with what has failed.
    symbols.insert("SSL_get_error");
    let mut wrappers = String::new();
    for symbol in symbols {
        println!("cargo:rustc-link-arg=-Wl,--wrap={symbol}");
        writeln!(
            wrappers,
            "wrap!({symbol}, __wrap_{symbol}, __real_{symbol});"
        )
        .unwrap();
    }
    let folder = std::env::var("OUT_DIR").unwrap();
    std::fs::write(format!("{folder}/wrappers.rs"), wrappers).unwrap();
}
