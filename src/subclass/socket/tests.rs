//! Real UDP sockets on the loopback interface.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)] // These are tests.

use super::*;

const SLOT: usize = 65_535;
/// `SOL_SOCKET` and `SO_NO_CHECK`: a sender without checksums, from whom the kernel takes no runs.
const NO_CHECKSUM: (i32, i32) = (1, 11);
/// Plenty for what is there already.
const SOON: Option<Duration> = Some(Duration::from_secs(20));

fn udp() -> gio::Socket {
    let socket = gio::Socket::new(
        gio::SocketFamily::Ipv4,
        gio::SocketType::Datagram,
        gio::SocketProtocol::Udp,
    );
    let socket = socket.unwrap();
    let here = gio::InetSocketAddress::from_string("127.0.0.1", 0).unwrap();
    socket.bind(&here, false).unwrap();
    socket
}

fn connect(from: &gio::Socket, to: &gio::Socket) {
    let there = to.local_address().unwrap();
    SocketExt::connect(from, &there, gio::Cancellable::NONE).unwrap();
}

fn direct(socket: &gio::Socket) -> DatagramSocket {
    DatagramSocket::of(socket.upcast_ref()).unwrap()
}

/// Two sockets that are connected to each other.
fn pair() -> (gio::Socket, gio::Socket) {
    let (one, other) = (udp(), udp());
    connect(&one, &other);
    connect(&other, &one);
    (one, other)
}

/// Datagrams of these sizes, each of bytes of its own, end to end, and their ends.
fn datagrams(sizes: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for (number, size) in sizes.iter().enumerate() {
        bytes.resize(bytes.len() + size, number as u8);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn send(socket: &DatagramSocket, sizes: &[usize]) {
    let (bytes, ends) = datagrams(sizes);
    let mut sent = 0;
    while sent < ends.len() {
        let start = if sent == 0 { 0 } else { ends[sent - 1] };
        sent += socket.send(&bytes, start, &ends[sent..]).unwrap();
    }
}

/// What arrives, in the pieces in which it does.
fn receive(socket: &DatagramSocket, bytes: usize) -> (Vec<u8>, Vec<Arrival>) {
    let mut arena = vec![0; 8 * SLOT];
    let (mut received, mut pieces) = (Vec::new(), Vec::new());
    while received.len() < bytes {
        assert!(
            socket
                .wait(IOCondition::IN, SOON, &WaitToken::take())
                .unwrap()
        );
        let mut arrivals = [Arrival::default(); 8];
        let count = socket.receive(&mut arena, SLOT, &mut arrivals).unwrap();
        for (slot, arrival) in arena.chunks(SLOT).zip(&arrivals[..count]) {
            received.extend_from_slice(&slot[..arrival.length]);
            pieces.push(*arrival);
        }
    }
    (received, pieces)
}

/// That datagrams of these sizes arrive whole, in order, and as many.
fn assert_sent_one_by_one(from: &DatagramSocket, to: &DatagramSocket, sizes: &[usize]) {
    send(from, sizes);
    let (bytes, _) = datagrams(sizes);
    let (received, pieces) = receive(to, bytes.len());
    assert_eq!(received, bytes);
    let lengths: Vec<_> = pieces.iter().map(|piece| piece.length).collect();
    assert_eq!(lengths, sizes);
}

#[test]
fn run_is_of_one_length_but_for_a_shorter_end() {
    let run = |sizes: &[usize], longest| {
        let (_, ends) = datagrams(sizes);
        Run::first(0, &ends, longest).count
    };
    assert_eq!(run(&[], 100), 0);
    assert_eq!(run(&[5], 100), 1);
    assert_eq!(run(&[5, 5, 5], 100), 3);
    assert_eq!(run(&[5, 5, 3, 3], 100), 3);
    assert_eq!(run(&[5, 6], 100), 1);
    assert_eq!(run(&[5, 0, 5], 100), 1);
    assert_eq!(run(&[0, 0], 100), 1);
    assert_eq!(run(&[5, 5], 4), 1);
    assert_eq!(run(&[5; 100], 100), 64);
    assert_eq!(run(&[10_000; 7], 65_535), 6);
    assert_eq!(Run::first(7, &[9, 11], 100).bytes, 4);
}

#[test]
fn run_arrives_as_the_datagrams_that_it_is_of() {
    let (one, other) = pair();
    let (from, to) = (direct(&one), direct(&other));
    for sizes in [
        vec![100; 40],
        vec![100, 100, 30, 200, 200, 1, 100],
        vec![1400; 64],
        vec![9],
    ] {
        assert_sent_one_by_one(&from, &to, &sizes);
    }
    assert!(from.sends_runs());
}

#[test]
fn socket_that_refuses_runs_sends_one_by_one_for_good() {
    let (one, other) = pair();
    one.set_option(NO_CHECKSUM.0, NO_CHECKSUM.1, 1).unwrap();
    let (from, to) = (direct(&one), direct(&other));
    assert!(from.sends_runs());
    for _ in 0..2 {
        assert_sent_one_by_one(&from, &to, &[100; 20]);
        assert!(!from.sends_runs());
    }
}

#[test]
fn datagrams_that_are_too_long_for_runs_leave_runs_to_shorter_ones() {
    let (one, other) = pair();
    // What a path of 1,500 bytes would say, the loopback interface says of 65,536.
    let from = direct(&one);
    from.learn(libc::EINVAL, 1473);
    assert!(from.sends_runs());
    assert_sent_one_by_one(&from, &direct(&other), &[1473, 1473, 1472, 1472]);
}

#[test]
fn merged_datagrams_are_told_apart() {
    let (one, other) = pair();
    let (from, to) = (direct(&one), direct(&other));
    to.set_merges(true);
    assert!(to.merges());
    send(&from, &[100; 20]);
    let (bytes, _) = datagrams(&[100; 20]);
    let (received, pieces) = receive(&to, bytes.len());
    assert_eq!(received, bytes);
    for piece in pieces {
        let alone = piece.segment == 0 && piece.length == 100;
        assert!(alone || piece.segment == 100, "{piece:?}");
    }
    to.set_merges(false);
    assert_sent_one_by_one(&from, &to, &[100; 20]);
}

#[test]
fn merging_ends_as_it_was_found() {
    for found in [0, 1] {
        let socket = udp();
        let merging = || socket.option(libc::SOL_UDP, libc::UDP_GRO).unwrap();
        socket
            .set_option(libc::SOL_UDP, libc::UDP_GRO, found)
            .unwrap();
        let direct = direct(&socket);
        direct.set_merges(true);
        assert_eq!(merging(), 1);
        direct.set_merges(false);
        assert_eq!(merging(), found);
    }
}

#[test]
fn nothing_there_is_no_error_and_takes_no_time() {
    let (one, _other) = pair();
    let mut arrivals = [Arrival::default(); 2];
    let socket = direct(&one);
    let mut arena = [0; 20];
    assert_eq!(socket.receive(&mut arena, 10, &mut arrivals).unwrap(), 0);
    let token = WaitToken::take();
    let nothing = socket.wait(IOCondition::IN, Some(Duration::ZERO), &token);
    assert!(!nothing.unwrap());
    assert_eq!(socket.send(&[], 0, &[]).unwrap(), 0);
}

#[test]
fn token_ends_a_wait_and_is_as_good_as_new_for_the_next() {
    let (one, _other) = pair();
    let socket = direct(&one);
    let token = WaitToken::take();
    token.trigger();
    assert!(!socket.wait(IOCondition::IN, None, &token).unwrap());
    WaitToken::give_back(&token);
    let next = WaitToken::take();
    assert!(std::sync::Arc::ptr_eq(&token, &next));
    assert!(!next.cancellable().is_cancelled());
    assert!(socket.wait(IOCondition::OUT, SOON, &next).unwrap());
}

#[test]
fn refusal_by_the_peer_is_gios_error() {
    let (one, other) = pair();
    let socket = direct(&one);
    other.close().unwrap();
    socket.send(b"x", 0, &[1]).unwrap();
    assert!(
        socket
            .wait(IOCondition::IN, SOON, &WaitToken::take())
            .unwrap()
    );
    let mut arrivals = [Arrival::default()];
    let error = socket.receive(&mut [0; 9], 9, &mut arrivals).unwrap_err();
    assert!(
        error.matches(gio::IOErrorEnum::ConnectionRefused),
        "{error}"
    );
}

#[test]
fn datagram_that_no_path_carries_is_gios_error() {
    let (one, _other) = pair();
    let socket = direct(&one);
    let error = socket.send(&[0; 65_600], 0, &[65_600]).unwrap_err();
    assert!(error.matches(gio::IOErrorEnum::MessageTooLarge), "{error}");
    assert!(socket.sends_runs());
}

#[test]
fn ends_outside_of_the_bytes_are_refused() {
    let (one, _other) = pair();
    for ends in [[4, 9], [5, 4]] {
        let error = direct(&one).send(b"abcde", 1, &ends);
        assert!(
            error.is_err_and(|error| error.matches(gio::IOErrorEnum::InvalidArgument)),
            "{ends:?}"
        );
    }
}

#[test]
fn closed_socket_is_not_touched() {
    let (one, _other) = pair();
    let socket = direct(&one);
    one.close().unwrap();
    let mut arrivals = [Arrival::default()];
    let errors = [
        socket.receive(&mut [0; 9], 9, &mut arrivals).unwrap_err(),
        socket.send(b"x", 0, &[1]).unwrap_err(),
        socket
            .wait(IOCondition::IN, SOON, &WaitToken::take())
            .unwrap_err(),
    ];
    for error in errors {
        assert!(error.matches(gio::IOErrorEnum::Closed), "{error}");
    }
    socket.set_merges(true);
    assert!(!socket.merges());
}

#[test]
fn streams_and_what_is_no_socket_are_not_for_us() {
    let stream = gio::Socket::new(
        gio::SocketFamily::Ipv4,
        gio::SocketType::Stream,
        gio::SocketProtocol::Tcp,
    );
    assert!(DatagramSocket::of(stream.unwrap().upcast_ref()).is_none());
    let other = crate::subclass::test_class::TestBase::new();
    assert!(DatagramSocket::of(other.upcast_ref()).is_none());
}

#[test]
fn datagrams_of_unix_sockets_go_one_by_one() {
    let (one, other) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let socket = |it: std::os::unix::net::UnixDatagram| gio::Socket::from_fd(it.into()).unwrap();
    let (one, other) = (socket(one), socket(other));
    let (from, to) = (direct(&one), direct(&other));
    to.set_merges(true);
    from.set_sends_runs(true);
    assert!(!from.sends_runs() && !to.merges());
    assert_sent_one_by_one(&from, &to, &[50; 5]);
}
