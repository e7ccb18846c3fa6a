//! What the program says: messages on the standard output, everything else on the standard error
//! output, or JSON.

use std::{
    cell::{Cell, RefCell},
    io::{self, IsTerminal, Write},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    text::{count, hex, printable_lines},
};

pub struct Output {
    json: bool,
    quiet: bool,
    terminal: bool,
    raw: Cell<bool>,
    sent: Cell<Tally>,
    received: Cell<Tally>,
    live: RefCell<ProgressBar>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    messages: u64,
    bytes: u64,
}

impl Tally {
    fn with(self, bytes: usize) -> Self {
        Self {
            messages: self.messages + 1,
            bytes: self.bytes + bytes as u64,
        }
    }

    fn text(self) -> String {
        let messages = count(self.messages, "message");
        format!("{messages}, {}", count(self.bytes, "byte"))
    }

    fn json(self) -> Value {
        json!({ "messages": self.messages, "bytes": self.bytes })
    }
}

impl Output {
    pub fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            terminal: io::stdout().is_terminal(),
            raw: Cell::new(false),
            sent: Cell::default(),
            received: Cell::default(),
            live: RefCell::new(ProgressBar::hidden()),
        }
    }

    /// Messages are written exactly as they arrive.
    pub fn write_raw(&self, raw: bool) {
        self.raw.set(raw);
    }

    /// Something worth knowing, for people.
    pub fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.on_error_output(text);
        }
    }

    /// What must not be overlooked.
    pub fn warning(&self, text: &str) {
        self.on_error_output(&format!("WARNING: {text}"));
    }

    /// Label and value of each line, for people.
    pub fn table(&self, heading: &str, lines: &[(&str, String)]) {
        self.note(&table(heading, lines));
    }

    /// An event, for programs.
    pub fn event(&self, event: &str, mut facts: Value) -> Result<(), Failure> {
        if self.json {
            if let Some(object) = facts.as_object_mut() {
                object.insert("event".into(), event.into());
            }
            self.on_standard_output(format!("{facts}\n").as_bytes())?;
        }
        Ok(())
    }

    /// The result that the program was asked for, for people.
    pub fn result(&self, text: &str) -> Result<(), Failure> {
        if !self.json {
            self.on_standard_output(format!("{text}\n").as_bytes())?;
        }
        Ok(())
    }

    /// A message that has arrived.
    pub fn message(&self, peer: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.received.set(self.received.get().with(bytes.len()));
        self.refresh();
        if self.json {
            let mut facts = json!({ "peer": peer, "bytes": bytes.len() });
            let (name, content) = match std::str::from_utf8(bytes) {
                Ok(text) => ("text", text.into()),
                Err(_) => ("hex", hex(bytes)),
            };
            if let Some(object) = facts.as_object_mut() {
                object.insert(name.into(), content.into());
            }
            return self.event("message", facts);
        }
        if self.raw.get() {
            return Ok(self.on_standard_output(bytes)?);
        }
        let mut line = if self.terminal {
            printable_lines(bytes).into_bytes()
        } else {
            bytes.to_vec()
        };
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        Ok(self.on_standard_output(&line)?)
    }

    /// A message was sent.
    pub fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get().with(bytes));
        self.live.borrow().inc(bytes as u64);
        self.refresh();
    }

    pub fn received_messages(&self) -> u64 {
        self.received.get().messages
    }

    /// Shows counters from now on, and a bar where it is known how much will be sent. Only on a
    /// terminal, and not where somebody types lines.
    pub fn go_live(&self, to_send: Option<u64>, interactive: bool) {
        if self.quiet || self.json || interactive || !io::stderr().is_terminal() {
            return;
        }
        let (bar, template) = match to_send {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{bar:20} {percent}% {eta} left · {wide_msg}",
            ),
            None => (
                ProgressBar::new_spinner(),
                "{spinner} {elapsed} · {wide_msg}",
            ),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        // The templates are ours and right.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        *self.live.borrow_mut() = bar;
        self.refresh();
    }

    /// Takes the counters away and says what they were.
    pub fn totals(&self) -> Result<(), Failure> {
        self.live.borrow().finish_and_clear();
        let (sent, received) = (self.sent.get(), self.received.get());
        self.note(&format!(
            "sent {} · received {}",
            sent.text(),
            received.text()
        ));
        self.event(
            "totals",
            json!({ "sent": sent.json(), "received": received.json() }),
        )
    }

    /// Why the program ends. Where even that cannot be written, the exit status tells.
    pub fn failure(&self, failure: &Failure) {
        self.live.borrow().finish_and_clear();
        let mut text = format!("error: {}", failure.message);
        for hint in &failure.hints {
            text += &format!("\n  try: {hint}");
        }
        self.on_error_output(&text);
        let facts = json!({
            "kind": failure.status.name(),
            "status": failure.status as u8,
            "message": failure.message,
            "hints": failure.hints,
        });
        let _ = self.event("error", facts);
    }

    fn refresh(&self) {
        let live = self.live.borrow();
        if !live.is_hidden() {
            live.set_message(format!(
                "sent {} · received {}",
                self.sent.get().text(),
                self.received.get().text()
            ));
            live.tick();
        }
    }

    fn on_standard_output(&self, bytes: &[u8]) -> io::Result<()> {
        self.live.borrow().suspend(|| {
            let mut output = io::stdout().lock();
            output.write_all(bytes)?;
            output.flush()
        })
    }

    fn on_error_output(&self, text: &str) {
        self.live.borrow().suspend(|| {
            // Nobody is left to be told of a failure here.
            let _ = writeln!(io::stderr(), "{text}");
        });
    }
}

/// A heading with aligned lines below it.
pub fn table(heading: &str, lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(label, _)| label.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::from(heading);
    for (label, value) in lines {
        text += &format!("\n  {label:width$}  {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let lines = [("a", "1".into()), ("long", "2".into())];
        assert_eq!(table("Head", &lines), "Head\n  a     1\n  long  2");
    }
}
