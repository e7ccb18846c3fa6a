//! Protected records that arrive before they can be read.
//!
//! OpenSSL keeps a hundred of them, each in a buffer of 16 kB, and anybody can invent them. So it gets a
//! few at once, which is what an honest handshake has, and the others when it has changed its ciphers.

use std::collections::VecDeque;

use crate::ossl::session::{Progress, Session};

/// Records that OpenSSL may keep.
const MOST_PASSED: usize = 4;
/// Bytes of the others.
const MOST_BYTES: usize = 1 << 16;

/// In the order of their arrival.
#[derive(Default)]
pub(super) struct Early {
    passed: usize,
    records: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Early {
    /// Passes records on or keeps them. Of too many the latest are the likeliest, as an honest peer
    /// repeats what is missing.
    pub(super) fn take(&mut self, records: Vec<Vec<u8>>, session: &mut Session) {
        for record in records {
            if self.passed < MOST_PASSED {
                self.passed += 1;
                session.wire().receive(&record);
                continue;
            }
            self.bytes += record.len();
            self.records.push_back(record);
            while self.bytes > MOST_BYTES
                && let Some(oldest) = self.records.pop_front()
            {
                self.bytes -= oldest.len();
            }
        }
    }

    /// Passes the others on if the handshake has come so far that they can be read; whether there were
    /// any.
    pub(super) fn release(&mut self, session: &mut Session, progress: &Progress) -> bool {
        let can_be_read = *progress == Progress::Done || session.has_changed_ciphers();
        if self.records.is_empty() || !can_be_read {
            return false;
        }
        self.bytes = 0;
        for record in std::mem::take(&mut self.records) {
            session.wire().receive(&record);
        }
        true
    }
}
