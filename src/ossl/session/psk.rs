//! Pre-shared keys (RFC 4279, RFC 5489).

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::sync::Arc;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslCipherRef};
use openssl_sys::{SSL, SSL_CIPHER, SSL_CTX};
use zeroize::Zeroizing;

use super::{Config, Session};
use crate::error::Error;
use crate::ossl::context::{Role, with_hooks};
use crate::ossl::{queue, sys};

/// The longest key, in bytes (OpenSSL's `PSK_MAX_PSK_LEN`).
pub const LONGEST_KEY: usize = 512;
/// The longest identity of a client, in bytes: OpenSSL's `PSK_MAX_IDENTITY_LEN` less a NUL.
pub const LONGEST_IDENTITY: usize = 255;
/// The longest hint of a server, in bytes.
pub const LONGEST_HINT: usize = 255;

/// Bytes of the key that stands for the one that nobody knows.
const DECOY: usize = 32;

/// A secret that both sides know already. It is wiped when the last owner drops it.
#[derive(Clone)]
pub struct Key(Arc<Zeroizing<Vec<u8>>>);

impl Key {
    /// A copy of these bytes, 1 to [`LONGEST_KEY`].
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.len() {
            1..=LONGEST_KEY => Ok(Key(Arc::new(Zeroizing::new(bytes.to_vec())))),
            size => Err(Error::InvalidArgument(format!(
                "The key has {size} bytes instead of 1 to {LONGEST_KEY}"
            ))),
        }
    }

    fn random() -> Result<Self, ErrorStack> {
        let mut bytes = Zeroizing::new(vec![0; DECOY]);
        openssl::rand::rand_bytes(&mut bytes)?;
        Ok(Key(Arc::new(bytes)))
    }
}

/// A client's key, with the name that it has for the server.
#[derive(Clone)]
pub struct PreSharedKey {
    identity: CString,
    key: Key,
}

impl PreSharedKey {
    /// The identity has at most [`LONGEST_IDENTITY`] bytes, none of them NUL.
    pub fn new(identity: &str, key: &[u8]) -> Result<Self, Error> {
        if identity.len() > LONGEST_IDENTITY {
            return Err(Error::InvalidArgument(format!(
                "The identity has {} bytes instead of {LONGEST_IDENTITY} at most",
                identity.len()
            )));
        }
        let identity = CString::new(identity)
            .map_err(|_| Error::InvalidArgument("The identity contains a NUL".into()))?;
        Ok(PreSharedKey {
            identity,
            key: Key::new(key)?,
        })
    }
}

/// Where the key comes from, if there is one. Without, no cipher suite that needs one is offered or
/// accepted. [`Protocol`](super::Protocol) says which ones there are.
#[derive(Clone, Default)]
pub enum PreSharedKeys {
    /// There is none.
    #[default]
    None,
    /// A client's own.
    Own(PreSharedKey),
    /// The engine asks for it: for a client's when the server has named its hint, for a server's when
    /// the client has named its identity.
    OnRequest {
        /// What a server tells about the identities that it knows.
        hint: Option<CString>,
    },
}

impl PreSharedKeys {
    /// Whether there may be a key.
    pub fn are_used(&self) -> bool {
        !matches!(self, PreSharedKeys::None)
    }

    /// Makes a new session offer, or accept, what needs a key.
    pub(super) fn prepare(&self, session: &mut Session, config: &Config) -> Result<(), ErrorStack> {
        if !self.are_used() {
            return Ok(());
        }
        session.judge_ciphers();
        let ssl = session.ssl.as_ptr();
        match config.role {
            // SAFETY: the `SSL` is valid, and the callback has the documented signature.
            Role::Client => unsafe {
                sys::SSL_set_psk_client_callback(ssl, Some(give_own));
            },
            // SAFETY: as above.
            Role::Server => unsafe {
                sys::SSL_set_psk_server_callback(ssl, Some(give_for_identity));
                // For the suites with Diffie-Hellman over integers.
                openssl_sys::SSL_ctrl(ssl, sys::SSL_CTRL_SET_DH_AUTO, 1, std::ptr::null_mut());
            },
        }
        match (self, config.role) {
            (PreSharedKeys::Own(key), Role::Client) => session.give(Given::Own(key.clone())),
            (_, Role::Client) => session.wire().gate = Some(SERVER_HELLO_DONE),
            (_, Role::Server) => session.wire().gate = Some(CLIENT_KEY_EXCHANGE),
        }
        match self {
            PreSharedKeys::OnRequest { hint: Some(hint) } => session.use_hint(hint),
            _ => Ok(()),
        }
    }
}

/// The messages before which OpenSSL must know the key.
const SERVER_HELLO_DONE: u8 = 14;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// What the callbacks find.
#[derive(Default)]
pub enum Given {
    /// No key: a client's handshake ends.
    #[default]
    Nothing,
    /// A client's.
    Own(PreSharedKey),
    /// A server's for the client's identity.
    Peers(Key),
    /// A server's for an identity that it does not know: the handshake goes on, and cannot succeed.
    Decoy(Key),
}

/// What a key is mixed with (RFC 4279, sections 2 and 3; RFC 5489, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyExchange {
    /// Nothing.
    Psk,
    /// Diffie-Hellman.
    DhePsk,
    /// Diffie-Hellman over an elliptic curve.
    EcdhePsk,
}

impl Session {
    /// The suites, by their numbers, in which a key stands in place of certificates.
    pub fn pre_shared_suites(&self) -> Vec<(u16, KeyExchange)> {
        let suites = suites_of(&self.ssl).into_iter();
        let with_number = |suite: &SslCipherRef| {
            // SAFETY: the cipher is valid.
            let exchange = unsafe { exchange_of(suite.as_ptr()) }?;
            Some((u16::from_be_bytes(suite.protocol_id()), exchange))
        };
        suites.filter_map(with_number).collect()
    }

    /// What the key is mixed with, once a suite is agreed upon that has one.
    pub fn pending_exchange(&self) -> Option<KeyExchange> {
        let suite = self.chosen_suite()?;
        // SAFETY: the suite is valid.
        unsafe { exchange_of(suite.as_ptr()) }
    }

    /// Whether a key has taken the place of certificates.
    pub fn is_pre_shared(&self) -> bool {
        let suite = self.ssl.current_cipher();
        // SAFETY: the cipher is valid.
        suite.is_some_and(|suite| unsafe { exchange_of(suite.as_ptr()) }.is_some())
    }

    /// What the server has told a client about the identities that it knows.
    pub fn identity_hint(&self) -> Option<Vec<u8>> {
        self.ssl.psk_identity_hint().map(<[u8]>::to_vec)
    }

    /// Answers a client's request for its key.
    pub fn give_own(&mut self, key: Option<PreSharedKey>) {
        self.give(key.map_or(Given::Nothing, Given::Own));
    }

    /// Answers a server's request for a client's key. A key is made up in any case, so that a known
    /// identity takes as long as an unknown one.
    pub fn give_for_identity(&mut self, key: Option<Key>) -> Result<(), ErrorStack> {
        let decoy = Key::random()?;
        self.give(key.map_or(Given::Decoy(decoy), Given::Peers));
        Ok(())
    }

    /// Whether the key was the application's; it is forgotten here.
    pub fn take_key(&mut self) -> bool {
        let given = self.hooks().map(|hooks| std::mem::take(&mut hooks.given));
        matches!(given, Some(Given::Own(_) | Given::Peers(_)))
    }

    fn give(&mut self, given: Given) {
        if let Some(hooks) = self.hooks() {
            hooks.given = given;
        }
    }

    fn use_hint(&mut self, hint: &CStr) -> Result<(), ErrorStack> {
        queue::clear();
        // SAFETY: the `SSL` is valid and copies the text.
        let done = unsafe { sys::SSL_use_psk_identity_hint(self.ssl.as_ptr(), hint.as_ptr()) };
        if done == 1 {
            Ok(())
        } else {
            Err(ErrorStack::get())
        }
    }

    fn judge_ciphers(&mut self) {
        // SAFETY: the `SSL` is valid, and the callback has the documented signature.
        unsafe { sys::SSL_set_security_callback(self.ssl.as_ptr(), Some(is_secure)) };
    }
}

/// The suites of a session's list.
fn suites_of(ssl: &Ssl) -> Vec<&SslCipherRef> {
    // SAFETY: the list belongs to the `SSL`, and its elements live as long as OpenSSL.
    unsafe {
        let list = sys::SSL_get_ciphers(ssl.as_ptr()).cast();
        let count = openssl_sys::OPENSSL_sk_num(list);
        (0..count)
            .map(|index| openssl_sys::OPENSSL_sk_value(list, index))
            .filter(|suite| !suite.is_null())
            .map(|suite| SslCipherRef::from_ptr(suite.cast()))
            .collect()
    }
}

/// What a suite mixes its key with; none, if it has certificates.
///
/// # Safety
/// `suite` must be valid.
unsafe fn exchange_of(suite: *const SSL_CIPHER) -> Option<KeyExchange> {
    // SAFETY: by the caller's guarantee.
    match unsafe { sys::SSL_CIPHER_get_kx_nid(suite) } {
        sys::NID_KX_PSK => Some(KeyExchange::Psk),
        sys::NID_KX_DHE_PSK => Some(KeyExchange::DhePsk),
        sys::NID_KX_ECDHE_PSK => Some(KeyExchange::EcdhePsk),
        _ => None,
    }
}

/// Gives OpenSSL the client's identity and key. Nothing is an answer: the handshake ends.
unsafe extern "C" fn give_own(
    ssl: *mut SSL,
    _hint: *const c_char,
    identity: *mut c_char,
    identity_size: c_uint,
    key: *mut u8,
    key_size: c_uint,
) -> c_uint {
    // SAFETY: OpenSSL passes an `SSL` of ours and buffers of these sizes.
    unsafe {
        with_hooks(ssl, 0, |hooks| {
            let Given::Own(own) = &hooks.given else {
                return 0;
            };
            let name = own.identity.as_bytes_with_nul();
            if copy(name, identity.cast(), identity_size) == 0 {
                return 0;
            }
            copy(&own.key.0, key, key_size)
        })
    }
}

/// Gives OpenSSL the key of the client that has named itself.
unsafe extern "C" fn give_for_identity(
    ssl: *mut SSL,
    _identity: *const c_char,
    key: *mut u8,
    key_size: c_uint,
) -> c_uint {
    // SAFETY: OpenSSL passes an `SSL` of ours and a buffer of this size.
    unsafe {
        with_hooks(ssl, 0, |hooks| match &hooks.given {
            Given::Peers(own) | Given::Decoy(own) => copy(&own.0, key, key_size),
            Given::Nothing | Given::Own(_) => 0,
        })
    }
}

/// Copies all bytes, or none if there is no room. Answers how many.
///
/// # Safety
/// `to` must be writable for `room` bytes.
unsafe fn copy(bytes: &[u8], to: *mut u8, room: c_uint) -> c_uint {
    let room = usize::try_from(room).unwrap_or(0);
    if bytes.len() > room {
        return 0;
    }
    // SAFETY: by the caller's guarantee; OpenSSL's buffer is not one of ours.
    unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    c_uint::try_from(bytes.len()).unwrap_or(0)
}

/// From version 3.2 on, OpenSSL counts a suite with a short tag as weak and allows none at its usual
/// security level. CoAP has no other (RFC 7252, section 9.1.3.1): where a key is used, the cipher's own
/// strength counts.
unsafe extern "C" fn is_secure(
    ssl: *const SSL,
    context: *const SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    data: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL passes what its own callback gets, and for a cipher that is the cipher.
    unsafe {
        let usual = openssl_sys::SSL_get_SSL_CTX(ssl);
        let Some(default) = sys::SSL_CTX_get_security_callback(usual) else {
            return 0;
        };
        let mut bits = bits;
        if operation & sys::SSL_SECOP_OTHER_TYPE == sys::SSL_SECOP_OTHER_CIPHER
            && exchange_of(other.cast()).is_some()
        {
            openssl_sys::SSL_CIPHER_get_bits(other.cast(), &mut bits);
        }
        default(ssl, context, operation, bits, nid, other, data)
    }
}
