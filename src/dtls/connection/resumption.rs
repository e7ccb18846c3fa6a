//! Sessions that are resumed: within the process by themselves, elsewhere by the application.

use gio::prelude::*;
use glib::subclass::prelude::*;
use glib::{ParamFlags, ParamSpec, ParamSpecBoolean};

use super::imp::DtlsConnection;
use super::properties::{Property, SETTABLE, Write};
use super::session_cache::{self, Plan, Tie};
use super::settings::Settings;
use super::status::Question;
use crate::certificate::identity::Identity;
use crate::engine::{Bound, Resumption, Role, SavedSession};
use crate::error::Error;
use crate::ossl::clock;

/// The properties about resumption.
pub const PROPERTIES: [Property; 2] = [
    Property {
        spec: session_resumption_spec,
        read: |connection| connection.settings().resumption.is_allowed.to_value(),
        write: Write::BeforeHandshake(|settings, value| {
            settings.resumption.is_allowed = value.get().unwrap_or(true);
        }),
    },
    Property {
        spec: session_resumed_spec,
        read: |connection| connection.facts().session_resumed.to_value(),
        write: Write::Never,
    },
];

fn session_resumption_spec() -> ParamSpec {
    ParamSpecBoolean::builder("session-resumption")
        .nick("Session resumption")
        .blurb("Whether sessions may be resumed")
        .default_value(true)
        .flags(SETTABLE)
        .build()
}

fn session_resumed_spec() -> ParamSpec {
    ParamSpecBoolean::builder("session-resumed")
        .nick("Session resumed")
        .blurb("Whether an earlier session was resumed")
        .default_value(false)
        .flags(ParamFlags::READABLE)
        .build()
}

/// What the application says of resumption.
#[derive(Clone)]
pub struct ResumptionSettings {
    is_allowed: bool,
    /// The session that the application wants to resume, and what it is bound to.
    chosen: Option<(SavedSession, Bound)>,
}

impl Default for ResumptionSettings {
    fn default() -> Self {
        ResumptionSettings {
            is_allowed: true,
            chosen: None,
        }
    }
}

impl DtlsConnection {
    /// What a handshake that begins now does about resumption.
    pub(super) fn plan_resumption(
        &self,
        settings: &Settings,
        identity: Option<&Identity>,
        has_keys: bool,
    ) -> Resumption {
        if !settings.resumption.is_allowed || has_keys {
            return Resumption::Never;
        }
        if self.role() == Role::Server {
            return Resumption::Allowed;
        }
        let host = identity.map(Identity::host);
        let plan = host.as_deref().and_then(|host| Plan::of(settings, host));
        let now = clock::now();
        let tie = self.tie_session(settings, host.as_deref());
        let chosen = settings.resumption.chosen.clone();
        let bound = tie.digest().ok();
        let chosen = chosen.filter(|(session, to)| Some(*to) == bound && session.is_fresh(now));
        let chosen = chosen.map(|(session, _)| session);
        let found = chosen.or_else(|| session_cache::find(&plan.as_ref()?.key, now));
        // A second start does not get here.
        let _ = self.session_plan.set(plan);
        found.map_or(Resumption::Allowed, Resumption::Offer)
    }

    /// Notes what the session is for: what the handshake goes by, whatever is set later. `host` is that
    /// of the server's identity, if it has one.
    pub fn tie_session(&self, settings: &Settings, host: Option<&str>) -> Tie {
        let tie = Tie::of(settings, host);
        // Let go of after the lock: it has a certificate, which may be of the application's making.
        let _before = self.facts().session_tie.replace(tie.clone());
        tie
    }

    /// Keeps what an established client may resume later, in place of what it has resumed now.
    pub fn keep_session(&self) {
        let Some(Some(plan)) = self.session_plan.get() else {
            return;
        };
        let session = self
            .engine()
            .ok()
            .and_then(|engine| engine.resumable_session());
        // A certificate that was chosen meanwhile is not what the next connection begins with.
        let was_asked = || !matches!(self.shared.lock().question, Question::NotAsked);
        let is_as_planned = || {
            let settings = self.settings().clone();
            let tie = self.facts().session_tie.clone();
            plan.is_as_in(&settings) && tie.is_some_and(|tie| plan.is_tied_like(&tie))
        };
        match session {
            Some(session) if !was_asked() && is_as_planned() => {
                session_cache::keep(plan.key.clone(), session, clock::now());
            }
            _ => session_cache::forget(&plan.key),
        }
    }

    /// A session whose association has failed is not resumed any more (RFC 5246, section 7.2.2).
    pub fn forget_session(&self) {
        if let Some(Some(plan)) = self.session_plan.get() {
            session_cache::forget(&plan.key);
        }
    }

    /// The session of an established client, and what it is bound to.
    fn session(&self) -> Result<(SavedSession, Bound), Error> {
        let session = self.exporting_engine()?.resumable_session();
        let tie = self.facts().session_tie.clone();
        let bound = tie.map(|tie| tie.digest()).transpose()?;
        session.zip(bound).ok_or_else(|| {
            Error::NotSupported("The session cannot be resumed: the server gave no ticket".into())
        })
    }

    fn choose_session(&self, chosen: (SavedSession, Bound)) -> Result<(), Error> {
        if self.shared.lock().is_closed() {
            return Err(Error::Closed);
        }
        if self.engine.get().is_some() {
            return Err(Error::TooLate("The session to resume"));
        }
        self.change_settings(|settings| settings.resumption.chosen = Some(chosen));
        Ok(())
    }
}

/// Whether the sessions of a connection outlive it.
pub trait DtlsResumptionExt: IsA<super::DtlsConnection> {
    /// `session-resumption`: whether sessions may be resumed (RFC 5077); they may by default.
    fn session_resumption(&self) -> bool {
        self.as_ref().property("session-resumption")
    }

    /// Sets `session-resumption`, before the handshake.
    fn set_session_resumption(&self, is_allowed: bool) {
        self.as_ref().set_property("session-resumption", is_allowed);
    }

    /// `session-resumed`: whether the handshake has resumed an earlier session.
    fn is_session_resumed(&self) -> bool {
        self.as_ref().property("session-resumed")
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsResumptionExt for T {}

impl crate::DtlsClientConnection {
    /// The session in bytes, for [`import_session`](Self::import_session) in this process or another
    /// one. They contain the session's master secret: who reads them can read the connection.
    ///
    /// # Errors
    ///
    /// `G_IO_ERROR_NOT_CONNECTED` before the handshake is finished, or its own error if it has failed,
    /// `G_IO_ERROR_CLOSED` after closing, and `G_IO_ERROR_NOT_SUPPORTED` for a session that cannot be resumed.
    pub fn export_session(&self) -> Result<glib::Bytes, glib::Error> {
        let (session, bound) = self.connection().session()?;
        Ok(glib::Bytes::from_owned(session.to_bytes(&bound)?))
    }

    /// Offers the server to resume this session, if it is one with the same host and the same
    /// certificate of ours, and not too old.
    ///
    /// # Errors
    ///
    /// `G_IO_ERROR_INVALID_ARGUMENT` for what is no exported session; `G_IO_ERROR_READ_ONLY` after the
    /// handshake has begun, and `G_IO_ERROR_CLOSED` after closing.
    pub fn import_session(&self, session: &[u8]) -> Result<(), glib::Error> {
        let chosen = SavedSession::from_bytes(session)?;
        Ok(self.connection().choose_session(chosen)?)
    }

    /// The same, with the session that `other` has now.
    ///
    /// # Errors
    ///
    /// Those of [`export_session`](Self::export_session) on `other`, and of
    /// [`import_session`](Self::import_session) but for bad bytes.
    pub fn copy_session(&self, other: &Self) -> Result<(), glib::Error> {
        let chosen = other.connection().session()?;
        Ok(self.connection().choose_session(chosen)?)
    }

    fn connection(&self) -> &DtlsConnection {
        self.upcast_ref::<super::DtlsConnection>().imp()
    }
}
