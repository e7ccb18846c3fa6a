//! The server asks for our certificate: the one that is set, or the one that the application gives
//! when it is asked.

use glib::subclass::prelude::*;

use super::handshake::Driver;
use super::imp::DtlsConnection;
use super::interaction::{self, Answer};
use super::status::Question;
use crate::certificate::credentials::Credentials;
use crate::certificate::identity::Identity;
use crate::error::Error;
use crate::subclass::cancel::check_cancelled;

/// A certificate that cannot be presented is as good as none: the server decides.
fn unusable(error: &Error) {
    glib::g_debug!("GioOssl", "the certificate cannot be presented: {}", error);
}

impl DtlsConnection {
    /// Answers the request for a certificate of one of these authorities. False: the application has
    /// been asked and is still thinking.
    pub fn present(&self, authorities: Vec<Vec<u8>>, driver: Driver<'_>) -> Result<bool, Error> {
        self.facts().accepted_authorities = authorities;
        let certificate = self.settings().certificate.clone();
        if certificate.is_none() && !self.ask(driver)? {
            return Ok(false);
        }
        let mut settings = self.settings().clone();
        let identity = settings.server_identity.as_deref().and_then(Identity::of);
        let host = identity.as_ref().map(Identity::host);
        let credentials = settings.certificate.as_deref().and_then(|certificate| {
            let credentials = Credentials::of(certificate);
            credentials.inspect_err(unusable).ok()?.into_pair()
        });
        // The session is not that of a certificate that cannot be presented.
        settings.certificate.take_if(|_| credentials.is_none());
        self.tie_session(&settings, host.as_deref());
        let presented = credentials
            .as_ref()
            .map(|(chain, key)| (chain.as_slice(), key));
        self.engine()?.present(presented);
        Ok(true)
    }

    /// Asks the application, once. False: it has not answered yet.
    fn ask(&self, driver: Driver<'_>) -> Result<bool, Error> {
        let Some(interaction) = self.settings().interaction.clone() else {
            return Ok(true);
        };
        {
            let mut status = self.shared.lock();
            match status.question {
                Question::NotAsked => {
                    status.question = Question::Asked(glib::MainContext::ref_thread_default());
                }
                Question::Asked(_) => return Ok(false),
                Question::Answered(_) => return Ok(true),
            }
        }
        let object = self.obj();
        match driver {
            Driver::Call(cancellable) => {
                let answer = interaction::ask(&interaction, &object, cancellable);
                self.answered(answer, cancellable);
                check_cancelled(cancellable)?;
            }
            Driver::Loop(cancellable) => {
                let connection = object.downgrade();
                let cancelled = cancellable.cloned();
                interaction::ask_async(&interaction, &object, cancellable, move |answer| {
                    if let Some(connection) = connection.upgrade() {
                        connection.imp().answered(answer, cancelled.as_ref());
                    }
                });
            }
        }
        Ok(matches!(self.shared.lock().question, Question::Answered(_)))
    }

    /// Takes the answer, and lets the handshake go on. A question that was cancelled together with
    /// the handshake may be asked again when that is resumed.
    fn answered(&self, answer: Answer, cancellable: Option<&gio::Cancellable>) {
        let failure = match answer {
            Answer::Handled | Answer::Unhandled => None,
            Answer::Failed(error) => Some(error),
        };
        let question = match check_cancelled(cancellable) {
            Err(_) if failure.is_some() => Question::NotAsked,
            _ => Question::Answered(failure),
        };
        self.shared.lock().question = question;
        self.shared.announce();
    }

    /// The failure of a handshake for want of a certificate is the application's own, if it said why
    /// it gave none.
    pub fn own_failure(&self, error: Error) -> Error {
        match (&error, &self.shared.lock().question) {
            (Error::CertificateRequired, Question::Answered(Some(own))) => {
                Error::Foreign(own.clone())
            }
            _ => error,
        }
    }
}
