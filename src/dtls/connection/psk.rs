//! Pre-shared keys (RFC 4279): the one that a client has, and those that a server looks up.

use std::ffi::CString;

use glib::prelude::*;
use glib::subclass::prelude::*;
use glib::subclass::{Signal, SignalId};
use glib::{ParamSpec, ParamSpecString};

use super::imp::DtlsConnection;
use super::properties::{Property, SETTABLE, Write};
use crate::engine::{Key, KeyRequest, LONGEST_HINT, PreSharedKey, PreSharedKeys, Role};
use crate::error::Error;
use crate::subclass::values;

/// Asks the client's application.
const REQUEST: &str = "psk-request";
/// Asks the server's application.
const LOOKUP: &str = "psk-lookup";

/// The server's property.
pub const IDENTITY_HINT: Property = Property {
    spec: identity_hint_spec,
    read: |connection| connection.settings().pre_shared.hint.to_value(),
    write: Write::BeforeHandshake(|settings, value| {
        settings.pre_shared.hint = values::text(value).map(|text| text.to_string());
    }),
};

fn identity_hint_spec() -> ParamSpec {
    ParamSpecString::builder("psk-identity-hint")
        .nick("PSK identity hint")
        .blurb("What clients are told about the identities that the server knows")
        .flags(SETTABLE)
        .build()
}

/// What the application says of pre-shared keys.
#[derive(Clone, Default)]
pub struct PreShared {
    /// A client's.
    own: Option<PreSharedKey>,
    /// Whether the application is asked for it at this moment.
    is_asked: bool,
    /// A server's.
    hint: Option<String>,
}

impl PreShared {
    /// Fails for a hint that cannot be sent.
    pub fn check(&self) -> Result<(), Error> {
        self.hint().map(drop)
    }

    fn hint(&self) -> Result<Option<CString>, Error> {
        let Some(hint) = self.hint.as_deref() else {
            return Ok(None);
        };
        let bad = |why: &str| {
            Error::InvalidArgument(format!("The property psk-identity-hint: \"{hint}\" {why}"))
        };
        if hint.len() > LONGEST_HINT {
            return Err(bad(&format!("has more than {LONGEST_HINT} bytes")));
        }
        let hint = CString::new(hint).map_err(|_| bad("contains a NUL"))?;
        Ok(Some(hint))
    }
}

/// The client's signal: true ends the emission.
pub fn request_signal() -> Signal {
    Signal::builder(REQUEST)
        .param_types([String::static_type()])
        .return_type::<bool>()
        .run_last()
        .accumulator(|_hint, _so_far, answer| match answer.get() {
            Ok(true) => std::ops::ControlFlow::Break(answer.clone()),
            _ => std::ops::ControlFlow::Continue(answer.clone()),
        })
        .build()
}

/// The server's signal: a key ends the emission.
pub fn lookup_signal() -> Signal {
    Signal::builder(LOOKUP)
        .param_types([String::static_type()])
        .return_type::<Option<glib::Bytes>>()
        .run_last()
        .accumulator(
            |_hint, _so_far, answer| match answer.get::<Option<glib::Bytes>>() {
                Ok(Some(_)) => std::ops::ControlFlow::Break(answer.clone()),
                _ => std::ops::ControlFlow::Continue(answer.clone()),
            },
        )
        .build()
}

impl DtlsConnection {
    /// `set_psk()`: before the handshake, or when the application is asked.
    pub fn set_psk(&self, identity: &str, key: &[u8]) -> Result<(), Error> {
        let key = PreSharedKey::new(identity, key)?;
        if self.shared.lock().write_closed {
            return Err(Error::Closed);
        }
        let has_begun = self.engine.get().is_some();
        let mut settings = self.settings();
        if has_begun && !settings.pre_shared.is_asked {
            return Err(Error::TooLate("The pre-shared key"));
        }
        settings.pre_shared.own = Some(key);
        Ok(())
    }

    /// Where the keys come from, as the handshake begins.
    pub fn pre_shared_keys(&self) -> Result<PreSharedKeys, Error> {
        let pre_shared = self.settings().pre_shared.clone();
        let hint = pre_shared.hint()?;
        Ok(match (self.role(), pre_shared.own) {
            (Role::Client, Some(own)) => PreSharedKeys::Own(own),
            (Role::Client, None) if self.is_heard(REQUEST) => {
                PreSharedKeys::OnRequest { hint: None }
            }
            (Role::Server, _) if self.is_heard(LOOKUP) => PreSharedKeys::OnRequest { hint },
            _ => PreSharedKeys::None,
        })
    }

    /// Answers the engine with what the application says.
    pub fn provide_key(&self, request: &KeyRequest) -> Result<(), Error> {
        match request {
            KeyRequest::Hint(hint) => {
                let key = self.request_key(hint.as_deref());
                self.engine()?.provide_key(key);
            }
            KeyRequest::Identity(identity) => {
                let key = self.look_up_key(identity);
                self.engine()?.provide_key_of(key);
            }
        }
        Ok(())
    }

    fn request_key(&self, hint: Option<&[u8]>) -> Option<PreSharedKey> {
        let hint = hint.and_then(text);
        self.settings().pre_shared.is_asked = true;
        let is_set = self.obj().emit_by_name::<bool>(REQUEST, &[&hint]);
        let mut settings = self.settings();
        settings.pre_shared.is_asked = false;
        settings.pre_shared.own.clone().filter(|_| is_set)
    }

    /// What is no string is nobody's identity.
    fn look_up_key(&self, identity: &[u8]) -> Option<Key> {
        let identity = text(identity)?;
        let object = self.obj();
        let key = object.emit_by_name::<Option<glib::Bytes>>(LOOKUP, &[&identity])?;
        let key = Key::new(&key);
        key.inspect_err(|error| glib::g_warning!("GioOssl", "{LOOKUP}: {error}"))
            .ok()
    }

    /// Whether the application listens to the signal.
    fn is_heard(&self, signal: &str) -> bool {
        let object = self.obj();
        SignalId::lookup(signal, object.type_())
            .is_some_and(|id| glib::signal::signal_has_handler_pending(&*object, id, None, false))
    }
}

/// What GLib can have as a string.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.contains('\0')).then_some(text)
}
