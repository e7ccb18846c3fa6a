//! Messages as GIO's C structures describe them: vectors, counts, out-fields and partial success.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.
#![allow(unsafe_code)] // GIO's Rust interface hides what is tested here.

mod common;

use std::{
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use common::{
    NOW, assert_fails, client, established, handshakes,
    meddler::Meddler,
    receive, receive_many, run, send, server,
    simnet::{Direction, SimNet},
};
use gio::{IOErrorEnum, TlsError, ffi, prelude::*};
use gio_ossl::{
    DtlsClientConnection, DtlsServerConnection,
    subclass::datagram_based::{receive_batch, send_batch},
};
use glib::translate::*;

const MSG_TRUNC: i32 = 0x20;
/// What an out-field holds before a call that must not touch it.
const UNTOUCHED: usize = 77;

type Call<T> = Result<T, glib::Error>;

/// One message to be received into vectors of these sizes, and what became of it.
struct Slot {
    buffers: Vec<Vec<u8>>,
    bytes_received: usize,
    flags: i32,
    control_count: u32,
    address: *mut ffi::GSocketAddress,
    controls: *mut *mut ffi::GSocketControlMessage,
    nothing_asked: bool,
}

impl Slot {
    fn of(sizes: &[usize]) -> Self {
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
    fn asking_for_nothing(mut self) -> Self {
        self.nothing_asked = true;
        self
    }

    fn text(&self) -> Vec<&[u8]> {
        self.buffers.iter().map(Vec::as_slice).collect()
    }
}

/// Calls `g_datagram_based_receive_messages()`, whose count and error must agree.
fn receive_slots(
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
fn send_vectors(
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

/// Established ends, the client's over a base that can be made to fail.
async fn meddled(net: &SimNet) -> (DtlsClientConnection, DtlsServerConnection, Meddler) {
    let (near, far) = net.pair();
    let base = Meddler::new(&near);
    let (client, server) = (client(&base), server(&far));
    let (ours, theirs) = handshakes(&client, &server).await;
    ours.unwrap();
    theirs.unwrap();
    (client, server, base)
}

fn refused() -> glib::Error {
    glib::Error::new(IOErrorEnum::ConnectionRefused, "refused")
}

fn too_large() -> glib::Error {
    glib::Error::new(IOErrorEnum::MessageTooLarge, "EMSGSIZE")
}

fn strict() {
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
}

#[test]
fn message_is_gathered_from_and_scattered_to_several_vectors() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let before = net.sent(Direction::ToServer).len();
        let (result, sent) = send_vectors(&client, &[&[b"one ", b"", b"mess", b"age"]], 0);
        assert_eq!((result.unwrap(), sent), (1, vec![11]));
        assert_eq!(net.sent(Direction::ToServer).len(), before + 1);
        let mut slots = [Slot::of(&[3, 0, 5, 10])];
        assert_eq!(receive_slots(&server, &mut slots, 0, None).unwrap(), 1);
        assert_eq!(slots[0].bytes_received, 11);
        let expected: [&[u8]; 4] = [b"one", b"", b" mess", b"age......."];
        assert_eq!(slots[0].text(), expected);
    });
}

#[test]
fn message_longer_than_its_vectors_is_cut_at_their_end_and_flagged() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"0123456789", NOW).unwrap();
        send(&server, b"next", NOW).unwrap();
        let mut slots = [Slot::of(&[2, 3]), Slot::of(&[2, 3])];
        assert_eq!(receive_slots(&client, &mut slots, 0, None).unwrap(), 2);
        assert_eq!((slots[0].bytes_received, slots[0].flags), (5, MSG_TRUNC));
        assert_eq!(slots[0].text().concat(), b"01234");
        assert_eq!((slots[1].bytes_received, slots[1].flags), (4, 0));
    });
}

#[test]
fn out_fields_are_written_through_for_returned_messages_alone() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"one", NOW).unwrap();
        let mut slots = [Slot::of(&[8]), Slot::of(&[8])];
        assert_eq!(receive_slots(&client, &mut slots, 0, None).unwrap(), 1);
        let [first, second] = &slots;
        assert_eq!((first.bytes_received, first.flags), (3, 0));
        assert_eq!(first.control_count, 0);
        assert!(first.address.is_null() && first.controls.is_null());
        assert_eq!(second.bytes_received, UNTOUCHED);
        assert_eq!(second.flags, UNTOUCHED as i32);
        assert_eq!(second.control_count, UNTOUCHED as u32);
        assert_eq!(second.address, ptr::dangling_mut());
        assert_eq!(second.text(), [b"........"]);
    });
}

#[test]
fn failed_receive_leaves_the_out_fields_alone() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let mut slots = [Slot::of(&[8])];
        let result = receive_slots(&client, &mut slots, 0, None);
        assert_fails(result, IOErrorEnum::WouldBlock);
        assert_eq!(slots[0].bytes_received, UNTOUCHED);
        assert_eq!(slots[0].control_count, UNTOUCHED as u32);
        assert_eq!(slots[0].text(), [b"........"]);
    });
}

#[test]
fn out_fields_may_be_null() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"one", NOW).unwrap();
        let mut slots = [Slot::of(&[8]).asking_for_nothing()];
        assert_eq!(receive_slots(&client, &mut slots, 0, None).unwrap(), 1);
        assert_eq!(slots[0].bytes_received, 3);
    });
}

#[test]
fn message_without_any_vector_is_consumed_and_counted() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        for sizes in [&[][..], &[0], &[0, 0]] {
            send(&server, b"lost", NOW).unwrap();
            send(&server, b"kept", NOW).unwrap();
            let mut slots = [Slot::of(sizes)];
            assert_eq!(receive_slots(&client, &mut slots, 0, None).unwrap(), 1);
            assert_eq!((slots[0].bytes_received, slots[0].flags), (0, MSG_TRUNC));
            assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"kept");
        }
    });
}

#[test]
fn message_of_no_vectors_or_no_bytes_sends_nothing_and_counts() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let before = net.sent(Direction::ToServer).len();
        let messages: [&[&[u8]]; 4] = [&[b"a"], &[], &[b"", b""], &[b"b"]];
        let (result, sent) = send_vectors(&client, &messages, 0);
        assert_eq!((result.unwrap(), sent), (4, vec![1, 0, 0, 1]));
        assert_eq!(net.sent(Direction::ToServer).len(), before + 2);
        assert_eq!(receive_many(&server, 4, NOW).unwrap(), [b"a", b"b"]);
    });
}

#[test]
fn receive_that_may_not_wait_takes_all_there_is() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        for text in [b"1", b"2", b"3"] {
            send(&server, text, NOW).unwrap();
        }
        let mut slots = [Slot::of(&[8]), Slot::of(&[8])];
        assert_eq!(receive_slots(&client, &mut slots, 0, None).unwrap(), 2);
        assert_eq!(receive_slots(&client, &mut slots, 0, None).unwrap(), 1);
        let result = receive_slots(&client, &mut slots, 0, None);
        assert_fails(result, IOErrorEnum::WouldBlock);
    });
}

#[test]
fn time_limit_is_one_for_the_whole_call() {
    run(async {
        let (client, server, base) = meddled(&SimNet::new()).await;
        let limit = Duration::from_millis(60);
        let stop = AtomicBool::new(false);
        let count = thread::scope(|scope| {
            scope.spawn(|| {
                // A message for each wait, well within a limit that would begin again with it: the
                // receiver would get all.
                let mut waits = 0;
                while !stop.load(Ordering::SeqCst) {
                    if base.calls().wait > waits {
                        waits = base.calls().wait;
                        thread::sleep(limit / 3);
                        send(&server, b"x", NOW).unwrap();
                    }
                    thread::yield_now();
                }
            });
            let received = receive_many(&client, 9, Some(limit));
            stop.store(true, Ordering::SeqCst);
            received.map(|messages| messages.len())
        });
        assert!(count.is_err() || count.unwrap() < 9);
    });
}

#[test]
fn receive_returns_what_it_has_and_the_bases_error_comes_next() {
    run(async {
        let (client, server, base) = meddled(&SimNet::new()).await;
        send(&server, b"one", NOW).unwrap();
        base.fail_receive(1, refused());
        let mut slots = [Slot::of(&[8]), Slot::of(&[8]), Slot::of(&[8])];
        assert_eq!(receive_slots(&client, &mut slots, -1, None).unwrap(), 1);
        let both = glib::IOCondition::IN | glib::IOCondition::OUT;
        assert!(client.condition_check(both).contains(glib::IOCondition::IN));
        let result = receive_slots(&client, &mut slots, 0, None);
        assert_fails(result, IOErrorEnum::ConnectionRefused);
        let result = receive_slots(&client, &mut slots, 0, None);
        assert_fails(result, IOErrorEnum::WouldBlock);
        send(&server, b"two", NOW).unwrap();
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"two");
    });
}

#[test]
fn cancelled_receive_returns_what_it_has() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        send(&server, b"one", NOW).unwrap();
        let cancellable = gio::Cancellable::new();
        let near = net.client();
        let canceller = thread::spawn({
            let cancellable = cancellable.clone();
            move || {
                // The message has been taken when the base is empty.
                while near.condition_check(glib::IOCondition::IN) == glib::IOCondition::IN {
                    thread::yield_now();
                }
                cancellable.cancel();
            }
        });
        let mut slots = [Slot::of(&[8]), Slot::of(&[8])];
        let count = receive_slots(&client, &mut slots, -1, Some(&cancellable)).unwrap();
        assert_eq!((count, slots[0].bytes_received), (1, 3));
        canceller.join().unwrap();
        assert_fails(receive(&client, NOW), IOErrorEnum::WouldBlock);
    });
}

#[test]
fn end_of_messages_comes_after_the_messages_before_it() {
    run(async {
        let (client, server) = established(&SimNet::new()).await;
        send(&server, b"one", NOW).unwrap();
        server.close(gio::Cancellable::NONE).unwrap();
        let mut slots = [Slot::of(&[8]), Slot::of(&[8])];
        assert_eq!(receive_slots(&client, &mut slots, -1, None).unwrap(), 1);
        for timeout in [-1, 0, 1000] {
            let count = receive_slots(&client, &mut slots, timeout, None);
            assert_eq!(count.unwrap(), 0);
        }
    });
}

#[test]
fn end_without_close_notify_comes_after_the_messages_before_it() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        send(&server, b"one", NOW).unwrap();
        net.end(Direction::ToClient);
        let mut slots = [Slot::of(&[8]), Slot::of(&[8])];
        assert_eq!(receive_slots(&client, &mut slots, -1, None).unwrap(), 1);
        let result = receive_slots(&client, &mut slots, -1, None);
        assert_fails(result, TlsError::Eof);
    });
}

#[test]
fn send_returns_what_went_out_before_an_error_of_the_base() {
    run(async {
        let net = SimNet::new();
        let (client, server, base) = meddled(&net).await;
        // More messages than are handed to the base at once.
        let bytes = vec![b'm'; 200];
        let messages: Vec<&[&[u8]]> = vec![&[b"m"]; 200];
        base.fail_send(1, refused());
        let (result, sent) = send_vectors(&client, &messages, -1);
        let count = result.unwrap();
        assert!(count < 200, "{count}");
        assert!(sent[..count].iter().all(|bytes| *bytes == 1));
        assert!(sent[count..].iter().all(|bytes| *bytes == 0));
        let ends: Vec<usize> = (1..=200 - count).collect();
        let next = send_batch(client.upcast_ref(), &bytes, 0, &ends, NOW, None);
        assert_fails(next, IOErrorEnum::ConnectionRefused);
        let rest = send_batch(client.upcast_ref(), &bytes, 0, &ends, NOW, None).unwrap();
        assert!(rest > 0);
        assert!(!receive_many(&server, 64, NOW).unwrap().is_empty());
    });
}

#[test]
fn error_of_the_base_when_nothing_was_sent_is_reported_once() {
    run(async {
        let (client, server, base) = meddled(&SimNet::new()).await;
        base.fail_send(0, refused());
        let (result, sent) = send_vectors(&client, &[&[b"lost"]], -1);
        assert_fails(result, IOErrorEnum::ConnectionRefused);
        assert_eq!(sent, [0]);
        send(&client, b"fine", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"fine");
    });
}

#[test]
fn message_too_large_for_the_base_is_reported_and_the_connection_lives_on() {
    run(async {
        let (client, server, base) = meddled(&SimNet::new()).await;
        base.fail_send(0, too_large());
        let result = send(&client, &[0; 9000], NOW);
        assert_fails(result, IOErrorEnum::MessageTooLarge);
        send(&client, b"fine", NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"fine");
        send(&server, b"back", NOW).unwrap();
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"back");
    });
}

#[test]
fn largest_message_is_one_record_and_a_larger_one_is_refused_unsent() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let largest = vec![7; 16_384];
        send(&client, &largest, NOW).unwrap();
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), largest);
        let before = net.sent(Direction::ToServer).len();
        let (result, sent) = send_vectors(&client, &[&[&largest, b"!"]], -1);
        assert_fails(result, IOErrorEnum::MessageTooLarge);
        assert_eq!(sent, [0]);
        assert_eq!(net.sent(Direction::ToServer).len(), before);
        let (result, sent) = send_vectors(&client, &[&[b"a"], &[&largest, b"!"], &[b"b"]], -1);
        assert_eq!((result.unwrap(), sent), (1, vec![1, 0, 0]));
        assert_eq!(receive_many(&server, 3, NOW).unwrap(), [b"a"]);
    });
}

#[test]
fn blocked_send_keeps_what_went_out_before_its_time_limit() {
    run(async {
        let net = SimNet::new();
        let (client, _server) = established(&net).await;
        net.block(Direction::ToServer, true);
        let (result, sent) = send_vectors(&client, &[&[b"a"], &[b"b"]], 1000);
        assert_fails(result, IOErrorEnum::TimedOut);
        assert_eq!(sent, [0, 0]);
        let (result, _) = send_vectors(&client, &[&[b"a"], &[b"b"]], 0);
        assert_fails(result, IOErrorEnum::WouldBlock);
    });
}

#[test]
fn receive_and_send_of_no_messages_succeed_in_every_state() {
    strict();
    run(async {
        let net = SimNet::new();
        let fresh = client(&net.client());
        assert_eq!(receive_slots(&fresh, &mut [], -1, None).unwrap(), 0);
        assert_eq!(send_vectors(&fresh, &[], -1).0.unwrap(), 0);
        assert!(net.all_sent().is_empty());
        let (client, _server) = established(&SimNet::new()).await;
        for timeout in [-1, 0, 1000] {
            assert_eq!(receive_slots(&client, &mut [], timeout, None).unwrap(), 0);
            assert_eq!(send_vectors(&client, &[], timeout).0.unwrap(), 0);
        }
    });
}

#[test]
fn messages_to_an_address_and_with_control_messages_go_to_the_peer() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let elsewhere = gio::InetSocketAddress::from_string("192.0.2.1", 9).unwrap();
        let vectors = [gio::OutputVector::new(b"to you")];
        let mut messages = [gio::OutputMessage::new(Some(&elsewhere), &vectors, &[])];
        let count = client
            .send_messages(&mut messages, 0, NOW, gio::Cancellable::NONE)
            .unwrap();
        assert_eq!((count, messages[0].bytes_sent()), (1, 6));
        assert_eq!(receive(&server, NOW).unwrap().unwrap(), b"to you");
    });
}

#[test]
fn every_flag_is_refused_before_the_cancellation_and_the_close() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        client.close(gio::Cancellable::NONE).unwrap();
        for flag in [1, 2, 4, 0x40] {
            let mut buffer = [0; 8];
            let mut vectors = [gio::InputVector::new(&mut buffer)];
            let mut messages = [gio::InputMessage::new(None, &mut vectors, None)];
            let result = client.receive_messages::<[&mut [&mut [u8]]; 0], _>(
                &mut messages,
                flag,
                None,
                Some(&cancelled),
            );
            assert_fails(result, IOErrorEnum::InvalidArgument);
            let vectors = [gio::OutputVector::new(b"y")];
            let mut messages = [gio::OutputMessage::new(
                gio::SocketAddress::NONE,
                &vectors,
                &[],
            )];
            let result = client.send_messages(&mut messages, flag, None, Some(&cancelled));
            assert_fails(result, IOErrorEnum::InvalidArgument);
        }
    });
}

#[test]
fn cancellation_is_reported_before_the_close() {
    run(async {
        let (client, _server) = established(&SimNet::new()).await;
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        client.close(gio::Cancellable::NONE).unwrap();
        let result = receive_slots(&client, &mut [Slot::of(&[8])], -1, Some(&cancelled));
        assert_fails(result, IOErrorEnum::Cancelled);
        assert_fails(receive(&client, None), IOErrorEnum::Closed);
        assert_fails(send(&client, b"x", None), IOErrorEnum::Closed);
    });
}

#[test]
fn buffered_records_survive_a_cancelled_and_a_timed_out_call() {
    run(async {
        let net = SimNet::new();
        let (client, server) = established(&net).await;
        let before = net.sent(Direction::ToClient).len();
        send(&server, b"first", NOW).unwrap();
        send(&server, b"second", NOW).unwrap();
        receive_many(&net.client(), 2, NOW).unwrap();
        let both = net.sent(Direction::ToClient)[before..].concat();
        net.inject(Direction::ToClient, &both);
        assert_eq!(receive(&client, NOW).unwrap().unwrap(), b"first");
        let cancelled = gio::Cancellable::new();
        cancelled.cancel();
        let result = receive_batch(
            client.upcast_ref(),
            &mut [0; 16],
            16,
            &mut [0],
            NOW,
            Some(&cancelled),
        );
        assert_fails(result, IOErrorEnum::Cancelled);
        // Nothing is at the base: only the buffered record can satisfy this.
        assert_eq!(receive(&client, None).unwrap().unwrap(), b"second");
    });
}
