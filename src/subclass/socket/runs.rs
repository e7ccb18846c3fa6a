//! Handing datagrams over to the kernel: one, or runs of many as one.

use std::{
    mem::{self, MaybeUninit},
    os::fd::RawFd,
    ptr,
};

use super::{BATCH, LONGEST_RUN, message, retry};

/// The most datagrams of a run (`UDP_MAX_SEGMENTS`).
const MOST_SEGMENTS: usize = 64;
const SEND_FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Datagrams that go out as one: all have `segment` bytes but the last, which may have fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) count: usize,
    pub(super) segment: usize,
    pub(super) bytes: usize,
}

impl Run {
    /// The longest run at the front of datagrams that begin at `start` and have these ends.
    pub(super) fn first(start: usize, ends: &[usize], longest: usize) -> Self {
        let mut run = Run {
            count: 0,
            segment: 0,
            bytes: 0,
        };
        let mut begin = start;
        for end in ends {
            let length = end.saturating_sub(begin);
            begin = *end;
            if run.count == 0 {
                run.segment = length;
            } else if length == 0 || length > run.segment || run.bytes + length > LONGEST_RUN {
                break;
            }
            run.count += 1;
            run.bytes += length;
            if length != run.segment || length > longest || run.count == MOST_SEGMENTS {
                break;
            }
        }
        run
    }
}

/// Sends one datagram, for which the kernel has the least to copy, and returns 1, or the number of the error.
pub(super) fn send_one(descriptor: RawFd, datagram: &[u8]) -> Result<usize, i32> {
    // SAFETY: the kernel only reads what `datagram` has.
    let sent = retry(|| unsafe {
        let (bytes, length) = (datagram.as_ptr().cast(), datagram.len());
        libc::send(descriptor, bytes, length, SEND_FLAGS) as libc::c_long
    });
    sent.map(|_| 1)
}

/// Sends runs of datagrams in one system call, and returns how many datagrams went out, or the number of the
/// error that the first run met.
pub(super) fn send_runs(
    descriptor: RawFd,
    datagrams: &[u8],
    mut start: usize,
    mut ends: &[usize],
    longest: usize,
) -> Result<Result<usize, i32>, glib::Error> {
    let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
    let mut controls = [const { MaybeUninit::<Segmentation>::uninit() }; BATCH];
    let mut counts = [0; BATCH];
    let places = vectors.iter_mut().zip(&mut headers).zip(&mut controls);
    let mut wanted = 0;
    for (((vector, header), control), count) in places.zip(&mut counts) {
        let run = Run::first(start, ends, longest);
        if run.count == 0 {
            break;
        }
        let end = start + run.bytes;
        let is_ascending = ends.get(run.count - 1) == Some(&end);
        let bytes = datagrams.get(start..end).filter(|_| is_ascending);
        let bytes = bytes.ok_or_else(|| {
            let text = "the ends of the datagrams do not fit their bytes";
            glib::Error::new(gio::IOErrorEnum::InvalidArgument, text)
        })?;
        let vector = vector.write(libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        });
        let header = header.write(message(vector));
        if run.count > 1 {
            let control = control.write(Segmentation::of(run.segment));
            header.msg_hdr.msg_control = ptr::from_mut(control).cast();
            header.msg_hdr.msg_controllen = mem::size_of::<Segmentation>();
        }
        *count = run.count;
        start = end;
        ends = ends.get(run.count..).unwrap_or_default();
        wanted += 1;
    }
    if wanted == 0 {
        return Ok(Ok(0));
    }
    // SAFETY: the first `wanted` headers were written above; each points to one vector, which points to a part
    // of `datagrams` that is only read, and to a control message or none. All of them outlive the call.
    let runs = retry(|| unsafe {
        if wanted == 1 {
            let header = headers.as_ptr().cast::<libc::msghdr>();
            let sent = libc::sendmsg(descriptor, header, SEND_FLAGS);
            if sent < 0 { -1 } else { 1 }
        } else {
            libc::sendmmsg(descriptor, headers.as_mut_ptr().cast(), wanted, SEND_FLAGS).into()
        }
    });
    Ok(runs.map(|runs| counts.iter().take(runs).sum()))
}

/// Whether an error may be due to a run, rather than to the socket or the path.
pub(super) fn refuses_runs(number: i32) -> bool {
    matches!(
        number,
        libc::EINVAL
            | libc::EIO
            | libc::EMSGSIZE
            | libc::ENOPROTOOPT
            | libc::EOPNOTSUPP
            | libc::EPROTONOSUPPORT
    ) || is_passing(number)
}

/// Whether an error is due to the moment: there may be memory for one datagram where there is none for a run.
pub(super) fn is_passing(number: i32) -> bool {
    matches!(number, libc::ENOBUFS | libc::ENOMEM)
}

/// The control message that makes a run of one message (udp(7), UDP_SEGMENT).
#[repr(C, align(8))]
struct Segmentation {
    header: libc::cmsghdr,
    size: u16,
    padding: [u8; 6],
}

impl Segmentation {
    fn of(segment: usize) -> Self {
        // SAFETY: the macro only computes.
        let length = unsafe { libc::CMSG_LEN(mem::size_of::<u16>() as u32) };
        Segmentation {
            header: libc::cmsghdr {
                cmsg_len: length as usize,
                cmsg_level: libc::SOL_UDP,
                cmsg_type: libc::UDP_SEGMENT,
            },
            size: u16::try_from(segment).unwrap_or(u16::MAX),
            padding: [0; 6],
        }
    }
}
