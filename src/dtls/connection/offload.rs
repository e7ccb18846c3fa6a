//! Many datagrams as one, between us and the kernel: what it then does once for all of them.

use glib::prelude::*;
use glib::subclass::prelude::*;
use glib::{ParamSpec, ParamSpecBoolean, Value};

use super::environment::{environment, variable_of};
use super::imp::DtlsConnection;
use super::properties::{Property, SETTABLE, Write};
use crate::error::Error;
use crate::transport::Transport;

/// The properties that tell the kernel.
pub const PROPERTIES: [Property; 2] = [
    Property {
        spec: || spec("send-offload", "Send offload", true),
        read: |connection| connection.is_offloaded(SEND).to_value(),
        write: Write::Live(|connection, value| connection.set_offloaded(SEND, value)),
    },
    Property {
        spec: || spec("receive-offload", "Receive offload", false),
        read: |connection| connection.is_offloaded(RECEIVE).to_value(),
        write: Write::Live(|connection, value| connection.set_offloaded(RECEIVE, value)),
    },
];

fn spec(name: &'static str, nick: &'static str, default: bool) -> ParamSpec {
    ParamSpecBoolean::builder(name)
        .nick(nick)
        .blurb("Whether the kernel handles several datagrams as one")
        .default_value(default)
        .flags(SETTABLE)
        .build()
}

/// One direction.
struct Offload {
    property: &'static str,
    default: bool,
    /// Whether it changes the base, which is not ours any more once the connection is closed.
    until_closed: bool,
    setting: fn(&mut Choices) -> &mut Option<bool>,
    read: fn(&Transport) -> bool,
    write: fn(&Transport, bool),
}

static SEND: &Offload = &Offload {
    property: "send-offload",
    default: true,
    until_closed: false,
    setting: |choices| &mut choices.send,
    read: Transport::sends_runs,
    write: Transport::set_sends_runs,
};
static RECEIVE: &Offload = &Offload {
    property: "receive-offload",
    default: false,
    until_closed: true,
    setting: |choices| &mut choices.receive,
    read: Transport::receives_merged,
    write: Transport::set_receives_merged,
};

/// What the application has chosen, if it has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choices {
    send: Option<bool>,
    receive: Option<bool>,
}

impl Choices {
    /// The choice for a direction: the application's, or the environment's, if there is any.
    fn of(mut self, direction: &Offload) -> Result<Option<bool>, Error> {
        let chosen = *(direction.setting)(&mut self);
        match environment(direction.property) {
            _ if chosen.is_some() => Ok(chosen),
            None => Ok(None),
            Some("0") => Ok(Some(false)),
            Some("1") => Ok(Some(true)),
            Some(other) => Err(Error::InvalidArgument(format!(
                "The environment variable {} is neither 0 nor 1: {other}",
                variable_of(direction.property)
            ))),
        }
    }
}

impl DtlsConnection {
    /// Tells a new base what was chosen.
    pub fn prepare_offload(&self, base: &Transport) -> Result<(), Error> {
        let choices = self.settings().offload;
        for direction in [SEND, RECEIVE] {
            if let Some(chosen) = choices.of(direction)? {
                (direction.write)(base, chosen);
            }
        }
        Ok(())
    }

    /// Leaves the base as it was found.
    pub fn restore_base(&self) {
        if let Ok(base) = self.transport() {
            base.set_receives_merged(false);
        }
    }

    fn is_offloaded(&self, direction: &Offload) -> bool {
        match self.transport() {
            Ok(base) => (direction.read)(base),
            Err(_) => {
                let chosen = self.settings().offload.of(direction);
                chosen.ok().flatten().unwrap_or(direction.default)
            }
        }
    }

    fn set_offloaded(&self, direction: &Offload, value: &Value) {
        let chosen = value.get().unwrap_or(direction.default);
        *(direction.setting)(&mut self.settings().offload) = Some(chosen);
        let too_late = direction.until_closed && self.shared.lock().is_closed();
        if let Ok(base) = self.transport()
            && !too_late
        {
            (direction.write)(base, chosen);
            if direction.until_closed && self.shared.lock().is_closed() {
                // Closed meanwhile.
                self.restore_base();
            }
        }
        self.obj().notify(direction.property);
    }
}

/// What the kernel takes over for a connection over a UDP `GSocket`.
pub trait DtlsOffloadExt: IsA<super::DtlsConnection> {
    /// `send-offload`: whether the kernel is given messages of equal length that are sent in one call as
    /// one (UDP_SEGMENT). True by default, and false where it has refused.
    fn is_send_offloaded(&self) -> bool {
        self.as_ref().property("send-offload")
    }

    /// Sets `send-offload`, at any time.
    fn set_send_offloaded(&self, offloaded: bool) {
        self.as_ref().set_property("send-offload", offloaded);
    }

    /// `receive-offload`: whether the kernel merges datagrams of equal length that arrive together
    /// (UDP_GRO). False by default, and where it has refused.
    fn is_receive_offloaded(&self) -> bool {
        self.as_ref().property("receive-offload")
    }

    /// Sets `receive-offload`, at any time until the connection is closed. Whoever else receives from the
    /// base socket meanwhile gets merged datagrams.
    fn set_receive_offloaded(&self, offloaded: bool) {
        self.as_ref().set_property("receive-offload", offloaded);
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsOffloadExt for T {}
