//! Does what a sanitizer must report; compiled and run by scripts/sanitize.

use std::{env, hint::black_box, thread};

/// As tests do it: in a thread, by the library.
fn leak_an_object() {
    let certificate = include_str!(env!("PROBE_CERTIFICATE"));
    let leak = || std::mem::forget(gio_ossl::Certificate::from_pem(certificate, None));
    thread::spawn(leak).join().expect("the thread ends");
}

fn read_too_far() {
    let bytes = vec![1_u8; 10];
    // SAFETY: it is not safe, and that has to be noticed.
    println!("{}", unsafe { *bytes.as_ptr().add(black_box(bytes.len())) });
}

fn main() {
    match env::args().nth(1).as_deref() {
        Some("object") => leak_an_object(),
        Some("memory") => std::mem::forget(black_box(vec![1_u8; 50])),
        _ => read_too_far(),
    }
}
