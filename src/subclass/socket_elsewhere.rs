//! Elsewhere than on Linux every socket is used by `GDatagramBased`.

use std::time::Duration;

use glib::IOCondition;

use super::cancel::WaitToken;

/// What has arrived, as on Linux.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Its bytes.
    pub length: usize,
    /// 0: it is one datagram.
    pub segment: usize,
}

/// There is none.
pub enum DatagramSocket {}

impl DatagramSocket {
    /// None.
    #[must_use]
    pub fn of(_base: &gio::DatagramBased) -> Option<Self> {
        None
    }

    /// As on Linux.
    pub fn receive(
        &self,
        _arena: &mut [u8],
        _stride: usize,
        _arrivals: &mut [Arrival],
    ) -> Result<usize, glib::Error> {
        match *self {}
    }

    /// As on Linux.
    pub fn send(
        &self,
        _datagrams: &[u8],
        _start: usize,
        _ends: &[usize],
    ) -> Result<usize, glib::Error> {
        match *self {}
    }

    /// As on Linux.
    pub fn wait(
        &self,
        _condition: IOCondition,
        _timeout: Option<Duration>,
        _token: &WaitToken,
    ) -> Result<bool, glib::Error> {
        match *self {}
    }

    /// As on Linux.
    #[must_use]
    pub fn sends_runs(&self) -> bool {
        match *self {}
    }

    /// As on Linux.
    pub fn set_sends_runs(&self, _wanted: bool) {
        match *self {}
    }

    /// As on Linux.
    #[must_use]
    pub fn merges(&self) -> bool {
        match *self {}
    }

    /// As on Linux.
    #[must_use]
    pub fn may_merge(&self) -> bool {
        match *self {}
    }

    /// As on Linux.
    pub fn set_merges(&self, _wanted: bool) {
        match *self {}
    }
}
