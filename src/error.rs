//! What can go wrong, and the one table that turns it into a `GError`.

use std::fmt;
use std::time::Duration;

/// Every failure that the library itself detects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A `GError` from outside (base socket, interaction, foreign database), passed on unchanged.
    Foreign(glib::Error),

    /// `G_IO_ERROR_CANCELLED`: the caller's cancellable was triggered.
    Cancelled,
    /// `G_IO_ERROR_CLOSED`: this direction of the connection was closed on our side.
    Closed,
    /// `G_IO_ERROR_TIMED_OUT`: the handshake took longer than the application allows, which is this
    /// long.
    HandshakeTimedOut(Duration),
    /// `G_IO_ERROR_INVALID_ARGUMENT`: an argument that can never work; the text names it.
    InvalidArgument(String),
    /// `G_IO_ERROR_MESSAGE_TOO_LARGE`: one message does not fit one record.
    MessageTooLarge {
        /// Bytes in the message.
        size: usize,
        /// Bytes that would have fitted.
        limit: usize,
    },
    /// `G_IO_ERROR_NOT_FOUND`: the server wants a pre-shared key, and the application has none for it.
    NoKey,
    /// `G_IO_ERROR_NOT_CONNECTED`: there is no session yet that could tell or do what is asked.
    NoSession,
    /// `G_IO_ERROR_NOT_SUPPORTED`: the text names what is not supported.
    NotSupported(String),
    /// `G_IO_ERROR_PENDING`: another explicit handshake is under way.
    Pending,
    /// `G_IO_ERROR_FAILED`: a blocking call that could only wait for itself.
    WouldDeadlock,
    /// `G_IO_ERROR_TIMED_OUT`: the caller's time is up; the association lives on.
    TimedOut,
    /// `G_IO_ERROR_READ_ONLY`: a setting that the handshake, which has begun, goes by; the text names
    /// it.
    TooLate(&'static str),
    /// `G_IO_ERROR_WOULD_BLOCK`: not ready, and the caller would not wait.
    WouldBlock,

    /// `G_TLS_ERROR_BAD_CERTIFICATE`: a certificate or key that cannot be read or used, or one that
    /// was refused, by us or by the peer.
    BadCertificate(String),
    /// `G_TLS_ERROR_BAD_CERTIFICATE_PASSWORD`: a container that its password does not open.
    BadCertificatePassword(String),
    /// `G_TLS_ERROR_CERTIFICATE_REQUIRED`: the server insists on a client certificate.
    CertificateRequired,
    /// `G_TLS_ERROR_EOF`: the base socket ended without close_notify.
    UnexpectedEof,
    /// `G_TLS_ERROR_INAPPROPRIATE_FALLBACK`: the server detected a version downgrade (RFC 7507).
    InappropriateFallback,
    /// `G_TLS_ERROR_MISC`: every other failure of the protocol or of OpenSSL.
    Tls(String),
    /// `G_TLS_ERROR_UNAVAILABLE`: a service that this backend does not offer.
    Unavailable(String),

    /// `G_TLS_CHANNEL_BINDING_ERROR`, with the code that GIO documents for the case.
    ChannelBinding(ChannelBindingFailure, String),
}

/// Why no channel binding data can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelBindingFailure {
    /// The type is unknown to this library.
    NotImplemented,
    /// The handshake is not finished.
    InvalidState,
    /// The session has nothing of this kind.
    NotAvailable,
    /// The certificate's signature algorithm defines no binding.
    NotSupported,
    /// OpenSSL failed.
    General,
}

impl Error {
    /// The same failure, found by OpenSSL while doing `what`: its reason becomes part of the text.
    #[must_use]
    pub(crate) fn tls(what: &str, reason: impl fmt::Display) -> Self {
        Error::Tls(format!("{what}: {reason}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Foreign(error) => f.write_str(error.message()),
            Error::Cancelled => f.write_str("Operation was cancelled"),
            Error::Closed => f.write_str("Connection is closed"),
            Error::HandshakeTimedOut(limit) => {
                let limit = limit.as_millis();
                write!(
                    f,
                    "The handshake was not finished within {limit} milliseconds"
                )
            }
            Error::MessageTooLarge { size, limit } => {
                write!(
                    f,
                    "Message of {size} bytes is too large: at most {limit} fit a DTLS record"
                )
            }
            Error::NoKey => f.write_str("There is no pre-shared key for this server"),
            Error::NoSession => f.write_str("The handshake is not finished"),
            Error::TooLate(what) => {
                write!(f, "{what} cannot be changed after the handshake has begun")
            }
            Error::Pending => f.write_str("Another handshake is under way on this connection"),
            Error::WouldDeadlock => {
                f.write_str("Cannot block while this connection's handshake waits for this thread")
            }
            Error::TimedOut => f.write_str("Operation timed out"),
            Error::WouldBlock => f.write_str("Operation would block"),
            Error::CertificateRequired => {
                f.write_str("A client certificate is required, and none was presented")
            }
            Error::UnexpectedEof => f.write_str("The peer's datagrams ended without close_notify"),
            Error::InappropriateFallback => {
                f.write_str("The server refused the protocol version as an inappropriate fallback")
            }
            Error::InvalidArgument(text)
            | Error::NotSupported(text)
            | Error::BadCertificate(text)
            | Error::BadCertificatePassword(text)
            | Error::Tls(text)
            | Error::Unavailable(text)
            | Error::ChannelBinding(_, text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<glib::Error> for Error {
    fn from(error: glib::Error) -> Self {
        Error::Foreign(error)
    }
}

impl From<Error> for glib::Error {
    /// The table: each failure's domain and code.
    fn from(error: Error) -> Self {
        use gio::{IOErrorEnum as Io, TlsChannelBindingError as Binding, TlsError as Tls};

        let text = error.to_string();
        match error {
            Error::Foreign(error) => error,

            Error::Cancelled => glib::Error::new(Io::Cancelled, &text),
            Error::Closed => glib::Error::new(Io::Closed, &text),
            Error::HandshakeTimedOut(_) => glib::Error::new(Io::TimedOut, &text),
            Error::InvalidArgument(_) => glib::Error::new(Io::InvalidArgument, &text),
            Error::MessageTooLarge { .. } => glib::Error::new(Io::MessageTooLarge, &text),
            Error::NotSupported(_) => glib::Error::new(Io::NotSupported, &text),
            Error::NoKey => glib::Error::new(Io::NotFound, &text),
            Error::NoSession => glib::Error::new(Io::NotConnected, &text),
            Error::Pending => glib::Error::new(Io::Pending, &text),
            Error::WouldDeadlock => glib::Error::new(Io::Failed, &text),
            Error::TimedOut => glib::Error::new(Io::TimedOut, &text),
            Error::TooLate(_) => glib::Error::new(Io::ReadOnly, &text),
            Error::WouldBlock => glib::Error::new(Io::WouldBlock, &text),

            Error::BadCertificate(_) => glib::Error::new(Tls::BadCertificate, &text),
            Error::BadCertificatePassword(_) => {
                glib::Error::new(Tls::BadCertificatePassword, &text)
            }
            Error::CertificateRequired => glib::Error::new(Tls::CertificateRequired, &text),
            Error::UnexpectedEof => glib::Error::new(Tls::Eof, &text),
            Error::InappropriateFallback => glib::Error::new(Tls::InappropriateFallback, &text),
            Error::Tls(_) => glib::Error::new(Tls::Misc, &text),
            Error::Unavailable(_) => glib::Error::new(Tls::Unavailable, &text),

            Error::ChannelBinding(failure, _) => {
                let code = match failure {
                    ChannelBindingFailure::NotImplemented => Binding::NotImplemented,
                    ChannelBindingFailure::InvalidState => Binding::InvalidState,
                    ChannelBindingFailure::NotAvailable => Binding::NotAvailable,
                    ChannelBindingFailure::NotSupported => Binding::NotSupported,
                    ChannelBindingFailure::General => Binding::GeneralError,
                };
                glib::Error::new(code, &text)
            }
        }
    }
}
