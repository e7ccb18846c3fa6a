//! Environment variables that stand in for properties, for programs that do not set them.

use std::ffi::CString;
use std::sync::OnceLock;

use super::{offload, protocol};
use crate::ossl::environment::variable;

/// The environment variable that stands in for a property.
pub fn variable_of(property: &str) -> String {
    format!("GIO_OSSL_{}", property.to_uppercase().replace('-', "_"))
}

/// What the environment says in a property's place. It is read once, when it is first asked.
pub fn environment(property: &str) -> Option<&'static str> {
    static VALUES: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let values = VALUES.get_or_init(|| {
        let properties = protocol::PROPERTIES.iter().chain(&offload::PROPERTIES);
        properties
            .filter_map(|property| {
                let name = (property.spec)().name().to_owned();
                let value = variable(&CString::new(variable_of(&name)).ok()?)?;
                (!value.is_empty()).then(|| (name, value.to_string_lossy().into_owned()))
            })
            .collect()
    });
    let found = values.iter().find(|(name, _)| *name == property);
    found.map(|(_, value)| value.as_str())
}
