//! The few `SSL_CTX` that all connections share, and the callbacks that suspend a handshake.
//!
//! Whatever differs between connections is set on the `SSL`: certificates, names, protocols.

use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::sync::OnceLock;
use std::time::Instant;

use foreign_types::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslSessionCacheMode,
    SslVerifyMode, SslVersion,
};
use openssl::stack::StackRef;
use openssl::x509::X509;
use openssl_sys::{SSL, X509_STORE_CTX};
use zeroize::Zeroizing;

use super::session::{Given, Timer, from_microseconds, keylog, microseconds};
use super::{bio, sys, tickets};

/// Which side of the handshake a session plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends the first ClientHello.
    Client,
    /// Waits for it.
    Server,
}

/// What our side says of the peer's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Accept,
    /// Send this alert and fail.
    Refuse(Refusal),
}

/// The alert that a refused certificate earns (RFC 5246, section 7.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// bad_certificate
    BadCertificate,
    /// certificate_expired
    Expired,
    /// certificate_revoked
    Revoked,
    /// unknown_ca
    UnknownCa,
}

impl Refusal {
    /// The alert's number.
    pub fn alert(self) -> u8 {
        match self {
            Refusal::BadCertificate => 42,
            Refusal::Revoked => 44,
            Refusal::Expired => 45,
            Refusal::UnknownCa => 48,
        }
    }

    /// The verification result that makes OpenSSL send the alert.
    fn x509_error(self) -> c_int {
        match self {
            Refusal::BadCertificate => openssl_sys::X509_V_ERR_CERT_REJECTED,
            Refusal::Expired => openssl_sys::X509_V_ERR_CERT_HAS_EXPIRED,
            Refusal::Revoked => openssl_sys::X509_V_ERR_CERT_REVOKED,
            Refusal::UnknownCa => openssl_sys::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        }
    }
}

/// What the callbacks find at the `SSL` they are called for.
pub struct Hooks {
    /// The judgement of the peer's certificate, once there is one.
    pub verdict: Option<Verdict>,
    /// The certificate that a client has presented to us, leaf first.
    pub presented: Option<Vec<X509>>,
    /// Whether the request for our certificate has been answered.
    pub certificate_answered: bool,
    /// What the retransmission time-outs follow from.
    pub timer: Timer,
    /// What a server is willing to speak (RFC 7301).
    pub protocols: Vec<Vec<u8>>,
    /// The lines for a key log that nobody has taken yet, where somebody will.
    pub keylog: Option<Vec<Zeroizing<String>>>,
    /// The key that was given, where one is used.
    pub given: Given,
}

/// OpenSSL's default suites, but of them only the authenticated ciphers: with any other and
/// encrypt-then-MAC (RFC 7366), OpenSSL lets one forged datagram end a session, where RFC 6347,
/// section 4.1.2.7, wants it dropped. And no RSA key transport: who comes to know the server's key
/// would read all that was ever recorded (RFC 9325, section 4.1).
pub const CIPHERS: &str = "DEFAULT:!kRSA:!SHA1:!SHA256:!SHA384";

/// Where an `SSL` keeps its [`Hooks`].
pub fn hooks_index() -> Result<Index<Ssl, Hooks>, ErrorStack> {
    static INDEX: OnceLock<Index<Ssl, Hooks>> = OnceLock::new();
    if let Some(index) = INDEX.get() {
        return Ok(*index);
    }
    let index = Ssl::new_ex_index()?;
    Ok(*INDEX.get_or_init(|| index))
}

/// The context that all connections of this role share, those with a key log and those without: OpenSSL
/// would write the lines whether somebody wants them or not.
pub fn shared(role: Role, has_keylog: bool) -> Result<&'static SslContext, ErrorStack> {
    static CLIENT: OnceLock<SslContext> = OnceLock::new();
    static LOGGED_CLIENT: OnceLock<SslContext> = OnceLock::new();
    static SERVER: OnceLock<SslContext> = OnceLock::new();
    static LOGGED_SERVER: OnceLock<SslContext> = OnceLock::new();
    let cell = match (role, has_keylog) {
        (Role::Client, false) => &CLIENT,
        (Role::Client, true) => &LOGGED_CLIENT,
        (Role::Server, false) => &SERVER,
        (Role::Server, true) => &LOGGED_SERVER,
    };
    if let Some(context) = cell.get() {
        return Ok(context);
    }
    let context = build(role, has_keylog)?;
    Ok(cell.get_or_init(|| context))
}

fn build(role: Role, has_keylog: bool) -> Result<SslContext, ErrorStack> {
    hooks_index()?;
    let mut builder = SslContextBuilder::new(SslMethod::dtls())?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_cipher_list(CIPHERS)?;
    builder.set_options(
        SslOptions::NO_QUERY_MTU
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_COMPRESSION
            | SslOptions::NO_TICKET,
    );
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    if has_keylog {
        // SAFETY: the context is ours and new, the callback has the documented signature.
        unsafe {
            openssl_sys::SSL_CTX_set_keylog_callback(builder.as_ptr(), Some(keylog::keep_line));
        }
    }
    match role {
        Role::Client => {
            builder.set_verify(SslVerifyMode::PEER);
            // SAFETY: the context is ours and new, the callbacks have the documented signatures.
            unsafe {
                sys::SSL_CTX_set_cert_verify_callback(
                    builder.as_ptr(),
                    Some(judge_server),
                    std::ptr::null_mut(),
                );
                sys::SSL_CTX_set_cert_cb(
                    builder.as_ptr(),
                    Some(choose_certificate),
                    std::ptr::null_mut(),
                );
            }
        }
        Role::Server => {
            builder.set_verify(SslVerifyMode::NONE);
            // SAFETY: as for the client.
            unsafe {
                sys::SSL_CTX_set_cert_verify_callback(
                    builder.as_ptr(),
                    Some(hold_client),
                    std::ptr::null_mut(),
                );
            }
            // SAFETY: as above. The safe function panics when OpenSSL has no memory.
            unsafe {
                openssl_sys::SSL_CTX_set_alpn_select_cb__fixed_rust(
                    builder.as_ptr(),
                    Some(select_protocol),
                    std::ptr::null_mut(),
                );
            }
            tickets::protect(&mut builder)?;
        }
    }
    Ok(builder.build())
}

/// Chooses the first of the client's protocols that the server offers too.
unsafe extern "C" fn select_protocol(
    ssl: *mut SSL,
    chosen: *mut *const c_uchar,
    chosen_length: *mut c_uchar,
    offered: *const c_uchar,
    offered_length: c_uint,
    _argument: *mut c_void,
) -> c_int {
    let length = usize::try_from(offered_length).unwrap_or(0);
    // SAFETY: OpenSSL passes an `SSL` of ours, the client's list, which outlives the call, and two places
    // for what is chosen of it.
    unsafe {
        let offered = std::slice::from_raw_parts(offered, length);
        let common = with_hooks(ssl, None, |hooks| first_common(offered, &hooks.protocols));
        let Some((length, protocol)) = common else {
            return openssl_sys::SSL_TLSEXT_ERR_NOACK;
        };
        *chosen = protocol.as_ptr();
        *chosen_length = length;
        openssl_sys::SSL_TLSEXT_ERR_OK
    }
}

/// The first of the protocols on the wire that is ours too, with its length.
fn first_common<'a>(offered: &'a [u8], ours: &[Vec<u8>]) -> Option<(u8, &'a [u8])> {
    let mut rest = offered;
    while let Some((&length, tail)) = rest.split_first() {
        let (protocol, tail) = tail.split_at_checked(usize::from(length))?;
        if ours.iter().any(|own| own == protocol) {
            return Some((length, protocol));
        }
        rest = tail;
    }
    None
}

/// Runs `body` on the hooks of `ssl`.
///
/// # Safety
/// `ssl` must be valid, and no other reference to its hooks may be alive: a session touches them
/// only between calls into OpenSSL.
pub(super) unsafe fn with_hooks<R>(
    ssl: *mut SSL,
    fallback: R,
    body: impl FnOnce(&mut Hooks) -> R,
) -> R {
    let Ok(index) = hooks_index() else {
        return fallback;
    };
    // SAFETY: the caller says that `ssl` is valid.
    let ssl = unsafe { SslRef::from_ptr_mut(ssl) };
    match ssl.ex_data_mut(index) {
        Some(hooks) => body(hooks),
        None => fallback,
    }
}

/// Answers with the verdict, or suspends the handshake until there is one.
unsafe extern "C" fn judge_server(
    store_context: *mut X509_STORE_CTX,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL passes a context that belongs to an `SSL` of ours.
    unsafe {
        let ssl = openssl_sys::X509_STORE_CTX_get_ex_data(
            store_context,
            openssl_sys::SSL_get_ex_data_X509_STORE_CTX_idx(),
        )
        .cast::<SSL>();
        if ssl.is_null() {
            return 0;
        }
        match with_hooks(ssl, None, |hooks| Some(hooks.verdict)) {
            Some(Some(Verdict::Accept)) => 1,
            Some(Some(Verdict::Refuse(refusal))) => {
                openssl_sys::X509_STORE_CTX_set_error(store_context, refusal.x509_error());
                0
            }
            Some(None) => {
                let suspended = openssl_sys::SSL_ctrl(
                    ssl,
                    sys::SSL_CTRL_SET_RETRY_VERIFY,
                    0,
                    std::ptr::null_mut(),
                );
                c_int::from(suspended > 0)
            }
            None => 0,
        }
    }
}

/// OpenSSL cannot suspend a server here. It goes on with what has arrived, but reads nothing more, so
/// that it gets no further than the client's next message, and in no case to our last flight: that
/// needs a ChangeCipherSpec, which OpenSSL reads in its turn or not at all.
unsafe extern "C" fn hold_client(
    store_context: *mut X509_STORE_CTX,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL passes a context that belongs to an `SSL` of ours, with the client's leaf first
    // among the certificates; both live during the call.
    unsafe {
        let ssl = openssl_sys::X509_STORE_CTX_get_ex_data(
            store_context,
            openssl_sys::SSL_get_ex_data_X509_STORE_CTX_idx(),
        )
        .cast::<SSL>();
        let chain = sys::X509_STORE_CTX_get0_untrusted(store_context);
        if ssl.is_null() || chain.is_null() {
            return 0;
        }
        let chain = StackRef::<X509>::from_ptr(chain);
        let chain = chain.iter().map(ToOwned::to_owned).collect();
        bio::hold(openssl_sys::SSL_get_rbio(ssl));
        let kept = with_hooks(ssl, false, |hooks| {
            hooks.presented = Some(chain);
            true
        });
        c_int::from(kept)
    }
}

/// Suspends the handshake until the engine has said which certificate to present, if any.
unsafe extern "C" fn choose_certificate(ssl: *mut SSL, _argument: *mut c_void) -> c_int {
    const SUSPEND: c_int = -1;
    // SAFETY: OpenSSL passes an `SSL` of ours.
    let answered = unsafe { with_hooks(ssl, true, |hooks| hooks.certificate_answered) };
    if answered { 1 } else { SUSPEND }
}

/// The retransmission time-outs. OpenSSL asks when it has written a flight, with 0, and when it is
/// about to repeat it.
pub unsafe extern "C" fn next_timeout(ssl: *mut SSL, current: c_uint) -> c_uint {
    let next = |hooks: &mut Hooks| {
        microseconds(hooks.timer.next(from_microseconds(current), Instant::now()))
    };
    // SAFETY: OpenSSL passes an `SSL` of ours.
    unsafe { with_hooks(ssl, 1_000_000, next) }
}
