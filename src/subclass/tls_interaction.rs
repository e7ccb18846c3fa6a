//! Asking a `GTlsInteraction` for a certificate without blocking.

use std::{
    collections::BTreeMap,
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use gio::ffi;
use glib::{ffi::gpointer, gobject_ffi, prelude::*, translate::*};

use super::{SharedRef, guard};

/// Which forms of `request_certificate` an interaction's class implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms {
    /// `request_certificate`.
    pub blocking: bool,
    /// `request_certificate_async` and `request_certificate_finish`.
    pub asynchronous: bool,
}

/// How `interaction` can be asked for a certificate.
#[must_use]
pub fn forms(interaction: &gio::TlsInteraction) -> Forms {
    let class = class(interaction);
    Forms {
        blocking: class.request_certificate.is_some(),
        asynchronous: class.request_certificate_async.is_some()
            && class.request_certificate_finish.is_some(),
    }
}

type Outcome = Result<gio::TlsInteractionResult, glib::Error>;
type Done = Box<dyn FnOnce(Outcome) + Send>;

/// Begins to ask: `g_tls_interaction_request_certificate_async`, in the calling thread.
///
/// `done` runs once, in whatever thread the interaction answers, which may be in this very call. One
/// without the asynchronous form is not asked, and `done` is dropped.
pub fn request_certificate_async(
    interaction: &gio::TlsInteraction,
    connection: &impl IsA<gio::TlsConnection>,
    cancellable: Option<&gio::Cancellable>,
    done: impl FnOnce(Outcome) + Send + 'static,
) {
    if !forms(interaction).asynchronous {
        return;
    }
    let number = Question::ask(interaction, Box::new(done));
    // SAFETY: all objects are alive, and `answered` takes its data for no more than a number.
    unsafe {
        ffi::g_tls_interaction_request_certificate_async(
            interaction.to_glib_none().0,
            connection.as_ref().to_glib_none().0,
            ffi::G_TLS_CERTIFICATE_REQUEST_NONE,
            cancellable.to_glib_none().0,
            Some(answered),
            ptr::without_provenance_mut(number),
        );
    }
}

/// What waits for an answer.
struct Question {
    interaction: SharedRef<gio::TlsInteraction>,
    done: Done,
}

/// All of them by number, none of which is 0: an answer that comes twice finds nothing.
static PENDING: Mutex<BTreeMap<usize, Question>> = Mutex::new(BTreeMap::new());

impl Question {
    fn ask(interaction: &gio::TlsInteraction, done: Done) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let interaction = SharedRef::new(interaction.clone());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        pending.insert(number, Question { interaction, done });
        number
    }

    /// The one of a number. PyGObject loses a callback's data from version 3.50 on: then the last one
    /// that `source` was asked.
    fn take(number: usize, source: *mut gobject_ffi::GObject) -> Option<Self> {
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        if number != 0 {
            return pending.remove(&number);
        }
        let asked = |question: &Self| question.interaction.as_ptr().cast() == source;
        let (&last, _) = pending.iter().rev().find(|(_, it)| asked(it))?;
        pending.remove(&last)
    }

    /// `g_tls_interaction_request_certificate_finish`.
    ///
    /// # Safety
    ///
    /// `result` is a valid pointer.
    unsafe fn finish(self, result: *mut ffi::GAsyncResult) {
        let mut error = ptr::null_mut();
        // SAFETY: the interaction, its result and a place for an error; an error set is ours.
        let outcome = unsafe {
            let answer = ffi::g_tls_interaction_request_certificate_finish(
                self.interaction.to_glib_none().0,
                result,
                &mut error,
            );
            if error.is_null() {
                Ok(from_glib(answer))
            } else {
                Err(from_glib_full(error))
            }
        };
        (self.done)(outcome);
    }
}

unsafe extern "C" fn answered(
    source: *mut gobject_ffi::GObject,
    result: *mut ffi::GAsyncResult,
    number: gpointer,
) {
    let body = || {
        if let Some(question) = Question::take(number.addr(), source) {
            // SAFETY: the interaction's result, for the length of the call.
            unsafe { question.finish(result) }
        }
    };
    guard("request_certificate_async", || (), body);
}

fn class(interaction: &gio::TlsInteraction) -> &ffi::GTlsInteractionClass {
    // SAFETY: a live instance begins with the pointer to its class, which lives as long, and is a
    // GTlsInteractionClass or begins with one. The slots are filled before there are instances.
    unsafe {
        let instance: *mut ffi::GTlsInteraction = interaction.to_glib_none().0;
        let instance = instance.cast::<gobject_ffi::GTypeInstance>();
        &*(*instance).g_class.cast::<ffi::GTlsInteractionClass>()
    }
}
