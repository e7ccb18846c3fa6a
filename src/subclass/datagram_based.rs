//! `GDatagramBased`: implementing it, and calling it in batches.

use std::{os::raw::c_int, time::Duration};

use gio::ffi;
use glib::{IOCondition, prelude::*, subclass::prelude::*, translate::*};

pub use super::{
    datagram_batch::{
        BATCH, base_source, plain_socket, receive_batch, receive_bytes, send_batch, send_bytes,
        send_one,
    },
    datagram_messages::{InputMessages, OutputMessages},
};
use super::{
    guard, guard_result, implementation,
    source::{self, Causes, Running, SourceImpl},
};

/// A class that implements `GDatagramBased`. All methods may be called from every thread at once.
pub trait DatagramBasedImpl:
    ObjectImpl + ObjectSubclass<Type: IsA<gio::DatagramBased>> + Send + Sync
{
    /// Fills messages from the front and returns how many; 0 is the end of the datagrams.
    ///
    /// `timeout`: `None` blocks, zero never does.
    ///
    /// # Errors
    ///
    /// Only when no message was received.
    fn receive_messages(
        &self,
        messages: &mut InputMessages<'_>,
        flags: i32,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, glib::Error>;

    /// Sends messages from the front and returns how many.
    ///
    /// `timeout`: `None` blocks, zero never does.
    ///
    /// # Errors
    ///
    /// Only when no message was sent.
    fn send_messages(
        &self,
        messages: &mut OutputMessages<'_>,
        flags: i32,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<usize, glib::Error>;

    /// A source that fires while `condition` holds; usually a [`source::datagram_source`].
    fn create_source(
        &self,
        condition: IOCondition,
        cancellable: Option<&gio::Cancellable>,
    ) -> glib::Source;

    /// Which of `condition`, `ERR` and `HUP` hold now. Never blocks.
    fn condition_check(&self, condition: IOCondition) -> IOCondition;

    /// Blocks until one of `condition` holds; `timeout` as in the other methods.
    ///
    /// # Errors
    ///
    /// `G_IO_ERROR_TIMED_OUT`, `G_IO_ERROR_CANCELLED`, or why the condition will never hold.
    fn condition_wait(
        &self,
        condition: IOCondition,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), glib::Error>;
}

/// Implements `GDatagramBased` for an [`ObjectSubclass`] that is a [`DatagramBasedImpl`].
#[doc(hidden)]
#[macro_export]
macro_rules! impl_datagram_based {
    ($class:ty) => {
        // SAFETY: `interface_init` fills every slot with a trampoline for this very class.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsImplementable<$class>
            for $crate::subclass::export::gio::DatagramBased
        {
            fn interface_init(iface: &mut $crate::subclass::export::glib::Interface<Self>) {
                $crate::subclass::datagram_based::interface_init::<$class>(iface);
            }
        }
    };
}

/// Fills the interface's slots; what [`impl_datagram_based`](crate::impl_datagram_based) calls.
#[doc(hidden)]
pub fn interface_init<T: DatagramBasedImpl>(iface: &mut glib::Interface<gio::DatagramBased>) {
    let iface = iface.as_mut();
    iface.receive_messages = Some(receive_messages::<T>);
    iface.send_messages = Some(send_messages::<T>);
    iface.create_source = Some(create_source::<T>);
    iface.condition_check = Some(condition_check::<T>);
    iface.condition_wait = Some(condition_wait::<T>);
}

/// A timeout in GIO's microseconds. A positive one never becomes 0, which would mean "do not wait".
pub(crate) fn timeout_to_c(timeout: Option<Duration>) -> i64 {
    match timeout {
        None => -1,
        Some(Duration::ZERO) => 0,
        Some(time) => i64::try_from(time.as_micros()).unwrap_or(i64::MAX).max(1),
    }
}

/// The reverse of [`timeout_to_c`].
fn timeout_from_c(timeout: i64) -> Option<Duration> {
    u64::try_from(timeout).ok().map(Duration::from_micros)
}

unsafe extern "C" fn receive_messages<T: DatagramBasedImpl>(
    base: *mut ffi::GDatagramBased,
    messages: *mut ffi::GInputMessage,
    num_messages: u32,
    flags: c_int,
    timeout: i64,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> c_int {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T`, `num_messages` valid messages and an
        // optional cancellable, all of them alive during the call.
        let (this, mut messages, cancellable) = unsafe {
            (
                implementation::<T, _>(base),
                InputMessages::from_raw(messages, num_messages),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable),
            )
        };
        let wait = timeout_from_c(timeout);
        this.receive_messages(&mut messages, flags, wait, cancellable.as_ref().as_ref())
            .map(|count| count_to_c(count, num_messages))
            .map_err(|failure| lawful_error(failure, timeout))
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe { guard_result("receive_messages", error, -1, body) }
}

unsafe extern "C" fn send_messages<T: DatagramBasedImpl>(
    base: *mut ffi::GDatagramBased,
    messages: *mut ffi::GOutputMessage,
    num_messages: u32,
    flags: c_int,
    timeout: i64,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> c_int {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T`, `num_messages` valid messages and an
        // optional cancellable, all of them alive during the call.
        let (this, mut messages, cancellable) = unsafe {
            (
                implementation::<T, _>(base),
                OutputMessages::from_raw(messages, num_messages),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable),
            )
        };
        let wait = timeout_from_c(timeout);
        let count = this
            .send_messages(&mut messages, flags, wait, cancellable.as_ref().as_ref())
            .map_err(|failure| lawful_error(failure, timeout))?;
        if count == 0 && num_messages > 0 && timeout < 0 {
            // GLib takes this for a bug and would return -1 without an error.
            return Err(glib::Error::new(
                gio::IOErrorEnum::Failed,
                "Nothing was sent although the call may block",
            ));
        }
        Ok(count_to_c(count, num_messages))
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe { guard_result("send_messages", error, -1, body) }
}

unsafe extern "C" fn create_source<T: DatagramBasedImpl>(
    base: *mut ffi::GDatagramBased,
    condition: glib::ffi::GIOCondition,
    cancellable: *mut ffi::GCancellable,
) -> *mut glib::ffi::GSource {
    // SAFETY: GIO calls this slot with an instance of `T` and an optional cancellable, both alive
    // during the call; any condition is a set of flags.
    let (this, object, condition, cancellable) = unsafe {
        (
            implementation::<T, _>(base),
            gio::DatagramBased::from_glib_borrow(base),
            IOCondition::from_glib(condition),
            Option::<gio::Cancellable>::from_glib_borrow(cancellable),
        )
    };
    let broken =
        || source::datagram_source(&object, "broken", Broken { condition }, Causes::default());
    let body = || this.create_source(condition, cancellable.as_ref().as_ref());
    guard("create_source", broken, body).into_glib_ptr()
}

unsafe extern "C" fn condition_check<T: DatagramBasedImpl>(
    base: *mut ffi::GDatagramBased,
    condition: glib::ffi::GIOCondition,
) -> glib::ffi::GIOCondition {
    // SAFETY: GIO calls this slot with a live instance of `T`; any condition is a set of flags.
    let (this, condition) = unsafe {
        (
            implementation::<T, _>(base),
            IOCondition::from_glib(condition),
        )
    };
    let body = || lawful_condition(this.condition_check(condition), condition);
    guard("condition_check", || IOCondition::ERR, body).into_glib()
}

unsafe extern "C" fn condition_wait<T: DatagramBasedImpl>(
    base: *mut ffi::GDatagramBased,
    condition: glib::ffi::GIOCondition,
    timeout: i64,
    cancellable: *mut ffi::GCancellable,
    error: *mut *mut glib::ffi::GError,
) -> glib::ffi::gboolean {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T` and an optional cancellable, both
        // alive during the call; any condition is a set of flags.
        let (this, condition, cancellable) = unsafe {
            (
                implementation::<T, _>(base),
                IOCondition::from_glib(condition),
                Option::<gio::Cancellable>::from_glib_borrow(cancellable),
            )
        };
        let wait = timeout_from_c(timeout);
        this.condition_wait(condition, wait, cancellable.as_ref().as_ref())
            .map(|()| glib::ffi::GTRUE)
    };
    // SAFETY: GIO passes NULL or a place for an error.
    unsafe { guard_result("condition_wait", error, glib::ffi::GFALSE, body) }
}

/// GLib refuses a count above the number of messages.
fn count_to_c(count: usize, num_messages: u32) -> c_int {
    let limit = c_int::try_from(num_messages).unwrap_or(c_int::MAX);
    c_int::try_from(count).unwrap_or(c_int::MAX).min(limit)
}

/// GLib allows WOULD_BLOCK only in a call that must not wait, TIMED_OUT only in one with a time
/// limit.
fn lawful_error(failure: glib::Error, timeout: i64) -> glib::Error {
    use gio::IOErrorEnum as Io;

    if !failure.matches(Io::WouldBlock) && !failure.matches(Io::TimedOut) {
        return failure;
    }
    let lawful = match timeout {
        0 => Io::WouldBlock,
        1.. => Io::TimedOut,
        _ => Io::Failed,
    };
    if failure.matches(lawful) {
        failure
    } else {
        glib::Error::new(lawful, failure.message())
    }
}

/// GLib allows nothing that was not asked for besides ERR and HUP, and HUP excludes IN and OUT.
fn lawful_condition(found: IOCondition, asked: IOCondition) -> IOCondition {
    let lawful = found & (asked | IOCondition::ERR | IOCondition::HUP);
    if lawful.contains(IOCondition::HUP) {
        lawful - (IOCondition::IN | IOCondition::OUT)
    } else {
        lawful
    }
}

/// What stands in for a source that could not be made: always ready, so that the caller's next call
/// shows it the failure.
struct Broken {
    condition: IOCondition,
}

impl SourceImpl for Broken {
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        callback: &mut dyn FnMut(IOCondition) -> glib::ControlFlow,
    ) -> glib::ControlFlow {
        source.again();
        callback(self.condition | IOCondition::ERR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_made_to_fit_the_timeout() {
        use gio::IOErrorEnum as Io;

        let table = [
            (Io::WouldBlock, 0, Io::WouldBlock),
            (Io::WouldBlock, 5, Io::TimedOut),
            (Io::WouldBlock, -1, Io::Failed),
            (Io::TimedOut, 0, Io::WouldBlock),
            (Io::TimedOut, 5, Io::TimedOut),
            (Io::TimedOut, -1, Io::Failed),
            (Io::Closed, -1, Io::Closed),
        ];
        for (given, timeout, lawful) in table {
            let error = lawful_error(glib::Error::new(given, "text"), timeout);
            assert!(error.matches(lawful), "{given:?} with {timeout}");
            assert_eq!(error.message(), "text");
        }
    }

    #[test]
    fn hang_up_excludes_readiness_and_nothing_unasked_is_reported() {
        let all = IOCondition::IN | IOCondition::OUT;
        assert_eq!(lawful_condition(all, IOCondition::IN), IOCondition::IN);
        assert_eq!(
            lawful_condition(all | IOCondition::HUP, all),
            IOCondition::HUP
        );
        assert_eq!(
            lawful_condition(IOCondition::ERR | IOCondition::PRI, all),
            IOCondition::ERR
        );
    }

    #[test]
    fn short_timeouts_still_wait() {
        assert_eq!(timeout_to_c(Some(Duration::from_nanos(1))), 1);
        assert_eq!(timeout_to_c(Some(Duration::MAX)), i64::MAX);
        assert_eq!(timeout_to_c(None), -1);
        assert_eq!(timeout_from_c(-5), None);
        assert_eq!(timeout_from_c(0), Some(Duration::ZERO));
    }
}
