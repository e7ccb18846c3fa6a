//! Tells the sources what this OpenSSL lacks.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(openssl_no_engine)");
    // What openssl-sys has found in <openssl/opensslconf.h>.
    let lacking = std::env::var("DEP_OPENSSL_CONF").unwrap_or_default();
    if lacking.split(',').any(|name| name == "OPENSSL_NO_ENGINE") {
        println!("cargo:rustc-cfg=openssl_no_engine");
    }
}
