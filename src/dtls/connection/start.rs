//! The beginning: an engine from the settings of the moment.

use std::ffi::CString;
use std::sync::{Arc, Mutex};

use super::imp::DtlsConnection;
use super::status::Handshake;
use crate::certificate::credentials::Credentials;
use crate::certificate::identity::Identity;
use crate::database;
use crate::engine::{Authentication, Config, Engine, Role};
use crate::error::Error;

impl DtlsConnection {
    /// Makes the engine, from the settings of this moment, for the first step. False: there is one.
    pub fn start(&self) -> Result<bool, Error> {
        if self.engine.get().is_some() {
            return Ok(false);
        }
        let settings = self.settings().clone();
        let pre_shared_keys = self.pre_shared_keys()?;
        let identity = settings.server_identity.as_deref().and_then(Identity::of);
        let has_keys = pre_shared_keys.are_used();
        let resumption = self.plan_resumption(&settings, identity.as_ref(), has_keys);
        let role = self.role();
        let credentials = match (role, &settings.certificate) {
            (Role::Server, Some(certificate)) => Credentials::of(certificate)?.into_pair(),
            _ => None,
        };
        let authentication = match settings.authentication_mode {
            gio::TlsAuthenticationMode::Requested => Authentication::Requested,
            gio::TlsAuthenticationMode::Required => Authentication::Required,
            _ => Authentication::None,
        };
        let authorities = match authentication {
            Authentication::None => Vec::new(),
            _ => settings
                .database
                .resolve()
                .map_or_else(Vec::new, |database| database::authority_names(&database)),
        };
        let protocols = settings.advertised_protocols.unwrap_or_default();
        let engine = Engine::new(&Config {
            server_name: identity
                .as_ref()
                .and_then(Identity::server_name)
                .map(str::to_owned),
            authentication,
            authorities,
            protocols: protocols.into_iter().map(CString::into_bytes).collect(),
            credentials,
            protocol: settings.protocol.resolve(has_keys)?,
            mtu: self.chosen_mtu(settings.mtu),
            initial_timeout: settings.timers.initial(),
            srtp_profiles: settings.srtp.profiles()?,
            keylog: self.wants_keylog(),
            pre_shared_keys,
            resumption,
            ..Config::new(role)
        })?;
        if self.engine.set(Arc::new(Mutex::new(engine))).is_ok() {
            if self.settings().mtu != settings.mtu {
                // Somebody has changed it meanwhile, and found no engine.
                self.apply_mtu();
            }
            self.facts().handshake_time.start();
            self.start_deadline();
            self.shared.lock().handshake = Handshake::InProgress;
            self.shared.alarm.ring();
        }
        Ok(true)
    }
}
