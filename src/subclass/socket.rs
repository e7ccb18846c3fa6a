//! Datagrams of a `GSocket`, past `GDatagramBased`: what that cannot ask of the kernel.
//!
//! GIO looks a second time for datagrams where one look was enough, writes an error for "nothing yet",
//! and allocates an object for each control message. Here a call is one system call: it takes as many
//! datagrams as have arrived, hands over runs of equal length as one (UDP_SEGMENT), and takes apart what
//! the kernel has merged (UDP_GRO).

use std::{
    mem::{self, MaybeUninit},
    os::fd::{AsRawFd, RawFd},
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use gio::{ffi, prelude::*};
use glib::{IOCondition, translate::*};

use self::runs::{Run, is_passing, refuses_runs, send_one, send_runs};
use super::{SharedRef, cancel::WaitToken, datagram_based::plain_socket};

mod runs;

/// The most datagrams, or runs of them, that one call moves.
const BATCH: usize = super::datagram_batch::BATCH;
/// The most bytes of a run of datagrams, which are UDP's.
const LONGEST_RUN: usize = 65_507;
/// What every path carries: IPv6's least packet (RFC 8200, section 5) without headers.
const ALWAYS_CARRIED: usize = 1280 - 48;
/// Room for the control messages of a datagram: the application may have asked the kernel for others.
const CONTROL: usize = 512;
/// The most pieces that one call takes where datagrams may be merged.
const MOST_MERGED: usize = 8;

/// One piece of what has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Its bytes.
    pub length: usize,
    /// The bytes of each datagram that was merged into it; the last may be shorter. 0: it is one
    /// datagram.
    pub segment: usize,
}

/// A datagram socket of the system's.
pub struct DatagramSocket {
    socket: SharedRef<gio::Socket>,
    number: RawFd,
    /// The longest datagrams that are worth a try to hand over in runs.
    longest_segment: AtomicUsize,
    /// Whether the kernel merges what arrives.
    merges: AtomicBool,
    /// Whether something merged may still wait: as long as it ever did.
    may_merge: AtomicBool,
    /// Whether the application has asked for it itself. Held while the option is set.
    merges_anyway: Mutex<bool>,
}

impl DatagramSocket {
    /// The socket behind a base, if it is a plain one.
    #[must_use]
    pub fn of(base: &gio::DatagramBased) -> Option<Self> {
        let socket = plain_socket(base)?;
        if socket.socket_type() != gio::SocketType::Datagram {
            return None;
        }
        let merges = is_merging(socket);
        Some(Self {
            socket: SharedRef::new(socket.clone()),
            number: socket.as_raw_fd(),
            longest_segment: AtomicUsize::new(longest_segment(socket)),
            merges: AtomicBool::new(merges),
            may_merge: AtomicBool::new(merges),
            merges_anyway: Mutex::new(merges),
        })
    }

    /// Receives what has arrived into `arena`, one piece every `stride` bytes, and never waits.
    ///
    /// `arrivals` tells of each piece and limits their number, as do the arena and [`BATCH`]. Returns
    /// how many arrived; 0: nothing yet.
    ///
    /// # Errors
    ///
    /// Those of `g_socket_receive_message()` other than `G_IO_ERROR_WOULD_BLOCK`.
    pub fn receive(
        &self,
        arena: &mut [u8],
        stride: usize,
        arrivals: &mut [Arrival],
    ) -> Result<usize, glib::Error> {
        let descriptor = self.descriptor()?;
        let may_merge = self.may_merge();
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        let mut controls = [const { MaybeUninit::<Control>::uninit() }; MOST_MERGED];
        let slots = arena.chunks_exact_mut(stride.max(1)).take(arrivals.len());
        let mut controls = controls.iter_mut();
        let mut wanted = 0;
        for ((slot, vector), header) in slots.zip(&mut vectors).zip(&mut headers) {
            let vector = vector.write(libc::iovec {
                iov_base: slot.as_mut_ptr().cast(),
                iov_len: slot.len(),
            });
            let header = header.write(message(vector));
            if may_merge {
                let Some(control) = controls.next() else {
                    break;
                };
                header.msg_hdr.msg_control = control.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = CONTROL;
            }
            wanted += 1;
        }
        // SAFETY: the first `wanted` headers were written above; each points to one vector, which points to
        // its own part of `arena`, and to its own place for control messages or to none. All of them
        // outlive the call.
        let count = retry(|| unsafe {
            let headers = headers.as_mut_ptr().cast();
            libc::recvmmsg(
                descriptor,
                headers,
                wanted,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
            .into()
        });
        let count = match count {
            Ok(count) => count.min(wanted as usize),
            Err(libc::EAGAIN) => return Ok(0),
            Err(number) => return Err(failure("Error receiving message", number)),
        };
        for (arrival, header) in arrivals.iter_mut().zip(&headers).take(count) {
            // SAFETY: the kernel has filled the first `count` headers, which we had written.
            let header = unsafe { header.assume_init_ref() };
            arrival.length = header.msg_len as usize;
            // SAFETY: the header's control messages are those that the kernel has written.
            arrival.segment = unsafe { merged(&header.msg_hdr) };
        }
        Ok(count)
    }

    /// Sends datagrams that lie one behind the other in `datagrams`, and never waits.
    ///
    /// The first begins at the offset `start`, and `ends` holds the offset at which each ends. Returns how
    /// many went out, counted from the front; 0: the socket can take none now.
    ///
    /// # Errors
    ///
    /// Those of `g_socket_send_message()` other than `G_IO_ERROR_WOULD_BLOCK`;
    /// `G_IO_ERROR_INVALID_ARGUMENT` when `ends` is not ascending or exceeds `datagrams`.
    pub fn send(
        &self,
        datagrams: &[u8],
        start: usize,
        ends: &[usize],
    ) -> Result<usize, glib::Error> {
        let descriptor = self.descriptor()?;
        if let [end] = ends
            && let Some(datagram) = datagrams.get(start..*end)
        {
            return answer(send_one(descriptor, datagram));
        }
        let longest = self.longest_segment.load(Ordering::Relaxed);
        let sent = send_runs(descriptor, datagrams, start, ends, longest)?;
        let Some(number) = sent.err().filter(|number| refuses_runs(*number)) else {
            return answer(sent);
        };
        let run = Run::first(start, ends, longest);
        if run.count == 1 {
            return answer(sent);
        }
        // One by one they may go out, or show what is wrong with them.
        let sent = send_runs(descriptor, datagrams, start, ends, 0)?;
        if sent.is_ok_and(|count| count > 0) && !is_passing(number) {
            self.learn(number, run.segment);
        }
        answer(sent)
    }

    /// Runs of such datagrams are refused, but not the datagrams themselves.
    fn learn(&self, number: i32, segment: usize) {
        // A path that carries shorter datagrams only, or else a socket that does not know how.
        let too_long = segment > ALWAYS_CARRIED && matches!(number, libc::EINVAL | libc::EMSGSIZE);
        let left = if too_long {
            segment.saturating_sub(1)
        } else {
            0
        };
        self.longest_segment.fetch_min(left, Ordering::Relaxed);
    }

    /// Blocks until `condition`, or an error, is there. False: the time is up, or `token` was triggered. Time
    /// is counted in whole milliseconds.
    ///
    /// # Errors
    ///
    /// Those of `g_socket_condition_timed_wait()` other than `G_IO_ERROR_TIMED_OUT` and
    /// `G_IO_ERROR_CANCELLED`.
    pub fn wait(
        &self,
        condition: IOCondition,
        timeout: Option<Duration>,
        token: &WaitToken,
    ) -> Result<bool, glib::Error> {
        // GIO's conditions are poll(2)'s.
        let watch = |descriptor, events: u32| libc::pollfd {
            fd: descriptor,
            events: libc::c_short::try_from(events).unwrap_or(0),
            revents: 0,
        };
        let mut watched = [
            watch(self.descriptor()?, condition.bits()),
            watch(token.descriptor(), IOCondition::IN.bits()),
        ];
        let milliseconds = timeout.map_or(-1, |time| {
            libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX)
        });
        // SAFETY: the array is writable, and as long as is said.
        let ready = unsafe {
            let count = watched.len() as libc::nfds_t;
            libc::poll(watched.as_mut_ptr(), count, milliseconds)
        };
        match ready {
            0 => Ok(false),
            1.. => Ok(watched.first().is_some_and(|socket| socket.revents != 0)),
            _ => match last_error() {
                // The time starts anew where the caller looks at the clock.
                libc::EINTR => Ok(false),
                number => Err(failure("Waiting for socket condition", number)),
            },
        }
    }

    /// Whether datagrams of equal length are handed over as one (UDP_SEGMENT).
    #[must_use]
    pub fn sends_runs(&self) -> bool {
        self.longest_segment.load(Ordering::Relaxed) > 0
    }

    /// Asks for that, or takes it back. Other sockets than UDP's cannot.
    pub fn set_sends_runs(&self, wanted: bool) {
        let longest = if wanted {
            longest_segment(&self.socket)
        } else {
            0
        };
        self.longest_segment.store(longest, Ordering::Relaxed);
    }

    /// Whether the kernel merges datagrams of equal length that arrive together (UDP_GRO).
    #[must_use]
    pub fn merges(&self) -> bool {
        self.merges.load(Ordering::Relaxed)
    }

    /// Whether what arrives may be merged, and longer than a datagram.
    #[must_use]
    pub fn may_merge(&self) -> bool {
        self.may_merge.load(Ordering::Relaxed)
    }

    /// Asks the kernel for that, or leaves it as it was before. Where it refuses, nothing changes.
    pub fn set_merges(&self, wanted: bool) {
        let mut merges_anyway = self
            .merges_anyway
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if wanted == self.merges() || self.descriptor().is_err() || !is_udp(&self.socket) {
            return;
        }
        if wanted {
            *merges_anyway = is_merging(&self.socket);
            // Before anything is merged.
            self.may_merge.store(true, Ordering::SeqCst);
        }
        let value = wanted || *merges_anyway;
        let option = self
            .socket
            .set_option(libc::SOL_UDP, libc::UDP_GRO, value.into());
        if option.is_ok() {
            self.merges.store(value, Ordering::Relaxed);
        }
    }

    /// Asked each time: a closed socket's number may be another file's.
    fn descriptor(&self) -> Result<RawFd, glib::Error> {
        if self.socket.is_closed() {
            let text = "The base socket is closed";
            return Err(glib::Error::new(gio::IOErrorEnum::Closed, text));
        }
        Ok(self.number)
    }
}

fn is_udp(socket: &gio::Socket) -> bool {
    matches!(
        socket.family(),
        gio::SocketFamily::Ipv4 | gio::SocketFamily::Ipv6
    )
}

/// A kernel that does not know the option would take a run for one datagram.
fn longest_segment(socket: &gio::Socket) -> usize {
    let known = is_udp(socket) && socket.option(libc::SOL_UDP, libc::UDP_SEGMENT).is_ok();
    if known { LONGEST_RUN } else { 0 }
}

/// Whether the kernel merges what arrives.
fn is_merging(socket: &gio::Socket) -> bool {
    is_udp(socket) && matches!(socket.option(libc::SOL_UDP, libc::UDP_GRO), Ok(1..))
}

/// Where the kernel puts control messages, and finds ours.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

fn message(vector: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all of its fields are integers and pointers that may be NULL; some systems have hidden ones.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}

fn answer(sent: Result<usize, i32>) -> Result<usize, glib::Error> {
    match sent {
        Ok(count) => Ok(count),
        Err(libc::EAGAIN) => Ok(0),
        Err(number) => Err(failure("Error sending message", number)),
    }
}

/// The size of the datagrams that the kernel has merged, 0 if it has not, or there was no place to tell.
///
/// # Safety
///
/// The header's control messages are valid.
unsafe fn merged(header: &libc::msghdr) -> usize {
    // SAFETY: by the caller's guarantee; the macros stay within what `msg_controllen` says. A UDP_GRO message
    // holds an int, perhaps unaligned.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = control.as_ref() {
            // The kernel cuts off what has no room.
            let is_whole =
                found.cmsg_len >= libc::CMSG_LEN(mem::size_of::<libc::c_int>() as u32) as usize;
            if found.cmsg_level == libc::SOL_UDP && found.cmsg_type == libc::UDP_GRO && is_whole {
                let size = libc::CMSG_DATA(control).cast::<libc::c_int>();
                return usize::try_from(size.read_unaligned()).unwrap_or(0);
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    0
}

/// Repeats a system call that a signal has interrupted. Fails with the error's number.
fn retry(mut call: impl FnMut() -> libc::c_long) -> Result<usize, i32> {
    loop {
        if let Ok(count) = usize::try_from(call()) {
            return Ok(count);
        }
        match last_error() {
            libc::EINTR => {}
            number => return Err(number),
        }
    }
}

/// The number of the error that a system call has just met.
fn last_error() -> i32 {
    let error = std::io::Error::last_os_error();
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// What GIO makes of an error's number.
fn failure(what: &str, number: i32) -> glib::Error {
    // SAFETY: both functions only look the number up; the text stays, or belongs to this thread.
    let (kind, reason) = unsafe {
        let kind: gio::IOErrorEnum = from_glib(ffi::g_io_error_from_errno(number));
        let reason: glib::GString = from_glib_none(glib::ffi::g_strerror(number));
        (kind, reason)
    };
    glib::Error::new(kind, &format!("{what}: {reason}"))
}

#[cfg(test)]
mod tests;
