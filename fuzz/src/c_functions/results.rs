//! Asynchronous calls, and what they bring.

use std::{ffi::c_int, ptr, rc::Rc};

use gio::{
    IOErrorEnum as Io,
    ffi::{
        GAsyncResult, g_dtls_connection_close_async, g_dtls_connection_close_finish,
        g_dtls_connection_handshake_async, g_dtls_connection_handshake_finish,
    },
};
use glib::{ffi::gpointer, gobject_ffi::GObject, prelude::*, translate::*};

use super::{
    Call, Program, Shared,
    library::*,
    messages,
    values::{Bytes, Place, size},
};
use crate::script::Script;

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Kind {
    Handshake,
    Send,
    Receive,
    Close,
}

/// A call that has not called back.
struct Pending {
    shared: Rc<Shared>,
    kind: Kind,
    index: usize,
    /// The most bytes to take.
    size: usize,
    /// Whether the result is looked at later, and whether somebody wants the error.
    is_kept: bool,
    wants_error: bool,
}

impl Pending {
    /// What calls back, with its data.
    fn into_callback(self) -> (Option<Callback>, gpointer) {
        self.shared.pending.set(self.shared.pending.get() + 1);
        (Some(called_back), Box::into_raw(Box::new(self)).cast())
    }
}

/// What a call has called back with.
pub(super) struct Answer {
    pending: Pending,
    end: glib::Object,
    result: glib::Object,
}

impl Program<'_> {
    pub(super) fn begin(&self, kind: Kind, call: &Call, script: &mut Script<'_>) {
        let choice = script.byte();
        let priority = match choice >> 4 {
            0 => c_int::MIN,
            1 => c_int::MAX,
            other => c_int::from(other) - 8,
        };
        let size = match kind {
            Kind::Receive => size(script),
            _ => 0,
        };
        let pending = Pending {
            shared: self.shared.clone(),
            kind,
            index: call.index,
            size,
            is_kept: choice & 1 == 1,
            wants_error: call.wants_error,
        };
        // Nobody has to want to know.
        let (callback, data) = match choice & 6 {
            6 => (None, ptr::null_mut()),
            _ => pending.into_callback(),
        };
        let message = matches!(kind, Kind::Send).then(|| self.message(call.index, script));
        let cancellable = call.cancellable();
        let (own, end) = (call.own(), call.own_as());
        // SAFETY: the objects are alive, and the callback takes its data once.
        unsafe {
            match (kind, message.as_deref().map(Bytes::new)) {
                (Kind::Send, Some(message)) => gio_ossl_dtls_connection_send_bytes_async(
                    own,
                    message.as_ptr(),
                    priority,
                    cancellable,
                    callback,
                    data,
                ),
                (Kind::Receive, _) => gio_ossl_dtls_connection_receive_bytes_async(
                    own,
                    size,
                    priority,
                    cancellable,
                    callback,
                    data,
                ),
                (Kind::Close, _) => {
                    g_dtls_connection_close_async(end, priority, cancellable, callback, data);
                }
                _ => {
                    g_dtls_connection_handshake_async(end, priority, cancellable, callback, data);
                }
            }
        }
    }

    pub(super) fn close(&self, end: glib::Object) {
        let call = Call {
            index: 0,
            end,
            cancellable: None,
            wants_error: true,
        };
        self.begin(Kind::Close, &call, &mut Script::new(&[0x80]));
    }

    /// Asks a result that was kept what it is.
    pub(super) fn finish_one(&self, choice: u8) {
        let answer = self.shared.answers.borrow_mut().pop();
        let Some(answer) = answer else {
            return;
        };
        match choice % 4 {
            // It is never asked.
            0 => {}
            1 => {
                answer.ask_wrongly(self.ends[1 - answer.pending.index].as_ref());
                answer.ask();
            }
            _ => answer.ask(),
        }
    }
}

pub(super) type Callback = unsafe extern "C" fn(*mut GObject, *mut GAsyncResult, gpointer);

unsafe extern "C" fn called_back(end: *mut GObject, result: *mut GAsyncResult, data: gpointer) {
    // SAFETY: what was begun for this callback, and live objects.
    let answer = unsafe {
        Answer {
            pending: *Box::from_raw(data.cast::<Pending>()),
            end: from_glib_none(end),
            result: from_glib_none(result.cast::<GObject>()),
        }
    };
    let shared = answer.pending.shared.clone();
    shared.pending.set(shared.pending.get() - 1);
    match answer.pending.is_kept {
        true => shared.answers.borrow_mut().push(answer),
        false => answer.ask(),
    }
}

impl Answer {
    /// Once for each result.
    fn ask(&self) {
        let pending = &self.pending;
        let (end, result) = (self.end.as_ptr(), self.result.as_ptr().cast());
        let mut place = Place::new(pending.wants_error);
        // SAFETY: both are alive.
        unsafe {
            match pending.kind {
                Kind::Send => {
                    let sent =
                        gio_ossl_dtls_connection_send_bytes_finish(end, result, place.as_ptr());
                    assert!(sent >= -1);
                    place.check(sent >= 0);
                }
                Kind::Receive => {
                    let bytes =
                        gio_ossl_dtls_connection_receive_bytes_finish(end, result, place.as_ptr());
                    let bytes = Bytes::taken(bytes);
                    messages::check_received(place, bytes.is_some(), pending.size);
                    let said = &pending.shared.said[1 - pending.index];
                    bytes.iter().for_each(|it| {
                        messages::heard(&mut said.borrow_mut(), it.content(), pending.size);
                    });
                }
                Kind::Close => {
                    let closed = g_dtls_connection_close_finish(end.cast(), result, place.as_ptr());
                    place.check(closed != 0);
                }
                Kind::Handshake => {
                    let done =
                        g_dtls_connection_handshake_finish(end.cast(), result, place.as_ptr());
                    place.check(done != 0);
                }
            }
        }
    }

    /// By the function for another call, or with another connection: that is an error, and nothing is lost.
    fn ask_wrongly(&self, other: Option<&glib::Object>) {
        let result = self.result.as_ptr().cast();
        let end = match (self.pending.kind, other) {
            (Kind::Send | Kind::Receive, Some(other)) if *other != self.end => other,
            _ => &self.end,
        };
        let (mut first, mut second) = (Place::new(true), Place::new(true));
        // SAFETY: all are alive.
        unsafe {
            if self.pending.kind != Kind::Send || *end != self.end {
                let sent = gio_ossl_dtls_connection_send_bytes_finish(
                    end.as_ptr(),
                    result,
                    first.as_ptr(),
                );
                assert_eq!(sent, -1);
                first.check_among(false, &[Io::InvalidArgument]);
            }
            if self.pending.kind != Kind::Receive || *end != self.end {
                let bytes = gio_ossl_dtls_connection_receive_bytes_finish(
                    end.as_ptr(),
                    result,
                    second.as_ptr(),
                );
                assert!(bytes.is_null());
                second.check_among(false, &[Io::InvalidArgument]);
            }
        }
    }
}
