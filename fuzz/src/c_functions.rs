//! The library as a C program has it: every function that it exports, on two connections over a network of
//! the process, with pointers, strings and numbers as the input says. None of the calls may wait: there
//! is only one thread.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{
        Once,
        atomic::{AtomicU16, Ordering},
    },
};

use gio::prelude::*;
use glib::{ffi::gpointer, gobject_ffi::GObject, translate::*};

use crate::{
    common::simnet::{Direction, SimNet},
    play::{MOST_OPERATIONS, perform, settle},
    script::Script,
};

pub use library::called;

use results::{Answer, Kind};

mod connections;
mod library;
mod messages;
mod mistakes;
mod others;
mod properties;
mod results;
mod sessions;
mod values;

/// A first byte for what the connections are, and then a byte for each call, with what it takes.
pub fn c_functions(data: &[u8]) {
    say_no_warnings();
    perform(data, |script, context| {
        let mut program = Program::new(script.byte(), context);
        for _ in 0..MOST_OPERATIONS {
            let Some(operation) = script.next() else {
                break;
            };
            program.act(operation, script);
        }
        program.finish()
    });
    assert_eq!(values::bytes_alive(), 0, "bytes that nobody has any more");
}

/// The program and GLib have too many of them to be read.
fn say_no_warnings() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for domain in ["GioOssl", "GLib-GObject"] {
            let warning = glib::LogLevels::LEVEL_WARNING;
            glib::log_set_handler(Some(domain), warning, false, false, |_, _, _| {});
        }
    });
}

/// What the C program has.
struct Program<'a> {
    context: &'a glib::MainContext,
    choice: u8,
    /// Not that of any other input: what they did must not matter.
    host: gio::NetworkAddress,
    net: SimNet,
    /// The client and the server, and a client that was before.
    ends: [Option<glib::Object>; 2],
    former: Option<glib::Object>,
    cancellable: gio::Cancellable,
    sources: Vec<glib::Source>,
    /// What a client has exported.
    session: Vec<u8>,
    shared: Rc<Shared>,
    gone: Vec<glib::WeakRef<glib::Object>>,
}

/// What callbacks have as well.
#[derive(Default)]
struct Shared {
    /// Asynchronous calls that have not called back.
    pending: Cell<usize>,
    /// Sources that are not destroyed.
    watches: Cell<usize>,
    /// Results that nobody has asked for what they are.
    answers: RefCell<Vec<Answer>>,
    /// Messages that were sent in either direction and not received, by their number, and the next one.
    said: [RefCell<HashMap<u32, Vec<u8>>>; 2],
    number: Cell<u32>,
}

/// A call of a method.
struct Call {
    index: usize,
    end: glib::Object,
    cancellable: Option<gio::Cancellable>,
    /// Whether the caller wants to know the error.
    wants_error: bool,
}

impl Call {
    fn own(&self) -> *mut GObject {
        self.end.as_ptr()
    }

    /// Its own, as the instance of another class or interface.
    fn own_as<T>(&self) -> *mut T {
        self.end.as_ptr().cast()
    }

    fn cancellable(&self) -> *mut gio::ffi::GCancellable {
        self.cancellable.to_glib_none().0
    }

    fn is_cancelled(&self) -> bool {
        self.cancellable
            .as_ref()
            .is_some_and(|it| it.is_cancelled())
    }

    fn place(&self) -> values::Place {
        values::Place::new(self.wants_error)
    }

    /// How long to wait: only who is cancelled already may say for ever.
    fn timeout(&self, script: &mut Script<'_>) -> i64 {
        let choice = script.byte();
        match self
            .cancellable
            .as_ref()
            .is_some_and(|it| it.is_cancelled())
        {
            true => [0, -1, i64::MIN, i64::MAX][usize::from(choice % 4)],
            false => i64::from(choice & 1),
        }
    }
}

impl<'a> Program<'a> {
    fn new(choice: u8, context: &'a glib::MainContext) -> Self {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        let host = format!("{}.c.example", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut program = Self {
            context,
            choice,
            host: gio::NetworkAddress::new(&host, 4433),
            net: SimNet::new(),
            ends: [None, None],
            former: None,
            cancellable: gio::Cancellable::new(),
            sources: Vec::new(),
            session: Vec::new(),
            shared: Rc::default(),
            gone: Vec::new(),
        };
        program.connect(choice);
        program
    }

    /// The operation's highest bit is whose turn it is; the next ones are whether it has a cancellable,
    /// and whether it does without the error.
    fn act(&mut self, operation: u8, script: &mut Script<'_>) {
        let index = usize::from(operation >> 7);
        let direction = Direction::BOTH[index];
        match operation & 0x1f {
            0 => self.iterate(script.byte().into()),
            1 => self.net.inject(direction, script.bytes()),
            2 => match script.byte() % 4 {
                0 => self.net.end(direction),
                block => self.net.block(direction, block == 1),
            },
            3 => match self.cancellable.is_cancelled() {
                true => self.cancellable = gio::Cancellable::new(),
                false => self.cancellable.cancel(),
            },
            4 => self.drop_some(index, script.byte()),
            5 => self.renew(script),
            6 => self.finish_one(script.byte()),
            7 => others::look_around(script, &mut self.gone),
            8 => mistakes::make(self, index, script),
            call => {
                if let Some(end) = self.ends[index].clone() {
                    let has_cancellable = operation & 0x40 != 0;
                    let call_of = Call {
                        index,
                        end,
                        cancellable: has_cancellable.then(|| self.cancellable.clone()),
                        wants_error: operation & 0x20 == 0,
                    };
                    self.call(call, &call_of, script);
                }
            }
        }
    }

    fn call(&mut self, number: u8, call: &Call, script: &mut Script<'_>) {
        match number {
            9 | 10 => self.begin(Kind::Handshake, call, script),
            11 => messages::shake_hands(call),
            12 => self.send(call, script),
            13 => self.receive(call, script),
            14 => self.begin(Kind::Send, call, script),
            15 => self.begin(Kind::Receive, call, script),
            16 => self.send_many(call, script),
            17 => self.receive_many(call, script),
            18 => self.send_vectors(call, script),
            19 => self.receive_vectors(call, script),
            20 => self.watch(call, script),
            21 => messages::shut_down(call, script.byte()),
            22 => self.begin(Kind::Close, call, script),
            23 => sessions::export_srtp_keys(call, script.byte()),
            24 => sessions::export_keying_material(call, script),
            25 => sessions::bind(call, script.byte()),
            26 => sessions::set_psk(call, script),
            27 => self.export_session(call),
            28 => self.import_session(call, script),
            29 => self.copy_session(call, script.byte()),
            30 => properties::set(call, script),
            _ => others::look_at(call),
        }
    }

    fn drop_some(&mut self, index: usize, choice: u8) {
        match choice % 5 {
            0 => self.ends[index] = None,
            1 => self.former = None,
            2 => drop(self.sources.pop()),
            3 => self.sources.pop().into_iter().for_each(|it| it.destroy()),
            _ => {
                if let Some(end) = &self.ends[index] {
                    // SAFETY: what a disposed connection is asked, it answers with an error at worst.
                    unsafe { end.run_dispose() };
                }
            }
        }
    }

    fn iterate(&self, times: usize) {
        for _ in 0..times {
            self.context.iteration(false);
        }
    }

    /// Calls that have not called back do so when they are cancelled or the connection is closed, and
    /// that makes sources fire until they end. Returns what must be gone when the context is.
    fn finish(mut self) -> Vec<glib::WeakRef<glib::Object>> {
        // Those as well that only their own calls keep.
        for end in self.gone.iter().filter_map(glib::WeakRef::upgrade) {
            if end.is::<gio::DtlsConnection>() {
                self.close(end);
            }
        }
        self.sources.clear();
        self.ends = [None, None];
        self.former = None;
        self.cancellable.cancel();
        settle(self.context, &self.shared.pending);
        assert_eq!(self.shared.watches.get(), 0, "sources that stay silent");
        self.shared.answers.take();
        self.iterate(8);
        self.gone
    }
}

/// The number of a signal handler's or a callback's data.
fn number(data: gpointer) -> u8 {
    data as usize as u8
}
