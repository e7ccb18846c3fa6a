//! OpenSSL's per-thread error queue, drained into text.

use std::ffi::c_int;

use openssl::error::ErrorStack;

use crate::error::Error;

/// The library number of libssl, and the offset of its reasons that are received alerts.
const ERR_LIB_SSL: c_int = 20;
const ALERT_REASON_OFFSET: c_int = 1000;
/// `SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE`.
const MISSING_CERTIFICATE: c_int = 199;

/// What OpenSSL said about its latest failure.
pub struct Failure {
    /// The fatal alert that was received (RFC 5246, section 7.2), if that is the reason.
    pub alert: Option<u8>,
    /// Whether a client presented no certificate to a server that insists on one.
    pub missing_certificate: bool,
    /// The first reason, for people; never empty.
    pub reason: String,
}

/// Empties the calling thread's queue and tells what was in it.
pub fn drain() -> Failure {
    describe(&ErrorStack::get())
}

/// Forgets whatever an earlier user of OpenSSL in this thread left behind: `SSL_get_error` would
/// take it for the outcome of our call. An empty queue is only looked at: emptying one wipes all of its
/// places, which takes longer than everything else around a record.
pub fn clear() {
    // SAFETY: touches only the calling thread's own queue.
    unsafe {
        if openssl_sys::ERR_peek_last_error() != 0 {
            openssl_sys::ERR_clear_error();
        }
    }
}

/// The alert and the reason that `stack` tells.
pub fn describe(stack: &ErrorStack) -> Failure {
    let errors = stack.errors();
    let mut codes = errors
        .iter()
        .filter(|error| error.library_code() == ERR_LIB_SSL)
        .map(|error| error.reason_code());
    let missing_certificate = codes.clone().any(|code| code == MISSING_CERTIFICATE);
    let alert = codes.find_map(|code| u8::try_from(code - ALERT_REASON_OFFSET).ok());
    let reason = errors
        .iter()
        .find_map(|error| error.reason())
        .unwrap_or("OpenSSL gives no reason")
        .to_string();
    Failure {
        alert,
        missing_certificate,
        reason,
    }
}

/// Whether OpenSSL itself has failed, as without memory, and not at what it was given.
pub fn has_broken_down(stack: &ErrorStack) -> bool {
    const ERR_RFLAG_FATAL: c_int = 1 << 18;
    let mut errors = stack.errors().iter();
    errors.any(|error| error.reason_code() & ERR_RFLAG_FATAL != 0)
}

/// `what`, with OpenSSL's own reason when it gave one.
pub fn bad_certificate(what: &str, stack: &ErrorStack) -> Error {
    let reason = stack.errors().iter().rev().find_map(|error| error.reason());
    Error::BadCertificate(match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    })
}
