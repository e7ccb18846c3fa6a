//! How long datagrams may be on the way to the peer.

use std::mem;

use gio::prelude::*;
use glib::subclass::prelude::*;
use glib::{ParamFlags, ParamSpec, ParamSpecUInt, Value};

use super::imp::DtlsConnection;
use super::properties::{Property, SETTABLE, Write};
use crate::engine::{DEFAULT_MTU, Datagrams, LONGEST_MTU, MAX_PLAINTEXT, SHORTEST_MTU};
use crate::error::Error;

/// The properties of the path.
pub const PROPERTIES: [Property; 2] = [
    Property {
        spec: mtu_spec,
        read: |connection| u32::from(connection.mtu()).to_value(),
        write: Write::Live(DtlsConnection::set_mtu),
    },
    Property {
        spec: max_payload_spec,
        read: |connection| connection.facts().path.max_payload.to_value(),
        write: Write::Never,
    },
];

fn mtu_spec() -> ParamSpec {
    ParamSpecUInt::builder("mtu")
        .nick("MTU")
        .blurb("Bytes of UDP payload that a datagram may have, or 0 to find out")
        .maximum(LONGEST_MTU.into())
        .default_value(0)
        .flags(SETTABLE)
        .build()
}

fn max_payload_spec() -> ParamSpec {
    ParamSpecUInt::builder("max-payload")
        .nick("Longest message")
        .blurb("Bytes of the longest message that fits one datagram of the MTU")
        .maximum(u32::try_from(MAX_PLAINTEXT).unwrap_or(u32::MAX))
        .default_value(0)
        .flags(ParamFlags::READABLE | ParamFlags::EXPLICIT_NOTIFY)
        .build()
}

/// What is known of the path once the handshake has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    mtu: u16,
    max_payload: u32,
}

impl DtlsConnection {
    /// What was asked for, or what is in use since the handshake began.
    fn mtu(&self) -> u16 {
        let known = self.facts().path.mtu;
        if known == 0 {
            self.settings().mtu
        } else {
            known
        }
    }

    fn set_mtu(&self, value: &Value) {
        let asked: u32 = value.get().unwrap_or(0);
        let mtu = match u16::try_from(asked).unwrap_or(LONGEST_MTU) {
            0 => 0,
            some => some.clamp(SHORTEST_MTU, LONGEST_MTU),
        };
        self.settings().mtu = mtu;
        if self.engine.get().is_none() {
            self.obj().notify("mtu");
            return;
        }
        self.apply_mtu();
        self.report_path();
    }

    /// Makes the engine use what is set now.
    pub fn apply_mtu(&self) {
        if let Ok(mut engine) = self.engine() {
            // Looked up under the engine's lock, so that of several threads the last one counts.
            engine.set_mtu(self.chosen_mtu(self.settings().mtu));
        }
    }

    /// What flights are fragmented to, unless the path has other news, where the application has asked for
    /// this or, with 0, for nothing.
    pub fn chosen_mtu(&self, asked: u16) -> u16 {
        if asked == 0 {
            self.mtu_of_base().unwrap_or(DEFAULT_MTU)
        } else {
            asked
        }
    }

    /// What the system knows of the path of a connected UDP socket.
    fn mtu_of_base(&self) -> Option<u16> {
        let socket = self.transport().ok()?.socket()?;
        let payload = path_mtu(socket)?.clamp(SHORTEST_MTU.into(), LONGEST_MTU.into());
        u16::try_from(payload).ok()
    }

    /// Notifies what the engine has found out about the path.
    pub fn report_path(&self) {
        let (before, after) = {
            let Ok(mut engine) = self.engine() else {
                return;
            };
            let after = Path {
                mtu: engine.mtu(),
                max_payload: u32::try_from(engine.max_payload()).unwrap_or(u32::MAX),
            };
            // Under the engine's lock, so that no earlier answer overwrites a later one.
            (mem::replace(&mut self.facts().path, after), after)
        };
        if before.mtu != after.mtu {
            self.obj().notify("mtu");
        }
        if before.max_payload != after.max_payload {
            self.obj().notify("max-payload");
        }
    }

    /// Sends a flight without waiting. What the base finds too long goes out again in shorter
    /// datagrams; what it does not take now is a lost datagram, which the timer makes good.
    pub fn send_flight(&self, mut flight: Datagrams) -> Result<(), Error> {
        let mut sent = 0;
        loop {
            let error = match self.transport()?.send(&flight, &mut sent) {
                Err(error) if is_too_large(&error) => error,
                result => return result,
            };
            let limit = self.mtu_of_base();
            let Some(shorter) = self.engine()?.refit(&flight, sent, limit) else {
                return Err(error);
            };
            (flight, sent) = (shorter, 0);
        }
    }

    /// An error of the base while it sent this datagram: one that is too long tells about the path.
    pub fn learn_from(&self, error: &Error, datagram: Option<&[u8]>) {
        let Some(datagram) = datagram.filter(|_| is_too_large(error)) else {
            return;
        };
        let limit = self.mtu_of_base();
        if let Ok(mut engine) = self.engine() {
            engine.narrow(datagram.len(), limit);
        }
        self.report_path();
    }
}

fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::Foreign(cause) if cause.matches(gio::IOErrorEnum::MessageTooLarge))
}

/// Linux's path MTU, as UDP payload; only a connected socket has one.
#[cfg(target_os = "linux")]
fn path_mtu(socket: &gio::Socket) -> Option<i32> {
    // IPPROTO_IP, IP_MTU and IPPROTO_IPV6, IPV6_MTU, with the headers of IP and of UDP.
    let (level, option, headers) = match socket.family() {
        gio::SocketFamily::Ipv4 => (0, 14, 20 + 8),
        gio::SocketFamily::Ipv6 => (41, 24, 40 + 8),
        _ => return None,
    };
    let mtu = socket.option(level, option).ok()?;
    (mtu > headers).then(|| mtu - headers)
}

#[cfg(not(target_os = "linux"))]
fn path_mtu(_socket: &gio::Socket) -> Option<i32> {
    None
}

/// The path to the peer.
pub trait DtlsPathExt: IsA<super::DtlsConnection> {
    /// `mtu`: bytes of UDP payload that the datagrams of a handshake have at most. 0 before the
    /// handshake begins means that it will be found out.
    fn mtu(&self) -> u32 {
        self.as_ref().property("mtu")
    }

    /// Sets `mtu`, at any time; 0 asks the base socket, and is 1400 where that does not know.
    /// Otherwise it is 256 at least and 65,507 at most.
    fn set_mtu(&self, mtu: u32) {
        self.as_ref()
            .set_property("mtu", mtu.min(LONGEST_MTU.into()));
    }

    /// `max-payload`: bytes of the longest message that fits one datagram of the MTU with the cipher
    /// suite of the session; 0 before the handshake is over.
    fn max_payload(&self) -> u32 {
        self.as_ref().property("max-payload")
    }
}

impl<T: IsA<super::DtlsConnection>> DtlsPathExt for T {}
