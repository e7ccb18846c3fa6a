//! What becomes of calls of OpenSSL that fail, each in turn.

#![allow(unsafe_code)] // What is called instead, and processes.

mod associations;
mod cases;
mod connections;
mod failing;
mod readers;
mod trust;
mod wrappers;

/// What the library's own tests are made of.
#[path = "../../../common"]
#[allow(dead_code)]
mod common {
    pub mod drafts;
    pub mod engines;
    pub mod forks;
    pub mod pki;
    pub mod plans;
    pub mod simnet;
    pub mod token;
}
use common::{drafts, engines, forks, pki, plans, simnet, token};

/// All works in one test: their cases are processes, which must not be forked beside others.
#[test]
fn each_call_that_can_fail_may_fail() {
    let mut hunt = cases::Hunt::default();
    associations::run(&mut hunt);
    readers::run(&mut hunt);
    trust::run(&mut hunt);
    connections::run(&mut hunt);
    hunt.conclude();
}
