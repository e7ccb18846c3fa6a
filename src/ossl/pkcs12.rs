//! PKCS #12 containers (RFC 7292).
//!
//! Not with `PKCS12_parse`: it derives keys with as many iterations as a container asks for, and
//! refuses a password for a container without a MAC.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use foreign_types::ForeignType;
use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
    x509::X509,
};
use openssl_sys as ffi;
use zeroize::Zeroizing;

use self::{
    cost::Budget,
    sys::{Handle, Stack},
};
use super::{der::decode, queue};
use crate::error::Error;

mod cost;
mod sys;

const WHAT: &str = "Could not read PKCS #12 container";

/// A certificate with its private key, and whatever else a container had.
pub(crate) struct Contents {
    pub(crate) key: PKey<Private>,
    /// The certificate of `key` first, then the others in the container's order.
    pub(crate) certificates: Vec<X509>,
}

/// Opens a container. No password and an empty one mean the same, although containers can be made
/// with either.
pub(crate) fn read(der: &[u8], password: Option<&str>) -> Result<Contents, Error> {
    // SAFETY: a decoder, and the owner of what it makes.
    let container = unsafe { decode(WHAT, der, ffi::d2i_PKCS12, Handle::new)? };
    let mut budget = Budget::default();
    let outcome = match password.filter(|password| !password.is_empty()) {
        Some(password) => {
            let text = Zeroizing::new(password.as_bytes().to_vec());
            open(&container, Password::Text(&text), &mut budget)
        }
        None => open(&container, Password::None, &mut budget).or_else(|failure| match failure {
            Failure::Password => open(&container, Password::Empty, &mut budget),
            other => Err(other),
        }),
    };
    queue::clear();
    outcome.map_err(Error::from)
}

/// Why a container does not open.
enum Failure {
    /// With another password it might.
    Password,
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Password => {
                Error::BadCertificatePassword(format!("{WHAT}: the password is wrong or missing"))
            }
            Failure::Other(error) => error,
        }
    }
}

/// PKCS #12 tells no password from an empty one.
#[derive(Clone, Copy)]
enum Password<'a> {
    None,
    Empty,
    Text(&'a [u8]),
}

impl Password<'_> {
    /// As OpenSSL takes it: the pointer is valid for the length, while `self` is borrowed.
    fn parts(&self) -> (*const c_char, c_int) {
        match self {
            Self::None => (ptr::null(), 0),
            Self::Empty => (c"".as_ptr(), 0),
            Self::Text(text) => (
                text.as_ptr().cast(),
                c_int::try_from(text.len()).unwrap_or(c_int::MAX),
            ),
        }
    }
}

fn open(
    container: &Handle<ffi::PKCS12>,
    password: Password<'_>,
    budget: &mut Budget,
) -> Result<Contents, Failure> {
    let authentic = verify_mac(container, password, budget)?;
    let mut reader = Reader {
        password,
        authentic,
        budget,
        key: None,
        certificates: Vec::new(),
    };
    reader.read(container)?;
    let Reader {
        key, certificates, ..
    } = reader;
    Ok(pair(key, certificates)?)
}

/// Finds the certificate that belongs to the key.
fn pair(key: Option<PKey<Private>>, mut certificates: Vec<X509>) -> Result<Contents, Error> {
    let missing = |what| Err(Error::BadCertificate(format!("{WHAT}: it has no {what}")));
    let Some(key) = key else {
        return missing("private key");
    };
    // SAFETY: certificate and key are alive during the call.
    let belongs = |certificate: &X509| unsafe {
        sys::X509_check_private_key(certificate.as_ptr(), key.as_ptr()) == 1
    };
    let Some(position) = certificates.iter().position(belongs) else {
        return missing("certificate for its private key");
    };
    let leaf = certificates.remove(position);
    certificates.insert(0, leaf);
    Ok(Contents { key, certificates })
}

/// Whether there is a MAC; a MAC that does not verify is the password's fault.
fn verify_mac(
    container: &Handle<ffi::PKCS12>,
    password: Password<'_>,
    budget: &mut Budget,
) -> Result<bool, Failure> {
    let (mut algorithm, mut iterations) = (ptr::null(), ptr::null());
    // SAFETY: the container is alive and is not changed; parts that are not asked for are NULL.
    let verified = unsafe {
        if sys::PKCS12_mac_present(container.as_ptr()) == 0 {
            return Ok(false);
        }
        sys::PKCS12_get0_mac(
            ptr::null_mut(),
            &mut algorithm,
            ptr::null_mut(),
            &mut iterations,
            container.as_ptr(),
        );
        let count = match iterations.is_null() {
            true => 1,
            false => ffi::ASN1_INTEGER_get(iterations),
        };
        // What does not fit is given as -1.
        budget.spend(u64::try_from(count).unwrap_or(u64::MAX))?;
        budget.spend_on(algorithm)?;
        let (text, length) = password.parts();
        sys::PKCS12_verify_mac(container.as_ptr(), text, length) == 1
    };
    if verified {
        return Ok(true);
    }
    // A MAC that differs is no error in the queue; one that cannot be computed is.
    let stack = ErrorStack::get();
    match stack.errors().is_empty() {
        true => Err(Failure::Password),
        false => Err(queue::bad_certificate(&format!("{WHAT}: its MAC"), &stack).into()),
    }
}

/// Goes through a container's bags.
struct Reader<'a> {
    password: Password<'a>,
    /// Whether the password is known to be right.
    authentic: bool,
    budget: &'a mut Budget,
    key: Option<PKey<Private>>,
    certificates: Vec<X509>,
}

impl Reader<'_> {
    fn read(&mut self, container: &Handle<ffi::PKCS12>) -> Result<(), Failure> {
        // SAFETY: the container is alive; the stack is new and the caller's.
        let safes: Stack<ffi::PKCS7> =
            unsafe { Stack::own(sys::PKCS12_unpack_authsafes(container.as_ptr())) }
                .ok_or_else(|| self.failure())?;
        for safe in safes.iter() {
            // SAFETY: an element of the stack is alive as long as the stack.
            if let Some(bags) = unsafe { self.bags(safe)? } {
                // SAFETY: the bags are alive as long as their stack.
                unsafe { self.read_bags(&bags)? };
            }
        }
        Ok(())
    }

    /// The bags of one part of the container, decrypted if need be.
    ///
    /// # Safety
    ///
    /// `safe` is alive.
    unsafe fn bags(
        &mut self,
        safe: *mut ffi::PKCS7,
    ) -> Result<Option<Stack<sys::SafeBag>>, Failure> {
        // SAFETY: by the caller's guarantee; which member of the union is meant depends on the type.
        let bags = unsafe {
            match ffi::OBJ_obj2nid((*safe).type_) {
                ffi::NID_pkcs7_data => sys::PKCS12_unpack_p7data(safe),
                ffi::NID_pkcs7_encrypted => {
                    let encrypted = (*safe).d.encrypted;
                    if encrypted.is_null() || (*encrypted).enc_data.is_null() {
                        return Err(self.failure());
                    }
                    let content = (*encrypted).enc_data;
                    // It is optional, and not every OpenSSL 3 survives that it is missing.
                    if (*content).enc_data.is_null() {
                        return Err(self.failure());
                    }
                    self.budget.spend_on((*content).algorithm)?;
                    let (text, length) = self.password.parts();
                    sys::PKCS12_unpack_p7encdata(safe, text, length)
                }
                // Encrypted for somebody's public key.
                _ => return Ok(None),
            }
        };
        // SAFETY: the stack is new and the caller's.
        match unsafe { Stack::own(bags) } {
            Some(bags) => Ok(Some(bags)),
            None => Err(self.failure()),
        }
    }

    /// # Safety
    ///
    /// The stack's elements are alive as long as the stack.
    unsafe fn read_bags(&mut self, bags: &Stack<sys::SafeBag>) -> Result<(), Failure> {
        let mut pending: Vec<*mut sys::SafeBag> = bags.iter().collect();
        pending.reverse();
        while let Some(bag) = pending.pop() {
            // SAFETY: the bag is alive, and so are the bags in it.
            unsafe {
                match sys::PKCS12_SAFEBAG_get_nid(bag) {
                    sys::NID_KEY_BAG if self.key.is_none() => {
                        self.take_key(sys::PKCS12_SAFEBAG_get0_p8inf(bag))?;
                    }
                    sys::NID_SHROUDED_KEY_BAG if self.key.is_none() => {
                        self.take_encrypted_key(bag)?;
                    }
                    sys::NID_CERTIFICATE_BAG
                        if sys::PKCS12_SAFEBAG_get_bag_nid(bag) == sys::NID_X509_CERTIFICATE =>
                    {
                        self.take_certificate(bag)?;
                    }
                    sys::NID_SAFE_CONTENTS_BAG => {
                        let inner = sys::PKCS12_SAFEBAG_get0_safes(bag);
                        let mut bags: Vec<_> = sys::elements(inner).collect();
                        bags.reverse();
                        pending.extend(bags);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// # Safety
    ///
    /// `info` is NULL or alive.
    unsafe fn take_key(&mut self, info: *const sys::KeyInfo) -> Result<(), Failure> {
        // SAFETY: OpenSSL answers NULL for NULL, and else with a key that is the caller's.
        unsafe {
            let key = match info.is_null() {
                true => ptr::null_mut(),
                false => sys::EVP_PKCS82PKEY(info),
            };
            if key.is_null() {
                let what = format!("{WHAT}: its private key");
                return Err(queue::bad_certificate(&what, &ErrorStack::get()).into());
            }
            self.key = Some(PKey::from_ptr(key));
        }
        Ok(())
    }

    /// # Safety
    ///
    /// `bag` is alive and has an encrypted key.
    unsafe fn take_encrypted_key(&mut self, bag: *const sys::SafeBag) -> Result<(), Failure> {
        let mut algorithm = ptr::null();
        // SAFETY: by the caller's guarantee; the decrypted key is the caller's, and freed here.
        unsafe {
            let encrypted = sys::PKCS12_SAFEBAG_get0_pkcs8(bag);
            if encrypted.is_null() {
                return Err(self.failure());
            }
            sys::X509_SIG_get0(encrypted, &mut algorithm, ptr::null_mut());
            self.budget.spend_on(algorithm)?;
            let (text, length) = self.password.parts();
            let info = sys::PKCS12_decrypt_skey(bag, text, length);
            if info.is_null() {
                return Err(self.failure());
            }
            let info = Handle::new(info);
            self.take_key(info.as_ptr())
        }
    }

    /// # Safety
    ///
    /// `bag` is alive and has a certificate.
    unsafe fn take_certificate(&mut self, bag: *const sys::SafeBag) -> Result<(), Failure> {
        // SAFETY: by the caller's guarantee; the certificate is a new reference.
        unsafe {
            let certificate = sys::PKCS12_SAFEBAG_get1_cert(bag);
            if certificate.is_null() {
                return Err(self.failure());
            }
            self.certificates.push(X509::from_ptr(certificate));
        }
        Ok(())
    }

    /// Why OpenSSL could not read a part, from its error queue.
    fn failure(&self) -> Failure {
        let stack = ErrorStack::get();
        let has = |reason: c_int| {
            stack.errors().iter().any(|error| {
                error.library_code() == sys::ERR_LIB_PKCS12 && error.reason_code() == reason
            })
        };
        // What a wrong password decrypts is noise, which may have a padding by chance.
        let noise = !self.authentic && has(sys::PKCS12_R_DECODE_ERROR);
        if has(sys::PKCS12_R_CIPHER_FINAL_ERROR) || noise {
            return Failure::Password;
        }
        let unsupported = stack.errors().iter().any(|error| {
            let evp = error.library_code() == sys::ERR_LIB_EVP;
            evp && sys::UNSUPPORTED_REASONS.contains(&error.reason_code())
        });
        if unsupported {
            let text = "it is encrypted in a way that OpenSSL does not support \
                        without its legacy provider";
            return Error::BadCertificate(format!("{WHAT}: {text}")).into();
        }
        queue::bad_certificate(WHAT, &stack).into()
    }
}
