//! What `openssl-sys` does not declare.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};

use openssl_sys::{
    EVP_CIPHER, EVP_CIPHER_CTX, EVP_MAC_CTX, EVP_PKEY, OSSL_PARAM, SSL, SSL_CIPHER, SSL_CTX,
    SSL_SESSION, X509, X509_STORE_CTX, stack_st_SSL_CIPHER, stack_st_X509, stack_st_X509_NAME,
};

/// `DTLS_CTRL_GET_TIMEOUT` of `<openssl/ssl.h>`.
pub const DTLS_CTRL_GET_TIMEOUT: c_int = 73;
/// `SSL_CTRL_SET_RETRY_VERIFY`.
pub const SSL_CTRL_SET_RETRY_VERIFY: c_int = 136;
/// `SSL_ERROR_WANT_RETRY_VERIFY`.
pub const SSL_ERROR_WANT_RETRY_VERIFY: c_int = 12;
/// `DTLS_CTRL_HANDLE_TIMEOUT`.
pub const DTLS_CTRL_HANDLE_TIMEOUT: c_int = 74;

/// `SSL_CTRL_GET_PEER_SIGNATURE_NID`.
pub const SSL_CTRL_GET_PEER_SIGNATURE_NID: c_int = 108;
/// `SSL_CTRL_GET_SIGNATURE_NID`.
pub const SSL_CTRL_GET_SIGNATURE_NID: c_int = 132;
/// `SSL_CTRL_GET_NEGOTIATED_GROUP`.
pub const SSL_CTRL_GET_NEGOTIATED_GROUP: c_int = 134;
/// `NID_kx_rsa` of `<openssl/obj_mac.h>`.
pub const NID_KX_RSA: c_int = 1037;
/// `NID_kx_rsa_psk`.
pub const NID_KX_RSA_PSK: c_int = 1042;
/// `NID_kx_any`.
pub const NID_KX_ANY: c_int = 1063;
/// `NID_auth_psk`.
pub const NID_AUTH_PSK: c_int = 1048;
/// `NID_auth_null`.
pub const NID_AUTH_NULL: c_int = 1053;
/// `SSL_CTRL_SET_DH_AUTO`.
pub const SSL_CTRL_SET_DH_AUTO: c_int = 118;
/// What the last argument but one of a security callback is.
pub const SSL_SECOP_OTHER_TYPE: c_int = 0xffff_0000_u32.cast_signed();
/// It is a `SSL_CIPHER`.
pub const SSL_SECOP_OTHER_CIPHER: c_int = 1 << 16;
/// `NID_kx_ecdhe_psk` of `<openssl/obj_mac.h>`.
pub const NID_KX_ECDHE_PSK: c_int = 1040;
/// `NID_kx_dhe_psk`.
pub const NID_KX_DHE_PSK: c_int = 1041;
/// `NID_kx_psk`.
pub const NID_KX_PSK: c_int = 1043;

/// `BIO_CTRL_FLUSH`.
pub const BIO_CTRL_FLUSH: c_int = 11;
/// `BIO_CTRL_DGRAM_GET_MTU_OVERHEAD`.
pub const BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: c_int = 49;

// Elsewhere a `struct timeval` may be larger than two longs, and OpenSSL would write beyond ours.
const _: () = assert!(
    size_of::<c_long>() == 8,
    "only 64-bit systems are supported"
);

/// `struct timeval`, as `DTLSv1_get_timeout` fills it.
#[repr(C)]
#[derive(Default)]
pub struct Timeval {
    pub seconds: c_long,
    pub microseconds: c_long,
}

pub type CertificateCallback = unsafe extern "C" fn(*mut SSL, *mut c_void) -> c_int;
pub type PskClientCallback = unsafe extern "C" fn(
    *mut SSL,
    *const c_char,
    *mut c_char,
    c_uint,
    *mut c_uchar,
    c_uint,
) -> c_uint;
pub type PskServerCallback =
    unsafe extern "C" fn(*mut SSL, *const c_char, *mut c_uchar, c_uint) -> c_uint;
pub type SecurityCallback = unsafe extern "C" fn(
    *const SSL,
    *const SSL_CTX,
    c_int,
    c_int,
    c_int,
    *mut c_void,
    *mut c_void,
) -> c_int;
pub type TicketKeyCallback = unsafe extern "C" fn(
    *mut SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut EVP_CIPHER_CTX,
    *mut EVP_MAC_CTX,
    c_int,
) -> c_int;
pub type TimerCallback = unsafe extern "C" fn(*mut SSL, c_uint) -> c_uint;
pub type VerifyCallback = unsafe extern "C" fn(*mut X509_STORE_CTX, *mut c_void) -> c_int;

unsafe extern "C" {
    pub fn SSL_SESSION_get_max_fragment_length(session: *const openssl_sys::SSL_SESSION) -> u8;
    pub fn DTLS_get_data_mtu(ssl: *const SSL) -> usize;
    pub fn DTLS_set_timer_cb(ssl: *mut SSL, callback: Option<TimerCallback>);
    pub fn EVP_PKEY_get_group_name(
        key: *const EVP_PKEY,
        name: *mut c_char,
        size: usize,
        length: *mut usize,
    ) -> c_int;
    pub fn SSL_CIPHER_get_auth_nid(cipher: *const SSL_CIPHER) -> c_int;
    pub fn SSL_CIPHER_get_kx_nid(cipher: *const SSL_CIPHER) -> c_int;
    pub fn SSL_CIPHER_is_aead(cipher: *const SSL_CIPHER) -> c_int;
    pub fn SSL_CTX_get_security_callback(context: *const SSL_CTX) -> Option<SecurityCallback>;
    pub fn SSL_CIPHER_get_protocol_id(cipher: *const SSL_CIPHER) -> u16;
    pub fn SSL_CTX_set_cert_cb(
        context: *mut SSL_CTX,
        callback: Option<CertificateCallback>,
        argument: *mut c_void,
    );
    pub fn SSL_CTX_set_cert_verify_callback(
        context: *mut SSL_CTX,
        callback: Option<VerifyCallback>,
        argument: *mut c_void,
    );
    pub fn EVP_CipherInit_ex(
        context: *mut EVP_CIPHER_CTX,
        cipher: *const EVP_CIPHER,
        engine: *mut c_void,
        key: *const c_uchar,
        iv: *const c_uchar,
        encrypt: c_int,
    ) -> c_int;
    pub fn OSSL_PARAM_construct_utf8_string(
        key: *const c_char,
        text: *mut c_char,
        size: usize,
    ) -> OSSL_PARAM;
    pub fn SSL_CTX_set_tlsext_ticket_key_evp_cb(
        context: *mut SSL_CTX,
        callback: Option<TicketKeyCallback>,
    ) -> c_int;
    pub fn SSL_SESSION_dup(session: *const SSL_SESSION) -> *mut SSL_SESSION;
    pub fn SSL_SESSION_get0_cipher(session: *const SSL_SESSION) -> *const SSL_CIPHER;
    pub fn SSL_SESSION_get0_peer(session: *mut SSL_SESSION) -> *mut X509;
    pub fn SSL_SESSION_get0_ticket(
        session: *const SSL_SESSION,
        ticket: *mut *const c_uchar,
        length: *mut usize,
    );
    pub fn SSL_SESSION_get_ticket_lifetime_hint(session: *const SSL_SESSION) -> c_ulong;
    pub fn SSL_SESSION_is_resumable(session: *const SSL_SESSION) -> c_int;
    pub fn SSL_alloc_buffers(ssl: *mut SSL) -> c_int;
    pub fn SSL_clear_options(ssl: *mut SSL, options: u64) -> u64;
    pub fn SSL_free_buffers(ssl: *mut SSL) -> c_int;
    pub fn SSL_get_ciphers(ssl: *const SSL) -> *mut stack_st_SSL_CIPHER;
    pub fn SSL_get_peer_signature_type_nid(ssl: *const SSL, nid: *mut c_int) -> c_int;
    pub fn SSL_get_signature_type_nid(ssl: *const SSL, nid: *mut c_int) -> c_int;
    pub fn SSL_group_to_name(ssl: *mut SSL, nid: c_int) -> *const c_char;
    pub fn SSL_get1_supported_ciphers(ssl: *mut SSL) -> *mut stack_st_SSL_CIPHER;
    pub fn SSL_get_options(ssl: *const SSL) -> u64;
    pub fn SSL_get_psk_identity(ssl: *const SSL) -> *const c_char;
    pub fn SSL_get0_peer_CA_list(ssl: *const SSL) -> *const stack_st_X509_NAME;
    pub fn SSL_get_pending_cipher(ssl: *const SSL) -> *const SSL_CIPHER;
    pub fn SSL_set_psk_client_callback(ssl: *mut SSL, callback: Option<PskClientCallback>);
    pub fn SSL_set_psk_server_callback(ssl: *mut SSL, callback: Option<PskServerCallback>);
    pub fn SSL_set_security_callback(ssl: *mut SSL, callback: Option<SecurityCallback>);
    pub fn SSL_use_psk_identity_hint(ssl: *mut SSL, hint: *const c_char) -> c_int;
    pub fn X509_STORE_CTX_get0_untrusted(context: *const X509_STORE_CTX) -> *mut stack_st_X509;
    pub fn SSL_has_pending(ssl: *const SSL) -> c_int;
    pub fn SSL_set_session_id_context(
        ssl: *mut SSL,
        context: *const c_uchar,
        length: c_uint,
    ) -> c_int;
    pub fn SSL_use_cert_and_key(
        ssl: *mut SSL,
        leaf: *mut X509,
        key: *mut openssl_sys::EVP_PKEY,
        chain: *mut stack_st_X509,
        replace: c_int,
    ) -> c_int;
}
