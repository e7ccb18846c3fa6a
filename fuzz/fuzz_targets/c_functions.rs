#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gio_ossl_fuzz::c_functions(data));
