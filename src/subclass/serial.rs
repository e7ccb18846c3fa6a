//! Telling objects apart, also those that are gone.

use std::sync::{LazyLock, Mutex, PoisonError};

use glib::{Quark, prelude::*};

/// The last number that was given.
static LAST: Mutex<u64> = Mutex::new(0);
static KEY: LazyLock<Quark> = LazyLock::new(|| Quark::from_str("gio-ossl-serial"));

/// A number that no other object of this process has ever had.
pub fn serial(object: &impl IsA<glib::Object>) -> u64 {
    let object: &glib::Object = object.upcast_ref();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: only this function uses the key, always with a `u64`, and nobody replaces one that is
    // there: the lock sees to that.
    unsafe {
        if let Some(known) = object.qdata::<u64>(*KEY) {
            return *known.as_ref();
        }
        *last += 1;
        object.set_qdata(*KEY, *last);
    }
    *last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_has_one_number_and_no_other_has_it() {
        let first = gio::Cancellable::new();
        let number = serial(&first);
        assert_eq!(serial(&first.clone()), number);
        let mut seen = vec![number];
        drop(first);
        for _ in 0..3 {
            let next = serial(&gio::Cancellable::new());
            assert!(!seen.contains(&next));
            seen.push(next);
        }
    }
}
