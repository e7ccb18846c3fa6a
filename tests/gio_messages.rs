//! Messages as GIO's C structures describe them: vectors, counts, out-fields and sizes.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;
#[path = "common/slots.rs"]
mod slots;

use std::ptr;

use common::{
    NOW, assert_fails, client, established, receive, receive_many, run, send,
    simnet::{Direction, SimNet},
};
use gio::{IOErrorEnum, prelude::*};
use slots::{Slot, UNTOUCHED, receive_slots, send_vectors};

const MSG_TRUNC: i32 = 0x20;

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
