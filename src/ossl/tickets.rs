//! The keys that all servers of the process protect their session tickets with (RFC 5077, section 4).
//!
//! OpenSSL's own would stay the same as long as the process lives, and whoever learned them then could
//! read all that was ever said with a ticket.

use std::ffi::{c_int, c_uchar};
use std::sync::{Arc, Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::rand::{rand_bytes, rand_priv_bytes};
use openssl::ssl::SslContextBuilder;
use openssl_sys::{EVP_CIPHER_CTX, EVP_MAC_CTX, OSSL_PARAM, SSL};
use zeroize::Zeroizing;

use super::{clock, queue, sys};

/// How long a key protects new tickets, in seconds.
const ROTATION: u64 = 60 * 60;
/// How long a ticket is good, in seconds: OpenSSL's time-out of a session.
pub const LIFETIME: u64 = 2 * 60 * 60;
/// Bytes that name a key in the ticket.
const NAME: usize = 16;
/// Bytes of AES's block.
const BLOCK: usize = 16;
/// AES-256 and HMAC-SHA256.
const SECRET: usize = 32;

static KEYS: Mutex<Keys> = Mutex::new(Keys::new());

/// What one ticket is protected with.
struct Key {
    name: [u8; NAME],
    cipher: Zeroizing<[u8; SECRET]>,
    mac: Zeroizing<[u8; SECRET]>,
    /// In seconds since 1970.
    made: i64,
}

impl Key {
    fn new(now: i64) -> Result<Self, ErrorStack> {
        let mut key = Key {
            name: [0; NAME],
            cipher: Zeroizing::new([0; SECRET]),
            mac: Zeroizing::new([0; SECRET]),
            made: now,
        };
        rand_bytes(&mut key.name)?;
        rand_priv_bytes(key.cipher.as_mut())?;
        rand_priv_bytes(key.mac.as_mut())?;
        Ok(key)
    }

    /// How old it is; a clock that was put back must not make it live longer.
    fn age(&self, now: i64) -> u64 {
        now.abs_diff(self.made)
    }
}

/// The keys whose tickets are honoured, the latest last.
struct Keys(Vec<Arc<Key>>);

impl Keys {
    const fn new() -> Self {
        Keys(Vec::new())
    }

    /// The key for a new ticket.
    fn current(&mut self, now: i64) -> Result<Arc<Key>, ErrorStack> {
        self.0.retain(|key| key.age(now) < ROTATION + LIFETIME);
        if let Some(latest) = self.0.last().filter(|key| key.age(now) < ROTATION) {
            return Ok(latest.clone());
        }
        let key = Arc::new(Key::new(now)?);
        self.0.push(key.clone());
        Ok(key)
    }

    /// The key of this name, as long as one of its tickets can be good, and whether it is to be
    /// replaced by a newer one.
    fn named(&self, name: &[u8], now: i64) -> Option<(Arc<Key>, bool)> {
        let key = self.0.iter().find(|key| key.name == *name)?;
        let age = key.age(now);
        (age < ROTATION + LIFETIME).then(|| (key.clone(), age >= ROTATION))
    }
}

/// Makes the servers of a context protect their tickets with these keys.
pub fn protect(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    // SAFETY: the context is ours and new, the callback has the documented signature.
    let done =
        unsafe { sys::SSL_CTX_set_tlsext_ticket_key_evp_cb(context.as_ptr(), Some(choose_key)) };
    if done == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}

/// What OpenSSL takes for an answer.
mod answer {
    use super::c_int;

    pub const FAILED: c_int = -1;
    /// No ticket is given, or this one is not honoured.
    pub const NONE: c_int = 0;
    pub const PROTECT: c_int = 1;
    /// Honoured, and a new one is given in its place.
    pub const RENEW: c_int = 2;
}

/// Sets up the cipher and the MAC of a ticket that is given or honoured.
unsafe extern "C" fn choose_key(
    ssl: *mut SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: *mut EVP_MAC_CTX,
    is_new: c_int,
) -> c_int {
    let now = clock::now();
    // SAFETY: OpenSSL passes an `SSL` of ours, NAME bytes at `name`, at least BLOCK at `iv`, both to be
    // written where the ticket is new, and two contexts to be set up; all live during the call.
    unsafe {
        if is_new == 0 {
            let asked = std::slice::from_raw_parts(name, NAME);
            let keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
            let found = keys.named(asked, now);
            drop(keys);
            return match found {
                None => answer::NONE,
                Some((key, _)) if !set_up(&key, iv, cipher, mac, is_new) => {
                    queue::clear();
                    answer::FAILED
                }
                Some((_, true)) => answer::RENEW,
                Some((_, false)) => answer::PROTECT,
            };
        }
        // Who shares a key with us proves that anew each time.
        if !sys::SSL_get_psk_identity(ssl).is_null() {
            return answer::NONE;
        }
        let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
        let key = keys.current(now);
        drop(keys);
        let Ok(key) = key else {
            return answer::FAILED;
        };
        let mut block = [0; BLOCK];
        if rand_bytes(&mut block).is_err() {
            return answer::FAILED;
        }
        name.copy_from_nonoverlapping(key.name.as_ptr(), NAME);
        iv.copy_from_nonoverlapping(block.as_ptr(), BLOCK);
        match set_up(&key, iv, cipher, mac, is_new) {
            true => answer::PROTECT,
            false => answer::FAILED,
        }
    }
}

/// Whether both contexts have the key now.
///
/// # Safety
/// `cipher` and `mac` must be valid, and `iv` have BLOCK bytes.
unsafe fn set_up(
    key: &Key,
    iv: *const c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: *mut EVP_MAC_CTX,
    encrypt: c_int,
) -> bool {
    // SAFETY: as the caller says; the parameters and what they point to outlive the call, which copies
    // it and writes to none of it.
    unsafe {
        let parameters: [OSSL_PARAM; 3] = [
            openssl_sys::OSSL_PARAM_construct_octet_string(
                c"key".as_ptr(),
                key.mac.as_ptr().cast_mut().cast(),
                SECRET,
            ),
            sys::OSSL_PARAM_construct_utf8_string(
                c"digest".as_ptr(),
                c"SHA256".as_ptr().cast_mut(),
                0,
            ),
            openssl_sys::OSSL_PARAM_construct_end(),
        ];
        openssl_sys::EVP_MAC_CTX_set_params(mac, parameters.as_ptr()) == 1
            && sys::EVP_CipherInit_ex(
                cipher,
                openssl_sys::EVP_aes_256_cbc(),
                std::ptr::null_mut(),
                key.cipher.as_ptr(),
                iv,
                encrypt,
            ) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATION: i64 = super::ROTATION as i64;
    const LIFETIME: i64 = super::LIFETIME as i64;
    const START: i64 = 1_000_000;

    fn honoured(keys: &Keys, key: &Key, now: i64) -> Option<bool> {
        keys.named(&key.name, now).map(|(found, renew)| {
            assert_eq!(found.name, key.name);
            renew
        })
    }

    #[test]
    fn a_key_protects_for_its_time_and_is_honoured_as_long_as_its_last_ticket_is_good() {
        let mut keys = Keys::new();
        let first = keys.current(START).unwrap();
        let same = keys.current(START + ROTATION - 1).unwrap();
        assert_eq!(same.name, first.name);
        let second = keys.current(START + ROTATION).unwrap();
        assert_ne!(second.name, first.name);
        assert_ne!(*second.cipher, *first.cipher);
        assert_ne!(*second.mac, *first.mac);
        assert_eq!(honoured(&keys, &first, START), Some(false));
        assert_eq!(honoured(&keys, &first, START + ROTATION), Some(true));
        let end = START + ROTATION + LIFETIME;
        assert_eq!(honoured(&keys, &first, end - 1), Some(true));
        assert_eq!(honoured(&keys, &first, end), None);
        assert_eq!(honoured(&keys, &second, end), Some(true));
    }

    #[test]
    fn keys_that_are_not_honoured_any_more_are_wiped() {
        let mut keys = Keys::new();
        let first = Arc::downgrade(&keys.current(START).unwrap());
        for hour in 1..10 {
            keys.current(START + hour * ROTATION).unwrap();
        }
        assert!(first.upgrade().is_none());
        assert_eq!(keys.0.len(), 3);
    }

    #[test]
    fn a_clock_that_is_put_back_makes_no_key_live_longer() {
        let mut keys = Keys::new();
        let first = keys.current(START).unwrap();
        let back = START - ROTATION - LIFETIME;
        assert_eq!(honoured(&keys, &first, back), None);
        assert_ne!(keys.current(back).unwrap().name, first.name);
        assert_eq!(keys.0.len(), 1);
    }

    #[test]
    fn names_that_no_key_has_are_not_honoured() {
        let mut keys = Keys::new();
        keys.current(START).unwrap();
        assert!(keys.named(&[0; NAME], START).is_none());
    }
}
