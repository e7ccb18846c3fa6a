//! Engines in several threads.

#![allow(clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // What comes before OpenSSL's functions.

use std::collections::HashSet;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::thread;

use gio_ossl::engine::{Config, Engine, Role};
use openssl_sys::BIO_METHOD;

/// What the library calls its method.
const NAME: &CStr = c"datagrams";

/// The addresses of the library's methods that were made and not freed.
static ALIVE: Mutex<Option<HashSet<usize>>> = Mutex::new(None);

fn with_alive<T>(body: impl FnOnce(&mut HashSet<usize>) -> T) -> T {
    let mut alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
    body(alive.get_or_insert_default())
}

/// OpenSSL's own function.
fn real(name: &CStr) -> *mut c_void {
    // SAFETY: the name is a C string.
    let function = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    assert!(!function.is_null());
    function
}

// SAFETY: the function is OpenSSL's, but for what happens before it returns.
#[unsafe(no_mangle)]
unsafe extern "C" fn BIO_meth_new(kind: c_int, name: *const c_char) -> *mut BIO_METHOD {
    type New = unsafe extern "C" fn(c_int, *const c_char) -> *mut BIO_METHOD;
    // SAFETY: the function has this type, and the arguments are the caller's.
    let method = unsafe { mem::transmute::<*mut c_void, New>(real(c"BIO_meth_new"))(kind, name) };
    // SAFETY: as above. OpenSSL has methods of its own, and makes one while it holds a lock.
    if unsafe { CStr::from_ptr(name) } != NAME {
        return method;
    }
    let is_first = with_alive(|alive| alive.insert(method.addr()) && alive.len() == 1);
    if is_first {
        let other = || drop(Engine::new(&Config::new(Role::Client)).unwrap());
        thread::spawn(other).join().unwrap();
        assert_eq!(with_alive(|alive| alive.len()), 2);
    }
    method
}

// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn BIO_meth_free(method: *mut BIO_METHOD) {
    type Free = unsafe extern "C" fn(*mut BIO_METHOD);
    with_alive(|alive| alive.remove(&method.addr()));
    // SAFETY: as above.
    unsafe { mem::transmute::<*mut c_void, Free>(real(c"BIO_meth_free"))(method) }
}

#[test]
fn of_two_threads_that_make_the_first_engine_at_once_the_later_one_leaves_nothing_behind() {
    drop(Engine::new(&Config::new(Role::Client)).unwrap());
    assert_eq!(with_alive(|alive| alive.len()), 1);
    drop(Engine::new(&Config::new(Role::Client)).unwrap());
    assert_eq!(with_alive(|alive| alive.len()), 1);
}
