//! The caller's side of `GDatagramBased`: many datagrams in one call.

use std::{mem::MaybeUninit, os::raw::c_int, ptr, time::Duration};

use gio::{ffi, prelude::*};
use glib::translate::*;

use super::datagram_based::timeout_to_c;
use super::datagram_messages::InputMessages;

/// Bytes that the longest UDP datagram has.
const MAX_MESSAGE: usize = 65_535;

/// The most datagrams that one call moves.
pub const BATCH: usize = 64;

/// Receives datagrams into `arena`, one every `stride` bytes, in one call of the base.
///
/// `lengths` gets the size of each and limits their number, as do the arena and [`BATCH`]. Returns
/// how many arrived; 0 is the end of the base's datagrams. `timeout`: `None` blocks, zero never
/// does.
///
/// # Errors
///
/// Those of the base; `G_IO_ERROR_FAILED` if it fails without saying why;
/// `G_IO_ERROR_INVALID_ARGUMENT` when not even one datagram has room.
pub fn receive_batch(
    base: &gio::DatagramBased,
    arena: &mut [u8],
    stride: usize,
    lengths: &mut [usize],
    timeout: Option<Duration>,
    cancellable: Option<&gio::Cancellable>,
) -> Result<usize, glib::Error> {
    fill_arena(arena, stride, lengths, |messages, wanted| {
        let mut error = ptr::null_mut();
        // SAFETY: `fill_arena` passes `wanted` valid messages, which live during the call; `error`
        // is what the call leaves in an empty error pointer.
        unsafe {
            let count = ffi::g_datagram_based_receive_messages(
                base.to_glib_none().0,
                messages,
                wanted,
                0,
                timeout_to_c(timeout),
                cancellable.to_glib_none().0,
                &mut error,
            );
            moved(count, wanted, error)
        }
    })
}

/// Receives at most `max` messages of at most `size` bytes each from `receive`, which fills them from
/// the front and returns how many.
///
/// # Errors
///
/// Those of `receive`; `G_IO_ERROR_INVALID_ARGUMENT` when no message has room.
pub fn receive_bytes(
    max: usize,
    size: usize,
    receive: impl FnOnce(&mut InputMessages<'_>) -> Result<usize, glib::Error>,
) -> Result<Vec<glib::Bytes>, glib::Error> {
    if max == 0 || size == 0 {
        let name = if max == 0 { "max" } else { "size" };
        return Err(invalid(&format!(
            "{name} is 0: there is no room for a message"
        )));
    }
    let (max, size) = (max.min(BATCH), size.min(MAX_MESSAGE));
    let mut arena = vec![0; max * size];
    let mut lengths = vec![0; max];
    let count = fill_arena(&mut arena, size, &mut lengths, |messages, wanted| {
        // SAFETY: `fill_arena` passes `wanted` valid messages, which nothing else uses.
        receive(&mut unsafe { InputMessages::from_raw(messages, wanted) })
    })?;
    let slots = arena.chunks_exact(size).zip(lengths).take(count);
    Ok(slots
        .filter_map(|(slot, length)| slot.get(..length))
        .map(glib::Bytes::from)
        .collect())
}

/// Describes `arena` to `receive`, as an array of messages of one buffer each and its length, and
/// notes in `lengths` how long those are that were received.
fn fill_arena(
    arena: &mut [u8],
    stride: usize,
    lengths: &mut [usize],
    receive: impl FnOnce(*mut ffi::GInputMessage, u32) -> Result<usize, glib::Error>,
) -> Result<usize, glib::Error> {
    // Only the places that are needed are written.
    let mut vectors = [const { MaybeUninit::uninit() }; BATCH];
    let mut messages = [const { MaybeUninit::uninit() }; BATCH];
    if stride == 0 {
        return Err(invalid("a stride of 0 bytes holds no datagram"));
    }
    let slots = arena.chunks_exact_mut(stride).take(lengths.len());
    let mut wanted: u32 = 0;
    for ((slot, vector), message) in slots.zip(&mut vectors).zip(&mut messages) {
        let vector = vector.write(ffi::GInputVector {
            buffer: slot.as_mut_ptr().cast(),
            size: slot.len(),
        });
        message.write(ffi::GInputMessage {
            address: ptr::null_mut(),
            vectors: vector,
            num_vectors: 1,
            bytes_received: 0,
            flags: 0,
            control_messages: ptr::null_mut(),
            num_control_messages: ptr::null_mut(),
        });
        wanted += 1;
    }
    if wanted == 0 {
        return Err(invalid("no room for a datagram"));
    }
    // The first `wanted` messages each point to one vector, which points to its own part of `arena`.
    let count = receive(messages.as_mut_ptr().cast(), wanted)?.min(wanted as usize);
    for (length, message) in lengths.iter_mut().zip(&messages).take(count) {
        // SAFETY: the first `wanted` messages were written above, and there are no more than that.
        let message: &ffi::GInputMessage = unsafe { message.assume_init_ref() };
        *length = message.bytes_received.min(stride);
    }
    Ok(count)
}

/// Sends datagrams that lie one behind the other in `datagrams`, in one call of the base.
///
/// The first begins at the offset `start`, and `ends` holds the offset at which each ends. At most
/// [`BATCH`] go out; returns how many did, counted from the front. `timeout`: `None` blocks, zero
/// never does.
///
/// # Errors
///
/// Those of the base; `G_IO_ERROR_FAILED` if it fails without saying why;
/// `G_IO_ERROR_INVALID_ARGUMENT` when `ends` is not ascending or exceeds `datagrams`.
pub fn send_batch(
    base: &gio::DatagramBased,
    datagrams: &[u8],
    start: usize,
    ends: &[usize],
    timeout: Option<Duration>,
    cancellable: Option<&gio::Cancellable>,
) -> Result<usize, glib::Error> {
    // Only the places that are needed are written.
    let mut vectors = [const { MaybeUninit::uninit() }; BATCH];
    let mut messages = [const { MaybeUninit::<ffi::GOutputMessage>::uninit() }; BATCH];
    let mut start = start;
    let mut wanted: u32 = 0;
    for ((end, vector), message) in ends.iter().zip(&mut vectors).zip(&mut messages) {
        let datagram = datagrams
            .get(start..*end)
            .ok_or_else(|| invalid("the ends of the datagrams do not fit their bytes"))?;
        let vector = vector.write(ffi::GOutputVector {
            buffer: datagram.as_ptr().cast(),
            size: datagram.len(),
        });
        message.write(ffi::GOutputMessage {
            address: ptr::null_mut(),
            vectors: vector,
            num_vectors: 1,
            bytes_sent: 0,
            control_messages: ptr::null_mut(),
            num_control_messages: 0,
        });
        start = *end;
        wanted += 1;
    }
    if wanted == 0 {
        return Ok(0);
    }
    let mut error = ptr::null_mut();
    // SAFETY: the first `wanted` messages were written above and each point to one vector, which points
    // to its own part of `datagrams`; all of them outlive the call, which only reads the bytes.
    let count = unsafe {
        ffi::g_datagram_based_send_messages(
            base.to_glib_none().0,
            messages.as_mut_ptr().cast(),
            wanted,
            0,
            timeout_to_c(timeout),
            cancellable.to_glib_none().0,
            &mut error,
        )
    };
    // SAFETY: `error` is what the call left in an empty error pointer.
    unsafe { moved(count, wanted, error) }
}

/// Sends one message, and returns its bytes.
///
/// # Errors
///
/// Those of [`send_batch`].
pub fn send_one(
    base: &gio::DatagramBased,
    message: &[u8],
    timeout: Option<Duration>,
    cancellable: Option<&gio::Cancellable>,
) -> Result<usize, glib::Error> {
    let sent = send_batch(base, message, 0, &[message.len()], timeout, cancellable)?;
    Ok(if sent == 0 { 0 } else { message.len() })
}

/// Sends messages in one call of the base, and returns how many went out, counted from the front.
///
/// # Errors
///
/// Those of the base; `G_IO_ERROR_FAILED` if it fails without saying why.
pub fn send_bytes(
    base: &gio::DatagramBased,
    messages: &[glib::Bytes],
    timeout: Option<Duration>,
    cancellable: Option<&gio::Cancellable>,
) -> Result<usize, glib::Error> {
    // Of the bytes: a `Bytes` itself would give the address of its `GBytes`.
    let vector = |message: &[u8]| ffi::GOutputVector {
        buffer: message.as_ptr().cast(),
        size: message.len(),
    };
    let mut vectors: Vec<_> = messages.iter().map(|message| vector(message)).collect();
    let message = |vector: &mut ffi::GOutputVector| ffi::GOutputMessage {
        address: ptr::null_mut(),
        vectors: vector,
        num_vectors: 1,
        bytes_sent: 0,
        control_messages: ptr::null_mut(),
        num_control_messages: 0,
    };
    let mut outgoing: Vec<_> = vectors.iter_mut().map(message).collect();
    let wanted = u32::try_from(outgoing.len()).unwrap_or(u32::MAX);
    let mut error = ptr::null_mut();
    // SAFETY: the messages each point to one vector, which points to the bytes of `messages`; all of
    // them outlive the call, which only reads the bytes. `error` is what it leaves in an empty error
    // pointer.
    unsafe {
        let count = ffi::g_datagram_based_send_messages(
            base.to_glib_none().0,
            outgoing.as_mut_ptr(),
            wanted,
            0,
            timeout_to_c(timeout),
            cancellable.to_glib_none().0,
            &mut error,
        );
        moved(count, wanted, error)
    }
}

/// The base as a socket whose descriptor tells and does all that the base does: a subclass of `GSocket` may mean
/// something else by being ready, or do something else with datagrams.
pub fn plain_socket(base: &gio::DatagramBased) -> Option<&gio::Socket> {
    let socket = base.downcast_ref::<gio::Socket>();
    socket.filter(|socket| ObjectExt::type_(*socket) == gio::Socket::static_type())
}

/// A source of the base, which has no callback yet. None where the base refuses to make one.
pub fn base_source(
    base: &gio::DatagramBased,
    condition: glib::IOCondition,
    cancellable: Option<&gio::Cancellable>,
) -> Option<glib::Source> {
    // SAFETY: the arguments live during the call; a source comes with a reference of its own.
    unsafe {
        from_glib_full(ffi::g_datagram_based_create_source(
            base.to_glib_none().0,
            condition.into_glib(),
            cancellable.to_glib_none().0,
        ))
    }
}

/// What a base has done, whether or not it kept to the rules.
///
/// # Safety
///
/// `error` is NULL or a `GError` that the caller owns and passes on.
unsafe fn moved(
    count: c_int,
    wanted: u32,
    error: *mut glib::ffi::GError,
) -> Result<usize, glib::Error> {
    if !error.is_null() {
        // SAFETY: the caller passes ownership.
        return Err(unsafe { from_glib_full(error) });
    }
    match u32::try_from(count) {
        Ok(count) => Ok(count.min(wanted) as usize),
        Err(_) => Err(glib::Error::new(
            gio::IOErrorEnum::Failed,
            "The base socket failed without saying why",
        )),
    }
}

fn invalid(text: &str) -> glib::Error {
    glib::Error::new(gio::IOErrorEnum::InvalidArgument, text)
}
