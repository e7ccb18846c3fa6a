//! The shape of the key exchange where a key takes the place of certificates. Its parameters prove
//! nothing, so that OpenSSL would end the handshake at any that are garbled.

use super::order::{CLIENT_KEY_EXCHANGE, SERVER_KEY_EXCHANGE};
use crate::ossl::session::KeyExchange;

/// RFC 8422, section 5.4.
const NAMED_CURVE: u8 = 3;

/// Whether a whole message may be what an honest peer says in such a suite.
pub(super) fn is_sound(exchange: KeyExchange, kind: u8, body: &[u8]) -> bool {
    let end = match kind {
        SERVER_KEY_EXCHANGE => after_hint(exchange, body),
        CLIENT_KEY_EXCHANGE => after_identity(exchange, body),
        _ => return true,
    };
    end.is_some_and(<[u8]>::is_empty)
}

/// What follows the server's hint and parameters (RFC 4279, sections 2 and 3; RFC 5489, section 2).
fn after_hint(exchange: KeyExchange, body: &[u8]) -> Option<&[u8]> {
    let rest = after_vector(body)?;
    match exchange {
        KeyExchange::Psk => Some(rest),
        KeyExchange::DhePsk => (0..3).try_fold(rest, |rest, _| after_number(rest)),
        KeyExchange::EcdhePsk => match rest {
            [NAMED_CURVE, _, _, point @ ..] => after_point(point),
            _ => None,
        },
    }
}

/// What follows the client's identity and public value.
fn after_identity(exchange: KeyExchange, body: &[u8]) -> Option<&[u8]> {
    let rest = after_vector(body)?;
    match exchange {
        KeyExchange::Psk => Some(rest),
        KeyExchange::DhePsk => after_number(rest),
        KeyExchange::EcdhePsk => after_point(rest),
    }
}

fn after_vector(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.get(usize::from(u16::from_be_bytes(*length))..)
}

/// An empty one is no number (RFC 5246, section 7.4.3).
fn after_number(bytes: &[u8]) -> Option<&[u8]> {
    after_vector(bytes).filter(|rest| bytes.len() > rest.len() + 2)
}

fn after_point(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first()?;
    rest.get(usize::from(*length)..).filter(|_| *length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_must_add_up() {
        let server = SERVER_KEY_EXCHANGE;
        let client = CLIENT_KEY_EXCHANGE;
        for (exchange, kind, sound) in [
            (KeyExchange::Psk, server, &[0, 1, b'h'][..]),
            (KeyExchange::Psk, client, &[0, 0]),
            (
                KeyExchange::DhePsk,
                server,
                &[0, 0, 0, 1, 7, 0, 1, 2, 0, 1, 3],
            ),
            (KeyExchange::DhePsk, client, &[0, 1, b'i', 0, 2, 1, 1]),
            (KeyExchange::EcdhePsk, server, &[0, 0, 3, 0, 29, 1, 9]),
            (KeyExchange::EcdhePsk, client, &[0, 2, b'i', b'd', 1, 9]),
        ] {
            assert!(is_sound(exchange, kind, sound), "{exchange:?} {kind}");
            let longer = [sound, &[0]].concat();
            assert!(!is_sound(exchange, kind, &longer), "{exchange:?} {kind}");
            for length in 0..sound.len() {
                let shorter = &sound[..length];
                assert!(
                    !is_sound(exchange, kind, shorter),
                    "{exchange:?} {shorter:?}"
                );
            }
        }
    }

    #[test]
    fn public_values_are_not_empty() {
        assert!(!is_sound(
            KeyExchange::DhePsk,
            CLIENT_KEY_EXCHANGE,
            &[0, 0, 0, 0]
        ));
        assert!(!is_sound(
            KeyExchange::EcdhePsk,
            CLIENT_KEY_EXCHANGE,
            &[0, 0, 0]
        ));
        let explicit_curve = [0, 0, 1, 0, 29, 1, 9];
        assert!(!is_sound(
            KeyExchange::EcdhePsk,
            SERVER_KEY_EXCHANGE,
            &explicit_curve
        ));
    }

    #[test]
    fn other_messages_are_not_looked_at() {
        assert!(is_sound(KeyExchange::Psk, 2, b"a hello"));
    }
}
