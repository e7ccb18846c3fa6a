//! The properties that GIO's interfaces do not have, each at home with what it is about.

use std::sync::OnceLock;

use glib::{ParamFlags, ParamSpec, Value};

use super::imp::DtlsConnection;
use super::settings::Settings;
use super::{facts, offload, path, protocol, resumption, srtp, timers};

/// A property: what it is, and how it is read and written.
pub struct Property {
    pub spec: fn() -> ParamSpec,
    pub read: fn(&DtlsConnection) -> Value,
    pub write: Write,
}

/// When a property may be written, and how.
#[derive(Clone, Copy)]
pub enum Write {
    Never,
    /// The handshake goes by the value that it finds when it begins.
    BeforeHandshake(fn(&mut Settings, &Value)),
    /// The connection changes at once, and notifies by itself.
    Live(fn(&DtlsConnection, &Value)),
}

/// All of them, by what they are about.
const AREAS: [&[Property]; 7] = [
    &facts::PROPERTIES,
    &offload::PROPERTIES,
    &path::PROPERTIES,
    &protocol::PROPERTIES,
    &resumption::PROPERTIES,
    &srtp::PROPERTIES,
    &timers::PROPERTIES,
];

/// The flags of a property that says itself when it has changed.
pub const SETTABLE: ParamFlags = ParamFlags::READWRITE.union(ParamFlags::EXPLICIT_NOTIFY);

/// The properties with what GObject has to know of them.
pub fn all() -> &'static [(ParamSpec, &'static Property)] {
    static ALL: OnceLock<Vec<(ParamSpec, &Property)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let properties = AREAS.into_iter().flatten();
        properties
            .map(|property| ((property.spec)(), property))
            .collect()
    })
}

/// The property of this name.
pub fn named(name: &str) -> Option<&'static Property> {
    let found = all().iter().find(|(spec, _)| spec.name() == name);
    found.map(|(_, property)| *property)
}
