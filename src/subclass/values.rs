//! Property values whose C types gtk-rs does not convert.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ptr,
};

use glib::{ffi, gobject_ffi, prelude::*, translate::*};
use zeroize::Zeroizing;

/// A value for a pointer property that hands out a `GList` of `GByteArray`: the list and its elements
/// belong to whoever reads the property.
#[must_use]
pub fn byte_array_list(items: &[Vec<u8>]) -> glib::Value {
    let mut list: *mut ffi::GList = ptr::null_mut();
    for item in items.iter().rev() {
        let bytes = glib::ByteArray::from(item.as_slice());
        // SAFETY: prepends an element with a reference of its own to a list that is ours.
        unsafe {
            let element: *mut ffi::GByteArray = bytes.to_glib_full();
            list = ffi::g_list_prepend(list, element.cast::<c_void>());
        }
    }
    (list.cast::<c_void>() as glib::Pointer).to_value()
}

/// A string value of bytes in any encoding; `None` is NULL.
#[must_use]
pub fn string(string: Option<&CStr>) -> glib::Value {
    let mut value = glib::Value::from_type(glib::Type::STRING);
    let pointer = string.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the value holds a string, of which GLib makes a copy.
    unsafe { gobject_ffi::g_value_set_string(value.to_glib_none_mut().0, pointer) };
    value
}

/// The text of a string value, which is wiped when it is dropped; `None` for NULL. Whatever C passes is
/// no panic: what is no UTF-8 becomes U+FFFD, which has no meaning anywhere.
#[must_use]
pub fn text(value: &glib::Value) -> Option<Zeroizing<String>> {
    if !value.is::<String>() {
        return None;
    }
    // SAFETY: the value holds a string: NULL, or NUL-terminated.
    let bytes = unsafe {
        let string = gobject_ffi::g_value_get_string(value.to_glib_none().0);
        if string.is_null() {
            return None;
        }
        CStr::from_ptr(string).to_bytes()
    };
    // Growing would leave copies behind.
    let most = bytes.len() * char::REPLACEMENT_CHARACTER.len_utf8();
    let mut text = Zeroizing::new(String::with_capacity(most));
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Some(text)
}

/// An address's host name, if it has one, read as [`text`] reads it.
#[must_use]
pub fn hostname(address: &gio::NetworkAddress) -> Option<String> {
    // SAFETY: the object is alive; the string, if any, is NUL-terminated, its own, and never changed.
    unsafe {
        let name = gio::ffi::g_network_address_get_hostname(address.to_glib_none().0);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// Whether the value is that of an object, a string or a boxed type, and NULL.
#[must_use]
pub fn is_null(value: &glib::Value) -> bool {
    // SAFETY: the value is initialised, as every [`glib::Value`] that a property is set to; GLib looks
    // whether its type can be peeked at.
    unsafe {
        let value = value.to_glib_none().0;
        gobject_ffi::g_value_fits_pointer(value) != 0
            && gobject_ffi::g_value_peek_pointer(value).is_null()
    }
}

/// What a connectable says of itself, in whatever encoding; nothing if its class is careless.
#[must_use]
pub fn connectable(connectable: &gio::SocketConnectable) -> String {
    // SAFETY: the object is alive; the string, if any, is NUL-terminated and ours.
    unsafe {
        let string = gio::ffi::g_socket_connectable_to_string(connectable.to_glib_none().0);
        if string.is_null() {
            return String::new();
        }
        let text = CStr::from_ptr(string).to_string_lossy().into_owned();
        ffi::g_free(string.cast());
        text
    }
}

/// A `GStrv` value; `None` is a NULL vector.
#[must_use]
pub fn strv(strings: Option<&[CString]>) -> glib::Value {
    let mut value = glib::Value::from_type(Vec::<String>::static_type());
    if let Some(strings) = strings {
        let mut pointers: Vec<*const c_char> = strings.iter().map(|s| s.as_ptr()).collect();
        pointers.push(ptr::null());
        // SAFETY: the value holds a GStrv, of which GLib makes a copy.
        unsafe {
            let vector = pointers.as_ptr().cast::<c_void>();
            gobject_ffi::g_value_set_boxed(value.to_glib_none_mut().0, vector);
        }
    }
    value
}

/// The strings of a `GStrv` value, in whatever encoding; `None` for a NULL vector.
#[must_use]
pub fn strv_from(value: &glib::Value) -> Option<Vec<CString>> {
    if !value.is::<Vec<String>>() {
        return None;
    }
    // SAFETY: the value holds a GStrv: NULL, or C strings that end with a NULL.
    unsafe {
        let mut next =
            gobject_ffi::g_value_get_boxed(value.to_glib_none().0).cast::<*const c_char>();
        if next.is_null() {
            return None;
        }
        let mut strings = Vec::new();
        while !(*next).is_null() {
            strings.push(CStr::from_ptr(*next).to_owned());
            next = next.add(1);
        }
        Some(strings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_encoding_is_read() {
        for (given, read) in [
            (c"plain", "plain"),
            (c"", ""),
            (c"\xc3\xa9t\xc3\xa9", "\u{e9}t\u{e9}"),
            (c"a\xffb\xfe", "a\u{fffd}b\u{fffd}"),
        ] {
            assert_eq!(text(&string(Some(given))).unwrap().as_str(), read);
        }
        assert_eq!(text(&string(None)), None);
        assert_eq!(text(&1.to_value()), None);
    }
}
