//! What `openssl-sys` does not declare of `<openssl/pkcs12.h>`.

use std::{
    ffi::{c_char, c_int, c_void},
    marker::PhantomData,
};

use openssl_sys as ffi;

pub const NID_KEY_BAG: c_int = 150;
pub const NID_SHROUDED_KEY_BAG: c_int = 151;
pub const NID_CERTIFICATE_BAG: c_int = 152;
pub const NID_SAFE_CONTENTS_BAG: c_int = 155;
pub const NID_X509_CERTIFICATE: c_int = 158;

pub const ERR_LIB_EVP: c_int = 6;
pub const ERR_LIB_PKCS12: c_int = 35;
pub const PKCS12_R_DECODE_ERROR: c_int = 101;
pub const PKCS12_R_CIPHER_FINAL_ERROR: c_int = 116;

/// `EVP_R_UNSUPPORTED_CIPHER`, `_UNKNOWN_PBE_ALGORITHM`, `_UNSUPPORTED_ALGORITHM`, `_UNKNOWN_CIPHER`
/// and `ERR_R_UNSUPPORTED`.
pub const UNSUPPORTED_REASONS: [c_int; 5] = [107, 121, 156, 160, 0x8010c];

/// `PKCS12_SAFEBAG`.
pub enum SafeBag {}
/// `PKCS8_PRIV_KEY_INFO`.
pub enum KeyInfo {}
/// `X509_SIG`.
pub enum EncryptedKey {}

unsafe extern "C" {
    pub fn PKCS12_mac_present(container: *const ffi::PKCS12) -> c_int;
    pub fn PKCS12_get0_mac(
        mac: *mut *const ffi::ASN1_OCTET_STRING,
        algorithm: *mut *const ffi::X509_ALGOR,
        salt: *mut *const ffi::ASN1_OCTET_STRING,
        iterations: *mut *const ffi::ASN1_INTEGER,
        container: *const ffi::PKCS12,
    );
    pub fn PKCS12_verify_mac(
        container: *mut ffi::PKCS12,
        password: *const c_char,
        length: c_int,
    ) -> c_int;
    pub fn PKCS12_unpack_authsafes(container: *const ffi::PKCS12) -> *mut ffi::OPENSSL_STACK;
    pub fn PKCS12_unpack_p7data(safe: *mut ffi::PKCS7) -> *mut ffi::OPENSSL_STACK;
    pub fn PKCS12_unpack_p7encdata(
        safe: *mut ffi::PKCS7,
        password: *const c_char,
        length: c_int,
    ) -> *mut ffi::OPENSSL_STACK;
    pub fn PKCS12_SAFEBAG_get_nid(bag: *const SafeBag) -> c_int;
    pub fn PKCS12_SAFEBAG_get_bag_nid(bag: *const SafeBag) -> c_int;
    pub fn PKCS12_SAFEBAG_get1_cert(bag: *const SafeBag) -> *mut ffi::X509;
    pub fn PKCS12_SAFEBAG_get0_safes(bag: *const SafeBag) -> *const ffi::OPENSSL_STACK;
    pub fn PKCS12_SAFEBAG_get0_p8inf(bag: *const SafeBag) -> *const KeyInfo;
    pub fn PKCS12_SAFEBAG_get0_pkcs8(bag: *const SafeBag) -> *const EncryptedKey;
    pub fn PKCS12_decrypt_skey(
        bag: *const SafeBag,
        password: *const c_char,
        length: c_int,
    ) -> *mut KeyInfo;
    pub fn EVP_PKCS82PKEY(info: *const KeyInfo) -> *mut ffi::EVP_PKEY;
    pub fn X509_SIG_get0(
        encrypted: *const EncryptedKey,
        algorithm: *mut *const ffi::X509_ALGOR,
        digest: *mut *const ffi::ASN1_OCTET_STRING,
    );
    pub fn X509_check_private_key(
        certificate: *const ffi::X509,
        key: *const ffi::EVP_PKEY,
    ) -> c_int;
    pub fn i2d_X509_ALGOR(algorithm: *const ffi::X509_ALGOR, output: *mut *mut u8) -> c_int;
    fn PKCS8_PRIV_KEY_INFO_free(info: *mut KeyInfo);
    fn PKCS12_SAFEBAG_free(bag: *mut SafeBag);
}

/// A type that OpenSSL frees in its own way.
pub trait Free {
    /// # Safety
    ///
    /// `this` is owned, and not used afterwards.
    unsafe fn free(this: *mut Self);

    /// The same for OpenSSL's stacks.
    ///
    /// # Safety
    ///
    /// As for [`free`](Self::free).
    unsafe extern "C" fn free_element(this: *mut c_void)
    where
        Self: Sized,
    {
        // SAFETY: by the caller's guarantee.
        unsafe { Self::free(this.cast()) }
    }
}

macro_rules! free {
    ($($type:ty: $function:path;)+) => {
        $(impl Free for $type {
            unsafe fn free(this: *mut Self) {
                // SAFETY: by the caller's guarantee.
                unsafe { $function(this) }
            }
        })+
    };
}

free! {
    ffi::PKCS12: ffi::PKCS12_free;
    ffi::PKCS7: ffi::PKCS7_free;
    SafeBag: PKCS12_SAFEBAG_free;
    KeyInfo: PKCS8_PRIV_KEY_INFO_free;
}

/// An object of OpenSSL's that is owned.
pub struct Handle<T: Free>(*mut T);

impl<T: Free> Handle<T> {
    /// # Safety
    ///
    /// `object` is not NULL, and the caller's own.
    pub unsafe fn new(object: *mut T) -> Self {
        Self(object)
    }

    /// The object, alive as long as the handle.
    pub fn as_ptr(&self) -> *mut T {
        self.0
    }
}

impl<T: Free> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle owns it.
        unsafe { T::free(self.0) };
    }
}

/// A stack of OpenSSL's that is owned, with its elements.
pub struct Stack<T: Free>(*mut ffi::OPENSSL_STACK, PhantomData<T>);

impl<T: Free> Stack<T> {
    /// Nothing for NULL.
    ///
    /// # Safety
    ///
    /// A stack of this element type, which is the caller's own.
    pub unsafe fn own(stack: *mut ffi::OPENSSL_STACK) -> Option<Self> {
        (!stack.is_null()).then_some(Self(stack, PhantomData))
    }

    /// The elements, alive as long as the stack.
    pub fn iter(&self) -> impl Iterator<Item = *mut T> {
        // SAFETY: the stack is alive, and its elements are of this type.
        unsafe { elements(self.0) }
    }
}

impl<T: Free> Drop for Stack<T> {
    fn drop(&mut self) {
        // SAFETY: the stack and its elements, of this type, are owned.
        unsafe { ffi::OPENSSL_sk_pop_free(self.0, Some(T::free_element)) };
    }
}

/// The elements of a stack; none for NULL.
///
/// # Safety
///
/// The stack is NULL or outlives the iterator unchanged, and has elements of this type.
pub unsafe fn elements<T>(stack: *const ffi::OPENSSL_STACK) -> impl Iterator<Item = *mut T> {
    // SAFETY: by the caller's guarantee. A NULL stack has -1 elements.
    let count = unsafe { ffi::OPENSSL_sk_num(stack) };
    (0..count)
        // SAFETY: as above; the index is in the stack.
        .map(move |index| unsafe { ffi::OPENSSL_sk_value(stack, index) }.cast::<T>())
        .filter(|element| !element.is_null())
}
