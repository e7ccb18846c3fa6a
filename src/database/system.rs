//! The GObject part of [`Database`](super::Database).

use std::sync::OnceLock;

use glib::subclass::prelude::*;

use super::authorities::{Authorities, Trusting};
use crate::{error::Error, impl_tls_database};

/// The state of the system database.
#[derive(Default)]
pub struct Database {
    authorities: OnceLock<Result<Authorities, Error>>,
}

impl Trusting for Database {
    fn authorities(&self) -> Result<&Authorities, Error> {
        self.authorities
            .get_or_init(Authorities::system)
            .as_ref()
            .map_err(Clone::clone)
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Database {
    const NAME: &'static str = "GioOsslDatabase";
    const ALLOW_NAME_CONFLICT: bool = true;
    const FINAL: bool = true;
    type Type = super::Database;
    type ParentType = gio::TlsDatabase;
}

impl ObjectImpl for Database {}

impl_tls_database!(Database);
