//! Notifications that nobody hears.

use std::ptr;

use glib::{gobject_ffi, prelude::*, subclass::types::ClassStruct};

/// Lets GObject leave out the notifications that nobody has connected to. It does so only where a class
/// has not overridden how they are made, and gtk-rs overrides that in every class. To be called from
/// `class_init` of a class that does not care.
pub fn only_if_heard<C: ClassStruct>(class: &mut C)
where
    <C::Type as glib::subclass::types::ObjectSubclass>::Type: IsA<glib::Object>,
{
    let class = ptr::from_mut(class).cast::<gobject_ffi::GObjectClass>();
    // SAFETY: the class struct of a GObject begins with GObject's, and that of its parent too. The
    // parent's is complete and outlives the class.
    unsafe {
        let parent = gobject_ffi::g_type_class_peek_parent(class.cast());
        let parent = parent.cast::<gobject_ffi::GObjectClass>();
        (*class).notify = (*parent).notify;
        (*class).dispatch_properties_changed = (*parent).dispatch_properties_changed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Certificate, DtlsClientConnection, DtlsConnection, DtlsServerConnection};

    #[test]
    fn no_class_of_a_connection_overrides_how_notifications_are_made() {
        let usual = glib::Class::<glib::Object>::from_type(glib::Type::OBJECT).unwrap();
        let usual = usual.as_ref().dispatch_properties_changed;
        for class in [
            Certificate::static_type(),
            DtlsConnection::static_type(),
            DtlsClientConnection::static_type(),
            DtlsServerConnection::static_type(),
        ] {
            let found = glib::Class::<glib::Object>::from_type(class).unwrap();
            assert!(found.as_ref().notify.is_none(), "{class}");
            let found = found.as_ref().dispatch_properties_changed;
            assert_eq!(
                found.map(|it| it as usize),
                usual.map(|it| it as usize),
                "{class}"
            );
        }
    }
}
