//! Safe views of the message arrays that `GDatagramBased` passes around.

use std::{marker::PhantomData, os::raw::c_uint, ptr, slice};

use gio::ffi;

/// `MSG_TRUNC`: the flag of a message whose tail did not fit the buffers.
const TRUNCATED: i32 = 0x20;

/// The messages that a `receive_messages` call is to fill.
#[derive(Debug)]
pub struct InputMessages<'a> {
    messages: &'a mut [ffi::GInputMessage],
}

impl<'a> InputMessages<'a> {
    /// Borrows a C array.
    ///
    /// # Safety
    ///
    /// `messages` points to `count` messages (or `count` is 0) whose pointers are valid as
    /// `g_datagram_based_receive_messages()` demands, and nothing else uses them during `'a`.
    pub(crate) unsafe fn from_raw(messages: *mut ffi::GInputMessage, count: c_uint) -> Self {
        let messages: &'a mut [_] = if messages.is_null() || count == 0 {
            &mut []
        } else {
            // SAFETY: the caller guarantees `count` exclusive messages.
            unsafe { slice::from_raw_parts_mut(messages, count as usize) }
        };
        Self { messages }
    }

    /// How many messages can be received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether no message was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes that message `index` can take, 0 when there is no such message.
    #[must_use]
    pub fn capacity(&self, index: usize) -> usize {
        self.vectors(index)
            .iter()
            .fold(0, |sum: usize, vector| sum.saturating_add(vector.size))
    }

    /// The one buffer of message `index`, unless it has several or none.
    pub fn single_buffer(&mut self, index: usize) -> Option<&mut [u8]> {
        match self.vectors(index) {
            // SAFETY: the array's validity covers its buffers, and `self` is borrowed exclusively.
            [vector] => Some(unsafe { buffer(vector) }),
            _ => None,
        }
    }

    /// Records that message `index` holds `length` bytes, and whether a tail was lost.
    ///
    /// A message that is never recorded stays as the caller left it.
    pub fn set_received(&mut self, index: usize, length: usize, truncated: bool) {
        let Some(message) = self.messages.get_mut(index) else {
            return;
        };
        message.bytes_received = length;
        message.flags = if truncated { TRUNCATED } else { 0 };
        // SAFETY: the array's validity covers these places, each of which the caller may omit.
        unsafe {
            if !message.address.is_null() {
                *message.address = ptr::null_mut();
            }
            if !message.control_messages.is_null() {
                *message.control_messages = ptr::null_mut();
            }
            if !message.num_control_messages.is_null() {
                *message.num_control_messages = 0;
            }
        }
    }

    /// Copies `payload` into the buffers of message `index` in order, drops what does not fit, and
    /// records the message as received.
    pub fn scatter(&mut self, index: usize, payload: &[u8]) {
        let mut rest = payload;
        for vector in self.vectors(index) {
            // SAFETY: the array's validity covers its buffers, and `self` is borrowed exclusively.
            let target = unsafe { buffer(vector) };
            let (now, later) = rest.split_at(rest.len().min(target.len()));
            if let Some(target) = target.get_mut(..now.len()) {
                target.copy_from_slice(now);
            }
            rest = later;
        }
        self.set_received(index, payload.len() - rest.len(), !rest.is_empty());
    }

    fn vectors(&self, index: usize) -> &[ffi::GInputVector] {
        match self.messages.get(index) {
            Some(message) if !message.vectors.is_null() => {
                // SAFETY: the array's validity covers the `num_vectors` vectors of each message.
                unsafe { slice::from_raw_parts(message.vectors, message.num_vectors as usize) }
            }
            _ => &[],
        }
    }
}

/// The messages that a `send_messages` call is to send.
#[derive(Debug)]
pub struct OutputMessages<'a> {
    messages: &'a mut [ffi::GOutputMessage],
    payloads: PhantomData<&'a [u8]>,
}

impl<'a> OutputMessages<'a> {
    /// Borrows a C array.
    ///
    /// # Safety
    ///
    /// `messages` points to `count` messages (or `count` is 0) whose pointers are valid as
    /// `g_datagram_based_send_messages()` demands, and nothing writes to them during `'a`.
    pub(crate) unsafe fn from_raw(messages: *mut ffi::GOutputMessage, count: c_uint) -> Self {
        let messages: &'a mut [_] = if messages.is_null() || count == 0 {
            &mut []
        } else {
            // SAFETY: the caller guarantees `count` exclusive messages.
            unsafe { slice::from_raw_parts_mut(messages, count as usize) }
        };
        Self {
            messages,
            payloads: PhantomData,
        }
    }

    /// How many messages are to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes in message `index`, 0 when there is no such message.
    #[must_use]
    pub fn size(&self, index: usize) -> usize {
        self.vectors(index)
            .iter()
            .fold(0, |sum: usize, vector| sum.saturating_add(vector.size))
    }

    /// The bytes of message `index` when they lie in one buffer.
    #[must_use]
    pub fn single_buffer(&self, index: usize) -> Option<&[u8]> {
        match self.vectors(index) {
            // SAFETY: the array's validity covers its buffers.
            [vector] => Some(unsafe { payload(vector) }),
            _ => None,
        }
    }

    /// Appends the bytes of message `index` to `target`.
    pub fn gather(&self, index: usize, target: &mut Vec<u8>) {
        target.reserve(self.size(index));
        for vector in self.vectors(index) {
            // SAFETY: the array's validity covers its buffers.
            target.extend_from_slice(unsafe { payload(vector) });
        }
    }

    /// Records that `bytes` bytes of message `index` were sent.
    pub fn set_sent(&mut self, index: usize, bytes: usize) {
        if let Some(message) = self.messages.get_mut(index) {
            message.bytes_sent = c_uint::try_from(bytes).unwrap_or(c_uint::MAX);
        }
    }

    fn vectors(&self, index: usize) -> &[ffi::GOutputVector] {
        match self.messages.get(index) {
            Some(message) if !message.vectors.is_null() => {
                // SAFETY: the array's validity covers the `num_vectors` vectors of each message.
                unsafe { slice::from_raw_parts(message.vectors, message.num_vectors as usize) }
            }
            _ => &[],
        }
    }
}

/// The memory of an input vector; a NULL buffer counts as an empty one.
///
/// # Safety
///
/// The vector is valid for writes during `'a`, and nothing else uses its memory.
unsafe fn buffer<'a>(vector: &ffi::GInputVector) -> &'a mut [u8] {
    if vector.buffer.is_null() || vector.size == 0 {
        return &mut [];
    }
    let size = vector.size.min(isize::MAX as usize);
    // SAFETY: by the caller's guarantee; `size` respects the limit of a slice.
    unsafe { slice::from_raw_parts_mut(vector.buffer.cast(), size) }
}

/// The bytes of an output vector; a NULL buffer counts as an empty one.
///
/// # Safety
///
/// The vector is valid for reads during `'a`.
unsafe fn payload<'a>(vector: &ffi::GOutputVector) -> &'a [u8] {
    if vector.buffer.is_null() || vector.size == 0 {
        return &[];
    }
    let size = vector.size.min(isize::MAX as usize);
    // SAFETY: by the caller's guarantee; `size` respects the limit of a slice.
    unsafe { slice::from_raw_parts(vector.buffer.cast(), size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(vectors: &mut [ffi::GInputVector]) -> ffi::GInputMessage {
        ffi::GInputMessage {
            address: ptr::null_mut(),
            vectors: vectors.as_mut_ptr(),
            num_vectors: vectors.len() as c_uint,
            bytes_received: 99,
            flags: 99,
            control_messages: ptr::null_mut(),
            num_control_messages: ptr::null_mut(),
        }
    }

    fn vector(buffer: &mut [u8]) -> ffi::GInputVector {
        ffi::GInputVector {
            buffer: buffer.as_mut_ptr().cast(),
            size: buffer.len(),
        }
    }

    #[test]
    fn scatter_fills_vectors_in_order_and_flags_a_lost_tail() {
        let (mut first, mut second) = ([0u8; 2], [0u8; 3]);
        let empty = ffi::GInputVector {
            buffer: ptr::null_mut(),
            size: 0,
        };
        let mut vectors = [vector(&mut first), empty, vector(&mut second)];
        let mut messages = [input(&mut vectors)];
        // SAFETY: the message and its vectors are locals that outlive the view.
        let mut view = unsafe { InputMessages::from_raw(messages.as_mut_ptr(), 1) };
        assert_eq!(view.capacity(0), 5);
        assert_eq!(view.capacity(1), 0);
        assert!(view.single_buffer(0).is_none());
        view.scatter(0, b"abcdefg");
        assert_eq!(messages[0].bytes_received, 5);
        assert_eq!(messages[0].flags, TRUNCATED);
        assert_eq!((&first, &second), (b"ab", b"cde"));
    }

    #[test]
    fn received_message_blanks_what_the_caller_asked_for_and_leaves_later_ones_alone() {
        let mut buffer = [0u8; 4];
        let mut vectors = [vector(&mut buffer)];
        let mut address = ptr::dangling_mut();
        let mut control = ptr::dangling_mut();
        let mut count = 77;
        let mut first = input(&mut vectors);
        first.address = &mut address;
        first.control_messages = &mut control;
        first.num_control_messages = &mut count;
        let mut messages = [first, input(&mut [])];
        // SAFETY: the messages and all that they point to are locals that outlive the view.
        let mut view = unsafe { InputMessages::from_raw(messages.as_mut_ptr(), 2) };
        view.single_buffer(0).unwrap()[0] = b'x';
        view.set_received(0, 1, false);
        view.set_received(2, 1, false);
        assert!(address.is_null() && control.is_null());
        assert_eq!(count, 0);
        assert_eq!((messages[0].bytes_received, messages[0].flags), (1, 0));
        assert_eq!((messages[1].bytes_received, messages[1].flags), (99, 99));
        assert_eq!(&buffer, b"x\0\0\0");
    }

    #[test]
    fn message_without_room_is_received_empty_and_truncated() {
        let mut messages = [input(&mut [])];
        // SAFETY: the message is a local that outlives the view.
        let mut view = unsafe { InputMessages::from_raw(messages.as_mut_ptr(), 1) };
        view.scatter(0, b"lost");
        assert_eq!(messages[0].bytes_received, 0);
        assert_eq!(messages[0].flags, TRUNCATED);
    }

    #[test]
    fn gather_joins_vectors() {
        let part = |bytes: &'static [u8]| ffi::GOutputVector {
            buffer: bytes.as_ptr().cast(),
            size: bytes.len(),
        };
        let empty = ffi::GOutputVector {
            buffer: ptr::null(),
            size: 0,
        };
        let mut vectors = [part(b"ab"), empty, part(b"c")];
        let mut messages = [ffi::GOutputMessage {
            address: ptr::null_mut(),
            vectors: vectors.as_mut_ptr(),
            num_vectors: 3,
            bytes_sent: 0,
            control_messages: ptr::null_mut(),
            num_control_messages: 0,
        }];
        // SAFETY: the message and its vectors are locals that outlive the view.
        let mut view = unsafe { OutputMessages::from_raw(messages.as_mut_ptr(), 1) };
        let mut joined = b"-".to_vec();
        view.gather(0, &mut joined);
        assert_eq!(joined, b"-abc");
        assert_eq!(view.size(0), 3);
        assert!(view.single_buffer(0).is_none());
        view.set_sent(0, 3);
        assert_eq!(messages[0].bytes_sent, 3);
    }

    #[test]
    fn no_messages_may_come_as_null() {
        // SAFETY: a count of 0 needs no array.
        let view = unsafe { InputMessages::from_raw(ptr::null_mut(), 0) };
        assert!(view.is_empty());
        // SAFETY: as above.
        let view = unsafe { OutputMessages::from_raw(ptr::null_mut(), 0) };
        assert_eq!(view.len(), 0);
    }
}
