//! The engine `pkcs11` of the libp11 project.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_long, c_void},
    ops::RangeInclusive,
    os::unix::ffi::OsStringExt,
    ptr,
    sync::{Mutex, PoisonError},
};

use foreign_types::ForeignType;
use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
    x509::X509,
};
use openssl_sys::{self as ffi, ENGINE};

use super::{
    Failure, Pin,
    prompt::{self, Method},
    reason,
};
use crate::ossl::{environment::variable, queue};

const ID: &CStr = c"pkcs11";
const OPENSSL_INIT_ENGINE_DYNAMIC: u64 = 0x400;
const OPENSSL_INFO_ENGINES_DIR: c_int = 1002;
/// `CKR_PIN_INCORRECT` to `CKR_PIN_LOCKED`.
const PIN_REASONS: RangeInclusive<c_int> = 0xa0..=0xa4;

/// The argument of the engine's command `LOAD_CERT_CTRL`.
#[repr(C)]
struct CertificateRequest {
    uri: *const c_char,
    certificate: *mut ffi::X509,
}

unsafe extern "C" {
    fn ENGINE_by_id(id: *const c_char) -> *mut ENGINE;
    fn ENGINE_free(engine: *mut ENGINE) -> c_int;
    fn ENGINE_init(engine: *mut ENGINE) -> c_int;
    fn ENGINE_ctrl_cmd(
        engine: *mut ENGINE,
        command: *const c_char,
        number: c_long,
        pointer: *mut c_void,
        function: Option<unsafe extern "C" fn()>,
        optional: c_int,
    ) -> c_int;
    fn ENGINE_ctrl_cmd_string(
        engine: *mut ENGINE,
        command: *const c_char,
        argument: *const c_char,
        optional: c_int,
    ) -> c_int;
    fn ENGINE_load_private_key(
        engine: *mut ENGINE,
        id: *const c_char,
        method: *mut Method,
        data: *mut c_void,
    ) -> *mut ffi::EVP_PKEY;
    fn OPENSSL_info(what: c_int) -> *const c_char;
    fn OPENSSL_init_crypto(options: u64, settings: *const c_void) -> c_int;
}

/// The engine, ready to be used, and never given up: keys on tokens may outlive everything else. It is
/// our own instance, of which OpenSSL allows one.
struct Engine {
    engine: *mut ENGINE,
    /// Whether it has seen a PIN. It keeps the latest one, and tries it on every token that wants one.
    has_pin: bool,
}

// SAFETY: OpenSSL's engines are not bound to a thread.
unsafe impl Send for Engine {}

/// Held while the engine works: its functions for loading change its state without a lock.
static ENGINE: Mutex<Option<Engine>> = Mutex::new(None);

pub fn check() -> Result<(), Failure> {
    with_engine(|_| Ok(()))
}

pub fn certificate(uri: &str, pin: Pin) -> Result<X509, Failure> {
    let uri = c_string(uri)?;
    with_engine(|engine| {
        engine.prepare(pin)?;
        let mut request = CertificateRequest {
            uri: uri.as_ptr(),
            certificate: ptr::null_mut(),
        };
        // SAFETY: the engine is alive, and the command has this argument, which outlives the call.
        let (_, asked) = prompt::refusing(|| unsafe {
            let argument = (&raw mut request).cast();
            let command = c"LOAD_CERT_CTRL".as_ptr();
            ENGINE_ctrl_cmd(engine.engine, command, 0, argument, None, 0)
        });
        if request.certificate.is_null() {
            return Err(failure(pin, asked));
        }
        // SAFETY: the certificate is the caller's.
        Ok(unsafe { X509::from_ptr(request.certificate) })
    })
}

pub fn key(uri: &str, pin: Pin) -> Result<PKey<Private>, Failure> {
    let uri = c_string(uri)?;
    with_engine(|engine| {
        engine.prepare(pin)?;
        let engine = engine.engine;
        // SAFETY: the engine, the URI and the method, which lives forever, are alive.
        let (key, asked) = prompt::refusing(|| unsafe {
            ENGINE_load_private_key(engine, uri.as_ptr(), prompt::method(), ptr::null_mut())
        });
        if key.is_null() {
            return Err(failure(pin, asked));
        }
        // SAFETY: the key is the caller's.
        Ok(unsafe { PKey::from_ptr(key) })
    })
}

/// Runs `body` with the engine, loaded if it is not yet.
fn with_engine<T>(body: impl FnOnce(&mut Engine) -> Result<T, Failure>) -> Result<T, Failure> {
    ffi::init();
    let mut slot = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *slot {
        Some(engine) => body(engine),
        None => {
            let engine = load().ok_or_else(|| {
                let text = "OpenSSL's engine pkcs11 cannot be loaded";
                Failure::Unsupported(format!("{text}: {}", reason()))
            })?;
            body(slot.insert(engine))
        }
    }
}

impl Engine {
    /// Takes care that no token is tried with another one's PIN: that would tell it the PIN, and a token
    /// that has seen too many wrong ones locks itself. The engine cannot forget a PIN, but it can be given
    /// one that is too long to be tried by any token, and drops it when that has failed.
    fn prepare(&mut self, pin: Pin) -> Result<(), Failure> {
        const NO_PIN: [u8; 300] = {
            let mut text = [b'-'; 300];
            text[299] = 0;
            text
        };
        match pin {
            Pin::InUri => self.has_pin = true,
            Pin::Missing if self.has_pin => {
                let text = NO_PIN.as_ptr().cast();
                // SAFETY: the engine is alive, and copies the text, which ends with NUL.
                let forgets =
                    unsafe { ENGINE_ctrl_cmd_string(self.engine, c"PIN".as_ptr(), text, 1) };
                if forgets != 1 {
                    return Err(Failure::Other(reason()));
                }
            }
            Pin::Missing => {}
        }
        Ok(())
    }
}

/// Why the engine failed.
fn failure(pin: Pin, asked: bool) -> Failure {
    let stack = ErrorStack::get();
    if asked {
        return Failure::PinNeeded;
    }
    let own = |library: &str| {
        let library = library.to_owned();
        stack
            .errors()
            .iter()
            .filter(move |error| error.library() == Some(&library))
    };
    if own("PKCS#11 module").any(|error| PIN_REASONS.contains(&error.reason_code())) {
        return match pin {
            Pin::InUri => Failure::PinRefused(queue::describe(&stack).reason),
            Pin::Missing => Failure::PinNeeded,
        };
    }
    if own("pkcs11 engine").any(|error| error.reason() == Some("object not found")) {
        return Failure::NotFound;
    }
    Failure::Other(queue::describe(&stack).reason)
}

fn c_string(uri: &str) -> Result<CString, Failure> {
    CString::new(uri).map_err(|_| Failure::Other("the URI contains a NUL".into()))
}

/// A new engine, which stays out of OpenSSL's list: the application's view does not change.
fn load() -> Option<Engine> {
    // SAFETY: the commands are those of the engine "dynamic" and of the one that it turns into, with
    // the arguments that they want; what fails is given up.
    unsafe {
        OPENSSL_init_crypto(OPENSSL_INIT_ENGINE_DYNAMIC, ptr::null());
        let engine = ENGINE_by_id(c"dynamic".as_ptr());
        if engine.is_null() {
            return None;
        }
        let folder = folder();
        let loaded = [
            (c"ID", ID.as_ptr()),
            (c"DIR_LOAD", c"2".as_ptr()),
            (
                c"DIR_ADD",
                folder
                    .as_ref()
                    .map_or(ptr::null(), |folder| folder.as_ptr()),
            ),
            (c"LIST_ADD", c"0".as_ptr()),
            (c"LOAD", ptr::null()),
        ]
        .iter()
        .all(|(command, argument)| {
            ENGINE_ctrl_cmd_string(engine, command.as_ptr(), *argument, 0) == 1
        });
        // By itself it writes its findings to the standard error output, and asks the terminal when a
        // key wants its own PIN for a signature.
        let is_silent = || {
            let method: *mut c_void = prompt::method().cast();
            let command = c"SET_USER_INTERFACE".as_ptr();
            ENGINE_ctrl_cmd_string(engine, c"QUIET".as_ptr(), ptr::null(), 1) == 1
                && !method.is_null()
                && ENGINE_ctrl_cmd(engine, command, 0, method, None, 1) == 1
        };
        if !loaded || !is_silent() || ENGINE_init(engine) != 1 {
            ENGINE_free(engine);
            return None;
        }
        Some(Engine {
            engine,
            has_pin: false,
        })
    }
}

/// Where OpenSSL's engines are.
fn folder() -> Option<CString> {
    if let Some(folder) = variable(c"OPENSSL_ENGINES") {
        return CString::new(folder.into_vec()).ok();
    }
    // SAFETY: the answer is NULL or a string that stays.
    unsafe {
        let folder = OPENSSL_info(OPENSSL_INFO_ENGINES_DIR);
        (!folder.is_null()).then(|| CStr::from_ptr(folder).to_owned())
    }
}
