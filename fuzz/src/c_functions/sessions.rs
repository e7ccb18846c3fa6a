//! What a session gives, and what it begins with.

use std::{ffi::c_int, ptr};

use gio::IOErrorEnum as Io;
use glib::translate::*;

use super::{
    Call, Program,
    library::*,
    values::{self, Bytes, Place},
};
use crate::script::Script;

/// Into the places that are wanted; what is not given is left as it was.
pub(super) fn export_srtp_keys(call: &Call, choice: u8) {
    let mut keys = [ptr::null_mut(); 4];
    let [first, second, third, fourth] = std::array::from_fn(|index| match choice >> index & 1 {
        0 => &raw mut keys[index],
        _ => ptr::null_mut(),
    });
    let mut place = call.place();
    // SAFETY: NULL, or places of ours.
    let done = unsafe {
        gio_ossl_dtls_connection_export_srtp_keys(
            call.own(),
            first,
            second,
            third,
            fourth,
            place.as_ptr(),
        )
    };
    place.check(done != 0);
    for (index, key) in keys.into_iter().enumerate() {
        let key = Bytes::taken(key);
        let is_wanted = choice >> index & 1 == 0;
        assert_eq!(key.is_some(), done != 0 && is_wanted);
        let lengths = [[16, 32].as_slice(), &[12, 14]][index % 2];
        assert!(key.is_none_or(|it| lengths.contains(&it.content().len())));
    }
}

pub(super) fn export_keying_material(call: &Call, script: &mut Script<'_>) {
    let (label, length) = (values::text(script), values::size(script));
    let context = match script.byte() {
        0 => None,
        _ => Some(Bytes::new(script.bytes())),
    };
    let context = context.as_ref().map_or(ptr::null_mut(), Bytes::as_ptr);
    let mut place = call.place();
    // SAFETY: NULL, or alive.
    let material = unsafe {
        gio_ossl_dtls_connection_export_keying_material(
            call.own(),
            label.as_ptr(),
            context,
            length,
            place.as_ptr(),
        )
    };
    let material = Bytes::taken(material);
    place.check(material.is_some());
    if let Some(material) = material {
        assert_eq!(material.content().len(), length);
        assert!((1..=8160).contains(&length));
        let is_text = label.to_str().is_ok_and(|label| !label.is_empty());
        assert!(is_text && label.as_c_str() != c"master secret");
    }
}

/// Channel bindings of every type, and of others; the caller may be interested in none.
pub(super) fn bind(call: &Call, choice: u8) {
    // SAFETY: all are alive, and the array is ours.
    unsafe {
        let data = match choice & 1 {
            0 => glib::ffi::g_byte_array_new(),
            _ => ptr::null_mut(),
        };
        let mut place = call.place();
        let done = gio::ffi::g_dtls_connection_get_channel_binding_data(
            call.own_as(),
            c_int::from(choice >> 1) - 2,
            data,
            place.as_ptr(),
        );
        place.check(done != 0);
        if !data.is_null() {
            assert_eq!((*data).len > 0, done != 0);
            glib::ffi::g_byte_array_unref(data);
        }
    }
}

pub(super) fn set_psk(call: &Call, script: &mut Script<'_>) {
    if call.index != 0 {
        return;
    }
    let identity = values::text(script);
    let key = Bytes::new(&vec![3; values::size(script).min(600)]);
    let mut place = call.place();
    // SAFETY: all are alive.
    let is_set = unsafe {
        gio_ossl_dtls_client_connection_set_psk(
            call.own(),
            identity.as_ptr(),
            key.as_ptr(),
            place.as_ptr(),
        )
    };
    let codes = [Io::InvalidArgument, Io::ReadOnly, Io::Closed];
    place.check_among(is_set != 0, &codes);
    let is_possible = identity.count_bytes() <= 255 && identity.to_str().is_ok();
    let is_key = (1..=512).contains(&key.content().len());
    assert!(is_set == 0 || is_possible && is_key);
}

impl Program<'_> {
    pub(super) fn export_session(&mut self, call: &Call) {
        if call.index != 0 {
            return;
        }
        let mut place = call.place();
        // SAFETY: alive.
        let session =
            unsafe { gio_ossl_dtls_client_connection_export_session(call.own(), place.as_ptr()) };
        let session = Bytes::taken(session);
        place.check(session.is_some());
        if let Some(session) = session {
            self.session = session.content().to_vec();
        }
    }

    /// The one that was exported, the same with a byte that is another, or any bytes.
    pub(super) fn import_session(&self, call: &Call, script: &mut Script<'_>) {
        if call.index != 0 {
            return;
        }
        let mut session = self.session.clone();
        match script.byte() % 4 {
            0 => session = script.bytes().to_vec(),
            1 => {
                let at = script.below(session.len());
                let mask = script.byte();
                session
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|it| *it ^= mask);
            }
            _ => {}
        }
        let is_own = session == self.session && !session.is_empty();
        let bytes = Bytes::new(&session);
        let mut place = call.place();
        // SAFETY: all are alive.
        let done = unsafe {
            gio_ossl_dtls_client_connection_import_session(
                call.own(),
                bytes.as_ptr(),
                place.as_ptr(),
            )
        };
        let codes = [Io::InvalidArgument, Io::ReadOnly, Io::Closed];
        let possible = if is_own { &codes[1..] } else { &codes };
        place.check_among(done != 0, possible);
        assert!(done == 0 || is_own, "its checksum is not right");
    }

    /// From the former client, or from itself.
    pub(super) fn copy_session(&self, call: &Call, choice: u8) {
        let former = self.former.as_ref().filter(|_| choice & 1 == 0);
        let other = former.unwrap_or(&call.end);
        if call.index != 0 {
            return;
        }
        let mut place: Place = call.place();
        // SAFETY: both are alive.
        let done = unsafe {
            gio_ossl_dtls_client_connection_copy_session(
                call.own(),
                other.to_glib_none().0,
                place.as_ptr(),
            )
        };
        place.check(done != 0);
        assert!(done == 0 || *other != call.end);
    }
}
