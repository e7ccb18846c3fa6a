//! OpenSSL's allocations that fail, each in a process of its own.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gio_ossl::Error;
use openssl::error::ErrorStack;

use crate::{
    forks::{Exit, fork, wait},
    plans::check,
};

thread_local! {
    /// How many allocations are left until the one that fails; none fails at 0.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// Whether this allocation is to fail.
fn fails() -> bool {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(1));
    left == 1
}

unsafe extern "C" fn allocate(size: usize, _file: *const c_char, _line: c_int) -> *mut c_void {
    if size == 0 || fails() {
        return std::ptr::null_mut();
    }
    // SAFETY: there is nothing to uphold.
    unsafe { libc::malloc(size) }
}

unsafe extern "C" fn reallocate(
    memory: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    // SAFETY: by the caller's guarantee, the memory is one of these functions'.
    unsafe {
        if size == 0 {
            release(memory, file, line);
            return std::ptr::null_mut();
        }
        if fails() {
            return std::ptr::null_mut();
        }
        libc::realloc(memory, size)
    }
}

unsafe extern "C" fn release(memory: *mut c_void, _file: *const c_char, _line: c_int) {
    // SAFETY: as above.
    unsafe { libc::free(memory) }
}

type Allocate = unsafe extern "C" fn(usize, *const c_char, c_int) -> *mut c_void;
type Reallocate = unsafe extern "C" fn(*mut c_void, usize, *const c_char, c_int) -> *mut c_void;
type Release = unsafe extern "C" fn(*mut c_void, *const c_char, c_int);

unsafe extern "C" {
    fn CRYPTO_set_mem_functions(
        allocate: Allocate,
        reallocate: Reallocate,
        release: Release,
    ) -> c_int;
}

/// Before anything else of a test, and held to its end: a process with a second thread at work would
/// fork that thread's locks.
pub fn alone() -> MutexGuard<'static, bool> {
    static ALONE: Mutex<bool> = Mutex::new(false);
    let mut is_ready = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_ready {
        // SAFETY: the functions do what OpenSSL wants, which has allocated nothing yet.
        let replaced = unsafe { CRYPTO_set_mem_functions(allocate, reallocate, release) };
        assert_eq!(replaced, 1);
        *is_ready = true;
    }
    is_ready
}

/// How a case ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// OpenSSL did without.
    Done = 40,
    /// With an error that says what happened.
    Failed,
    /// There are not so many allocations.
    Unreached,
    /// And nothing else works in this process afterwards, which says so each time.
    Spoiled,
    /// OpenSSL has crashed.
    Crashed,
    /// It has panicked or hung.
    Wrong,
}

pub type Work<'a> = &'a dyn Fn() -> Result<(), Error>;

/// What a case does in its own process.
fn case(number: u32, work: Work, after: Option<Work>) -> End {
    LEFT.set(number);
    let result = work();
    let is_reached = LEFT.replace(0) == 0;
    let left = ErrorStack::get();
    assert!(left.errors().is_empty(), "left in the queue: {left}");
    if let Err(error) = &result {
        assert!(is_reached, "{error}");
        check(error);
    }
    if !is_reached {
        return End::Unreached;
    }
    if let Some(Err(error)) = after.map(|after| after()) {
        check(&error);
        return End::Spoiled;
    }
    result.map_or(End::Failed, |()| End::Done)
}

/// Runs `work` in a child, where the allocation of this number fails, and then what must work without.
fn in_child(number: u32, work: Work, after: Option<Work>) -> End {
    let child = fork(|| case(number, work, after) as c_int);
    let (ended, exit) = wait();
    assert_eq!(ended, child);
    match exit {
        Exit::With(code) => {
            let ends = [End::Done, End::Failed, End::Unreached, End::Spoiled];
            let is_it = |end: &End| *end as c_int == code;
            ends.into_iter().find(is_it).unwrap_or(End::Wrong)
        }
        Exit::Crashed => End::Crashed,
        Exit::Wrong => End::Wrong,
    }
}

/// Lets each `step`th allocation fail, and sees after every eighth case whether OpenSSL is sound. Returns after
/// which it is not.
pub fn each(name: &str, step: usize, work: Work, after: Work) -> Vec<u32> {
    let mut ends = Vec::new();
    for number in (1..).step_by(step) {
        let after = (ends.len() % 8 == 0).then_some(after);
        match in_child(number, work, after) {
            End::Unreached => break,
            end => ends.push((number, end)),
        }
    }
    let of = |kind: End| -> Vec<u32> {
        let found = ends.iter().filter(|(_, end)| *end == kind);
        found.map(|(number, _)| *number).collect()
    };
    println!(
        "{name}: {} cases, of which {} succeed and {} fail; spoiled: {:?}; crashed: {:?}",
        ends.len(),
        of(End::Done).len(),
        of(End::Failed).len(),
        of(End::Spoiled),
        of(End::Crashed),
    );
    assert!(of(End::Wrong).is_empty(), "{name}: {:?}", of(End::Wrong));
    // Later versions free a record layer twice that could not be made.
    let may_crash = openssl::version::number() >= 0x3020_0000;
    assert!(may_crash || of(End::Crashed).is_empty());
    assert!(!of(End::Failed).is_empty());
    of(End::Spoiled)
}
