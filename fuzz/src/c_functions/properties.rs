//! Properties as g_object_set() and g_object_get() have them.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_uint, c_void},
    ptr,
};

use glib::{
    ParamFlags, ParamSpec, Type,
    ffi::gpointer,
    gobject_ffi::{GObject, g_object_get, g_object_set},
    prelude::*,
    translate::*,
};

use super::{Call, connections, others, values};
use crate::{ends, script::Script};

/// Whatever the class has, in the order of the names.
fn properties(object: &glib::Object, which: impl Fn(ParamFlags) -> bool) -> Vec<ParamSpec> {
    let all = object.list_properties();
    let mut some: Vec<_> = all.iter().filter(|it| which(it.flags())).cloned().collect();
    some.sort_by(|one, other| one.name().cmp(other.name()));
    some
}

/// Any property, to any value of its C type: GLib refuses those that are not in its range.
pub(super) fn set(call: &Call, script: &mut Script<'_>) {
    let writable = |flags: ParamFlags| {
        flags.contains(ParamFlags::WRITABLE) && !flags.contains(ParamFlags::CONSTRUCT_ONLY)
    };
    let properties = properties(&call.end, writable);
    let property = &properties[usize::from(script.byte()) % properties.len()];
    let name = CString::new(property.name()).unwrap_or_default();
    let (own, name) = (call.own(), name.as_ptr());
    let end = ptr::null::<c_char>();
    let type_ = property.value_type();
    // SAFETY: the value is of the property's C type, and NULL ends the properties.
    unsafe {
        if type_ == Type::BOOL || type_.is_a(Type::ENUM) {
            g_object_set(own, name, c_int::from(script.byte()) - 2, end);
        } else if type_ == Type::U32 || type_.is_a(Type::FLAGS) {
            let number = values::size(script) as c_uint;
            g_object_set(own, name, number, end);
        } else if type_ == Type::STRING {
            let text = (script.byte() != 0).then(|| values::text(script));
            let text = text.as_ref().map_or(ptr::null(), |it| it.as_ptr());
            g_object_set(own, name, text, end);
        } else if type_.is_a(Type::BOXED) {
            let texts: Vec<_> = (0..script.byte() % 4)
                .map(|_| values::text(script))
                .collect();
            let mut strings: Vec<_> = texts.iter().map(|it| it.as_ptr()).collect();
            strings.push(ptr::null());
            let strings = if texts.is_empty() {
                ptr::null()
            } else {
                strings.as_ptr()
            };
            g_object_set(own, name, strings, end);
        } else {
            let object = an_object(type_, script.byte());
            let object = object.as_ref().map_or(ptr::null_mut(), |it| it.as_ptr());
            g_object_set(own, name, object, end);
        }
    }
}

/// One of this type, or none.
fn an_object(type_: Type, choice: u8) -> Option<glib::Object> {
    let both = ends::credentials();
    match choice % 4 {
        0 => None,
        _ if type_.is_a(gio::TlsCertificate::static_type()) => {
            let it = if choice & 4 == 0 {
                &both.client
            } else {
                &both.server
            };
            Some(connections::certificate(it))
        }
        _ if type_.is_a(gio::TlsDatabase::static_type()) => {
            others::database(both.server.certificate_pem().as_bytes())
        }
        _ if type_.is_a(gio::TlsInteraction::static_type()) => {
            Some(glib::Object::with_type(gio::TlsInteraction::static_type()))
        }
        _ => {
            let host = ["server.example", "192.0.2.1", "caf\u{e9}."][usize::from(choice / 4 % 3)];
            Some(gio::NetworkAddress::new(host, choice.into()).upcast())
        }
    }
}

/// All properties; what they give is the caller's.
pub(super) fn get_all(object: &glib::Object) {
    for property in properties(object, |flags| flags.contains(ParamFlags::READABLE)) {
        let name = CString::new(property.name()).unwrap_or_default();
        // SAFETY: the object has the property, which is of that type.
        unsafe { get(object.as_ptr(), &name, property.value_type()) };
    }
}

unsafe fn get(own: *mut GObject, name: &CStr, type_: Type) {
    let end = ptr::null::<c_char>();
    let mut number: c_uint = 0xa5a5;
    let mut pointer: *mut c_void = ptr::null_mut();
    // SAFETY: the place is as large as the property's C type, and what is given is released.
    unsafe {
        if [Type::BOOL, Type::U32].contains(&type_)
            || type_.is_a(Type::ENUM)
            || type_.is_a(Type::FLAGS)
        {
            return g_object_get(own, name.as_ptr(), &raw mut number, end);
        }
        g_object_get(own, name.as_ptr(), &raw mut pointer, end);
        if pointer.is_null() {
            return;
        }
        if type_ == Type::STRING {
            let text = CStr::from_ptr(pointer.cast());
            assert!(text.to_str().is_ok(), "text is UTF-8");
            glib::ffi::g_free(pointer);
        } else if type_.is_a(Type::BOXED) {
            glib::gobject_ffi::g_boxed_free(type_.into_glib(), pointer);
        } else if type_ == Type::POINTER {
            // The property accepted-cas, the only one of its kind.
            glib::ffi::g_list_free_full(pointer.cast(), Some(unref_byte_array));
        } else {
            assert!(type_.is_a(Type::OBJECT) || type_.is_a(Type::INTERFACE));
            glib::gobject_ffi::g_object_unref(pointer.cast());
        }
    }
}

unsafe extern "C" fn unref_byte_array(array: gpointer) {
    // SAFETY: an element of the list, once.
    unsafe { glib::ffi::g_byte_array_unref(array.cast()) };
}
