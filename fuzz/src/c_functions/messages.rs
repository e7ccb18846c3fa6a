//! Handshakes and messages.

use std::{
    collections::HashMap,
    ffi::{c_int, c_uint},
    ptr,
    rc::Rc,
};

use gio::ffi::{GDatagramBased, GInputMessage, GInputVector, GOutputMessage, GOutputVector};
use gio::prelude::*;
use glib::{
    ffi::{GFALSE, GTRUE, gboolean, gpointer},
    translate::*,
};

use super::{
    Call, Program, Shared,
    library::*,
    values::{Bytes, Place, size},
};
use crate::script::Script;

const LONGEST: usize = 20_000;
/// What one call of a batch has at most.
const MOST: usize = 70;

/// A handshake that may not wait.
pub(super) fn shake_hands(call: &Call) {
    let cancelled = gio::Cancellable::new();
    cancelled.cancel();
    let mut place = call.place();
    // SAFETY: all are alive.
    let done = unsafe {
        gio::ffi::g_dtls_connection_handshake(
            call.own_as(),
            cancelled.to_glib_none().0,
            place.as_ptr(),
        )
    };
    place.check(done != 0);
}

/// Any gboolean counts.
pub(super) fn shut_down(call: &Call, choice: u8) {
    let mut place = call.place();
    let (read, write) = (c_int::from(choice & 3), c_int::from(choice >> 2 & 3));
    // SAFETY: all are alive.
    let done = unsafe {
        gio::ffi::g_dtls_connection_shutdown(
            call.own_as(),
            read,
            write,
            call.cancellable(),
            place.as_ptr(),
        )
    };
    place.check(done != 0);
}

impl Program<'_> {
    /// A message that no other is like.
    pub(super) fn message(&self, index: usize, script: &mut Script<'_>) -> Vec<u8> {
        let number = self.shared.number.get();
        self.shared.number.set(number + 1);
        let mut message = number.to_be_bytes().to_vec();
        message.resize(4 + script.below(LONGEST), number as u8);
        let mut said = self.shared.said[index].borrow_mut();
        said.insert(number, message.clone());
        message
    }

    fn heard(&self, index: usize, content: &[u8], size: usize) {
        heard(&mut self.shared.said[1 - index].borrow_mut(), content, size);
    }

    pub(super) fn send(&self, call: &Call, script: &mut Script<'_>) {
        let timeout = call.timeout(script);
        let message = match script.byte() {
            0 => Vec::new(),
            1 => vec![1; 70_000],
            _ => self.message(call.index, script),
        };
        let buffer = match message.len() {
            0 => ptr::null(),
            _ => message.as_ptr(),
        };
        let mut place = call.place();
        // SAFETY: the buffer has so many bytes.
        let sent = unsafe {
            gio_ossl_dtls_connection_send(
                call.own(),
                buffer,
                message.len(),
                timeout,
                call.cancellable(),
                place.as_ptr(),
            )
        };
        assert!(sent == -1 || sent.cast_unsigned() == message.len());
        assert!(message.len() < 70_000 || sent == -1);
        place.check(sent >= 0);
    }

    pub(super) fn receive(&self, call: &Call, script: &mut Script<'_>) {
        let (size, timeout) = (size(script), call.timeout(script));
        let mut place = call.place();
        // SAFETY: all are alive.
        let message = unsafe {
            gio_ossl_dtls_connection_receive_bytes(
                call.own(),
                size,
                timeout,
                call.cancellable(),
                place.as_ptr(),
            )
        };
        let message = Bytes::taken(message);
        check_received(place, message.is_some(), size);
        let content = message.iter().map(Bytes::content);
        content.for_each(|it| self.heard(call.index, it, size));
    }

    pub(super) fn send_many(&self, call: &Call, script: &mut Script<'_>) {
        let timeout = call.timeout(script);
        let count = usize::from(script.byte()) % MOST;
        let messages = (0..count).map(|_| Bytes::new(&self.message(call.index, script)));
        let messages: Vec<Bytes> = messages.collect();
        let mut place = call.place();
        // SAFETY: the array has no references of its own.
        let sent = unsafe {
            let array = glib::ffi::g_ptr_array_new();
            for message in &messages {
                glib::ffi::g_ptr_array_add(array, message.as_ptr().cast());
            }
            let sent = gio_ossl_dtls_connection_send_many(
                call.own(),
                array,
                timeout,
                call.cancellable(),
                place.as_ptr(),
            );
            assert_eq!((*array).len as usize, count);
            glib::ffi::g_ptr_array_unref(array);
            sent
        };
        assert!(sent != 0 || count == 0);
        assert!(sent == -1 || sent.cast_unsigned() <= count);
        let is_cancelled = call.is_cancelled();
        assert!(
            sent == 0 || count > 0 || is_cancelled,
            "that is possible at any time"
        );
        place.check(sent >= 0);
    }

    pub(super) fn receive_many(&self, call: &Call, script: &mut Script<'_>) {
        let (most, size) = (size(script) as c_uint, size(script));
        let timeout = call.timeout(script);
        let mut place = call.place();
        // SAFETY: the array is ours, and has its messages.
        unsafe {
            let array = gio_ossl_dtls_connection_receive_many(
                call.own(),
                most,
                size,
                timeout,
                call.cancellable(),
                place.as_ptr(),
            );
            if array.is_null() {
                return check_received(place, false, size.min(most as usize));
            }
            place.check(true);
            assert!((*array).len <= most && size > 0);
            for index in 0..(*array).len as usize {
                let message: glib::Bytes =
                    from_glib_none((*(*array).pdata.add(index)).cast::<glib::ffi::GBytes>());
                self.heard(call.index, &message, size);
            }
            glib::ffi::g_ptr_array_unref(array);
        }
    }

    /// As plain GIO has it: one message in two pieces, and an empty one.
    pub(super) fn send_vectors(&self, call: &Call, script: &mut Script<'_>) {
        let (timeout, flags) = (call.timeout(script), c_int::from(script.byte() / 2));
        let message = self.message(call.index, script);
        let (first, second) = message.split_at(script.below(message.len()));
        let mut vectors = [first, second].map(|part| GOutputVector {
            buffer: part.as_ptr().cast_mut().cast(),
            size: part.len(),
        });
        let mut messages = [2, 0].map(|count| GOutputMessage {
            address: ptr::null_mut(),
            vectors: vectors.as_mut_ptr(),
            num_vectors: count,
            bytes_sent: 0,
            control_messages: ptr::null_mut(),
            num_control_messages: 0,
        });
        let count = c_uint::from(script.byte() % 3);
        let mut place = call.place();
        // SAFETY: what the messages point to is alive.
        let sent = unsafe {
            gio::ffi::g_datagram_based_send_messages(
                call.own_as(),
                messages.as_mut_ptr(),
                count,
                flags,
                timeout,
                call.cancellable(),
                place.as_ptr(),
            )
        };
        assert!(sent <= count.cast_signed());
        assert!(sent < 1 || messages[0].bytes_sent as usize == message.len());
        place.check(sent >= 0);
    }

    /// Into one buffer, with and without places for what else there might be.
    pub(super) fn receive_vectors(&self, call: &Call, script: &mut Script<'_>) {
        let (timeout, flags) = (call.timeout(script), c_int::from(script.byte() / 2));
        let mut buffer = vec![0_u8; script.below(LONGEST)];
        let mut vector = GInputVector {
            buffer: buffer.as_mut_ptr().cast(),
            size: buffer.len(),
        };
        let (mut address, mut control, mut controls) = (ptr::null_mut(), ptr::null_mut(), 7);
        let is_curious = script.byte() & 1 == 1;
        let mut message = GInputMessage {
            address: if is_curious {
                &raw mut address
            } else {
                ptr::null_mut()
            },
            vectors: &raw mut vector,
            num_vectors: 1,
            bytes_received: 0,
            flags: 0,
            control_messages: if is_curious {
                &raw mut control
            } else {
                ptr::null_mut()
            },
            num_control_messages: if is_curious {
                &raw mut controls
            } else {
                ptr::null_mut()
            },
        };
        let mut place = call.place();
        // SAFETY: what the message points to is alive.
        let received = unsafe {
            gio::ffi::g_datagram_based_receive_messages(
                call.own_as(),
                &raw mut message,
                1,
                flags,
                timeout,
                call.cancellable(),
                place.as_ptr(),
            )
        };
        place.check(received >= 0);
        assert!(address.is_null() && control.is_null());
        if received == 1 {
            let size = buffer.len();
            assert!(!is_curious || controls == 0);
            self.heard(call.index, &buffer[..message.bytes_received], size);
        }
    }

    /// Conditions that exist, and others.
    pub(super) fn watch(&mut self, call: &Call, script: &mut Script<'_>) {
        let (condition, choice) = (u32::from(script.byte()) * 0x0101, script.byte());
        let mut place = call.place();
        // SAFETY: all are alive, and the callback's data are the source's.
        unsafe {
            let ready = gio::ffi::g_datagram_based_condition_check(call.own_as(), condition);
            assert_eq!(ready & !(condition | READY_ANYWAY), 0);
            let timeout = call.timeout(script);
            let waited = gio::ffi::g_datagram_based_condition_wait(
                call.own_as(),
                condition,
                timeout,
                call.cancellable(),
                place.as_ptr(),
            );
            place.check(waited != 0);
            let source = gio::ffi::g_datagram_based_create_source(
                call.own_as(),
                condition,
                call.cancellable(),
            );
            let callback: SourceCallback = became_ready;
            // More often than that it would keep others from their turn.
            let watch = Watch {
                left: choice % 4,
                shared: self.shared.clone(),
            };
            self.shared.watches.set(self.shared.watches.get() + 1);
            glib::ffi::g_source_set_callback(
                source,
                Some(std::mem::transmute::<SourceCallback, SourceFunction>(
                    callback,
                )),
                Box::into_raw(Box::new(watch)).cast(),
                Some(end_watch),
            );
            let source: glib::Source = from_glib_full(source);
            source.attach(Some(self.context));
            self.sources.push(source);
        }
    }
}

/// G_IO_ERR, G_IO_HUP and G_IO_NVAL.
const READY_ANYWAY: u32 = 8 | 16 | 32;

/// What a source's callback has.
struct Watch {
    /// How often it goes on.
    left: u8,
    shared: Rc<Shared>,
}

type SourceCallback = unsafe extern "C" fn(*mut GDatagramBased, c_uint, gpointer) -> gboolean;
type SourceFunction = unsafe extern "C" fn(gpointer) -> gboolean;

unsafe extern "C" fn became_ready(
    _end: *mut GDatagramBased,
    _condition: c_uint,
    data: gpointer,
) -> gboolean {
    // SAFETY: the source's, until it is destroyed.
    let watch = unsafe { &mut *data.cast::<Watch>() };
    match watch.left.checked_sub(1) {
        Some(less) => {
            watch.left = less;
            GTRUE
        }
        None => GFALSE,
    }
}

unsafe extern "C" fn end_watch(data: gpointer) {
    // SAFETY: once for each source.
    let watch = unsafe { Box::from_raw(data.cast::<Watch>()) };
    watch.shared.watches.set(watch.shared.watches.get() - 1);
}

/// Without a message there is an error, or the end.
#[track_caller]
pub(super) fn check_received(place: Place, has_message: bool, most: usize) {
    match has_message {
        true => {
            assert!(most > 0);
            place.check(true);
        }
        // Which cannot be told from the connection's being closed or the like.
        false if most == 0 => place.check(false),
        false => drop(place.take()),
    }
}

/// What arrives was said by the other side, arrives once, and is cut off where it has to be.
pub(super) fn heard(said: &mut HashMap<u32, Vec<u8>>, content: &[u8], size: usize) {
    // Otherwise nobody can tell which it is.
    if let Some(number) = content.first_chunk::<4>() {
        let message = said.remove(&u32::from_be_bytes(*number));
        let message = message.expect("a message that was sent and not received before");
        assert_eq!(content, &message[..size.min(message.len())]);
    }
}
