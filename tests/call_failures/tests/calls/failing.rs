//! Which call fails.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::{c_char, c_int};
use std::sync::LazyLock;

use gio_ossl_call_failures::{Fallible, fallible, infallible};

/// One failure.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// Which of the calls fails, from 1 on.
    pub number: usize,
    /// What the call returns, as the place among the values that stand for a failure.
    pub value: usize,
    /// Whether OpenSSL says something about it.
    pub is_explained: bool,
}

/// What is watched in a thread.
enum Watch {
    Nothing,
    /// The names of the calls, in order.
    Survey(Vec<&'static str>),
    /// So many calls are left until the failure.
    Countdown(usize, Failure),
    /// This one has failed.
    Failed(&'static Fallible),
    /// It was silent, and nobody has asked yet what became of it.
    Silent(&'static Fallible),
}

thread_local! {
    static WATCH: RefCell<Watch> = const { RefCell::new(Watch::Nothing) };
}

/// What `body` calls that can fail.
pub fn survey(body: impl FnOnce()) -> Vec<&'static str> {
    WATCH.set(Watch::Survey(Vec::new()));
    body();
    match WATCH.replace(Watch::Nothing) {
        Watch::Survey(calls) => calls,
        _ => Vec::new(),
    }
}

/// Runs `body` with this failure. Tells what has failed, if it came to that.
pub fn with_failure<T>(
    failure: Failure,
    body: impl FnOnce() -> T,
) -> (T, Option<&'static Fallible>) {
    WATCH.set(Watch::Countdown(failure.number, failure));
    let result = body();
    match WATCH.replace(Watch::Nothing) {
        Watch::Failed(call) | Watch::Silent(call) => (result, Some(call)),
        _ => (result, None),
    }
}

/// What a function that can fail has to return instead of doing its work.
pub fn fails(symbol: &'static str, command: usize) -> Option<isize> {
    if symbol == "SSL_get_error" {
        return outcome();
    }
    let (call, failure) = WATCH.with_borrow_mut(|watch| match watch {
        Watch::Nothing | Watch::Failed(_) | Watch::Silent(_) => None,
        Watch::Survey(calls) => {
            calls.extend(find(symbol, command).map(|call| call.name));
            None
        }
        Watch::Countdown(left, failure) => {
            let call = find(symbol, command)?;
            *left -= 1;
            if *left > 0 {
                return None;
            }
            let failure = *failure;
            *watch = match failure.is_explained {
                true => Watch::Failed(call),
                false => Watch::Silent(call),
            };
            Some((call, failure))
        }
    })?;
    if failure.is_explained {
        explain();
    }
    call.values.get(failure.value % call.values.len()).copied()
}

/// What SSL_get_error(3) says of an operation that has failed without a reason: OpenSSL itself would go by the
/// operation before.
fn outcome() -> Option<isize> {
    const SSL_ERROR_SYSCALL: isize = 5;
    const OPERATIONS: [&str; 4] = [
        "SSL_do_handshake",
        "SSL_read_ex",
        "SSL_shutdown",
        "SSL_write",
    ];
    WATCH.with_borrow_mut(|watch| match watch {
        Watch::Silent(call) if OPERATIONS.contains(&call.name) => {
            *watch = Watch::Failed(call);
            Some(SSL_ERROR_SYSCALL)
        }
        _ => None,
    })
}

/// The call, if it can fail; a function with many commands may do some without.
fn find(symbol: &'static str, command: usize) -> Option<&'static Fallible> {
    static CALLS: LazyLock<HashMap<&str, Fallible>> =
        LazyLock::new(|| fallible().into_iter().map(|it| (it.name, it)).collect());
    static SURE: LazyLock<HashSet<&str>> = LazyLock::new(|| infallible().collect());
    if let Some(call) = CALLS.get(symbol) {
        return Some(call);
    }
    let name = format!("{symbol}({})", command as u32);
    let call = CALLS.get(&*name);
    assert!(
        call.is_some() || SURE.contains(&*name),
        "{name} is in no list"
    );
    call
}

unsafe extern "C" {
    fn ERR_new();
    fn ERR_set_error(library: c_int, reason: c_int, format: *const c_char, ...);
}

/// Leaves a reason in OpenSSL's queue.
fn explain() {
    const ERR_LIB_SSL: c_int = 20;
    const ERR_R_INTERNAL_ERROR: c_int = 259 | 3 << 18;
    // SAFETY: without a text there is nothing to uphold.
    unsafe {
        ERR_new();
        ERR_set_error(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR, std::ptr::null());
    }
}
