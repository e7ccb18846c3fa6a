//! Sources that note when they fire, on contexts that only the test iterates.

use std::{cell::RefCell, rc::Rc};

use gio::prelude::*;
use glib::{ControlFlow, IOCondition};

use super::common::{established, run, simnet::SimNet};

pub const BOTH: IOCondition = IOCondition::IN.union(IOCondition::OUT);

/// A source attached to this thread's context, and the conditions that it has been called with.
pub struct Watched {
    pub source: glib::Source,
    pub seen: Rc<RefCell<Vec<IOCondition>>>,
}

impl Watched {
    pub fn new<T: IsA<gio::DatagramBased>>(
        object: &T,
        condition: IOCondition,
        cancellable: Option<&gio::Cancellable>,
        mut react: impl FnMut(&T) -> ControlFlow + 'static,
    ) -> Self {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let noted = seen.clone();
        let priority = glib::Priority::DEFAULT;
        let source = object.create_source(
            condition,
            cancellable,
            None,
            priority,
            move |it, condition| {
                noted.borrow_mut().push(condition);
                react(it)
            },
        );
        source.attach(glib::MainContext::thread_default().as_ref());
        Self { source, seen }
    }

    pub fn count(&self) -> usize {
        self.seen.borrow().len()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.source.destroy();
    }
}

pub fn idle<T>(_: &T) -> ControlFlow {
    ControlFlow::Continue
}

/// Iterates the context until nothing in it is ready, or for very many times.
pub fn exhaust() -> usize {
    let context = glib::MainContext::thread_default().unwrap();
    (0..1000)
        .take_while(|_| context.pending() && context.iteration(false))
        .count()
}

/// Runs `body` on a context of its own that nothing else iterates.
pub fn on_own_context(body: impl FnOnce()) {
    glib::MainContext::new().with_thread_default(body).unwrap();
}

/// Ends that have shaken hands on a context that is not run any more.
pub fn rested(
    net: &SimNet,
) -> (
    gio_ossl::DtlsClientConnection,
    gio_ossl::DtlsServerConnection,
) {
    run(established(net))
}
