//! Messages as GIO's C structures describe them, received and sent.

#![allow(unsafe_code)] // GIO's Rust interface hides what is tested with it.

use std::{ffi::c_void, ptr};

use gio::{ffi, prelude::*};
use glib::translate::*;

/// What an out-field holds before a call that must not touch it.
pub const UNTOUCHED: usize = 77;

pub type Call<T> = Result<T, glib::Error>;

/// One message to be received into vectors of these sizes, and what became of it.
pub struct Slot {
    buffers: Vec<Vec<u8>>,
    pub bytes_received: usize,
    pub flags: i32,
    pub control_count: u32,
    pub address: *mut ffi::GSocketAddress,
    pub controls: *mut *mut ffi::GSocketControlMessage,
    nothing_asked: bool,
}

impl Slot {
    pub fn of(sizes: &[usize]) -> Self {
        Self {
            buffers: sizes.iter().map(|size| vec![b'.'; *size]).collect(),
            bytes_received: UNTOUCHED,
            flags: UNTOUCHED as i32,
            control_count: UNTOUCHED as u32,
            address: ptr::dangling_mut(),
            controls: ptr::dangling_mut(),
            nothing_asked: false,
        }
    }

    /// With NULL for all that may be NULL.
    pub fn asking_for_nothing(mut self) -> Self {
        self.nothing_asked = true;
        self
    }

    pub fn text(&self) -> Vec<&[u8]> {
        self.buffers.iter().map(Vec::as_slice).collect()
    }
}

/// Calls `g_datagram_based_receive_messages()`, whose count and error must agree.
pub fn receive_slots(
    at: &impl IsA<gio::DatagramBased>,
    slots: &mut [Slot],
    timeout_us: i64,
    cancellable: Option<&gio::Cancellable>,
) -> Call<usize> {
    let mut vectors: Vec<Vec<ffi::GInputVector>> = slots
        .iter_mut()
        .map(|slot| {
            let vector = |buffer: &mut Vec<u8>| ffi::GInputVector {
                buffer: buffer.as_mut_ptr().cast::<c_void>(),
                size: buffer.len(),
            };
            slot.buffers.iter_mut().map(vector).collect()
        })
        .collect();
    let mut messages: Vec<ffi::GInputMessage> = slots
        .iter_mut()
        .zip(&mut vectors)
        .map(|(slot, vectors)| ffi::GInputMessage {
            address: unless(slot.nothing_asked, &mut slot.address),
            vectors: vectors.as_mut_ptr(),
            num_vectors: vectors.len() as u32,
            bytes_received: slot.bytes_received,
            flags: slot.flags,
            control_messages: unless(slot.nothing_asked, &mut slot.controls),
            num_control_messages: unless(slot.nothing_asked, &mut slot.control_count),
        })
        .collect();
    let asked: Vec<*mut u32> = messages
        .iter()
        .map(|message| message.num_control_messages)
        .collect();
    let mut error = ptr::null_mut();
    // SAFETY: the messages point to vectors, buffers and out-fields that outlive the call.
    let (count, error) = unsafe {
        let count = ffi::g_datagram_based_receive_messages(
            at.upcast_ref::<gio::DatagramBased>().to_glib_none().0,
            messages.as_mut_ptr(),
            messages.len() as u32,
            0,
            timeout_us,
            cancellable.to_glib_none().0,
            &mut error,
        );
        (count, from_glib_full::<_, Option<glib::Error>>(error))
    };
    let outcome: Vec<_> = messages
        .iter()
        .zip(&asked)
        .map(|(message, counter)| {
            // The counter is written through; the pointer belongs to the caller.
            assert_eq!(message.num_control_messages, *counter);
            (message.bytes_received, message.flags)
        })
        .collect();
    for (slot, (bytes, flags)) in slots.iter_mut().zip(outcome) {
        (slot.bytes_received, slot.flags) = (bytes, flags);
    }
    assert_eq!(count < 0, error.is_some());
    error.map_or(Ok(count as usize), Err)
}

fn unless<T>(condition: bool, target: &mut T) -> *mut T {
    if condition { ptr::null_mut() } else { target }
}

/// What `g_datagram_based_send_messages()` did: its result, and each message's bytes sent.
pub fn send_vectors(
    from: &impl IsA<gio::DatagramBased>,
    messages: &[&[&[u8]]],
    timeout_us: i64,
) -> (Call<usize>, Vec<u32>) {
    let vectors: Vec<Vec<ffi::GOutputVector>> = messages
        .iter()
        .map(|parts| {
            let vector = |part: &&[u8]| ffi::GOutputVector {
                buffer: part.as_ptr().cast(),
                size: part.len(),
            };
            parts.iter().map(vector).collect()
        })
        .collect();
    let mut outgoing: Vec<ffi::GOutputMessage> = vectors
        .iter()
        .map(|vectors| ffi::GOutputMessage {
            address: ptr::null_mut(),
            vectors: vectors.as_ptr().cast_mut(),
            num_vectors: vectors.len() as u32,
            bytes_sent: 0,
            control_messages: ptr::null_mut(),
            num_control_messages: 0,
        })
        .collect();
    let mut error = ptr::null_mut();
    // SAFETY: the messages point to vectors and buffers that outlive the call, which only reads them.
    let (count, error) = unsafe {
        let count = ffi::g_datagram_based_send_messages(
            from.upcast_ref::<gio::DatagramBased>().to_glib_none().0,
            outgoing.as_mut_ptr(),
            outgoing.len() as u32,
            0,
            timeout_us,
            ptr::null_mut(),
            &mut error,
        );
        (count, from_glib_full::<_, Option<glib::Error>>(error))
    };
    assert_eq!(count < 0, error.is_some());
    let sent = outgoing.iter().map(|message| message.bytes_sent).collect();
    (error.map_or(Ok(count as usize), Err), sent)
}
