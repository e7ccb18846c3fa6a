//! The datagram BIO between an `SSL` and the engine's queues.
//!
//! OpenSSL's memory BIOs lose datagram boundaries before 3.2 and answer none of the controls that
//! DTLS asks. This one keeps each datagram whole: a read pops one, a write appends one.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::mem;
use std::ptr::NonNull;
use std::sync::OnceLock;

use openssl::error::ErrorStack;
use openssl_sys::{BIO, BIO_METHOD};

use super::flight;
use super::ledger::Ledger;
use super::sys::{BIO_CTRL_DGRAM_GET_MTU_OVERHEAD, BIO_CTRL_FLUSH};

/// How much memory of datagrams a thread keeps for the next ones: so many buffers, of so many bytes at
/// most, which are a full batch of the longest.
const SPARES: usize = 4;
const LONGEST_SPARE: usize = 1 << 21;

type Memory = (Vec<u8>, Vec<usize>);

thread_local! {
    static SPARES_OF_THREAD: [Cell<Memory>; SPARES] = Default::default();
}

/// Datagrams, end to end in one buffer. The memory is the thread's: it is taken with the first datagram and
/// given back at the end, so that a connection that has nothing to say has none.
#[derive(Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        if (1..=LONGEST_SPARE).contains(&self.bytes.capacity()) {
            let mut memory = (mem::take(&mut self.bytes), mem::take(&mut self.ends));
            // A thread that ends keeps nothing.
            let _ = SPARES_OF_THREAD.try_with(|spares| {
                for spare in spares {
                    memory = spare.replace(mem::take(&mut memory));
                    if memory.0.capacity() == 0 {
                        break;
                    }
                }
            });
        }
    }
}

impl Datagrams {
    /// Adds one datagram.
    pub fn push(&mut self, datagram: &[u8]) {
        if self.bytes.capacity() == 0 {
            self.take_spare();
        }
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
    }

    /// All datagrams' bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The datagrams from the `first`th on: where they start in [`bytes`](Self::bytes), and where
    /// each ends. None if there is none.
    pub fn tail(&self, first: usize) -> Option<(usize, &[usize])> {
        let ends = self.ends.get(first..).filter(|ends| !ends.is_empty())?;
        let start = first.checked_sub(1).and_then(|last| self.ends.get(last));
        Some((start.copied().unwrap_or(0), ends))
    }

    /// One of them.
    pub fn nth(&self, index: usize) -> Option<&[u8]> {
        let (start, ends) = self.tail(index)?;
        self.bytes.get(start..*ends.first()?)
    }

    /// Puts those from the `first`th on together, in datagrams of at most `limit` bytes, unless they are
    /// longer by themselves. Returns how long the longest is.
    pub fn join(&mut self, first: usize, limit: usize) -> usize {
        let Some((mut start, _)) = self.tail(first) else {
            return 0;
        };
        let mut longest = 0;
        let mut ends = self.ends.split_off(first).into_iter().peekable();
        while let Some(end) = ends.next() {
            if ends.peek().is_none_or(|next| next - start > limit) {
                self.ends.push(end);
                longest = longest.max(end - start);
                start = end;
            }
        }
        longest
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Drops the first `count` datagrams.
    fn drop_front(&mut self, count: usize) {
        let start = self
            .tail(count)
            .map_or(self.bytes.len(), |(start, _)| start);
        self.bytes.drain(..start);
        self.ends.drain(..count.min(self.ends.len()));
        self.ends.iter_mut().for_each(|end| *end -= start);
    }

    fn take_spare(&mut self) {
        let _ = SPARES_OF_THREAD.try_with(|spares| {
            let taken = spares.iter().map(Cell::take);
            let mut found = taken.filter(|(bytes, _)| bytes.capacity() > 0);
            (self.bytes, self.ends) = found.next().unwrap_or_default();
        });
        self.bytes.clear();
        self.ends.clear();
    }
}

/// What the BIO reads from and writes to.
pub struct Wire {
    /// Received datagrams, and how many of them were read.
    incoming: Datagrams,
    read: usize,
    /// Datagrams that OpenSSL wrote.
    pub outgoing: Datagrams,
    /// Whether nothing is read until further notice: what keeps a server's handshake where it is.
    pub held: bool,
    /// Whether it is held after each record.
    pub stepwise: bool,
    /// What became of the datagrams; kept from the end of the handshake on.
    pub ledger: Option<Ledger>,
    /// The longest datagram of the latest flight.
    pub longest_sent: usize,
    /// What the numbers of plaintext records are ahead of OpenSSL's.
    pub ahead: usize,
    /// The plaintext handshake message (RFC 5246, section 7.4) before which it is held.
    pub gate: Option<u8>,
}

/// The content type of handshake messages (RFC 5246, section 6.2.1).
const HANDSHAKE: u8 = 22;
/// What IPv4 and UDP add to a datagram: OpenSSL makes none for packets of less than 256 bytes.
const HEADERS: c_long = 20 + 8;
/// How many datagrams wait at most. More come only while nobody reads, and then a datagram socket
/// would lose them, too.
pub const MAX_INCOMING: usize = 256;

impl Wire {
    fn new() -> Self {
        Wire {
            incoming: Datagrams::default(),
            read: 0,
            outgoing: Datagrams::default(),
            held: false,
            stepwise: false,
            ledger: None,
            longest_sent: 0,
            ahead: 0,
            gate: None,
        }
    }

    /// Queues one datagram of OpenSSL's for sending.
    fn send(&mut self, datagram: &[u8]) {
        if self.ahead == 0 {
            self.outgoing.push(datagram);
        } else {
            let mut renumbered = datagram.to_vec();
            flight::renumber(&mut renumbered, self.ahead);
            self.outgoing.push(&renumbered);
        }
    }

    /// Queues one received datagram for reading.
    pub fn receive(&mut self, datagram: &[u8]) {
        if !self.has_room() {
            if let Some(ledger) = &mut self.ledger {
                ledger.dropped.overflowed += 1;
            }
            return;
        }
        if self.read >= MAX_INCOMING {
            self.incoming.drop_front(mem::take(&mut self.read));
        }
        self.incoming.push(datagram);
    }

    /// Whether one more may wait.
    pub fn has_room(&self) -> bool {
        self.incoming() < MAX_INCOMING
    }

    /// How many received datagrams have not been read yet.
    pub fn incoming(&self) -> usize {
        self.incoming.len() - self.read
    }

    /// The message that is next and held back: one record, as it was received.
    pub fn at_gate(&self) -> Option<&[u8]> {
        let next = self.incoming.nth(self.read)?;
        match next {
            [HANDSHAKE, _, _, 0, 0, _, _, _, _, _, _, _, _, kind, ..] => {
                (Some(*kind) == self.gate).then_some(next)
            }
            _ => None,
        }
    }

    /// Copies the next datagram into `buffer`; what does not fit is lost, as with recv().
    fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.held || self.at_gate().is_some() {
            return None;
        }
        let datagram = self.incoming.nth(self.read)?;
        self.held = self.stepwise;
        if let Some(ledger) = &mut self.ledger {
            ledger.read(datagram);
        }
        let length = datagram.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), datagram.get(..length)) {
            to.copy_from_slice(from);
        }
        self.read += 1;
        if self.incoming() == 0 {
            self.incoming = Datagrams::default();
            self.read = 0;
        }
        Some(length)
    }
}

/// Makes a BIO over a new [`Wire`], which lives exactly as long as the BIO.
pub fn new() -> Result<(NonNull<BIO>, NonNull<Wire>), ErrorStack> {
    let method = method()?;
    // SAFETY: the method is complete and never freed.
    let bio =
        NonNull::new(unsafe { openssl_sys::BIO_new(method.0) }).ok_or_else(ErrorStack::get)?;
    let wire = NonNull::from(Box::leak(Box::new(Wire::new())));
    // SAFETY: the BIO is ours and new; `destroy` frees the wire with it.
    unsafe {
        openssl_sys::BIO_set_data(bio.as_ptr(), wire.as_ptr().cast());
        openssl_sys::BIO_set_init(bio.as_ptr(), 1);
    }
    Ok((bio, wire))
}

/// Stops reading from a BIO until its wire's `held` is reset.
///
/// # Safety
/// As for [`with_wire`].
pub unsafe fn hold(bio: *mut BIO) {
    // SAFETY: by the caller's guarantee.
    unsafe { with_wire(bio, (), |wire| wire.held = true) }
}

struct Method(*mut BIO_METHOD);

// SAFETY: a BIO_METHOD is read-only once it is built.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

impl Drop for Method {
    fn drop(&mut self) {
        // SAFETY: the method is ours, and no BIO has been made with one that is dropped.
        unsafe { openssl_sys::BIO_meth_free(self.0) }
    }
}

fn method() -> Result<&'static Method, ErrorStack> {
    static METHOD: OnceLock<Method> = OnceLock::new();
    if let Some(method) = METHOD.get() {
        return Ok(method);
    }
    let built = build_method()?;
    // Of two threads that build one at once, the second drops its own.
    Ok(METHOD.get_or_init(|| built))
}

fn build_method() -> Result<Method, ErrorStack> {
    // SAFETY: plain constructors and setters on a method that no one else has; the callbacks have
    // the signatures that OpenSSL documents.
    unsafe {
        let method = openssl_sys::BIO_meth_new(openssl_sys::BIO_TYPE_NONE, c"datagrams".as_ptr());
        if method.is_null() {
            return Err(ErrorStack::get());
        }
        openssl_sys::BIO_meth_set_write__fixed_rust(method, Some(write));
        openssl_sys::BIO_meth_set_read__fixed_rust(method, Some(read));
        openssl_sys::BIO_meth_set_ctrl__fixed_rust(method, Some(control));
        openssl_sys::BIO_meth_set_destroy__fixed_rust(method, Some(destroy));
        Ok(Method(method))
    }
}

/// Runs `body` on the BIO's wire.
///
/// # Safety
/// `bio` must come from [`new`], and no other reference to its wire may be alive: the session
/// touches the wire only between calls into OpenSSL.
unsafe fn with_wire<R>(bio: *mut BIO, fallback: R, body: impl FnOnce(&mut Wire) -> R) -> R {
    // SAFETY: `new` stored a wire there, or `destroy` took it away and left NULL.
    let wire = unsafe { openssl_sys::BIO_get_data(bio).cast::<Wire>().as_mut() };
    match wire {
        Some(wire) => body(wire),
        None => fallback,
    }
}

unsafe extern "C" fn write(bio: *mut BIO, data: *const c_char, length: c_int) -> c_int {
    let Ok(size) = usize::try_from(length) else {
        return -1;
    };
    if data.is_null() {
        return -1;
    }
    // SAFETY: OpenSSL passes `length` readable bytes and a BIO of ours.
    unsafe {
        openssl_sys::BIO_clear_retry_flags(bio);
        let datagram = std::slice::from_raw_parts(data.cast::<u8>(), size);
        with_wire(bio, -1, |wire| {
            wire.send(datagram);
            length
        })
    }
}

unsafe extern "C" fn read(bio: *mut BIO, data: *mut c_char, length: c_int) -> c_int {
    let Ok(size) = usize::try_from(length) else {
        return -1;
    };
    if data.is_null() {
        return -1;
    }
    // SAFETY: OpenSSL passes `length` writable bytes and a BIO of ours.
    unsafe {
        openssl_sys::BIO_clear_retry_flags(bio);
        let buffer = std::slice::from_raw_parts_mut(data.cast::<u8>(), size);
        match with_wire(bio, None, |wire| wire.read(buffer)) {
            Some(read) => c_int::try_from(read).unwrap_or(-1),
            None => {
                openssl_sys::BIO_set_retry_read(bio);
                -1
            }
        }
    }
}

unsafe extern "C" fn control(
    _bio: *mut BIO,
    command: c_int,
    _number: c_long,
    _pointer: *mut c_void,
) -> c_long {
    match command {
        // Nothing is kept back.
        BIO_CTRL_FLUSH => 1,
        BIO_CTRL_DGRAM_GET_MTU_OVERHEAD => HEADERS,
        // Of the path OpenSSL is told without asking.
        _ => 0,
    }
}

unsafe extern "C" fn destroy(bio: *mut BIO) -> c_int {
    // SAFETY: the BIO is going away; `new` put a leaked box there and nothing else frees it.
    unsafe {
        let wire = openssl_sys::BIO_get_data(bio).cast::<Wire>();
        openssl_sys::BIO_set_data(bio, std::ptr::null_mut());
        if !wire.is_null() {
            drop(Box::from_raw(wire));
        }
    }
    1
}
