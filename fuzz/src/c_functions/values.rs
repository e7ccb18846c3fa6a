//! What is handed to C and comes back from it.

use std::{
    cell::Cell,
    ffi::{CStr, CString},
    ptr,
};

use gio::{IOErrorEnum, TlsChannelBindingError, TlsError};
use glib::{
    ffi::{GBytes, GError, gpointer},
    translate::*,
};

use crate::script::Script;

thread_local! {
    /// Bytes whose last reference is not gone.
    static ALIVE: Cell<usize> = const { Cell::new(0) };
}

/// How many [`Bytes`] there are, those among them that somebody else holds.
pub(super) fn bytes_alive() -> usize {
    ALIVE.get()
}

/// A reference to bytes.
pub(super) struct Bytes(*mut GBytes);

impl Bytes {
    /// New ones that are counted.
    pub(super) fn new(content: &[u8]) -> Self {
        unsafe extern "C" fn release(data: gpointer) {
            ALIVE.set(ALIVE.get() - 1);
            // SAFETY: what `new` has leaked, once.
            drop(unsafe { Box::from_raw(data.cast::<Box<[u8]>>()) });
        }
        ALIVE.set(ALIVE.get() + 1);
        let content: Box<Box<[u8]>> = Box::new(content.into());
        let (data, size) = (content.as_ptr(), content.len());
        let owner = Box::into_raw(content);
        // SAFETY: the memory stays until it is released with its owner.
        Self(unsafe {
            glib::ffi::g_bytes_new_with_free_func(data.cast(), size, Some(release), owner.cast())
        })
    }

    /// What the library has given to its caller; nothing for NULL.
    pub(super) fn taken(pointer: *mut GBytes) -> Option<Self> {
        (!pointer.is_null()).then_some(Self(pointer))
    }

    pub(super) fn as_ptr(&self) -> *mut GBytes {
        self.0
    }

    /// The reference, which is not ours any more.
    pub(super) fn into_ptr(self) -> *mut GBytes {
        std::mem::ManuallyDrop::new(self).0
    }

    pub(super) fn content(&self) -> &[u8] {
        let mut size = 0;
        // SAFETY: the bytes are alive as long as this reference, and do not change.
        unsafe {
            let data = glib::ffi::g_bytes_get_data(self.0, &mut size);
            match size {
                0 => &[],
                _ => std::slice::from_raw_parts(data.cast(), size),
            }
        }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: the one reference that this is.
        unsafe { glib::ffi::g_bytes_unref(self.0) };
    }
}

/// Where a call leaves its error, if its caller wants to know.
pub(super) struct Place {
    wanted: bool,
    error: *mut GError,
}

impl Place {
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            error: ptr::null_mut(),
        }
    }

    pub(super) fn as_ptr(&mut self) -> *mut *mut GError {
        match self.wanted {
            true => &raw mut self.error,
            false => ptr::null_mut(),
        }
    }

    /// What the call has reported, as it may.
    #[track_caller]
    pub(super) fn take(self) -> Option<glib::Error> {
        // SAFETY: NULL, or an error that was given to the caller.
        let error: Option<glib::Error> = unsafe { from_glib_full(self.error) };
        if let Some(error) = &error {
            assert!(!error.message().is_empty());
            let is_known = error.is::<IOErrorEnum>()
                || error.is::<TlsError>()
                || error.is::<TlsChannelBindingError>();
            assert!(is_known, "{error:?}");
            assert!(!error.message().starts_with("internal"), "{error:?}");
        }
        error
    }

    /// For a call that sets the error if it fails, and only then.
    #[track_caller]
    pub(super) fn check(self, succeeded: bool) {
        let wanted = self.wanted;
        let error = self.take();
        assert_eq!(error.is_some(), !succeeded && wanted, "{error:?}");
    }

    /// The same for one that can fail in these ways.
    #[track_caller]
    pub(super) fn check_among(self, succeeded: bool, codes: &[IOErrorEnum]) {
        let wanted = self.wanted;
        let error = self.take();
        assert_eq!(error.is_some(), !succeeded && wanted, "{error:?}");
        let code = error.as_ref().map(glib::Error::kind::<IOErrorEnum>);
        assert!(
            code.is_none_or(|code| code.is_some_and(|code| codes.contains(&code))),
            "{error:?}"
        );
    }
}

/// Texts with a meaning, of which the input chooses one or writes its own.
const TEXTS: [&CStr; 12] = [
    c"",
    c"DEFAULT",
    c"PSK:@SECLEVEL=0",
    c"ECDHE+AESGCM:ECDHE+CHACHA20",
    c"X25519:P-256",
    c"ECDSA+SHA256:rsa_pss_rsae_sha256",
    c"EXPORTER fuzz",
    c"EXPORTER-Channel-Binding",
    c"master secret",
    c"sensor",
    c"SRTP_AEAD_AES_128_GCM",
    c"caf\xc3\xa9 \xff\xfe %s%n\x1b[31m",
];

/// A string in any encoding.
pub(super) fn text(script: &mut Script<'_>) -> CString {
    let choice = usize::from(script.byte());
    if let Some(text) = TEXTS.get(choice) {
        return CString::from(*text);
    }
    if choice == 0xff {
        return CString::new(vec![b'x'; script.below(70_000)]).unwrap_or_default();
    }
    let mut bytes = script.bytes().to_vec();
    bytes.retain(|byte| *byte != 0);
    CString::new(bytes).unwrap_or_default()
}

/// A length or a number at the edges of its range, or any other.
pub(super) fn size(script: &mut Script<'_>) -> usize {
    match script.byte() {
        0 => 0,
        1 => 1,
        2 => usize::MAX,
        3 => isize::MAX as usize,
        4 => u32::MAX as usize,
        5 => 1 << 14,
        6 => 8160,
        7 => 8161,
        _ => script.below(1 << 16),
    }
}
