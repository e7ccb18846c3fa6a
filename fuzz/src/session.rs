//! Exported sessions.

use gio_ossl::{Error, engine::SavedSession};
use openssl::sha::sha256;

use super::assert_no_error_is_left;

/// An exported session, as it is and with its checksum put right.
pub fn session(data: &[u8]) {
    import(data);
    import(&[data, &sha256(data)].concat());
    assert_no_error_is_left();
}

fn import(bytes: &[u8]) {
    match SavedSession::from_bytes(bytes) {
        Ok((session, bound)) => {
            assert!(session.can_be_judged(), "its chain is its server's");
            session.is_fresh(0);
            let again = session
                .to_bytes(&bound)
                .expect("what was taken goes out again");
            let (again, same) = SavedSession::from_bytes(&again).expect("and in again");
            assert_eq!(same, bound);
            assert_eq!(again.established(), session.established());
            // By their encodings: OpenSSL would compare more, and have errors to tell.
            let of = |it: &SavedSession| -> Vec<_> {
                it.chain().iter().map(|it| it.to_der().ok()).collect()
            };
            assert_eq!(of(&again), of(&session));
        }
        Err(Error::InvalidArgument(text)) => assert!(text.len() > 30, "it says what is wrong"),
        Err(error) => panic!("{error:?}"),
    }
}
