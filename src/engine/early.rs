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

    /// Passes on as many of the others as there is room for, if the handshake has come so far that they can
    /// be read; whether there were any.
    pub(super) fn release(&mut self, session: &mut Session, progress: &Progress) -> bool {
        let is_done = *progress == Progress::Done;
        let mut released = false;
        if is_done || session.has_changed_ciphers() {
            while session.wire().has_room()
                && let Some(record) = self.records.pop_front()
            {
                self.bytes -= record.len();
                session.wire().receive(&record);
                released = true;
            }
        }
        if is_done {
            *self = Early::default();
        }
        released
    }
}
