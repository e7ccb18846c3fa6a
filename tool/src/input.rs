//! What is to be sent: lines of the standard input.

use std::{
    io::{self, BufRead, Read},
    thread,
};

use futures_channel::mpsc::{Receiver, channel};
use futures_util::{SinkExt, StreamExt};

use crate::failure::{Failure, Status};

/// The longest line that is one message: what fits one record (RFC 5246, 6.2.1).
const LONGEST: u64 = 16384;

/// The lines of the standard input, read ahead a little by a thread of their own, because a terminal
/// or a pipe may let a reader wait for ever.
pub struct Lines {
    lines: Receiver<io::Result<Vec<u8>>>,
}

impl Lines {
    /// `keep_break`: whether a line keeps its line break.
    pub fn of_standard_input(keep_break: bool) -> Self {
        let (mut sender, lines) = channel(8);
        thread::spawn(move || {
            // A context of this thread's own, to wait for room.
            let context = glib::MainContext::new();
            let mut input = io::stdin().lock();
            while let Some(line) = next_line(&mut input, keep_break).transpose() {
                let failed = line.is_err();
                if context.block_on(sender.send(line)).is_err() || failed {
                    break;
                }
            }
        });
        Self { lines }
    }

    /// The next line; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let line = self.lines.next().await.transpose();
        line.map_err(|error| {
            let text = format!("cannot read the standard input: {error}");
            Failure::new(Status::Failed, text)
        })
    }
}

/// One line, or as much of it as fits one message. Empty lines are left out without their break:
/// DTLS has no empty messages here.
fn next_line(input: &mut impl BufRead, keep_break: bool) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut line = Vec::new();
        if input.take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if !keep_break && line.ends_with(b"\n") {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        if !line.is_empty() {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut input: &[u8], keep_break: bool) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| next_line(&mut input, keep_break).unwrap()).collect()
    }

    #[test]
    fn lines_lose_their_break_unless_it_is_wanted() {
        assert_eq!(lines(b"a\r\n\nb", false), [b"a", b"b"]);
        assert_eq!(lines(b"a\r\n\nb", true), [&b"a\r\n"[..], b"\n", b"b"]);
    }

    #[test]
    fn long_lines_become_several_messages() {
        let long = vec![b'x'; 16385];
        let sizes: Vec<usize> = lines(&long, false).iter().map(Vec::len).collect();
        assert_eq!(sizes, [16384, 1]);
    }
}
