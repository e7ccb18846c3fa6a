//! A private key that stays on its token.

use std::sync::{Mutex, MutexGuard, PoisonError};

use openssl::{
    pkey::{PKey, Private},
    x509::X509,
};

use super::uri::TokenUri;
use crate::{
    error::Error,
    ossl::token::{self, Failure},
};

/// A key that is looked for when it is needed.
pub(super) struct TokenKey {
    uri: TokenUri,
    /// The URI is the certificate's, and there may be no such key.
    shared: bool,
    state: Mutex<State>,
}

enum State {
    Unopened,
    Opened(Option<PKey<Private>>),
    /// The URI's own PIN is wrong. It is not tried again: a token that has seen too many wrong ones
    /// locks itself.
    Refused(Error),
}

impl TokenKey {
    pub(super) fn new(uri: TokenUri, shared: bool) -> Self {
        Self {
            uri,
            shared,
            state: Mutex::new(State::Unopened),
        }
    }

    /// The key, at the first call from the token; `None` if the certificate's URI names none.
    pub(super) fn open(&self) -> Result<Option<PKey<Private>>, Error> {
        let mut state = self.state();
        match &*state {
            State::Opened(key) => return Ok(key.clone()),
            State::Refused(error) => return Err(error.clone()),
            State::Unopened => {}
        }
        let key = match token::key(self.uri.as_str(), self.uri.pin()) {
            Ok(key) => Some(key),
            Err(Failure::NotFound) if self.shared => None,
            Err(failure) => {
                let refused = matches!(failure, Failure::PinRefused(_));
                let error = explain("private key", failure);
                if refused {
                    *state = State::Refused(error.clone());
                }
                return Err(error);
            }
        };
        *state = State::Opened(key.clone());
        Ok(key)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether tokens can be used at all.
pub(super) fn check() -> Result<(), Error> {
    token::check().map_err(|failure| explain("private key", failure))
}

/// The certificate that an URI names.
pub(super) fn certificate(uri: &TokenUri) -> Result<X509, Error> {
    token::certificate(uri.as_str(), uri.pin()).map_err(|failure| explain("certificate", failure))
}

fn explain(what: &str, failure: Failure) -> Error {
    let what = format!("Could not get the {what} from a PKCS #11 token");
    match failure {
        Failure::Unsupported(reason) => Error::NotSupported(format!("{what}: {reason}")),
        Failure::NotFound => Error::BadCertificate(format!("{what}: there is none")),
        Failure::PinNeeded => {
            Error::BadCertificatePassword(format!("{what}: the token wants a PIN"))
        }
        Failure::PinRefused(reason) => Error::BadCertificatePassword(format!("{what}: {reason}")),
        Failure::Other(reason) => Error::BadCertificate(format!("{what}: {reason}")),
    }
}
