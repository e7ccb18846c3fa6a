//! What OpenSSL asks for a PIN instead of the terminal: nobody.

use std::{
    cell::Cell,
    ffi::{c_char, c_int},
    sync::OnceLock,
};

/// `UI_METHOD`.
pub enum Method {}
enum Ui {}
enum UiString {}

/// `UIT_PROMPT`: a question without echo or with it, to be answered by a string.
const PROMPT: c_int = 1;

type Reader = unsafe extern "C" fn(*mut Ui, *mut UiString) -> c_int;

unsafe extern "C" {
    fn UI_create_method(name: *const c_char) -> *mut Method;
    fn UI_method_set_reader(method: *mut Method, reader: Option<Reader>) -> c_int;
    fn UI_get_string_type(string: *mut UiString) -> c_int;
}

thread_local! {
    /// Not handed over by pointer: the engine keeps pointers for later.
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, and tells whether somebody wanted a PIN in this thread.
pub fn refusing<T>(body: impl FnOnce() -> T) -> (T, bool) {
    ASKED.set(false);
    let result = body();
    (result, ASKED.get())
}

/// The method to give to OpenSSL, which is never freed; NULL if there is no memory. Who asks holds the
/// engine's lock, or two threads might make one at once.
pub fn method() -> *mut Method {
    static METHOD: OnceLock<usize> = OnceLock::new();
    let make = || {
        // SAFETY: the name is a C string that is copied, and the method is new; a reader that is not
        // set refuses as well.
        unsafe {
            let method = UI_create_method(c"gio-ossl".as_ptr());
            if !method.is_null() {
                UI_method_set_reader(method, Some(read));
            }
            method
        }
    };
    let known = METHOD.get().copied();
    let address = known.unwrap_or_else(|| match make() {
        method if method.is_null() => 0,
        method => *METHOD.get_or_init(|| method.expose_provenance()),
    });
    std::ptr::with_exposed_provenance_mut(address)
}

unsafe extern "C" fn read(_ui: *mut Ui, string: *mut UiString) -> c_int {
    // SAFETY: OpenSSL gives its own object, alive during the call.
    let wanted = unsafe { UI_get_string_type(string) } == PROMPT;
    if wanted {
        ASKED.set(true);
    }
    c_int::from(!wanted)
}
