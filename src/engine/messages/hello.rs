//! What a ServerHello (RFC 5246, section 7.4.1.3) says of the messages that follow.

/// The extension that promises a ticket (RFC 5077, section 3.2).
const SESSION_TICKET: u16 = 35;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ServerHello<'a> {
    /// The session's identifier: one that was offered is resumed.
    pub session: &'a [u8],
    pub suite: u16,
    pub has_ticket: bool,
}

impl<'a> ServerHello<'a> {
    /// None for what is cut off.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        // Behind version and random.
        let (length, rest) = body.get(2 + 32..)?.split_first()?;
        let (session, rest) = rest.split_at_checked(usize::from(*length))?;
        let (suite, rest) = rest.split_first_chunk()?;
        let (_compression, rest) = rest.split_first()?;
        // There need not be any (RFC 5246, section 7.4.1.4).
        let extensions = rest.get(2..).unwrap_or_default();
        Some(ServerHello {
            session,
            suite: u16::from_be_bytes(*suite),
            has_ticket: contains(extensions, SESSION_TICKET).unwrap_or(false),
        })
    }
}

/// Whether an extension is there. None if it is not found before the list is garbled.
fn contains(mut extensions: &[u8], kind: u16) -> Option<bool> {
    while let Some((&[k0, k1, l0, l1], rest)) = extensions.split_first_chunk() {
        if u16::from_be_bytes([k0, k1]) == kind {
            return Some(true);
        }
        extensions = rest.get(usize::from(u16::from_be_bytes([l0, l1]))..)?;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(session: &[u8], extensions: &[u8]) -> Vec<u8> {
        let length = u8::try_from(session.len()).unwrap();
        let extent = u8::try_from(extensions.len()).unwrap();
        let fixed = [&[0xfe, 0xfd][..], &[7; 32], &[length], session].concat();
        [&fixed, &[0xc0, 0x2b, 0, 0, extent][..], extensions].concat()
    }

    #[test]
    fn session_suite_and_ticket_are_found() {
        let extensions = [0, 23, 0, 0, 0, 16, 0, 1, 9, 0, 35, 0, 0];
        let body = hello(b"session", &extensions);
        let expected = ServerHello {
            session: b"session",
            suite: 0xc02b,
            has_ticket: true,
        };
        assert_eq!(ServerHello::parse(&body), Some(expected));
        let body = hello(b"", &extensions[..9]);
        let parsed = ServerHello::parse(&body).unwrap();
        assert!(parsed.session.is_empty() && !parsed.has_ticket);
    }

    #[test]
    fn what_is_cut_off_promises_nothing() {
        let body = hello(b"session", &[0, 16, 0, 4, 0, 35, 0, 0, 0, 35, 0, 0]);
        for length in 0..body.len() - 4 {
            let parsed = ServerHello::parse(&body[..length]).unwrap_or_default();
            assert!(!parsed.has_ticket, "{length}");
        }
        let fixed = 2 + 32 + 1 + 7 + 2 + 1;
        assert!(ServerHello::parse(&body[..fixed - 1]).is_none());
        let without_extensions = ServerHello::parse(&body[..fixed]).unwrap();
        assert_eq!(without_extensions.session, b"session");
    }
}
