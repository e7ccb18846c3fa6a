//! `GTlsCertificate`: deriving from it.

use gio::ffi;
use glib::{gobject_ffi, prelude::*, subclass::prelude::*, translate::*};

use super::{guard, implementation};

/// A class that derives from `GTlsCertificate`.
pub trait TlsCertificateImpl: ObjectImpl + ObjectSubclass<Type: IsA<gio::TlsCertificate>> {
    /// What is wrong with the certificate, for this identity and leading to this authority. Without
    /// them, the identity and the authority are not looked at.
    fn verify(
        &self,
        identity: Option<&gio::SocketConnectable>,
        trusted_ca: Option<&gio::TlsCertificate>,
    ) -> gio::TlsCertificateFlags;
}

/// Lets an [`ObjectSubclass`] that is a [`TlsCertificateImpl`] derive from `GTlsCertificate`.
#[doc(hidden)]
#[macro_export]
macro_rules! impl_tls_certificate {
    ($class:ty) => {
        // SAFETY: `class_init` initializes the parent class and fills its slot with a trampoline for
        // this very class.
        #[allow(unsafe_code)]
        unsafe impl $crate::subclass::export::glib::subclass::types::IsSubclassable<$class>
            for $crate::subclass::export::gio::TlsCertificate
        {
            fn class_init(class: &mut $crate::subclass::export::glib::Class<Self>) {
                use $crate::subclass::export::glib::subclass::types::IsSubclassableExt;

                Self::parent_class_init::<$class>(class);
                $crate::subclass::tls_certificate::class_init::<$class>(class);
            }
        }
    };
}

/// Fills the class's slots; what [`impl_tls_certificate`](crate::impl_tls_certificate) calls.
#[doc(hidden)]
pub fn class_init<T: TlsCertificateImpl>(class: &mut glib::Class<gio::TlsCertificate>) {
    class.as_mut().verify = Some(verify::<T>);
}

/// A new instance of `T`'s type with every property at its default, not yet initialized by GInitable:
/// for a class that fills its instances by other means than construction properties.
#[must_use]
pub fn uninitialized<T: TlsCertificateImpl>() -> T::Type
where
    T::Type: IsA<glib::Object>,
{
    // SAFETY: new_internal makes an instance of exactly this type, and the class, not GIO, decides
    // what its instances need before their first use.
    unsafe { glib::Object::new_internal(T::type_(), &mut []).unsafe_cast() }
}

/// The value of the `dns-names` property: an array of `GBytes` that owns its elements.
#[must_use]
pub fn dns_names_value(names: &[Vec<u8>]) -> glib::Value {
    let elements = names.iter().map(|name| {
        let bytes: *mut glib::ffi::GBytes = glib::Bytes::from(name).into_glib_ptr();
        bytes.cast()
    });
    // SAFETY: every element is an owned GBytes, which release_bytes releases.
    unsafe { array_value(release_bytes, elements) }
}

/// The value of the `ip-addresses` property: an array of `GInetAddress` that owns its elements.
#[must_use]
pub fn ip_addresses_value(addresses: Vec<gio::InetAddress>) -> glib::Value {
    let elements = addresses.into_iter().map(|address| {
        let address: *mut ffi::GInetAddress = address.into_glib_ptr();
        address.cast()
    });
    // SAFETY: every element is an owned GObject, which release_object releases.
    unsafe { array_value(release_object, elements) }
}

/// # Safety
///
/// Each element is owned, and `release` is how to give it up.
unsafe fn array_value(
    release: unsafe extern "C" fn(glib::ffi::gpointer),
    elements: impl Iterator<Item = glib::ffi::gpointer>,
) -> glib::Value {
    // SAFETY: the array takes the elements over, and the value takes the array over; its type is the
    // boxed type of pointer arrays.
    unsafe {
        let array = glib::ffi::g_ptr_array_new_with_free_func(Some(release));
        for element in elements {
            glib::ffi::g_ptr_array_add(array, element);
        }
        let mut value =
            glib::Value::from_type_unchecked(from_glib(glib::ffi::g_ptr_array_get_type()));
        gobject_ffi::g_value_take_boxed(value.to_glib_none_mut().0, array.cast());
        value
    }
}

unsafe extern "C" fn release_bytes(bytes: glib::ffi::gpointer) {
    // SAFETY: only installed on arrays of owned GBytes.
    unsafe { glib::ffi::g_bytes_unref(bytes.cast()) };
}

unsafe extern "C" fn release_object(object: glib::ffi::gpointer) {
    // SAFETY: only installed on arrays of owned GObjects.
    unsafe { gobject_ffi::g_object_unref(object.cast()) };
}

unsafe extern "C" fn verify<T: TlsCertificateImpl>(
    certificate: *mut ffi::GTlsCertificate,
    identity: *mut ffi::GSocketConnectable,
    trusted_ca: *mut ffi::GTlsCertificate,
) -> ffi::GTlsCertificateFlags {
    let body = || {
        // SAFETY: GIO calls this slot with an instance of `T` and optional objects of the declared
        // types, all of them alive during the call.
        let (this, identity, trusted_ca) = unsafe {
            (
                implementation::<T, _>(certificate),
                Option::<gio::SocketConnectable>::from_glib_borrow(identity),
                Option::<gio::TlsCertificate>::from_glib_borrow(trusted_ca),
            )
        };
        this.verify(identity.as_ref().as_ref(), trusted_ca.as_ref().as_ref())
            .into_glib()
    };
    // A check that did not take place must not look like one that found nothing.
    guard("verify", || ffi::G_TLS_CERTIFICATE_GENERIC_ERROR, body)
}
