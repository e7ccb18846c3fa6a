//! The asynchronous calls of Rust.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use glib::subclass::prelude::*;

use super::DtlsConnection;
use super::operation::Operation;
use super::queue::{Caller, Place, Queue, Ticket};
use super::server::{address, join};
use crate::dtls::connection::timers::reportable;
use crate::error::Error;

/// A call whose result is taken by the poll that returns it. It is in line from its first poll on.
pub fn of<O: Operation>(
    connection: &DtlsConnection,
    operation: O,
    priority: glib::Priority,
) -> Pin<Box<dyn Future<Output = Result<O::Value, glib::Error>>>> {
    let connection = connection.clone();
    let mut turn: Option<Turn<O>> = None;
    Box::pin(poll_fn(move |task| {
        let queue = O::queue(connection.imp());
        let context = glib::MainContext::ref_thread_default();
        // Its source may have ended with its context, or may be one that this thread does not run.
        let here = address(&context);
        turn.take_if(|turn| turn.place.0 != here || !queue.holds(turn.place));
        let place = turn.as_ref().map(|turn| turn.place);
        let must_wait = place.is_none() && queue.burst.is_over();
        if !must_wait && queue.is_next(here, place.map(|(_, number)| number)) {
            let error = place.and_then(|place| queue.take_error(place));
            match error.map_or_else(|| attempt(&connection, &operation), Err) {
                Err(error) if error.matches(gio::IOErrorEnum::WouldBlock) => {}
                done => {
                    if place.is_none() {
                        queue.burst.go_on();
                    }
                    turn = None;
                    return Poll::Ready(done);
                }
            }
        }
        match place {
            Some(place) => queue.wait(place, task.waker()),
            None => turn = Some(Turn::take(&connection, &context, priority, task.waker())),
        }
        Poll::Pending
    }))
}

/// What needs no waiting, and no handshake.
fn attempt<O: Operation>(
    connection: &DtlsConnection,
    operation: &O,
) -> Result<O::Value, glib::Error> {
    let settled = connection.imp().is_settled(O::is_closed);
    if settled.map_err(|error| reportable(error, None))? {
        operation.attempt(connection)
    } else {
        Err(Error::WouldBlock.into())
    }
}

/// A future's place in line, which it gives up when it ends.
struct Turn<O> {
    queue: Arc<Queue<O>>,
    place: Place,
}

impl<O: Operation> Turn<O> {
    fn take(
        connection: &DtlsConnection,
        context: &glib::MainContext,
        priority: glib::Priority,
        waker: &Waker,
    ) -> Self {
        let queue = O::queue(connection.imp()).clone();
        let place = (address(context), queue.number());
        let ticket = Ticket {
            waker: Some(waker.clone()),
            error: None,
        };
        let caller = Caller::<O>::Future(ticket);
        join(connection, context, place, priority, caller);
        Turn { queue, place }
    }
}

impl<O> Drop for Turn<O> {
    fn drop(&mut self) {
        self.queue.leave(self.place);
    }
}
