//! What is to be sent: lines of the standard input, or a file.

use std::{
    io::{self, BufRead, Read},
    thread,
};

use futures_channel::mpsc::{Receiver, channel};
use futures_util::{SinkExt, StreamExt};

use crate::failure::{Failure, Status};

/// The longest line that is one message: what fits one record (RFC 5246, 6.2.1).
const LONGEST: u64 = 16384;

/// Messages to be sent, read ahead a little by a thread of their own, because a terminal or a pipe may
/// let a reader wait for ever.
pub struct Input(Receiver<io::Result<Vec<u8>>>);

impl Input {
    /// The lines of the standard input. `keep_break`: whether a line keeps its line break.
    pub fn lines(keep_break: bool) -> Self {
        Self::read(move || next_line(&mut io::stdin().lock(), keep_break))
    }

    /// What is in a file, in pieces of one size.
    pub fn pieces(mut file: impl Read + Send + 'static, size: u16) -> Self {
        Self::read(move || next_piece(&mut file, size))
    }

    fn read(mut next: impl FnMut() -> io::Result<Option<Vec<u8>>> + Send + 'static) -> Self {
        let (mut sender, messages) = channel(8);
        thread::spawn(move || {
            // A context of this thread's own, to wait for room.
            let context = glib::MainContext::new();
            while let Some(message) = next().transpose() {
                let failed = message.is_err();
                if context.block_on(sender.send(message)).is_err() || failed {
                    break;
                }
            }
        });
        Self(messages)
    }

    /// The next message; `None` at the end.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.0.next().await.transpose()
    }
}

/// The standard input cannot be read.
pub fn unreadable(error: &io::Error) -> Failure {
    let text = format!("cannot read the standard input: {error}");
    Failure::new(Status::Failed, text)
}

/// The next piece of a file, which is shorter only at the end.
fn next_piece(file: &mut impl Read, size: u16) -> io::Result<Option<Vec<u8>>> {
    let mut piece = Vec::with_capacity(size.into());
    file.take(size.into()).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then_some(piece))
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
    fn pieces_have_one_size_and_the_last_what_is_left() {
        let mut file = &b"abcde"[..];
        let pieces: Vec<Vec<u8>> =
            std::iter::from_fn(|| next_piece(&mut file, 2).unwrap()).collect();
        assert_eq!(pieces, [&b"ab"[..], b"cd", b"e"]);
    }

    #[test]
    fn long_lines_become_several_messages() {
        let long = vec![b'x'; 16385];
        let sizes: Vec<usize> = lines(&long, false).iter().map(Vec::len).collect();
        assert_eq!(sizes, [16384, 1]);
    }
}
