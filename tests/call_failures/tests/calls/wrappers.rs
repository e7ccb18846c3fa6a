//! What is called in place of OpenSSL's functions.

use crate::failing::fails;

/// Any of them: what they take are integers and pointers, eight at most, and what they return is one. On the
/// 64-bit systems that the library is for, a function does not see what it is given beyond its own arguments.
macro_rules! wrap {
    ($name:ident, $wrapper:ident, $function:ident) => {
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        extern "C" fn $wrapper(
            a: usize,
            b: usize,
            c: usize,
            d: usize,
            e: usize,
            f: usize,
            g: usize,
            h: usize,
        ) -> usize {
            #[allow(clashing_extern_declarations)]
            unsafe extern "C" {
                fn $function(
                    a: usize,
                    b: usize,
                    c: usize,
                    d: usize,
                    e: usize,
                    f: usize,
                    g: usize,
                    h: usize,
                ) -> usize;
            }
            match fails(stringify!($name), b) {
                Some(value) => value.cast_unsigned(),
                // SAFETY: the arguments are the caller's.
                None => unsafe { $function(a, b, c, d, e, f, g, h) },
            }
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/wrappers.rs"));
