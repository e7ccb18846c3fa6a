//! The C interface that `include/gio-ossl/` declares, over the crate's safe interface.
//!
//! An entry checks its arguments as GLib does (a critical, and a neutral value returned), borrows
//! them, and calls the crate inside the panic boundary. Nothing here looks into an instance: it may
//! belong to another copy of this code, see [`types`].

mod backend;
mod checks;
mod database;
mod dtls;
pub(crate) mod types;
