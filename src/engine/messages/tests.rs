use super::order::*;
use super::*;

/// A fragment of a message of this length.
fn part(kind: u8, sequence: u8, length: u8, offset: u8, bytes: &[u8]) -> Vec<u8> {
    let size = u8::try_from(bytes.len()).unwrap();
    let header = [kind, 0, 0, length, 0, sequence, 0, 0, offset, 0, 0, size];
    [&header, bytes].concat()
}

fn whole(kind: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    part(kind, sequence, length, 0, body)
}

fn server_hello(sequence: u8) -> Vec<u8> {
    whole(SERVER_HELLO, sequence, &[7; SHORTEST_SERVER_HELLO])
}

fn client_hello() -> Vec<u8> {
    whole(CLIENT_HELLO, 0, &[7; SHORTEST_CLIENT_HELLO])
}

fn at_client() -> Messages {
    Messages::new(Peer::Server { with_ticket: false }, Vec::new())
}

/// The longest of a record.
const PLAINTEXT: usize = 16_384;

#[test]
fn messages_are_released_in_their_order() {
    let mut messages = at_client();
    let certificate = whole(CERTIFICATE, 1, b"certificate");
    let done = whole(SERVER_HELLO_DONE, 2, b"");
    assert!(messages.take(&done));
    assert!(messages.take(&certificate));
    assert!(messages.release(PLAINTEXT).is_empty());
    assert!(messages.take(&server_hello(0)));
    assert_eq!(
        messages.release(PLAINTEXT),
        [server_hello(0), certificate, done]
    );
    assert!(messages.release(PLAINTEXT).is_empty());
}

#[test]
fn fragments_are_put_together_in_any_order() {
    let mut messages = at_client();
    let hello = server_hello(0);
    let length = u8::try_from(SHORTEST_SERVER_HELLO).unwrap();
    for offset in (0..length).rev() {
        assert!(messages.release(PLAINTEXT).is_empty());
        assert!(messages.take(&part(SERVER_HELLO, 0, length, offset, &[7])));
    }
    assert_eq!(messages.release(PLAINTEXT), [hello]);
}

#[test]
fn long_messages_are_released_in_pieces() {
    let mut messages = at_client();
    assert!(messages.take(&server_hello(0)));
    let body = vec![1; PIECE + 5];
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut header = vec![CERTIFICATE, 0, length[0], length[1], 0, 1, 0, 0, 0, 0];
    header.extend(length);
    assert!(messages.take(&[header, body].concat()));
    let sizes = messages
        .release(PLAINTEXT)
        .iter()
        .map(Vec::len)
        .collect::<Vec<_>>();
    assert_eq!(
        sizes,
        [HEADER + SHORTEST_SERVER_HELLO, HEADER + PIECE, HEADER + 5]
    );
}

#[test]
fn pieces_are_no_longer_than_what_was_agreed_on() {
    let mut messages = at_client();
    let hello = server_hello(0);
    assert!(messages.take(&hello));
    let pieces = messages.release(HEADER + 16);
    assert!(pieces.iter().all(|piece| piece.len() <= HEADER + 16));
    let bodies = pieces.iter().flat_map(|piece| &piece[HEADER..]);
    assert!(bodies.eq(&hello[HEADER..]));
}

#[test]
fn messages_out_of_place_are_noise() {
    let mut messages = at_client();
    let certificate = |sequence| whole(CERTIFICATE, sequence, b"certificate");
    for noise in [
        certificate(0),
        certificate(3),
        server_hello(2),
        client_hello(),
        whole(CLIENT_KEY_EXCHANGE, 1, b"key"),
        whole(SERVER_HELLO_DONE, 1, b""),
        whole(SERVER_HELLO_DONE, 2, b"not empty"),
        whole(0, 0, b""),
        whole(20, 0, b"finished"),
        part(SERVER_HELLO, 0, 90, 90, b"x"),
        part(SERVER_HELLO, 0, 90, 10, b""),
        part(SERVER_HELLO, 0, 90, 0, b"bytes")[..14].to_vec(),
        b"short".to_vec(),
        Vec::new(),
    ] {
        assert!(!messages.take(&noise), "{noise:?}");
    }
    assert!(messages.take(&server_hello(0)));
    assert_eq!(messages.release(PLAINTEXT).len(), 1);
    assert!(!messages.take(&whole(HELLO_VERIFY_REQUEST, 1, b"cookie")));
    assert!(!messages.take(&server_hello(1)));
    // A repetition.
    assert!(messages.take(&server_hello(0)));
    assert!(messages.release(PLAINTEXT).is_empty());
}

#[test]
fn cookies_may_be_asked_for_until_the_server_agrees() {
    let mut messages = at_client();
    for sequence in 0..3 {
        assert!(messages.take(&whole(HELLO_VERIFY_REQUEST, sequence, b"cookie")));
        assert_eq!(messages.release(PLAINTEXT).len(), 1);
    }
    assert!(messages.take(&server_hello(3)));
    assert_eq!(messages.release(PLAINTEXT).len(), 1);
}

#[test]
fn client_presents_a_certificate_only_where_it_is_asked() {
    for asked in [true, false] {
        let mut messages = Messages::new(Peer::Client { is_asked: asked }, Vec::new());
        assert!(messages.take(&client_hello()));
        assert_eq!(messages.release(PLAINTEXT).len(), 1);
        let certificate = whole(CERTIFICATE, 1, &[0; NO_CERTIFICATE]);
        assert_eq!(messages.take(&certificate), asked);
        let key = whole(CLIENT_KEY_EXCHANGE, 1 + u8::from(asked), b"key");
        assert!(messages.take(&key));
        assert_eq!(messages.release(PLAINTEXT).len(), 1 + usize::from(asked));
        // Nothing can be signed with no certificate.
        let signature = whole(CERTIFICATE_VERIFY, 2 + u8::from(asked), b"signature");
        assert!(!messages.take(&signature));
    }
}

#[test]
fn later_of_two_messages_in_one_place_is_taken() {
    let mut messages = at_client();
    let genuine = whole(CERTIFICATE, 1, b"genuine");
    assert!(messages.take(&whole(CERTIFICATE, 1, b"a forged one")));
    assert!(messages.take(&whole(CERTIFICATE, 1, b"forged!")));
    assert!(messages.take(&server_hello(0)));
    assert!(messages.take(&genuine));
    assert_eq!(messages.release(PLAINTEXT), [server_hello(0), genuine]);
}

#[test]
fn fragments_of_another_length_do_not_spoil_a_message() {
    let mut messages = at_client();
    let length = u8::try_from(SHORTEST_SERVER_HELLO).unwrap();
    assert!(messages.take(&part(SERVER_HELLO, 0, length, 0, &[7; 10])));
    assert!(messages.take(&part(SERVER_HELLO, 0, length + 1, 10, &[6; 10])));
    let rest = vec![7; usize::from(length) - 10];
    assert!(messages.take(&part(SERVER_HELLO, 0, length, 10, &rest)));
    assert_eq!(messages.release(PLAINTEXT), [server_hello(0)]);
}

#[test]
fn contradicting_fragments_begin_a_message_anew() {
    let mut messages = at_client();
    let length = u8::try_from(SHORTEST_SERVER_HELLO).unwrap();
    assert!(messages.take(&part(SERVER_HELLO, 0, length, 0, &[7; 10])));
    assert!(messages.take(&part(SERVER_HELLO, 0, length, 5, &[6; 10])));
    let rest = vec![7; usize::from(length) - 5];
    assert!(messages.take(&part(SERVER_HELLO, 0, length, 5, &rest)));
    assert!(messages.release(PLAINTEXT).is_empty());
    assert!(messages.take(&server_hello(0)));
    assert_eq!(messages.release(PLAINTEXT), [server_hello(0)]);
}

#[test]
fn what_is_held_is_bounded() {
    let mut messages = at_client();
    for length in 60..=255 {
        assert!(messages.take(&part(SERVER_HELLO, 0, length, 0, b"x")));
    }
    assert_eq!(messages.held.len(), MOST_HELD);
    assert!(messages.take(&server_hello(0)));
    assert_eq!(messages.release(PLAINTEXT), [server_hello(0)]);
    assert!(messages.held.is_empty());
}

#[test]
fn what_is_promised_takes_no_more_room_than_two_messages() {
    let mut messages = at_client();
    let promise = |length: usize| {
        let [_, l0, l1, l2] = u24(length);
        vec![CERTIFICATE, l0, l1, l2, 0, 1, 0, 0, 0, 0, 0, 1, 7]
    };
    for length in LONGEST - 20..=LONGEST {
        assert!(messages.take(&promise(length)));
    }
    assert!(messages.bytes() <= 2 * LONGEST);
    let genuine = whole(CERTIFICATE, 1, b"genuine");
    assert!(messages.take(&genuine));
    assert!(messages.take(&server_hello(0)));
    assert_eq!(messages.release(PLAINTEXT), [server_hello(0), genuine]);
}

#[test]
fn gaps_in_a_message_are_bounded_and_can_be_closed() {
    const LENGTH: u8 = 255;
    let mut messages = at_client();
    for offset in (1..LENGTH).step_by(2) {
        assert!(messages.take(&part(CERTIFICATE, 1, LENGTH, offset, &[offset])));
    }
    assert_eq!(messages.held[0].holes.len(), MOST_HOLES);
    let body: Vec<u8> = (0..LENGTH).collect();
    for offset in 0..LENGTH - 1 {
        let bytes = &body[usize::from(offset)..][..2];
        assert!(messages.take(&part(CERTIFICATE, 1, LENGTH, offset, bytes)));
    }
    assert!(messages.take(&server_hello(0)));
    let certificate = whole(CERTIFICATE, 1, &body);
    assert_eq!(messages.release(PLAINTEXT), [server_hello(0), certificate]);
}

#[test]
fn fragments_may_overlap_and_be_cut_differently_when_they_come_again() {
    let body: Vec<u8> = (0..90).collect();
    let mut messages = at_client();
    for (offset, size) in [(0, 40), (80, 10), (20, 30), (10, 25), (45, 20), (60, 30)] {
        assert!(messages.release(PLAINTEXT).is_empty());
        let bytes = &body[usize::from(offset)..][..size];
        assert!(messages.take(&part(SERVER_HELLO, 0, 90, offset, bytes)));
    }
    assert_eq!(messages.release(PLAINTEXT), [whole(SERVER_HELLO, 0, &body)]);
}

/// A ServerHello with this session_id, which promises a ticket or does not.
fn server_hello_of(session: &[u8], with_ticket: bool) -> Vec<u8> {
    let extensions: &[u8] = match with_ticket {
        true => &[0, 4, 0, 35, 0, 0],
        false => &[0, 4, 0, 23, 0, 0],
    };
    let length = u8::try_from(session.len()).unwrap();
    let body = [&[7; 34][..], &[length], session, &[0, 1, 0], extensions].concat();
    whole(SERVER_HELLO, 0, &body)
}

/// At a client that asks for a ticket, and offers a session if that has an identifier.
fn at_client_with_ticket(session: &[u8]) -> Messages {
    let mut messages = Messages::new(Peer::Server { with_ticket: true }, Vec::new());
    messages.expect_resumption(session);
    messages
}

fn ticket(sequence: u8) -> Vec<u8> {
    whole(NEW_SESSION_TICKET, sequence, b"a ticket")
}

#[test]
fn tickets_come_last_and_only_where_they_were_promised() {
    for promised in [true, false] {
        let mut messages = at_client_with_ticket(b"");
        assert!((0..6).all(|sequence| !messages.take(&ticket(sequence))));
        let flight = [
            server_hello_of(b"new", promised),
            whole(CERTIFICATE, 1, b"certificate"),
            whole(SERVER_HELLO_DONE, 2, b""),
        ];
        assert!(flight.iter().all(|message| messages.take(message)));
        assert_eq!(messages.release(PLAINTEXT), flight);
        assert_eq!(messages.take(&ticket(3)), promised);
        assert_eq!(messages.release(PLAINTEXT).len(), usize::from(promised));
        assert!(!messages.take(&ticket(4)));
    }
}

#[test]
fn tickets_wait_for_the_hello_of_a_server_that_resumes() {
    for promised in [true, false] {
        let mut messages = at_client_with_ticket(b"old");
        assert!(!messages.take(&ticket(0)));
        assert!(!messages.take(&ticket(6)));
        assert!(messages.take(&ticket(1)));
        assert!(messages.release(PLAINTEXT).is_empty());
        let hello = server_hello_of(b"old", promised);
        assert!(messages.take(&hello));
        let expected = [hello, ticket(1)];
        assert_eq!(
            messages.release(PLAINTEXT),
            expected[..1 + usize::from(promised)]
        );
        assert!(!messages.take(&ticket(2)));
    }
}

#[test]
fn server_that_resumes_says_nothing_else() {
    let mut messages = at_client_with_ticket(b"old");
    let done = whole(SERVER_HELLO_DONE, 1, b"");
    assert!(messages.take(&done));
    assert!(messages.take(&server_hello_of(b"old", false)));
    assert_eq!(messages.release(PLAINTEXT).len(), 1);
    assert!(!messages.take(&done));
    assert!(!messages.take(&whole(CERTIFICATE, 1, b"certificate")));
}

#[test]
fn server_that_declines_a_session_must_have_a_certificate() {
    let mut messages = at_client_with_ticket(b"old");
    assert!(messages.take(&whole(SERVER_HELLO_DONE, 1, b"")));
    assert!(messages.take(&server_hello_of(b"new", true)));
    assert_eq!(messages.release(PLAINTEXT).len(), 1);
    let certificate = whole(CERTIFICATE, 1, b"certificate");
    assert!(messages.take(&certificate));
    assert_eq!(messages.release(PLAINTEXT), [certificate]);
}

/// A ServerHello without session_id that chooses this suite.
fn server_hello_with(suite: u16) -> Vec<u8> {
    let mut body = vec![0; SHORTEST_SERVER_HELLO];
    body[35..37].copy_from_slice(&suite.to_be_bytes());
    whole(SERVER_HELLO, 0, &body)
}

const PSK_SUITE: u16 = 0xc0a8;

/// At a client that has a key, and would take a certificate.
fn at_client_with_key() -> Messages {
    let server = Peer::Server { with_ticket: false };
    Messages::new(server, vec![(PSK_SUITE, KeyExchange::Psk)])
}

#[test]
fn server_with_a_key_presents_no_certificate() {
    let mut messages = at_client_with_key();
    let done = whole(SERVER_HELLO_DONE, 1, b"");
    // It may be there before the ServerHello that decides.
    assert!(messages.take(&done));
    assert!(messages.take(&whole(CERTIFICATE, 1, b"certificate")));
    assert!(messages.take(&server_hello_with(PSK_SUITE)));
    assert_eq!(
        messages.release(PLAINTEXT),
        [server_hello_with(PSK_SUITE), done]
    );
    assert!(messages.held.is_empty());
    let mut messages = at_client_with_key();
    assert!(messages.take(&server_hello_with(PSK_SUITE)));
    assert_eq!(messages.release(PLAINTEXT).len(), 1);
    assert!(!messages.take(&whole(CERTIFICATE, 1, b"certificate")));
    assert!(!messages.take(&whole(CERTIFICATE_REQUEST, 1, b"request")));
}

#[test]
fn server_without_the_key_must_present_its_certificate() {
    let mut messages = at_client_with_key();
    assert!(messages.take(&server_hello_with(0xc02b)));
    assert_eq!(messages.release(PLAINTEXT).len(), 1);
    assert!(!messages.take(&whole(SERVER_HELLO_DONE, 1, b"")));
    assert!(messages.take(&whole(CERTIFICATE, 1, b"certificate")));
    assert_eq!(messages.release(PLAINTEXT).len(), 1);
}

#[test]
fn client_with_a_key_presents_no_certificate_though_it_is_asked() {
    let mut messages = Messages::new(Peer::Client { is_asked: true }, Vec::new());
    assert!(messages.take(&client_hello()));
    assert_eq!(messages.release(PLAINTEXT).len(), 1);
    assert!(!messages.take(&whole(CLIENT_KEY_EXCHANGE, 1, b"key")));
    messages.expect_key(KeyExchange::Psk);
    assert!(!messages.take(&whole(CERTIFICATE, 1, b"certificate")));
    // Garbled, then sound.
    assert!(messages.take(&whole(CLIENT_KEY_EXCHANGE, 1, b"\0\x07key")));
    assert!(messages.release(PLAINTEXT).is_empty());
    let key = whole(CLIENT_KEY_EXCHANGE, 1, b"\0\x03key");
    assert!(messages.take(&key));
    assert_eq!(messages.release(PLAINTEXT), [key]);
    assert!(!messages.take(&whole(CERTIFICATE_VERIFY, 2, b"signature")));
}
