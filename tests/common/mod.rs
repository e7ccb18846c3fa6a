//! What the test programs share.
#![allow(dead_code)] // Each test program uses a part of it.

pub mod simnet;
